#include "state/keys.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "state/base/assert.h"
#include "state/base/bytes.h"
#include "state/base/openssl.h"
#include "state/base/sha256.h"
#include "state/private_file.h"

namespace quell {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kKeyFileBytesMax = 4'096;
constexpr std::size_t kSignatureBytes = 64;
constexpr std::size_t kFingerprintDigits = 32;
constexpr std::size_t kDayKeysMax = 4'096;  // eleven years of days

// Each use of the MAC key has a subkey, so that no text of one use can stand for another's.
constexpr std::string_view kEntryKeyInfo = "quell entry mac";
constexpr std::string_view kHeadKeyInfo = "quell head mac";
constexpr std::string_view kFingerprintKeyInfo = "quell secret fingerprint";
constexpr std::string_view kMacKeyIdInfo = "quell mac key id";

Secret subkey(const Secret& key, std::string_view info) {
  return Secret(hkdf_sha256(key.reveal(), "", info, kKeyBytes));
}

Secret random_key(Random& random) {
  std::string bytes(kKeyBytes, '\0');
  random.fill(std::as_writable_bytes(std::span(bytes)));
  return Secret(std::move(bytes));
}

PkeyPtr random_signing_key(Random& random) {
  const Secret seed = random_key(random);
  PkeyPtr key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(seed.reveal()),
                                          seed.size()));
  QUELL_ASSERT(key != nullptr);
  return key;
}

std::string bio_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

Secret private_pem(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  QUELL_ASSERT(bio != nullptr);
  QUELL_ASSERT(
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return Secret(bio_text(bio.get()));
}

Error missing_key(std::string_view what, const std::string& path) {
  return make_error(ErrorCode::invalid, "secret", fmt::format("{}: no such file", path),
                    fmt::format("restore the {} that the journal was made with", what));
}

Error not_a_key(std::string_view what, const std::string& path) {
  return make_error(ErrorCode::invalid, "secret", fmt::format("{} holds no {}", path, what),
                    "restore it from its backup");
}

/// The content of the key file at `path`. A missing one is made from what `make` gives.
Result<Secret> read_or_make(std::string_view what, const std::string& path, MissingKeys missing,
                            Random& random, const std::function<Secret()>& make) {
  Result<std::optional<Secret>> found = read_private_file(path, kKeyFileBytesMax);
  if (!found) return wrap(fmt::format("the {} cannot be used", what), found.error());
  if (!*found && missing == MissingKeys::create) {
    const Secret content = make();
    Status made = create_private_file(path, content.reveal(), random);
    // `conflict`: another process made it since we looked; its key counts.
    if (!made && made.error().code != ErrorCode::conflict) {
      return wrap(fmt::format("the {} cannot be made", what), made.error());
    }
    found = read_private_file(path, kKeyFileBytesMax);
    if (!found) return wrap(fmt::format("the {} cannot be used", what), found.error());
  }
  if (!*found) return missing_key(what, path);
  return std::move(**found);
}

/// A file of 64 hex digits and at most one newline.
Result<Secret> read_or_make_symmetric(std::string_view what, const std::string& path,
                                      MissingKeys missing, Random& random) {
  Result<Secret> content = read_or_make(what, path, missing, random, [&random] {
    const Secret key = random_key(random);
    return Secret(hex_encode(key.reveal()) + "\n");
  });
  if (!content) return content.error();
  std::string_view text = content->reveal();
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  std::optional<std::string> bytes = hex_decode(text);
  if (!bytes || bytes->size() != kKeyBytes) {
    if (bytes) wipe(*bytes);
    return not_a_key("key of 64 hex digits", path);
  }
  return Secret(std::move(*bytes));
}

}  // namespace

struct KeyRing::SigningKey {
  PkeyPtr key;
};

std::string seal_epoch(Timestamp now) {
  const std::string day = format_rfc3339(now).substr(0, 10);
  return day.substr(0, 4) + day.substr(5, 2) + day.substr(8, 2);
}

bool is_seal_epoch(std::string_view text) {
  return text.size() == 8 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

KeyRing::KeyRing(Random& random, Secret seal, const Secret& mac,
                 std::unique_ptr<SigningKey> signing)
    : random_(random),
      seal_key_(std::move(seal)),
      entry_key_(subkey(mac, kEntryKeyInfo)),
      head_key_(subkey(mac, kHeadKeyInfo)),
      fingerprint_key_(subkey(mac, kFingerprintKeyInfo)),
      mac_key_id_(hex_encode(hkdf_sha256(mac.reveal(), "", kMacKeyIdInfo, kKeyBytes / 2))),
      signing_(std::move(signing)),
      signing_public_key_(kKeyBytes, '\0') {
  std::size_t size = signing_public_key_.size();
  QUELL_ASSERT(
      EVP_PKEY_get_raw_public_key(signing_->key.get(), bytes_of(signing_public_key_), &size) == 1);
  QUELL_ASSERT(size == kKeyBytes);
}

KeyRing::~KeyRing() = default;

Result<std::unique_ptr<KeyRing>> KeyRing::open_or_create(const KeyPaths& paths, MissingKeys missing,
                                                         Random& random) {
  Result<Secret> seal = read_or_make_symmetric("seal key", paths.seal, missing, random);
  if (!seal) return seal.error();
  const Result<Secret> mac = read_or_make_symmetric("entry MAC key", paths.mac, missing, random);
  if (!mac) return mac.error();
  const Result<Secret> pem = read_or_make("signing key", paths.signing, missing, random, [&random] {
    const PkeyPtr key = random_signing_key(random);
    return private_pem(key.get());
  });
  if (!pem) return pem.error();
  const BioPtr bio(BIO_new_mem_buf(pem->reveal().data(), static_cast<int>(pem->size())));
  QUELL_ASSERT(bio != nullptr);
  auto signing = std::make_unique<SigningKey>();
  // The empty password keeps OpenSSL from asking the terminal for one.
  std::string no_password;
  signing->key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, no_password.data()));
  if (!signing->key || EVP_PKEY_get_base_id(signing->key.get()) != EVP_PKEY_ED25519) {
    return not_a_key("Ed25519 private key in PEM without a password", paths.signing);
  }
  std::unique_ptr<KeyRing> ring(new KeyRing(random, std::move(*seal), *mac, std::move(signing)));
  ring->seal_path_ = paths.seal;
  return ring;
}

