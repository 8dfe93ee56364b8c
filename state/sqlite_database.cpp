#include "state/sqlite_database.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <limits>
#include <sys/stat.h>
#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>

#include "state/base/assert.h"
#include "state/base/bytes.h"
#include "state/hash_chain.h"
#include "state/private_file.h"

namespace quell {
namespace {

constexpr int kReaderWaitMs = 2'000;  // a reader waits this long for an owner that opens or closes
constexpr int kOpenWaitMs = 2'000;    // an owner waits for readers while it opens, and never later
constexpr int kRowBytesMax = 32 << 20;  // the largest entry and its columns
constexpr int kSqlBytesMax = 64 << 10;
constexpr mode_t kFileMode = 0600;
constexpr std::int64_t kPageBytes = 4'096;
constexpr std::int64_t kFrameBytes = kPageBytes + 24;  // a page in the write-ahead log
constexpr int kLogPagesMax = 4'000;                    // then they move into the file
/// Zeros that are kept ready behind the last frame of the log, and written at a time.
constexpr std::int64_t kLogAheadMin = 64 << 10;
constexpr std::int64_t kLogAheadStep = 512 << 10;

/// Our words for a result of SQLite; its own text may quote content, so it stays here.
Error database_error(int code, int system_code, const std::string& path) {
  const std::string folder = folder_of(path);
  if ((code & 0xff) == SQLITE_FULL) return out_of_room(ENOSPC, folder);
  if ((code & 0xff) == SQLITE_IOERR && is_out_of_room(system_code))
    return out_of_room(system_code, folder);
  switch (code & 0xff) {
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
      return make_error(ErrorCode::invalid, "state",
                        fmt::format("the state directory {} is not writable", folder),
                        "run as the user who owns it, or set state.sqlite");
    case SQLITE_NOTADB:
      return make_error(ErrorCode::corrupt, "corrupt",
                        fmt::format("{} is not a quell journal, or its start is damaged", path),
                        "keep the file; restore it from a backup, or set state.sqlite");
    case SQLITE_CORRUPT:
    case SQLITE_FORMAT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
    // The statements are ours and compile against our tables; where they do not, the file differs.
    case SQLITE_ERROR:
    case SQLITE_SCHEMA:
    case SQLITE_CONSTRAINT:
      return make_error(ErrorCode::corrupt, "corrupt",
                        fmt::format("the journal file {} is damaged", path),
                        std::string(kCorruptHint));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return make_error(ErrorCode::conflict, "locked",
                        fmt::format("another process is working on {}", path),
                        "let it finish, or use the quell that owns it");
    default:
      return make_error(
          ErrorCode::internal, "state",
          fmt::format("the journal file {} could not be used (SQLite result {})", path, code),
          fmt::format("look at the disk that holds {}, then quell resume", folder));
  }
}

/// The write-ahead log of an open database; null before it is there.
sqlite3_file* log_of(sqlite3* handle) {
  sqlite3_file* log = nullptr;
  const int asked = sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  return asked == SQLITE_OK && log != nullptr && log->pMethods != nullptr ? log : nullptr;
}

/// The system error of the last write to the write-ahead log that failed, or 0. What
/// sqlite3_system_errno() says after a COMMIT is of an earlier call.
int log_errno(sqlite3* handle) {
  sqlite3_file* const log = log_of(handle);
  if (log == nullptr) return 0;
  int code = 0;
  const int asked = log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &code);
  return asked == SQLITE_OK ? code : 0;
}

/// Makes the file with its mode before SQLite sees it, since SQLite would leave it to the umask.
Status create_file(const std::string& path) {
  const std::string folder = folder_of(path);
  if (Status made = make_private_folder(folder); !made) return made;
  FileDescriptor file(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
  if (file.valid()) return sync_folder(folder);
  if (errno == EEXIST) {
    file = FileDescriptor(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (file.valid()) return check_private(file, path);
  }
  return database_error(errno == ENOSPC ? SQLITE_FULL : SQLITE_CANTOPEN, errno, path);
}

}  // namespace

SqliteStatement::~SqliteStatement() {
  if (statement_ == nullptr) return;
  if (finalize_) {
    sqlite3_finalize(statement_);
  } else {
    reset();
  }
}

SqliteStatement::SqliteStatement(SqliteStatement&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)), finalize_(other.finalize_) {}

SqliteStatement& SqliteStatement::bind(int parameter, std::uint64_t number) {
  QUELL_ASSERT(number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
  QUELL_ASSERT(sqlite3_bind_int64(statement_, parameter, static_cast<std::int64_t>(number)) ==
               SQLITE_OK);
  return *this;
}

SqliteStatement& SqliteStatement::bind_text(int parameter, std::string_view text) {
  QUELL_ASSERT(sqlite3_bind_text64(statement_, parameter, text.data(), text.size(), nullptr,
                                   SQLITE_UTF8) == SQLITE_OK);
  return *this;
}

SqliteStatement& SqliteStatement::bind_blob(int parameter, std::string_view bytes) {
  // A null pointer would bind NULL.
  const char* const data = bytes.empty() ? "" : bytes.data();
  QUELL_ASSERT(sqlite3_bind_blob64(statement_, parameter, data, bytes.size(), nullptr) ==
               SQLITE_OK);
  return *this;
}

Result<bool> SqliteStatement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3* const handle = sqlite3_db_handle(statement_);
  const char* const path = sqlite3_db_filename(handle, "main");
  return database_error(code, sqlite3_system_errno(handle), path == nullptr ? "" : path);
}

Status SqliteStatement::run() {
  const Result<bool> row = step();
  reset();
  if (!row) return row.error();
  QUELL_ASSERT(!*row);
  return ok();
}

void SqliteStatement::reset() {
  // Its result repeats that of the last step, which was looked at then.
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

bool SqliteStatement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::uint64_t SqliteStatement::number(int column) const {
  if (sqlite3_column_type(statement_, column) != SQLITE_INTEGER) return 0;
  const std::int64_t value = sqlite3_column_int64(statement_, column);
  return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

std::string_view SqliteStatement::bytes(int column) const {
  const int type = sqlite3_column_type(statement_, column);
  if (type != SQLITE_BLOB && type != SQLITE_TEXT) return {};
  const auto* const data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  if (data == nullptr || size <= 0) return {};
  return {data, static_cast<std::size_t>(size)};
}

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(const Options& options) {
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(options.path, options.mode));
  Status connected = ok();
  if (options.mode == OpenMode::read_only) {
    connected = database->connect_read_only();
  } else {
    connected = create_file(options.path);
    if (connected) connected = database->connect(options.path, SQLITE_OPEN_READWRITE);
  }
  if (!connected) return connected.error();
  if (Status configured = database->configure(options.pages_max); !configured) {
    return configured.error();
  }
  return database;
}

SqliteDatabase::~SqliteDatabase() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close_v2(handle_);
}

Status SqliteDatabase::connect(const std::string& name, int flags) {
  sqlite3_close_v2(handle_);
  handle_ = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &handle_,
                                   flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  if (code != SQLITE_OK) return database_error(code, sqlite3_system_errno(handle_), path_);
  // The file may come from anybody: nothing in its schema may act.
  for (const auto& [option, value] :
       std::array<std::pair<int, int>, 4>{{{SQLITE_DBCONFIG_DEFENSIVE, 1},
                                           {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                                           {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
                                           {SQLITE_DBCONFIG_ENABLE_VIEW, 0}}}) {
    QUELL_ASSERT(sqlite3_db_config(handle_, option, value, nullptr) == SQLITE_OK);
  }
  sqlite3_limit(handle_, SQLITE_LIMIT_LENGTH, kRowBytesMax);
  sqlite3_limit(handle_, SQLITE_LIMIT_SQL_LENGTH, kSqlBytesMax);
  sqlite3_limit(handle_, SQLITE_LIMIT_ATTACHED, 1);
  return ok();
}

Status SqliteDatabase::connect_read_only() {
  struct stat found {};
  if (::stat(path_.c_str(), &found) != 0) {
    if (errno != ENOENT) return database_error(SQLITE_CANTOPEN, errno, path_);
    return make_error(ErrorCode::gone, "state", fmt::format("there is no journal at {}", path_),
                      "set state.sqlite in the configuration, or start a run to make one");
  }
  if (Status connected = connect(path_, SQLITE_OPEN_READONLY); !connected) return connected;
  if (Status waits = set_wait(kReaderWaitMs); !waits) return waits;
  Status looked = run("SELECT count(*) FROM sqlite_schema");
  if (looked || looked.error().code != ErrorCode::invalid) return looked;
  // A copy on a medium that nobody can write to has no place for the WAL's index. Without a WAL the
  // file alone is the whole journal.
  struct stat wal {};
  if (::stat((path_ + "-wal").c_str(), &wal) == 0 && wal.st_size > 0) return looked;
  return connect("file:" + percent_encode(path_) + "?immutable=1",
                 SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
}

Status SqliteDatabase::configure(std::uint32_t pages_max) {
  if (mode_ == OpenMode::read_only) {
    if (Status waits = set_wait(kReaderWaitMs); !waits) return waits;
    return run("PRAGMA cell_size_check = ON");
  }
  if (Status waits = set_wait(kOpenWaitMs); !waits) return waits;
  for (const std::string_view setting :
       {"PRAGMA cell_size_check = ON", "PRAGMA secure_delete = ON", "PRAGMA foreign_keys = ON",
        "PRAGMA temp_store = MEMORY", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"}) {
    if (Status set = run(setting); !set) return set;
  }
  sqlite3_wal_hook(handle_, &after_commit, this);
  if (pages_max > 0) {
    if (Status set = run(fmt::format("PRAGMA max_page_count = {}", pages_max)); !set) return set;
  }
  return set_wait(0);
}

/// As SQLite's own hook for checkpoints: what a reader holds up is moved after a later commit.
int SqliteDatabase::after_commit(void* self, sqlite3* handle, const char* name, int pages) {
  if (pages >= kLogPagesMax)
    sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  static_cast<SqliteDatabase*>(self)->write_ahead_of_log(pages * kFrameBytes);
  return SQLITE_OK;
}

/// Keeps zeros behind the `used` bytes of the log: a commit that overwrites is durable with its
/// data alone, one that makes the file longer waits for the file system's books too. A reader takes
/// zeros for the end of the log. Where there is no room SQLite says so itself, at a commit.
void SqliteDatabase::write_ahead_of_log(std::int64_t used) {
  static constexpr std::array<char, kPageBytes> kZeros{};
  // Known, not asked each time: a file whose times were looked at gets new ones with every write.
  if (used + kLogAheadMin <= log_bytes_) return;
  sqlite3_file* const log = log_of(handle_);
  sqlite3_int64 size = 0;
  if (log == nullptr || log->pMethods->xFileSize(log, &size) != SQLITE_OK) return;
  // Page by page: the system keeps what was written at once in pieces that are slow to change.
  const sqlite3_int64 end = size < used + kLogAheadMin ? size + kLogAheadStep : size;
  while (size < end && log->pMethods->xWrite(log, kZeros.data(), kPageBytes, size) == SQLITE_OK)
    size += kPageBytes;
  log_bytes_ = size;
}

Status SqliteDatabase::set_wait(int milliseconds) {
  QUELL_ASSERT(sqlite3_busy_timeout(handle_, milliseconds) == SQLITE_OK);
  return ok();
}

Result<sqlite3_stmt*> SqliteDatabase::compile(std::string_view sql, unsigned flags) const {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), flags,
                                      &statement, nullptr);
  if (code != SQLITE_OK) return last_error();
  return statement;
}

Result<SqliteStatement> SqliteDatabase::prepare(std::string_view sql) {
  const auto known = statements_.find(sql);
  if (known != statements_.end()) {
    QUELL_ASSERT(sqlite3_stmt_busy(known->second) == 0);
    return SqliteStatement(known->second, false);
  }
  const Result<sqlite3_stmt*> statement = compile(sql, SQLITE_PREPARE_PERSISTENT);
  if (!statement) return statement.error();
  statements_.emplace(std::string(sql), *statement);
  return SqliteStatement(*statement, false);
}

Result<SqliteStatement> SqliteDatabase::prepare_fresh(std::string_view sql) {
  const Result<sqlite3_stmt*> statement = compile(sql, 0);
  if (!statement) return statement.error();
  return SqliteStatement(*statement, true);
}

Status SqliteDatabase::run(std::string_view sql) {
  Result<SqliteStatement> statement = prepare_fresh(sql);
  if (!statement) return statement.error();
  for (;;) {  // ends with the rows of one of our own statements, few each
    const Result<bool> row = statement->step();
    if (!row) return row.error();
    if (!*row) return ok();
  }
}

Status SqliteDatabase::commit() {
  Result<SqliteStatement> statement = prepare("COMMIT");
  if (!statement) return statement.error();
  const Result<bool> row = statement->step();
  if (row) return ok();
  // A write that found no room left nothing behind. A sync that failed may have left all of it, and
  // a second sync would lie.
  const int code = sqlite3_extended_errcode(handle_);
  if ((code & 0xff) != SQLITE_IOERR) return row.error();
  const int refused = code == SQLITE_IOERR_WRITE ? log_errno(handle_) : 0;
  if (is_out_of_room(refused)) return out_of_room(refused, folder_of(path_));
  in_doubt_ = true;
  return writable();
}

void SqliteDatabase::roll_back() noexcept {
  // Nothing to report: what was not committed is gone either way.
  sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

bool SqliteDatabase::in_transaction() const noexcept {
  return sqlite3_get_autocommit(handle_) == 0;
}

Status SqliteDatabase::writable() const {
  if (!in_doubt_) return ok();
  return make_error(
      ErrorCode::internal, "state",
      fmt::format("a write to {} failed, and what it left is not known", path_),
      fmt::format("look at the disk that holds {}, then quell resume", folder_of(path_)));
}

std::int64_t SqliteDatabase::rows_changed() const noexcept { return sqlite3_changes64(handle_); }

Result<bool> SqliteDatabase::truncate_wal() {
  log_bytes_ = 0;
  const int code =
      sqlite3_wal_checkpoint_v2(handle_, "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  if (code == SQLITE_OK) return true;
  if ((code & 0xff) == SQLITE_BUSY) return false;
  return last_error();
}

Error SqliteDatabase::last_error() const {
  return database_error(sqlite3_extended_errcode(handle_), sqlite3_system_errno(handle_), path_);
}

Result<SqliteTransaction> SqliteTransaction::begin_immediate(SqliteDatabase& database) {
  QUELL_ASSERT(!database.in_transaction());  // a visitor that reads must not write
  if (Status possible = database.writable(); !possible) return possible.error();
  Result<SqliteStatement> statement = database.prepare("BEGIN IMMEDIATE");
  if (!statement) return statement.error();
  if (Status begun = statement->run(); !begun) return begun.error();
  return SqliteTransaction(&database);
}

Result<SqliteTransaction> SqliteTransaction::begin_read(SqliteDatabase& database) {
  if (database.in_transaction()) return SqliteTransaction(nullptr);
  Result<SqliteStatement> statement = database.prepare("BEGIN");
  if (!statement) return statement.error();
  if (Status begun = statement->run(); !begun) return begun.error();
  return SqliteTransaction(&database);
}

SqliteTransaction::~SqliteTransaction() {
  if (database_ != nullptr && database_->in_transaction()) database_->roll_back();
}

SqliteTransaction::SqliteTransaction(SqliteTransaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Status SqliteTransaction::commit() {
  Status done = database_->commit();
  if (done) database_ = nullptr;
  return done;
}

}  // namespace quell
