#include "state/sealed_store.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "state/base/assert.h"
#include "state/base/bytes.h"
#include "state/base/openssl.h"
#include "state/hash_chain.h"

namespace quell {
namespace {

// NIST SP 800-38D: 96-bit nonces at random are safe for far more blobs than one run's key seals.
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kAesKeyBytes = 32;

/// AES-256-GCM: ciphertext and tag, one after the other.
std::string encrypt(const Secret& key, std::string_view nonce, std::string_view bound,
                    std::string_view text) {
  QUELL_ASSERT(key.size() == kAesKeyBytes && nonce.size() == kNonceBytes);
  const CipherContextPtr cipher(EVP_CIPHER_CTX_new());
  QUELL_ASSERT(cipher != nullptr);
  QUELL_ASSERT(EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key.reveal()),
                                  bytes_of(nonce)) == 1);
  int size = 0;
  QUELL_ASSERT(EVP_EncryptUpdate(cipher.get(), nullptr, &size, bytes_of(bound),
                                 static_cast<int>(bound.size())) == 1);
  std::string box(text.size() + kTagBytes, '\0');
  QUELL_ASSERT(EVP_EncryptUpdate(cipher.get(), bytes_of(box), &size, bytes_of(text),
                                 static_cast<int>(text.size())) == 1);
  unsigned char* const tag = bytes_of(box) + text.size();
  int rest = 0;
  QUELL_ASSERT(EVP_EncryptFinal_ex(cipher.get(), tag, &rest) == 1 && rest == 0);
  QUELL_ASSERT(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, tag) == 1);
  return box;
}

/// The text, or nothing when the tag says that key, nonce, box or what it is bound to is another.
std::optional<Secret> decrypt(const Secret& key, std::string_view nonce, std::string_view bound,
                              std::string_view box) {
  if (nonce.size() != kNonceBytes || box.size() < kTagBytes ||
      box.size() > kSealedSecretBytesMax + kTagBytes) {
    return std::nullopt;
  }
  const std::string_view sealed = box.substr(0, box.size() - kTagBytes);
  std::string tag(box.substr(sealed.size()));
  const CipherContextPtr cipher(EVP_CIPHER_CTX_new());
  QUELL_ASSERT(cipher != nullptr);
  QUELL_ASSERT(EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key.reveal()),
                                  bytes_of(nonce)) == 1);
  int size = 0;
  QUELL_ASSERT(EVP_DecryptUpdate(cipher.get(), nullptr, &size, bytes_of(bound),
                                 static_cast<int>(bound.size())) == 1);
  std::string text(sealed.size(), '\0');
  QUELL_ASSERT(EVP_DecryptUpdate(cipher.get(), bytes_of(text), &size, bytes_of(sealed),
                                 static_cast<int>(sealed.size())) == 1);
  QUELL_ASSERT(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1);
  unsigned char nothing = 0;
  int rest = 0;
  if (EVP_DecryptFinal_ex(cipher.get(), &nothing, &rest) != 1) {
    wipe(text);
    return std::nullopt;
  }
  return Secret(std::move(text));
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kSealedNameBytesMax && is_valid_utf8(name) &&
         std::ranges::none_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

}  // namespace

SqliteSecretStore::SqliteSecretStore(const SqliteJournal& journal, KeyRing& keys,
                                     const Clock& clock, Random& random)
    : database_(journal.database()),
      journal_id_(journal.identity().id),
      keys_(keys),
      clock_(clock),
      random_(random) {}

std::string SqliteSecretStore::bound_text(std::string_view run, std::string_view name,
                                          std::string_view epoch) const {
  return fmt::format("quell sealed secret\n{}\n{}\n{}\n{}", journal_id_, run, name, epoch);
}

Status SqliteSecretStore::seal(RunId run, std::string_view name, const Secret& secret) {
  if (!is_name(name) || secret.size() > kSealedSecretBytesMax) {
    return make_error(ErrorCode::invalid, "secret",
                      fmt::format("a secret of {} has no usable name or more than {} bytes",
                                  to_string(run), kSealedSecretBytesMax),
                      "hand over the token alone");
  }
  const std::string run_text = to_string(run);
  const Result<Blob> known = find(run_text, name);
  if (known) {
    // Sealed before a crash, and its entry was lost with the process.
    const Result<Secret> before = unseal(run_text, name, *known);
    if (!before) return before.error();
    if (equal_constant_time(before->reveal(), secret.reveal())) return ok();
    return make_error(ErrorCode::conflict, "secret",
                      fmt::format("{} already holds another secret as {}", run_text, name),
                      "give the second one a name of its own");
  }
  if (known.error().code != ErrorCode::gone) return known.error();
  const std::string epoch = seal_epoch(clock_.now());
  // A day whose blobs lost their key gets no new one: that would hide the loss.
  const Result<bool> in_use = seals_anything(epoch);
  if (!in_use) return in_use.error();
  const Result<Secret> key = keys_.run_key(epoch, journal_id_, run_text,
                                           *in_use ? MissingKeys::refuse : MissingKeys::create);
  if (!key) return key.error();
  std::string nonce(kNonceBytes, '\0');
  random_.fill(std::as_writable_bytes(std::span(nonce)));
  const std::string box = encrypt(*key, nonce, bound_text(run_text, name, epoch), secret.reveal());
  Result<SqliteTransaction> transaction = SqliteTransaction::begin_immediate(*database_);
  if (!transaction) return transaction.error();
  {
    Result<SqliteStatement> insert = database_->prepare(
        "INSERT INTO sealed (run, name, epoch, nonce, box) VALUES (?1, ?2, ?3, ?4, ?5)");
    if (!insert) return insert.error();
    insert->bind_text(1, run_text)
        .bind_text(2, name)
        .bind_text(3, epoch)
        .bind_blob(4, nonce)
        .bind_blob(5, box);
    if (Status put = insert->run(); !put) return put;
  }
  if (Status done = transaction->commit(); !done) return done;
  if (epoch_seen_ == epoch) return ok();
  epoch_seen_ = epoch;
  return destroy_spent_keys();
}

