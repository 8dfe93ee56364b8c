#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "state/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace quell {

enum class OpenMode : std::uint8_t {
  read_write,  // the owner: creates what is missing, waits for nobody
  read_only,   // anybody else, with or without an owner at work
};

/// A prepared statement in use; reset when it goes out of scope. Columns and parameters count from
/// 0 and 1, as in SQLite. Bound memory must live until the step is done.
class SqliteStatement {
 public:
  SqliteStatement(sqlite3_stmt* statement, bool finalize) noexcept
      : statement_(statement), finalize_(finalize) {}
  ~SqliteStatement();
  SqliteStatement(SqliteStatement&& other) noexcept;
  SqliteStatement& operator=(SqliteStatement&&) = delete;
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  SqliteStatement& bind(int parameter, std::uint64_t number);
  SqliteStatement& bind_text(int parameter, std::string_view text);
  SqliteStatement& bind_blob(int parameter, std::string_view bytes);

  /// True: a row is there. False: done.
  Result<bool> step();
  /// A step that must not give a row.
  Status run();
  /// Ready for other values of the parameters.
  void reset();

  bool is_null(int column) const;
  /// 0 for what is no number in [0, 2^63).
  std::uint64_t number(int column) const;
  /// Text or blob; valid until the next step.
  std::string_view bytes(int column) const;

 private:
  sqlite3_stmt* statement_;
  bool finalize_;
};

/// One connection with the settings that every quell database has: WAL, synchronous FULL,
/// secure_delete, no triggers or views, bounded lengths. Not thread-safe.
class SqliteDatabase {
 public:
  struct Options {
    std::string path{};
    OpenMode mode = OpenMode::read_write;
    std::uint32_t pages_max = 0;  // 4 KiB each; 0: the disk is the bound
  };

  /// read_write makes the folder (0700) and the file (0600), and refuses unsafe ones. read_only on
  /// a file that is not there is `gone`.
  static Result<std::unique_ptr<SqliteDatabase>> open(const Options& options);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  /// From a cache: `sql` is compiled once. Only one use at a time.
  Result<SqliteStatement> prepare(std::string_view sql);
  /// Not cached: for a cursor that stays open while others run.
  Result<SqliteStatement> prepare_fresh(std::string_view sql);
  /// One statement without parameters whose rows do not matter.
  Status run(std::string_view sql);
  /// Commits what BEGIN began. When the disk fails here nobody knows what is durable: every later
  /// write is then refused until the file is opened anew.
  Status commit();
  /// Takes back what BEGIN began.
  void roll_back() noexcept;
  /// Is a BEGIN open? SQLite ends some by itself after an error.
  bool in_transaction() const noexcept;
  /// Rows that the last INSERT, UPDATE or DELETE changed.
  std::int64_t rows_changed() const noexcept;
  /// Refuses after a commit that failed in doubt.
  Status writable() const;

  /// Moves the WAL into the file and cuts it to nothing; false while a reader holds it.
  Result<bool> truncate_wal();

  const std::string& path() const noexcept { return path_; }
  OpenMode mode() const noexcept { return mode_; }
  /// The error of the last call that failed, in our words.
  Error last_error() const;

 private:
  SqliteDatabase(std::string path, OpenMode mode) : path_(std::move(path)), mode_(mode) {}
  Status connect(const std::string& name, int flags);
  Status connect_read_only();
  Status configure(std::uint32_t pages_max);
  Status set_wait(int milliseconds);
  static int after_commit(void* self, sqlite3* handle, const char* name, int pages);
  void write_ahead_of_log(std::int64_t used);
  Result<sqlite3_stmt*> compile(std::string_view sql, unsigned flags) const;

  std::string path_;
  OpenMode mode_;
  sqlite3* handle_ = nullptr;
  bool in_doubt_ = false;
  std::int64_t log_bytes_ = 0;  // that the file of the write-ahead log has at least
  std::map<std::string, sqlite3_stmt*, std::less<>> statements_{};
};

/// Rolls back unless committed.
class SqliteTransaction {
 public:
  /// Takes the write lock at once, so that what is read inside stays true.
  static Result<SqliteTransaction> begin_immediate(SqliteDatabase& database);
  /// A stable view for reading; inside another one it is that one.
  static Result<SqliteTransaction> begin_read(SqliteDatabase& database);
  ~SqliteTransaction();
  SqliteTransaction(SqliteTransaction&& other) noexcept;
  SqliteTransaction& operator=(SqliteTransaction&&) = delete;
  SqliteTransaction(const SqliteTransaction&) = delete;
  SqliteTransaction& operator=(const SqliteTransaction&) = delete;

  Status commit();

 private:
  explicit SqliteTransaction(SqliteDatabase* database) noexcept : database_(database) {}
  SqliteDatabase* database_;
};

}  // namespace quell
