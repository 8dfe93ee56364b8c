#include "orchestrator/notify/cursors.h"

#include <utility>

namespace quell {

Result<std::unique_ptr<NotifyCursors>> NotifyCursors::open(const std::string& path) {
  Result<std::unique_ptr<SqliteDatabase>> database = SqliteDatabase::open({.path = path});
  if (!database) return database.error();
  Status made = (*database)->run(
      "CREATE TABLE IF NOT EXISTS notify_cursors (destination TEXT PRIMARY KEY, seq INTEGER NOT "
      "NULL) STRICT, WITHOUT ROWID");
  if (!made) return made.error();
  return std::unique_ptr<NotifyCursors>(new NotifyCursors(std::move(*database)));
}

Result<std::optional<std::uint64_t>> NotifyCursors::read(std::string_view destination) {
  Result<SqliteStatement> select =
      database_->prepare("SELECT seq FROM notify_cursors WHERE destination = ?1");
  if (!select) return select.error();
  select->bind_text(1, destination);
  const Result<bool> row = select->step();
  if (!row) return row.error();
  return *row ? std::optional<std::uint64_t>(select->number(0)) : std::nullopt;
}

Status NotifyCursors::write(std::string_view destination, std::uint64_t seq) {
  Result<SqliteStatement> insert = database_->prepare(
      "INSERT OR REPLACE INTO notify_cursors (destination, seq) VALUES (?1, ?2)");
  if (!insert) return insert.error();
  insert->bind_text(1, destination).bind(2, seq);
  return insert->run();
}

std::string notify_cursors_path(const std::string& database) { return database + ".notify"; }

}  // namespace quell
