#include "tests/state/fixtures.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <sqlite3.h>

#include "state/base/bytes.h"

namespace quell {
namespace {

constexpr RunId kRun{.number = 1};

/// One connection of the plain library, as a stranger would use it.
class Plain {
 public:
  explicit Plain(const std::string& path) {
    REQUIRE(sqlite3_open_v2(path.c_str(), &handle_, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK);
  }
  ~Plain() { sqlite3_close_v2(handle_); }
  Plain(const Plain&) = delete;
  Plain& operator=(const Plain&) = delete;
  sqlite3* get() const { return handle_; }

 private:
  sqlite3* handle_ = nullptr;
};

}  // namespace

Timestamp test_start() { return *parse_rfc3339("2031-03-04T05:06:07Z"); }

Entry note(std::string_view text) {
  return {.kind = EntryKind::note_added,
          .run = kRun,
          .at = test_start(),
          .body = Value::map({{"text", text}})};
}

Entry approval(std::string_view who) {
  return {.kind = EntryKind::approval_given,
          .run = kRun,
          .at = test_start(),
          .body = Value::map({{"who", who}})};
}

Entry run_start() {
  return {.kind = EntryKind::run_started,
          .run = kRun,
          .at = test_start(),
          .body = Value::map({{"mode", "live"}})};
}

JournalFile::JournalFile() = default;

Result<std::unique_ptr<SqliteJournal>> JournalFile::try_open(OpenMode mode, bool with_keys,
                                                             std::uint32_t pages_max) {
  return SqliteJournal::open({.path = path,
                              .mode = mode,
                              .keys = with_keys ? keys.get() : nullptr,
                              .clock = &clock,
                              .random = &random,
                              .pages_max = pages_max});
}

std::unique_ptr<SqliteJournal> JournalFile::open(OpenMode mode) {
  Result<std::unique_ptr<SqliteJournal>> journal = try_open(mode);
  if (!journal) FAIL(describe(journal.error()));
  return std::move(*journal);
}

void JournalFile::run_sql(const std::string& sql) const {
  const Plain plain(path);
  char* message = nullptr;
  const int code = sqlite3_exec(plain.get(), sql.c_str(), nullptr, nullptr, &message);
  INFO(sql, ": ", message == nullptr ? "" : message);
  CHECK(code == SQLITE_OK);
  sqlite3_free(message);
}

std::string JournalFile::ask_sql(const std::string& sql) const {
  const Plain plain(path);
  sqlite3_stmt* statement = nullptr;
  REQUIRE(sqlite3_prepare_v2(plain.get(), sql.c_str(), -1, &statement, nullptr) == SQLITE_OK);
  std::string answer;
  if (sqlite3_step(statement) == SQLITE_ROW) {
    const void* const data = sqlite3_column_blob(statement, 0);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, 0));
    if (data != nullptr) answer.assign(static_cast<const char*>(data), size);
  }
  sqlite3_finalize(statement);
  return answer;
}

void append(Journal& journal, const std::vector<Entry>& entries) {
  const Result<Tip> tip = journal.append(entries);
  if (!tip) FAIL(describe(tip.error()));
}

std::vector<StoredEntry> read_all(Journal& journal) {
  std::vector<StoredEntry> entries;
  const Status done = journal.read(0, [&entries](const StoredEntry& entry) {
    entries.push_back(entry);
    return ok();
  });
  if (!done) FAIL(describe(done.error()));
  return entries;
}

std::string hex_of(std::string_view bytes) { return hex_encode(bytes); }

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(file.good());
}

unsigned mode_of(const std::string& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 07777U;
}

}  // namespace quell