std::unique_ptr<KeyRing> KeyRing::in_memory(Random& random) {
  Secret seal = random_key(random);
  const Secret mac = random_key(random);
  auto signing = std::make_unique<SigningKey>();
  signing->key = random_signing_key(random);
  return std::unique_ptr<KeyRing>(new KeyRing(random, std::move(seal), mac, std::move(signing)));
}

std::string KeyRing::entry_mac(std::string_view text) const {
  return hmac_sha256(entry_key_.reveal(), text);
}

std::string KeyRing::head_mac(std::string_view text) const {
  return hmac_sha256(head_key_.reveal(), text);
}

std::string KeyRing::fingerprint(const Secret& secret) const {
  return hex_encode(hmac_sha256(fingerprint_key_.reveal(), secret.reveal()))
      .substr(0, kFingerprintDigits);
}

std::string KeyRing::mac_key_id() const { return mac_key_id_; }

std::string KeyRing::sign(std::string_view text) const {
  const DigestContextPtr context(EVP_MD_CTX_new());
  QUELL_ASSERT(context != nullptr);
  QUELL_ASSERT(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, signing_->key.get()) ==
               1);
  std::string signature(kSignatureBytes, '\0');
  std::size_t size = signature.size();
  QUELL_ASSERT(
      EVP_DigestSign(context.get(), bytes_of(signature), &size, bytes_of(text), text.size()) == 1);
  QUELL_ASSERT(size == kSignatureBytes);
  return signature;
}

std::string KeyRing::signing_public_pem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  QUELL_ASSERT(bio != nullptr);
  QUELL_ASSERT(PEM_write_bio_PUBKEY(bio.get(), signing_->key.get()) == 1);
  return bio_text(bio.get());
}

Result<Secret> KeyRing::run_key(std::string_view epoch, std::string_view journal_id,
                                std::string_view run, MissingKeys missing) {
  const Result<const Secret*> day = day_key(epoch, missing);
  if (!day) return day.error();
  const std::string info = fmt::format("quell run seal\n{}\n{}\n{}", journal_id, run, epoch);
  return Secret(hkdf_sha256((*day)->reveal(), seal_key_.reveal(), info, kKeyBytes));
}

Result<const Secret*> KeyRing::day_key(std::string_view epoch, MissingKeys missing) {
  QUELL_ASSERT(is_seal_epoch(epoch));
  if (const auto known = day_keys_.find(epoch); known != day_keys_.end()) return &known->second;
  if (seal_path_.empty()) {
    if (missing == MissingKeys::refuse) return missing_key("seal key of that day", "memory");
    return &day_keys_.emplace(std::string(epoch), random_key(random_)).first->second;
  }
  const std::string path = day_key_path(epoch);
  Result<Secret> key =
      read_or_make_symmetric(fmt::format("seal key of {}", epoch), path, missing, random_);
  if (!key) return key.error();
  return &day_keys_.emplace(std::string(epoch), std::move(*key)).first->second;
}

Status KeyRing::destroy_day_key(std::string_view epoch) {
  QUELL_ASSERT(is_seal_epoch(epoch));
  if (const auto known = day_keys_.find(epoch); known != day_keys_.end()) day_keys_.erase(known);
  if (seal_path_.empty()) return ok();
  return destroy_private_file(day_key_path(epoch));
}

std::vector<std::string> KeyRing::day_key_epochs() const {
  std::vector<std::string> epochs;
  if (seal_path_.empty()) {
    for (const auto& [epoch, key] : day_keys_) epochs.push_back(epoch);
    return epochs;
  }
  const std::string prefix = std::filesystem::path(seal_path_).filename().string() + ".";
  std::error_code failed;
  std::filesystem::directory_iterator at(folder_of(seal_path_), failed);
  for (; !failed && at != std::filesystem::directory_iterator() && epochs.size() < kDayKeysMax;
       at.increment(failed)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    const std::string epoch = name.substr(prefix.size());
    if (is_seal_epoch(epoch)) epochs.push_back(epoch);
  }
  std::sort(epochs.begin(), epochs.end());
  return epochs;
}

std::string KeyRing::day_key_path(std::string_view epoch) const {
  return fmt::format("{}.{}", seal_path_, epoch);
}

std::string signing_key_id(std::string_view public_key) { return sha256_hex(public_key); }

bool ed25519_verifies(std::string_view public_key, std::string_view text,
                      std::string_view signature) {
  if (public_key.size() != kKeyBytes || signature.size() != kSignatureBytes) return false;
  const PkeyPtr key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(public_key),
                                               public_key.size()));
  const DigestContextPtr context(EVP_MD_CTX_new());
  if (!key || !context) return false;
  if (EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1) return false;
  return EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text),
                          text.size()) == 1;
}

}  // namespace quell
