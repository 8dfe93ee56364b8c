#include "tests/support/memory_journal.h"

#include "state/base/assert.h"
#include "state/base/bytes.h"

namespace quell {
namespace {

constexpr std::string_view kMemoryCreated = "2031-03-04T05:06:07.000Z";

}  // namespace

MemoryJournal::MemoryJournal()
    : keys_(KeyRing::in_memory(random_)),
      identity_{.id = std::string(32, '0'), .created = std::string(kMemoryCreated)},
      tip_{.seq = 0, .hash = genesis_hash(identity_)} {}

Result<Tip> MemoryJournal::append(std::span<const Entry> entries) {
  QUELL_ASSERT(!entries.empty());
  ++append_count_;
  Chain chain(identity_, keys_.get(), tip_);
  std::vector<Row> added;
  for (const Entry& entry : entries) {
    Result<StoredEntry> row = chain.extend(entry);
    if (!row) return row.error();
    added.push_back({.hash = std::move(row->hash), .bytes = std::move(row->bytes)});
  }
  for (Row& row : added) rows_.push_back(std::move(row));
  tip_ = chain.tip();
  return tip_;
}

Status MemoryJournal::read(std::uint64_t after,
                           const std::function<Status(const StoredEntry&)>& visit) {
  if (after >= tip_.seq) return ok();
  if (rows_.size() != tip_.seq) {
    return make_error(ErrorCode::corrupt, "corrupt", "the tail of the journal is cut",
                      std::string(kCorruptHint));
  }
  Chain chain(
      identity_, keys_.get(),
      Tip{.seq = after, .hash = after == 0 ? genesis_hash(identity_) : rows_[after - 1].hash});
  for (std::uint64_t seq = after + 1; seq <= tip_.seq; ++seq) {
    const Row& row = rows_[seq - 1];
    StoredEntry found;
    if (const std::optional<ChainFault> fault = chain.accept(seq, row.hash, row.bytes, found)) {
      return to_error(*fault);
    }
    if (Status visited = visit(found); !visited) return visited;
  }
  if (chain.tip().hash != tip_.hash) {
    return make_error(ErrorCode::corrupt, "corrupt", "the head row is not that of the last entry",
                      std::string(kCorruptHint));
  }
  return ok();
}

Result<Tip> MemoryJournal::tip() { return tip_; }

Result<std::string> MemoryJournal::sign_head() {
  const std::string signed_at(kMemoryCreated);
  const std::string& public_key = keys_->signing_public_key();
  if (signatures_.empty() || signatures_.back().seq != tip_.seq) {
    signatures_.push_back(
        {.seq = tip_.seq,
         .key = signing_key_id(public_key),
         .hash = tip_.hash,
         .signed_at = signed_at,
         .public_key = public_key,
         .signature = keys_->sign(head_signature_text(identity_, tip_, signed_at))});
  }
  return head_text(tip_);
}

VerifyReport MemoryJournal::verify(const VerifyOptions& options) const {
  JournalVerifier verifier(identity_, keys_.get(), options);
  for (std::size_t at = 0; at < rows_.size(); ++at) {
    if (!verifier.entry(at + 1, rows_[at].hash, rows_[at].bytes)) break;
  }
  const std::string genesis = genesis_hash(identity_);
  for (const SignatureRow& row : signatures_) {
    const std::string* beside = nullptr;
    if (row.seq == 0) beside = &genesis;
    if (row.seq > 0 && row.seq <= rows_.size()) beside = &rows_[row.seq - 1].hash;
    if (!verifier.signature(row, beside)) break;
  }
  verifier.head(HeadRow{
      .seq = tip_.seq, .hash = tip_.hash, .mac = keys_->head_mac(head_mac_text(identity_, tip_))});
  return verifier.take();
}

std::vector<StoredEntry> MemoryJournal::read_all() {
  std::vector<StoredEntry> entries;
  const Status done = read(0, [&entries](const StoredEntry& entry) {
    entries.push_back(entry);
    return ok();
  });
  QUELL_ASSERT(done.has_value());
  return entries;
}

Kinds kinds(MemoryJournal& journal) {
  Kinds found;
  for (const StoredEntry& entry : journal.read_all()) {
    found.emplace_back(to_string(entry.entry.kind));
  }
  return found;
}

void CrashingJournal::die_if_dead() const {
  if (crashed_) throw SimulatedCrash();
}

Result<Tip> CrashingJournal::append(std::span<const Entry> entries) {
  die_if_dead();
  if (++append_count_ != at_) return disk_.append(entries);
  crashed_ = true;
  if (loss_ == Loss::entry_kept) {
    const Result<Tip> kept = disk_.append(entries);
    QUELL_ASSERT(kept.has_value());
  }
  throw SimulatedCrash();
}

Status CrashingJournal::read(std::uint64_t after,
                             const std::function<Status(const StoredEntry&)>& visit) {
  die_if_dead();
  return disk_.read(after, visit);
}

Result<Tip> CrashingJournal::tip() {
  die_if_dead();
  return disk_.tip();
}

Result<std::string> CrashingJournal::sign_head() {
  die_if_dead();
  return disk_.sign_head();
}

MemorySecretStore::MemorySecretStore() : keys_(KeyRing::in_memory(random_)) {}

Status MemorySecretStore::seal(RunId run, std::string_view name, const Secret& secret) {
  const auto known = secrets_.find({run, std::string(name)});
  if (known == secrets_.end()) {
    secrets_.emplace(std::pair(run, std::string(name)), Secret::copy_of(secret.reveal()));
    return ok();
  }
  if (equal_constant_time(known->second.reveal(), secret.reveal())) return ok();
  return make_error(ErrorCode::conflict, "secret",
                    "the run already holds another secret by that name",
                    "give the second one a name of its own");
}

Result<Secret> MemorySecretStore::open(RunId run, std::string_view name) {
  const auto known = secrets_.find({run, std::string(name)});
  if (known == secrets_.end()) {
    return make_error(ErrorCode::gone, "secret", "the run holds no secret by that name", "");
  }
  return Secret::copy_of(known->second.reveal());
}

Status MemorySecretStore::erase_run(RunId run) {
  std::erase_if(secrets_, [run](const auto& item) { return item.first.first == run; });
  return ok();
}

std::string MemorySecretStore::fingerprint(const Secret& secret) {
  return keys_->fingerprint(secret);
}

}  // namespace quell
