#include "state/sqlite_journal.h"

#include <array>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "state/alert_index.h"
#include "state/base/bytes.h"
#include "state/sqlite_schema.h"
#include "tests/state/fixtures.h"

namespace quell {
namespace {

std::string open_problem(JournalFile& file, OpenMode mode = OpenMode::read_write) {
  const Result<std::unique_ptr<SqliteJournal>> journal = file.try_open(mode);
  return journal ? "" : journal.error().topic + ": " + journal.error().message;
}

}  // namespace

TEST_CASE("a journal lives on in its file") {
  JournalFile file;
  std::string id;
  {
    const std::unique_ptr<SqliteJournal> journal = file.open();
    id = journal->identity().id;
    append(*journal, {run_start(), note("kept")});
  }
  const std::unique_ptr<SqliteJournal> journal = file.open();
  CHECK(journal->identity().id == id);
  CHECK(read_all(*journal).size() == 2);
  append(*journal, {note("more")});
  CHECK(journal->tip()->seq == 3);
  CHECK_FALSE(journal->verify()->failure.has_value());
}

// Goal: a commit waits for its data alone. Where the log grows with each, it waits for the file
// system's books as well.
TEST_CASE("commits overwrite room that the log has already") {
  JournalFile file;
  std::unique_ptr<SqliteJournal> journal = file.open();
  append(*journal, {run_start()});
  const std::string log = file.path + "-wal";
  const std::uintmax_t size = std::filesystem::file_size(log);
  for (int i = 0; i < 10; ++i) append(*journal, {note("short")});
  CHECK(std::filesystem::file_size(log) == size);
  append(*journal, {note(std::string(size, 'x'))});  // one that does not fit
  CHECK(std::filesystem::file_size(log) > 2 * size);
  append(*journal, {note("last")});

  SUBCASE("what a process that died leaves is whole") {
    const std::string copy = file.folder / "copy.db";
    std::filesystem::copy_file(file.path, copy);
    std::filesystem::copy_file(log, copy + "-wal");
    file.path = copy;
    const std::unique_ptr<SqliteJournal> found = file.open();
    CHECK(read_all(*found).size() == 13);
    append(*found, {note("after")});
    CHECK_FALSE(found->verify()->failure.has_value());
  }
  SUBCASE("a log of zeros alone is an empty one") {
    journal.reset();
    write_file(file.path + "-wal", std::string(size, '\0'));
    CHECK(read_all(*file.open()).size() == 13);
  }
}

// Goal: the log does not grow for ever, and the file gets what it held.
TEST_CASE("a long log is moved into the file") {
  constexpr std::size_t kBytes = 200'000;
  constexpr std::uintmax_t kLogMax = 20U << 20U;  // 4,000 pages, and the last commit
  JournalFile file;
  const std::unique_ptr<SqliteJournal> journal = file.open();
  for (int i = 0; i < 200; ++i) append(*journal, {note(std::string(kBytes, 'x'))});
  CHECK(std::filesystem::file_size(file.path + "-wal") < kLogMax);
  CHECK(std::filesystem::file_size(file.path) > 100 * kBytes);
  CHECK_FALSE(journal->verify()->failure.has_value());
}

// Goal: nobody else can read the record, whatever the umask (threat model section 4, "Files").
TEST_CASE("files are 0600 and folders that we make 0700, also under an open umask") {
  JournalFile file;
  file.path = file.folder / "a/b/quell.db";
  const mode_t before = ::umask(0);
  {
    const std::unique_ptr<SqliteJournal> journal = file.open();
    append(*journal, {note("x")});
    CHECK(mode_of(file.path) == 0600);
    CHECK(mode_of(file.path + "-wal") == 0600);
    CHECK(mode_of(file.path + "-shm") == 0600);
    CHECK(mode_of(file.folder / "a") == 0700);
    CHECK(mode_of(file.folder / "a/b") == 0700);
  }
  ::umask(before);
}

TEST_CASE("unsafe places are refused with the command that mends them") {
  JournalFile file;
  { file.open(); }
  SUBCASE("a file that others can open") {
    REQUIRE(::chmod(file.path.c_str(), 0644) == 0);
    const Result<std::unique_ptr<SqliteJournal>> refused = file.try_open(OpenMode::read_write);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().topic == "state");
    CHECK(refused.error().hint == "chmod 600 " + file.path);
    // Looking is fine: an auditor's copy has other modes.
    CHECK(file.try_open(OpenMode::read_only));
  }
  SUBCASE("a folder that others can write to") {
    REQUIRE(::chmod(file.folder.path().c_str(), 0777) == 0);
    const Result<std::unique_ptr<SqliteJournal>> refused = file.try_open(OpenMode::read_write);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().hint == "chmod go-w " + file.folder.path());
    REQUIRE(::chmod(file.folder.path().c_str(), 01777) == 0);
    CHECK(file.try_open(OpenMode::read_write));
  }
  SUBCASE("a symbolic link in the place of the file") {
    std::filesystem::rename(file.path, file.folder / "other.db");
    std::filesystem::create_symlink(file.folder / "other.db", file.path);
    CHECK_FALSE(file.try_open(OpenMode::read_write));
  }
}

