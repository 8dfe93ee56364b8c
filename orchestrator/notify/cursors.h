#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "state/sqlite_database.h"

namespace quell {

/// How far each destination has come, in a file of its own beside the journal (`<database>.notify`,
/// SQLite, mode 0600): its writer is not the journal's, and whoever waits for one never waits for
/// the other. Losing it loses notices that were not delivered, never a run. Not thread-safe.
class NotifyCursors {
 public:
  static Result<std::unique_ptr<NotifyCursors>> open(const std::string& path);

  /// The last entry all of whose notices were delivered or given up; none for a new destination.
  Result<std::optional<std::uint64_t>> read(std::string_view destination);
  /// Durable on return.
  Status write(std::string_view destination, std::uint64_t seq);

 private:
  explicit NotifyCursors(std::unique_ptr<SqliteDatabase> database)
      : database_(std::move(database)) {}
  std::unique_ptr<SqliteDatabase> database_;
};

/// Beside the journal's file.
std::string notify_cursors_path(const std::string& database);

}  // namespace quell
