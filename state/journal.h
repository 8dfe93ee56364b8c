#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "state/base/result.h"
#include "state/model/entry.h"

namespace quell {

/// Where the chain ends: the number of its last entry and the hash that covers all before it.
struct Tip {
  std::uint64_t seq = 0;  // 0: no entry yet
  std::string hash{};     // 32 raw bytes; the genesis hash while seq is 0
};

/// An entry as it stands in the journal.
struct StoredEntry {
  std::uint64_t seq = 0;
  std::string hash{};   // 32 raw bytes
  std::string bytes{};  // the canonical encoding that was hashed
  Entry entry{};
};

/// What an entry says of itself beside its body.
struct EntryLabel {
  std::uint64_t seq = 0;
  EntryKind kind = EntryKind::note_added;
  RunId run{};  // number 0: it concerns the journal itself
};

/// The seam to what is remembered. Append-only; one owner writes. Not thread-safe: the engine
/// thread owns it.
class Journal {
 public:
  virtual ~Journal() = default;

  /// Appends `entries` (at least one) as one transaction; durable on return. No effect may start
  /// before it returns.
  virtual Result<Tip> append(std::span<const Entry> entries) = 0;

  /// Calls `visit` for each entry with seq > `after`, in order; stops early when `visit` gives an
  /// error. A security entry whose MAC is wrong, or a hash that does not match, is `corrupt`.
  virtual Status read(std::uint64_t after,
                      const std::function<Status(const StoredEntry&)>& visit) = 0;

  /// read() for those entries that `wants` asks for. The hashes of all are checked on the way; what
  /// is not wanted is not decoded, and its MAC not looked at.
  virtual Status read_some(std::uint64_t after, const std::function<bool(const EntryLabel&)>& wants,
                           const std::function<Status(const StoredEntry&)>& visit) {
    return read(after, [&](const StoredEntry& stored) -> Status {
      const EntryLabel label{.seq = stored.seq, .kind = stored.entry.kind, .run = stored.entry.run};
      return wants(label) ? visit(stored) : ok();
    });
  }

  virtual Result<Tip> tip() = 0;

  /// Signs the present tip (Ed25519) and stores the signature beside the chain; gives `SEQ:HASH` in
  /// hex.
  virtual Result<std::string> sign_head() = 0;
};

/// Secrets that must outlive a crash: sealed with AES-256-GCM under a per-run key, outside the hash
/// chain.
class SecretStore {
 public:
  virtual ~SecretStore() = default;
  /// Seals `secret` for `run` under `name` (unique in the run); durable on return.
  virtual Status seal(RunId run, std::string_view name, const Secret& secret) = 0;
  virtual Result<Secret> open(RunId run, std::string_view name) = 0;
  /// Deletes every blob of `run` (secure_delete, WAL truncated) and the day's key when no live run
  /// uses it.
  virtual Status erase_run(RunId run) = 0;
  /// Keyed HMAC-SHA-256 of the secret, 32 hex digits.
  virtual std::string fingerprint(const Secret& secret) = 0;
};

}  // namespace quell