Result<Secret> SqliteSecretStore::open(RunId run, std::string_view name) {
  const std::string run_text = to_string(run);
  const Result<Blob> blob = find(run_text, name);
  if (!blob) return blob.error();
  return unseal(run_text, name, *blob);
}

Status SqliteSecretStore::erase_run(RunId run) {
  const std::string run_text = to_string(run);
  {
    Result<SqliteTransaction> transaction = SqliteTransaction::begin_immediate(*database_);
    if (!transaction) return transaction.error();
    Result<SqliteStatement> erase = database_->prepare("DELETE FROM sealed WHERE run = ?1");
    if (!erase) return erase.error();
    erase->bind_text(1, run_text);
    if (Status erased = erase->run(); !erased) return erased;
    const bool held_some = database_->rows_changed() > 0;
    if (Status done = transaction->commit(); !done) return done;
    if (!held_some && !wal_is_left_) return ok();
  }
  // A reader that holds the WAL delays this to the next erasure or to the end of the process; what
  // it still holds is ciphertext.
  const Result<bool> cut = database_->truncate_wal();
  if (!cut) return cut.error();
  wal_is_left_ = !*cut;
  return destroy_spent_keys();
}

Result<std::vector<RunId>> SqliteSecretStore::runs() {
  Result<SqliteStatement> select = database_->prepare("SELECT DISTINCT run FROM sealed ORDER BY run");
  if (!select) return select.error();
  std::vector<RunId> list;
  while (true) {
    const Result<bool> row = select->step();
    if (!row) return row.error();
    if (!*row) return list;
    if (const std::optional<RunId> id = parse_run_id(select->bytes(0))) list.push_back(*id);
  }
}

std::string SqliteSecretStore::fingerprint(const Secret& secret) {
  return keys_.fingerprint(secret);
}

Status SqliteSecretStore::destroy_spent_keys() {
  const std::string today = seal_epoch(clock_.now());
  for (const std::string& epoch : keys_.day_key_epochs()) {
    if (epoch >= today) continue;
    const Result<bool> in_use = seals_anything(epoch);
    if (!in_use) return in_use.error();
    if (*in_use) continue;
    if (Status destroyed = keys_.destroy_day_key(epoch); !destroyed) return destroyed;
  }
  return ok();
}

Result<SqliteSecretStore::Blob> SqliteSecretStore::find(std::string_view run,
                                                        std::string_view name) {
  Result<SqliteStatement> select =
      database_->prepare("SELECT epoch, nonce, box FROM sealed WHERE run = ?1 AND name = ?2");
  if (!select) return select.error();
  select->bind_text(1, run).bind_text(2, name);
  const Result<bool> row = select->step();
  if (!row) return row.error();
  if (!*row) {
    return make_error(ErrorCode::gone, "secret",
                      fmt::format("{} holds no secret as {}", run, escape_untrusted(name)),
                      "secrets are erased when a run and its watch are over");
  }
  return Blob{.epoch = std::string(select->bytes(0)),
              .nonce = std::string(select->bytes(1)),
              .box = std::string(select->bytes(2))};
}

Result<Secret> SqliteSecretStore::unseal(std::string_view run, std::string_view name,
                                         const Blob& blob) {
  const Error broken = make_error(
      ErrorCode::corrupt, "corrupt",
      fmt::format("the secret {} of {} is not as it was sealed", escape_untrusted(name), run),
      std::string(kCorruptHint));
  if (!is_seal_epoch(blob.epoch)) return broken;
  const Result<Secret> key = keys_.run_key(blob.epoch, journal_id_, run, MissingKeys::refuse);
  if (!key) return key.error();
  std::optional<Secret> secret =
      decrypt(*key, blob.nonce, bound_text(run, name, blob.epoch), blob.box);
  if (!secret) return broken;
  return std::move(*secret);
}

Result<bool> SqliteSecretStore::seals_anything(std::string_view epoch) {
  Result<SqliteStatement> select =
      database_->prepare("SELECT 1 FROM sealed WHERE epoch = ?1 LIMIT 1");
  if (!select) return select.error();
  select->bind_text(1, epoch);
  return select->step();
}

}  // namespace quell
