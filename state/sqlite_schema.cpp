#include "state/sqlite_schema.h"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <map>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "state/base/bytes.h"
#include "state/private_file.h"

namespace quell {
namespace {

constexpr std::size_t kIdDigits = 32;
constexpr std::size_t kObjectsMax = 64;

struct Table {
  std::string_view name;
  std::string_view sql;  // as SQLite keeps it: one line, compared byte for byte
};

constexpr std::string_view kAlertsTable =
    "CREATE TABLE alerts (key BLOB PRIMARY KEY, seq INTEGER NOT NULL, expires INTEGER NOT NULL) "
    "STRICT, WITHOUT ROWID";

constexpr std::array<std::string_view, 1> kFromFormat1{kAlertsTable};
constexpr std::array<Migration, 1> kMigrations{{{.from = 1, .statements = kFromFormat1}}};

// docs/journal-format.md describes each column.
constexpr std::array<Table, 6> kTables{{
    {"meta",
     "CREATE TABLE meta (one INTEGER PRIMARY KEY CHECK (one = 1), format INTEGER NOT NULL, "
     "journal TEXT NOT NULL, created TEXT NOT NULL, mac_key TEXT NOT NULL) STRICT"},
    {"entries",
     "CREATE TABLE entries (seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, bytes BLOB NOT NULL) "
     "STRICT"},
    {"head",
     "CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, "
     "hash BLOB NOT NULL, mac BLOB NOT NULL) STRICT"},
    {"signatures",
     "CREATE TABLE signatures (seq INTEGER NOT NULL, key TEXT NOT NULL, hash BLOB NOT NULL, "
     "signed_at TEXT NOT NULL, public_key BLOB NOT NULL, signature BLOB NOT NULL, "
     "PRIMARY KEY (seq, key)) STRICT, WITHOUT ROWID"},
    {"sealed",
     "CREATE TABLE sealed (run TEXT NOT NULL, name TEXT NOT NULL, epoch TEXT NOT NULL, "
     "nonce BLOB NOT NULL, box BLOB NOT NULL, PRIMARY KEY (run, name)) STRICT, WITHOUT ROWID"},
    {"alerts", kAlertsTable},
}};

Error not_a_journal(const SqliteDatabase& database) {
  return make_error(
      ErrorCode::corrupt, "corrupt",
      fmt::format("the tables of {} are not those of a quell journal", database.path()),
      "keep the file; restore it from a backup, or set state.sqlite");
}

/// The tables must be ours to the byte, and nothing else may be there: no trigger, no view, no
/// column that computes.
Status check_tables(SqliteDatabase& database) {
  Result<SqliteStatement> rows =
      database.prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL");
  if (!rows) return rows.error();
  std::size_t found = 0;
  for (std::size_t row_count = 0; row_count < kObjectsMax; ++row_count) {
    const Result<bool> row = rows->step();
    if (!row) return row.error();
    if (!*row) return found == kTables.size() ? ok() : Status(not_a_journal(database));
    const auto* const table = std::ranges::find(kTables, rows->bytes(1), &Table::name);
    if (table == kTables.end() || rows->bytes(0) != "table" || rows->bytes(2) != table->sql) {
      return not_a_journal(database);
    }
    ++found;
  }
  return not_a_journal(database);
}

Result<std::uint64_t> read_format(SqliteDatabase& database) {
  Result<SqliteStatement> statement = database.prepare("SELECT format FROM meta WHERE one = 1");
  if (!statement) return not_a_journal(database);
  const Result<bool> row = statement->step();
  if (!row) return row.error();
  if (!*row) return not_a_journal(database);
  return statement->number(0);
}

bool is_lower_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Status back_up(SqliteDatabase& database, std::uint64_t format) {
  const std::string target = fmt::format("{}.format-{}.backup", database.path(), format);
  // An empty file of the right mode first: VACUUM INTO takes it, and the umask has no say.
  const FileDescriptor file(::open(
      target.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file.valid()) {
    return make_error(ErrorCode::invalid, "state",
                      fmt::format("the backup {} cannot be made", target),
                      "move an older backup of that name away, or free space");
  }
  Result<SqliteStatement> copy = database.prepare_fresh("VACUUM INTO ?1");
  if (!copy) return copy.error();
  copy->bind_text(1, target);
  if (Status copied = copy->run(); !copied) return copied;
  if (::fsync(file.get()) != 0) return database.last_error();
  return sync_folder(folder_of(target));
}

}  // namespace

Result<bool> is_empty_database(SqliteDatabase& database) {
  Result<SqliteStatement> statement = database.prepare("SELECT count(*) FROM sqlite_schema");
  if (!statement) return statement.error();
  const Result<bool> row = statement->step();
  if (!row) return row.error();
  return *row && statement->number(0) == 0;
}

Status create_schema(SqliteDatabase& database, const JournalMeta& meta, std::string_view head_mac) {
  Result<SqliteTransaction> transaction = SqliteTransaction::begin_immediate(database);
  if (!transaction) return transaction.error();
  for (const Table& table : kTables) {
    if (Status made = database.run(table.sql); !made) return made;
  }
  {
    Result<SqliteStatement> insert = database.prepare(
        "INSERT INTO meta (one, format, journal, created, mac_key) VALUES (1, ?1, ?2, ?3, ?4)");
    if (!insert) return insert.error();
    insert->bind(1, meta.format)
        .bind_text(2, meta.identity.id)
        .bind_text(3, meta.identity.created)
        .bind_text(4, meta.mac_key_id);
    if (Status put = insert->run(); !put) return put;
  }
  {
    const std::string genesis = genesis_hash(meta.identity);
    Result<SqliteStatement> insert =
        database.prepare("INSERT INTO head (one, seq, hash, mac) VALUES (1, 0, ?1, ?2)");
    if (!insert) return insert.error();
    insert->bind_blob(1, genesis).bind_blob(2, head_mac);
    if (Status put = insert->run(); !put) return put;
  }
  return transaction->commit();
}

Result<JournalMeta> read_meta(SqliteDatabase& database) {
  const Result<std::uint64_t> format = read_format(database);
  if (!format) return format.error();
  if (*format > kJournalFormat) {
    return make_error(ErrorCode::invalid, "state",
                      fmt::format("{} has format {}, written by a newer quell; this one reads {}",
                                  database.path(), *format, kJournalFormat),
                      "use the quell that wrote it");
  }
  if (*format < kJournalFormat) {
    return make_error(ErrorCode::invalid, "state",
                      fmt::format("{} has format {} and has not been brought to format {} yet",
                                  database.path(), *format, kJournalFormat),
                      "start its owner once: quell resume");
  }
  if (Status ours = check_tables(database); !ours) return ours.error();
  Result<SqliteStatement> statement =
      database.prepare("SELECT journal, created, mac_key FROM meta WHERE one = 1");
  if (!statement) return statement.error();
  const Result<bool> row = statement->step();
  if (!row) return row.error();
  if (!*row) return not_a_journal(database);
  JournalMeta meta{.format = *format,
                   .identity = {.id = std::string(statement->bytes(0)),
                                .created = std::string(statement->bytes(1))},
                   .mac_key_id = std::string(statement->bytes(2))};
  if (!is_lower_hex(meta.identity.id, kIdDigits) || !is_lower_hex(meta.mac_key_id, kIdDigits) ||
      !parse_rfc3339(meta.identity.created)) {
    return not_a_journal(database);
  }
  return meta;
}

Status migrate(SqliteDatabase& database, std::span<const Migration> steps, std::uint64_t target) {
  const Result<std::uint64_t> format = read_format(database);
  if (!format) return format.error();
  if (*format >= target) return ok();  // a newer one is refused by read_meta
  if (Status copied = back_up(database, *format); !copied) return copied;
  Result<SqliteTransaction> transaction = SqliteTransaction::begin_immediate(database);
  if (!transaction) return transaction.error();
  for (std::uint64_t at = *format; at < target; ++at) {
    const auto step = std::ranges::find(steps, at, &Migration::from);
    if (step == steps.end()) {
      return make_error(ErrorCode::invalid, "state",
                        fmt::format("no way leads from format {} to {}", at, target),
                        "use the quell that wrote the journal");
    }
    for (const std::string_view sql : step->statements) {
      if (Status changed = database.run(sql); !changed) return changed;
    }
  }
  {
    Result<SqliteStatement> update = database.prepare("UPDATE meta SET format = ?1 WHERE one = 1");
    if (!update) return update.error();
    update->bind(1, target);
    if (Status set = update->run(); !set) return set;
  }
  return transaction->commit();
}

std::span<const Migration> known_migrations() noexcept { return kMigrations; }

}  // namespace quell