TEST_CASE("a file that is no journal is named as such") {
  JournalFile file;
  SUBCASE("text") {
    write_file(file.path, std::string(5'000, 'x'));
    REQUIRE(::chmod(file.path.c_str(), 0600) == 0);
    CHECK(open_problem(file) ==
          "corrupt: " + file.path + " is not a quell journal, or its start is damaged");
    CHECK(read_file(file.path) == std::string(5'000, 'x'));
  }
  SUBCASE("another program's database") {
    write_file(file.path, "");
    file.run_sql("CREATE TABLE entries (seq INTEGER)");
    REQUIRE(::chmod(file.path.c_str(), 0600) == 0);
    CHECK(open_problem(file) ==
          "corrupt: the tables of " + file.path + " are not those of a quell journal");
  }
  SUBCASE("a journal with a trigger") {
    { file.open(); }
    file.run_sql("CREATE TRIGGER t AFTER INSERT ON entries BEGIN DELETE FROM entries; END");
    CHECK(open_problem(file) ==
          "corrupt: the tables of " + file.path + " are not those of a quell journal");
  }
  SUBCASE("nothing, for a reader") {
    CHECK(open_problem(file, OpenMode::read_only) == "state: there is no journal at " + file.path);
    CHECK_FALSE(std::filesystem::exists(file.path));
  }
  SUBCASE("no bytes at all: what a death at the very start leaves") {
    write_file(file.path, "");
    REQUIRE(::chmod(file.path.c_str(), 0600) == 0);
    CHECK(missing_keys_for(file.path) == MissingKeys::create);
    CHECK(open_problem(file).empty());
    CHECK(missing_keys_for(file.path) == MissingKeys::refuse);
  }
}

TEST_CASE("a newer format is refused, and not touched") {
  JournalFile file;
  { file.open(); }
  file.run_sql("UPDATE meta SET format = 3");
  const std::string before = read_file(file.path);
  for (const OpenMode mode : {OpenMode::read_write, OpenMode::read_only}) {
    CHECK(open_problem(file, mode) ==
          "state: " + file.path + " has format 3, written by a newer quell; this one reads 2");
  }
  CHECK(read_file(file.path) == before);
}

// Goal: the way that later formats will take works before it is needed.
TEST_CASE("a migration copies the file first, and happens in full or not at all") {
  JournalFile file;
  {
    const std::unique_ptr<SqliteJournal> journal = file.open();
    append(*journal, {note("old")});
  }
  Result<std::unique_ptr<SqliteDatabase>> database = SqliteDatabase::open({.path = file.path});
  REQUIRE(database);
  constexpr std::array<std::string_view, 2> kGood{"CREATE TABLE extra (a INTEGER)",
                                                  "INSERT INTO extra VALUES (1)"};
  constexpr std::array<std::string_view, 2> kBad{"CREATE TABLE extra (a INTEGER)",
                                                 "INSERT INTO nowhere VALUES (1)"};
  const std::string backup = file.path + ".format-2.backup";
  SUBCASE("good") {
    const std::array<Migration, 1> steps{{{.from = 2, .statements = kGood}}};
    REQUIRE(migrate(**database, steps, 3));
    CHECK(file.ask_sql("SELECT format FROM meta") == "3");
    CHECK(mode_of(backup) == 0600);
    file.path = backup;
    CHECK(read_all(*file.open()).size() == 1);
  }
  SUBCASE("bad") {
    const std::array<Migration, 1> steps{{{.from = 2, .statements = kBad}}};
    CHECK_FALSE(migrate(**database, steps, 3));
    CHECK(file.ask_sql("SELECT format FROM meta") == "2");
    CHECK(std::filesystem::exists(backup));
    CHECK(read_all(*file.open()).size() == 1);
    // The older copy is not overwritten by a second try.
    CHECK_FALSE(migrate(**database, steps, 3));
  }
  SUBCASE("no way there") {
    CHECK_FALSE(migrate(**database, {}, 3));
    CHECK(file.ask_sql("SELECT format FROM meta") == "2");
  }
  SUBCASE("nothing to do") {
    CHECK(migrate(**database, {}, 2));
    CHECK_FALSE(std::filesystem::exists(backup));
  }
}

// Goal: a journal of an older version is taken up as it is. Method: format 1 lacked one table.
TEST_CASE("a journal of format 1 is brought to the present one") {
  JournalFile file;
  {
    const std::unique_ptr<SqliteJournal> journal = file.open();
    append(*journal, {note("old")});
  }
  file.run_sql("DROP TABLE alerts");
  file.run_sql("UPDATE meta SET format = 1");
  CHECK(open_problem(file, OpenMode::read_only) ==
        "state: " + file.path + " has format 1 and has not been brought to format 2 yet");
  CHECK(read_all(*file.open()).size() == 1);
  CHECK(file.ask_sql("SELECT count(*) FROM alerts") == "0");
  CHECK(std::filesystem::exists(file.path + ".format-1.backup"));
}

// Goal: an alert is known again after any end of the process, until it expires.
TEST_CASE("an alert is known by its key") {
  JournalFile file;
  const std::string key(32, 'k');
  const Timestamp expires = *parse_rfc3339("2031-03-05T00:00:00Z");
  {
    const std::unique_ptr<SqliteJournal> journal = file.open();
    SqliteAlertIndex index(*journal);
    CHECK_FALSE(index.find(key, expires)->has_value());
    append(*journal,
           {note("before"),
            Entry{.kind = EntryKind::alert_received,
                  .at = expires - std::chrono::hours{1},
                  .body = Value::map({{"key", hex_encode(key)}, {"expires", Value(expires)}})}});
  }
  const std::unique_ptr<SqliteJournal> journal = file.open();
  SqliteAlertIndex index(*journal);
  CHECK(*index.find(key, expires) == 2);
  CHECK_FALSE(index.find(key, expires + Duration{1})->has_value());
  CHECK_FALSE(index.find(std::string(32, 'x'), expires)->has_value());
  REQUIRE(index.prune(expires + Duration{1}));
  CHECK_FALSE(index.find(key, expires)->has_value());
}

TEST_CASE("another MAC key is told apart from damage") {
  JournalFile file;
  { file.open(); }
  SeededRandom random(99);
  file.keys = KeyRing::in_memory(random);
  CHECK(open_problem(file) == "secret: " + file.path + " was made with another entry MAC key");
}

TEST_CASE("a reader needs no owner, no key and no place to write") {
  JournalFile file;
  {
    const std::unique_ptr<SqliteJournal> owner = file.open();
    append(*owner, {run_start(), note("x")});
    CHECK(read_all(*file.open(OpenMode::read_only)).size() == 2);
  }
  CHECK(read_all(*file.open(OpenMode::read_only)).size() == 2);
  const Result<std::unique_ptr<SqliteJournal>> keyless =
      file.try_open(OpenMode::read_only, /*with_keys=*/false);
  REQUIRE(keyless);
  CHECK(read_all(**keyless).size() == 2);
  const Result<VerifyReport> report = (*keyless)->verify();
  REQUIRE(report);
  CHECK_FALSE(report->failure.has_value());
  CHECK_FALSE(report->macs_checked);
}

TEST_CASE("a reader sees a whole journal while the owner writes") {
  JournalFile file;
  const std::unique_ptr<SqliteJournal> owner = file.open();
  append(*owner, {note("0")});
  const std::unique_ptr<SqliteJournal> reader = file.open(OpenMode::read_only);
  std::size_t seen = 0;
  const Status done = reader->read(0, [&](const StoredEntry&) {
    ++seen;
    // The owner waits for nobody, and what it adds now is not part of this view.
    append(*owner, {note("while reading")});
    return ok();
  });
  CHECK(done);
  CHECK(seen == 1);
  for (std::uint64_t round = 0; round < 50; ++round) {
    append(*owner, {note("a"), note("b")});
    CHECK(read_all(*reader).size() == 2 + 2 * (round + 1));
    CHECK_FALSE(reader->verify()->failure.has_value());
  }
}

// Goal: two owners never weave two histories into one chain (threat T50).
TEST_CASE("an owner that was overtaken cannot append") {
  JournalFile file;
  const std::unique_ptr<SqliteJournal> first = file.open();
  const std::unique_ptr<SqliteJournal> second = file.open();
  append(*first, {note("first")});
  const std::vector<Entry> entries{note("second")};
  const Result<Tip> refused = second->append(entries);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::conflict);
  CHECK(refused.error().topic == "locked");
  append(*first, {note("goes on")});
  CHECK_FALSE(first->verify()->failure.has_value());
}

TEST_CASE("a writer in the way is an error at once, not a wait") {
  JournalFile file;
  const std::unique_ptr<SqliteJournal> owner = file.open();
  Result<std::unique_ptr<SqliteDatabase>> other = SqliteDatabase::open({.path = file.path});
  REQUIRE(other);
  Result<SqliteTransaction> lock = SqliteTransaction::begin_immediate(**other);
  REQUIRE(lock);
  const std::vector<Entry> entries{note("x")};
  const Result<Tip> refused = owner->append(entries);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::conflict);
}

// Goal: a full disk loses nothing that was reported, and goes away with its cause.
TEST_CASE("a full disk refuses the append, keeps the rest and recovers") {
  JournalFile file;
  std::size_t kept = 0;
  {
    const Result<std::unique_ptr<SqliteJournal>> journal =
        file.try_open(OpenMode::read_write, /*with_keys=*/true, /*pages_max=*/16);
    REQUIRE(journal);
    const std::vector<Entry> large{note(std::string(3'000, 'x')), note(std::string(3'000, 'y'))};
    std::optional<Error> refused;
    for (int round = 0; round < 100 && !refused; ++round) {
      const Result<Tip> tip = (*journal)->append(large);
      if (tip) {
        kept = tip->seq;
      } else {
        refused = tip.error();
      }
    }
    REQUIRE(refused.has_value());
    CHECK(refused->code == ErrorCode::transient);
    CHECK(refused->topic == "state");
    CHECK(refused->message == "the disk is full");
    CHECK(refused->hint.starts_with("free space on " + file.folder.path()));
    CHECK(kept > 2);
    CHECK((*journal)->tip()->seq == kept);
    CHECK(read_all(**journal).size() == kept);
    CHECK_FALSE((*journal)->verify()->failure.has_value());
  }
  const std::unique_ptr<SqliteJournal> journal = file.open();
  CHECK(read_all(*journal).size() == kept);
  append(*journal, {note("room again")});
  CHECK(journal->tip()->seq == kept + 1);
}

TEST_CASE("a large entry fits") {
  JournalFile file;
  const std::unique_ptr<SqliteJournal> journal = file.open();
  append(*journal, {note(std::string(kEntryBytesMax - 200, 'x'))});
  CHECK(read_all(*journal).size() == 1);
  CHECK_FALSE(journal->verify()->failure.has_value());
}

TEST_CASE("the report of a whole journal reads as the command line prints it") {
  JournalFile file;
  const std::unique_ptr<SqliteJournal> journal = file.open();
  Result<VerifyReport> report = journal->verify();
  REQUIRE(report);
  CHECK(verify_text(*report) == "no entries, no runs, chain whole, tip " +
                                    hex_of(report->tip.hash).substr(0, 12) +
                                    "\nno signatures; no entries unsigned\n");
  append(*journal, {run_start(), note("a")});
  REQUIRE(journal->sign_head());
  append(*journal, {note("b")});
  REQUIRE(journal->sign_head());
  append(*journal, {note("c")});
  report = journal->verify();
  REQUIRE(report);
  const std::string key = signing_key_id(file.keys->signing_public_key()).substr(0, 8);
  CHECK(verify_text(*report) ==
        "4 entries, 1 run, chain whole, tip " + hex_of(report->tip.hash).substr(0, 12) +
            "\n2 signatures by key fp:" + key + " hold; 1 entry since the last one\n");
  CHECK(report->macs_checked);
}

TEST_CASE("an export line carries the bytes as they were hashed") {
  JournalFile file;
  const std::unique_ptr<SqliteJournal> journal = file.open();
  append(*journal, {note("é")});
  const StoredEntry entry = read_all(*journal).front();
  CHECK(export_line(entry) ==
        R"({"entry":)" + entry.bytes + R"(,"hash":")" + hex_of(entry.hash) + R"(","seq":1})");
}

}  // namespace quell
