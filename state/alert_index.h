#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "state/sqlite_journal.h"

namespace quell {

/// What an `alert_received` entry says of when the same alert has been here before.
struct AlertKey {
  std::string bytes{};  // 32 raw bytes: SHA-256 of the source's name and of what its sender signed
  Timestamp expires{};  // until then a second one is the same one
};
/// None where the entry names no key.
std::optional<AlertKey> alert_key_of(const Entry& entry);

std::uint64_t milliseconds_of(Timestamp time) noexcept;

/// Which alerts have been here. The journal writes a row with each `alert_received` entry, in its
/// transaction, so what was answered is known after any crash.
class AlertIndex {
 public:
  virtual ~AlertIndex() = default;
  /// The number of the entry that recorded `key` (32 raw bytes) and has not expired; none when it
  /// is new.
  virtual Result<std::optional<std::uint64_t>> find(std::string_view key, Timestamp now) = 0;
};

class SqliteAlertIndex final : public AlertIndex {
 public:
  /// Shares the connection of `journal`, on the same thread.
  explicit SqliteAlertIndex(const SqliteJournal& journal) : database_(journal.database()) {}

  Result<std::optional<std::uint64_t>> find(std::string_view key, Timestamp now) override;
  /// Forgets what has expired.
  Status prune(Timestamp now);

 private:
  std::shared_ptr<SqliteDatabase> database_;
};

}  // namespace quell
