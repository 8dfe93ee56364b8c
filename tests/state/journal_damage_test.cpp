// What a changed, shortened or rewritten journal looks like to `verify` and to the fold.

#include <filesystem>

#include <doctest/doctest.h>

#include "state/base/sha256.h"
#include "state/sqlite_schema.h"
#include "tests/state/fixtures.h"

namespace quell {
namespace {

constexpr std::uint64_t kEntryCount = 8;
constexpr std::size_t kSmallPage = 512;

/// A closed journal: eight entries, two with a MAC, signed after the fifth.
void fill(JournalFile& file) {
  const std::unique_ptr<SqliteJournal> journal = file.open();
  append(*journal, {run_start(), note("2"), note("3")});
  append(*journal, {approval("mara"), note("5")});
  REQUIRE(journal->sign_head());
  append(*journal, {note("6"), note("7"), note("8")});
}

/// Small pages and no WAL, so that each byte can be tried.
void make_small(JournalFile& file) {
  file.run_sql("PRAGMA journal_mode = DELETE; PRAGMA page_size = 512; VACUUM");
}

VerifyReport verify(JournalFile& file, const VerifyOptions& options = {}) {
  const std::unique_ptr<SqliteJournal> journal = file.open(OpenMode::read_only);
  Result<VerifyReport> report = journal->verify(options);
  if (!report) FAIL(describe(report.error()));
  return *report;
}

std::string sentence(const VerifyReport& report) {
  return report.failure ? report.failure->sentence : "whole";
}

/// How reading all entries ends.
std::string fold_problem(JournalFile& file) {
  const std::unique_ptr<SqliteJournal> journal = file.open(OpenMode::read_only);
  const Status done = journal->read(0, [](const StoredEntry&) { return ok(); });
  if (done) return "";
  CHECK(done.error().code == ErrorCode::corrupt);
  return done.error().message;
}

std::string blob(std::string_view bytes) { return "x'" + hex_of(bytes) + "'"; }

/// Rewrites the chain from `seq` on over whatever bytes lie there: what somebody can do who has the
/// database and no key.
void rechain(JournalFile& file, std::uint64_t seq, std::uint64_t count) {
  JournalIdentity identity{.id = file.ask_sql("SELECT journal FROM meta"),
                           .created = file.ask_sql("SELECT created FROM meta")};
  std::string previous = genesis_hash(identity);
  for (std::uint64_t at = 1; at <= count; ++at) {
    const std::string where = " WHERE seq = " + std::to_string(at);
    const std::string bytes = file.ask_sql("SELECT bytes FROM entries" + where);
    const std::string hash = chain_hash(previous, at, bytes);
    if (at >= seq) file.run_sql("UPDATE entries SET hash = " + blob(hash) + where);
    previous = hash;
  }
  file.run_sql("UPDATE head SET seq = " + std::to_string(count) + ", hash = " + blob(previous));
}

struct Baseline {
  std::vector<std::string> entries{};
  std::string image{};
};

/// What the damaged file may lead to: an error, a failed verify, or the very same entries.
void check_image(JournalFile& file, const Baseline& good, std::string_view image) {
  write_file(file.path, image);
  const Result<std::unique_ptr<SqliteJournal>> journal = file.try_open(OpenMode::read_only);
  if (!journal) return;
  const Result<VerifyReport> report = (*journal)->verify();
  if (!report || report->failure) return;
  std::vector<std::string> entries;
  const Status done = (*journal)->read(0, [&entries](const StoredEntry& entry) {
    entries.push_back(entry.bytes);
    return ok();
  });
  REQUIRE(done);
  REQUIRE(entries == good.entries);
}

}  // namespace

// Goal: what is passed by undecoded is checked all the same.
// Method: a changed byte in an entry that nobody wants, with and without a chain made anew over it.
TEST_CASE("damage in an entry that is not wanted is noticed") {
  JournalFile file;
  fill(file);
  file.run_sql(
      "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"3\"', '\"4\"') AS BLOB) "
      "WHERE seq = 3");
  const auto problem = [&file] {
    const std::unique_ptr<SqliteJournal> journal = file.open(OpenMode::read_only);
    const Status done = journal->read_some(
        0, [](const EntryLabel&) { return false; }, [](const StoredEntry&) { return ok(); });
    return done ? std::string() : done.error().message;
  };
  CHECK(problem() == "journal entry 3 does not match its hash");
  rechain(file, 3, kEntryCount);
  CHECK(problem() == "the head row of the journal does not match its MAC");
}

// Goal: no changed byte of the file passes for the record, and none crashes the reader.
// Method: every byte of a small file in turn, each with another bit.
TEST_CASE("any flipped byte of the file is noticed or changes nothing that is told") {
  JournalFile file;
  fill(file);
  make_small(file);
  Baseline good;
  for (const StoredEntry& entry : read_all(*file.open(OpenMode::read_only))) {
    good.entries.push_back(entry.bytes);
  }
  good.image = read_file(file.path);
  REQUIRE(good.entries.size() == kEntryCount);
  CHECK(sentence(verify(file)) == "whole");
  for (std::size_t at = 0; at < good.image.size(); ++at) {
    CAPTURE(at);
    std::string image = good.image;
    image[at] = static_cast<char>(static_cast<unsigned char>(image[at]) ^ (1U << at % 8));
    check_image(file, good, image);
  }
}

TEST_CASE("a file cut at any page is noticed") {
  JournalFile file;
  fill(file);
  make_small(file);
  const std::string image = read_file(file.path);
  REQUIRE(image.size() % kSmallPage == 0);
  for (std::size_t length = 0; length < image.size(); length += kSmallPage) {
    CAPTURE(length);
    write_file(file.path, std::string_view(image).substr(0, length));
    const Result<std::unique_ptr<SqliteJournal>> journal = file.try_open(OpenMode::read_only);
    if (!journal) continue;
    const Result<VerifyReport> report = (*journal)->verify();
    CHECK((!report || report->failure));
  }
}

// Goal: each byte of each entry and of its hash is covered; the entry is named.
TEST_CASE("every flipped byte of an entry row names that entry") {
  JournalFile file;
  fill(file);
  for (std::uint64_t seq = 1; seq <= kEntryCount; ++seq) {
    for (const std::string column : {"bytes", "hash"}) {
      const std::string where = " WHERE seq = " + std::to_string(seq);
      const std::string good = file.ask_sql("SELECT " + column + " FROM entries" + where);
      const std::unique_ptr<SqliteJournal> journal = file.open(OpenMode::read_only);
      for (std::size_t at = 0; at < good.size(); ++at) {
        CAPTURE(seq);
        CAPTURE(column);
        CAPTURE(at);
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 1);
        file.run_sql("UPDATE entries SET " + column + " = " + blob(bad) + where);
        const Result<VerifyReport> report = journal->verify();
        REQUIRE(report);
        REQUIRE(report->failure.has_value());
        CHECK(report->failure->seq == seq);
        CHECK(report->failure->sound == seq - 1);
        CHECK(report->entries == seq - 1);
      }
      file.run_sql("UPDATE entries SET " + column + " = " + blob(good) + where);
    }
  }
  CHECK(sentence(verify(file)) == "whole");
}

TEST_CASE("a changed entry is told in the words of the command line") {
  JournalFile file;
  fill(file);
  file.run_sql(
      "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"5\"', '\"4\"') AS BLOB) "
      "WHERE seq = 5");
  const VerifyReport report = verify(file);
  CHECK(sentence(report) == "entry 5 (note_added, r1c) does not match its hash; 4 before it hold");
  CHECK(report.failure->label == "(note_added, r1c)");
  CHECK(verify_text(report) == sentence(report) + "\n");
  CHECK(fold_problem(file) == "journal entry 5 does not match its hash");
}

TEST_CASE("a removed entry leaves a gap") {
  for (std::uint64_t seq = 1; seq < kEntryCount; ++seq) {
    CAPTURE(seq);
    JournalFile file;
    fill(file);
    file.run_sql("DELETE FROM entries WHERE seq = " + std::to_string(seq));
    const VerifyReport report = verify(file);
    REQUIRE(report.failure.has_value());
    CHECK(report.failure->seq == seq);
    CHECK(report.failure->sound == seq - 1);
    CHECK(sentence(report).starts_with("entry " + std::to_string(seq) + " is missing; "));
    CHECK(fold_problem(file) == "journal entry " + std::to_string(seq) + " is missing");
  }
}

// Goal: a renumbered journal without one entry does not pass either.
TEST_CASE("a removed entry with the rest renumbered and chained anew is noticed") {
  JournalFile file;
  fill(file);
  file.run_sql("DELETE FROM entries WHERE seq = 2");
  for (std::uint64_t seq = 3; seq <= kEntryCount; ++seq) {
    file.run_sql("UPDATE entries SET seq = seq - 1 WHERE seq = " + std::to_string(seq));
  }
  rechain(file, 1, kEntryCount - 1);
  // The approval stood behind other entries.
  CHECK(sentence(verify(file)) ==
        "entry 3 (approval_given, r1c) does not match its MAC; 2 before it hold");
}

TEST_CASE("a cut tail shows by the head row, or by a signature") {
  for (std::uint64_t left = 0; left < kEntryCount; ++left) {
    CAPTURE(left);
    JournalFile file;
    fill(file);
    file.run_sql("DELETE FROM entries WHERE seq > " + std::to_string(left));
    const std::string claimed = left < 5 ? "signed tip 5" : "head 8";
    const VerifyReport report = verify(file);
    CHECK(sentence(report) == "the tail is cut: " + claimed + ", found " + std::to_string(left));
    CHECK(report.failure->sound == left);
    CHECK_FALSE(fold_problem(file).empty());
    CHECK_FALSE(file.try_open(OpenMode::read_write));
  }
}

// Goal: says what can be seen and what cannot, when the head row is rolled back too.
// Method: the head row of an earlier day, with its right MAC, is put back together with its
// entries.
TEST_CASE("a rollback to an older head shows by a signature or an anchor, and else not") {
  JournalFile file;
  std::string head_three;
  std::string anchor;
  const auto put_back = [&file](std::uint64_t seq, const std::string& mac) {
    const std::string number = std::to_string(seq);
    file.run_sql("DELETE FROM entries WHERE seq > " + number);
    file.run_sql("UPDATE head SET seq = " + number + ", mac = " + blob(mac) +
                 ", hash = (SELECT hash FROM entries WHERE seq = " + number + ")");
  };
  {
    const std::unique_ptr<SqliteJournal> journal = file.open();
    append(*journal, {run_start(), note("2"), note("3")});
    head_three = file.ask_sql("SELECT mac FROM head");
    append(*journal, {note("4")});
    anchor = head_text(*journal->tip());
  }
  SUBCASE("signed: noticed") {
    REQUIRE(file.open()->sign_head());
    put_back(3, head_three);
    CHECK(sentence(verify(file)) == "the tail is cut: signed tip 4, found 3");
  }
  SUBCASE("unsigned: only an anchor shows it") {
    put_back(3, head_three);
    CHECK(sentence(verify(file)) == "whole");
    CHECK(sentence(verify(file, {.expected_head = parse_head(anchor)})) ==
          "the tail is cut: anchored head 4, found 3");
  }
}

TEST_CASE("an outside anchor holds, and shows another history") {
  JournalFile file;
  fill(file);
  const std::string five = "5:" + hex_of(file.ask_sql("SELECT hash FROM entries WHERE seq = 5"));
  CHECK(sentence(verify(file, {.expected_head = parse_head(five)})) == "whole");
  const Tip other{.seq = 5, .hash = sha256("another history")};
  CHECK(sentence(verify(file, {.expected_head = other})) ==
        "entry 5 is not the anchored one: expected " + hex_of(other.hash).substr(0, 12) +
            ", found " + five.substr(2, 12));
  const Tip none{.seq = 0, .hash = sha256("another journal")};
  CHECK(sentence(verify(file, {.expected_head = none})) ==
        "the anchored head is of another journal");
}

TEST_CASE("entries behind the head are noticed") {
  JournalFile file;
  fill(file);
  const std::string bytes = *encode_entry(note("slipped in"));
  const std::string before = file.ask_sql("SELECT hash FROM entries WHERE seq = 8");
  file.run_sql("INSERT INTO entries VALUES (9, " + blob(chain_hash(before, 9, bytes)) + ", " +
               blob(bytes) + ")");
  CHECK(sentence(verify(file)) == "entries stand behind the head: head 8, found 9");
  CHECK(fold_problem(file) == "entries stand behind the head of the journal: head 8, found 9");
}

// Goal: an approval written straight into the database makes nobody act (threat T26).
TEST_CASE("a forged security entry with a right chain is refused by the fold and by verify") {
  JournalFile file;
  fill(file);
  std::string forged;
  std::string expected;
  SUBCASE("without a MAC") {
    forged = *encode_entry(approval("mallory"));
    expected = "carries no MAC";
  }
  SUBCASE("with a MAC by another key") {
    forged = *encode_entry(approval("mallory"), std::string(64, 'a'));
    expected = "does not match its MAC";
  }
  SUBCASE("with the bytes of a real approval") {
    forged = file.ask_sql("SELECT bytes FROM entries WHERE seq = 4");
    expected = "does not match its MAC";
  }
  file.run_sql("INSERT INTO entries VALUES (9, x'', " + blob(forged) + ")");
  rechain(file, 9, 9);
  CHECK(sentence(verify(file)) ==
        "entry 9 (approval_given, r1c) " + expected + "; 8 before it hold");
  // The head row could not be forged either, and that shows before anything is folded.
  CHECK(fold_problem(file) == "the head row of the journal does not match its MAC");
  // Without the head's help the fold refuses the entry itself.
  const Tip tip{.seq = 9, .hash = file.ask_sql("SELECT hash FROM head")};
  const JournalIdentity identity{.id = file.ask_sql("SELECT journal FROM meta"),
                                 .created = file.ask_sql("SELECT created FROM meta")};
  file.run_sql("UPDATE head SET mac = " + blob(file.keys->head_mac(head_mac_text(identity, tip))));
  CHECK(fold_problem(file) == "journal entry 9 " + expected);
}

TEST_CASE("a rewritten entry with a right chain is shown by signature, head and MACs") {
  JournalFile file;
  fill(file);
  const auto rewrite = [&file](std::uint64_t seq) {
    file.run_sql("UPDATE entries SET bytes = " + blob(*encode_entry(note("rewritten"))) +
                 " WHERE seq = " + std::to_string(seq));
    rechain(file, seq, kEntryCount);
  };
  SUBCASE("before an approval") {
    rewrite(3);
    CHECK(sentence(verify(file)) ==
          "entry 4 (approval_given, r1c) does not match its MAC; 3 before it hold");
  }
  SUBCASE("before a signature") {
    rewrite(5);
    CHECK(sentence(verify(file)).starts_with("entry 5 is not the one that key fp:"));
    CHECK(verify(file).failure->sound == 0);
  }
  SUBCASE("behind both") {
    rewrite(7);
    CHECK(sentence(verify(file)) == "the head row does not match its MAC");
    CHECK(verify(file).failure->sound == 5);
  }
}

TEST_CASE("signatures that do not hold are named") {
  JournalFile file;
  fill(file);
  SUBCASE("a changed signature") {
    file.run_sql("UPDATE signatures SET signature = zeroblob(64)");
    CHECK(sentence(verify(file)).ends_with("does not hold"));
  }
  SUBCASE("a changed time") {
    file.run_sql("UPDATE signatures SET signed_at = '2030-01-01T00:00:00.000Z'");
    CHECK(sentence(verify(file)).ends_with("does not hold"));
  }
  SUBCASE("moved to another entry") {
    file.run_sql("UPDATE signatures SET seq = 6");
    CHECK(sentence(verify(file)).ends_with("does not hold"));
  }
  SUBCASE("by a key that nobody named") {
    CHECK(sentence(verify(file, {.trusted_keys = {std::string(64, 'a')}}))
              .ends_with("is by a key that nobody named"));
    const std::string id = signing_key_id(file.keys->signing_public_key());
    CHECK(sentence(verify(file, {.trusted_keys = {id}})) == "whole");
  }
}

TEST_CASE("a signing key that was rotated in a security entry is trusted") {
  JournalFile file;
  SeededRandom random(50);
  const std::unique_ptr<KeyRing> next = KeyRing::in_memory(random);
  const std::string old_id = signing_key_id(file.keys->signing_public_key());
  const std::string new_id = signing_key_id(next->signing_public_key());
  bool recorded = false;
  SUBCASE("recorded") { recorded = true; }
  SUBCASE("not recorded") { recorded = false; }
  {
    const std::unique_ptr<SqliteJournal> journal = file.open();
    append(*journal, {note("1")});
    if (recorded) {
      append(*journal,
             {{.kind = EntryKind::key_rotated,
               .at = test_start(),
               .body = Value::map({{"key", "signing"}, {"old", old_id}, {"new", new_id}})}});
    }
    const Tip tip = *journal->tip();
    const std::string at = "2031-03-04T05:06:08.000Z";
    const std::string signature = next->sign(head_signature_text(journal->identity(), tip, at));
    file.run_sql("INSERT INTO signatures VALUES (" + std::to_string(tip.seq) + ", '" + new_id +
                 "', " + blob(tip.hash) + ", '" + at + "', " + blob(next->signing_public_key()) +
                 ", " + blob(signature) + ")");
  }
  if (recorded) {
    CHECK(sentence(verify(file)) == "whole");
  } else {
    CHECK(sentence(verify(file)).ends_with("is by a key that nobody named"));
  }
}

TEST_CASE("a missing or foreign head row is noticed") {
  JournalFile file;
  fill(file);
  SUBCASE("missing") {
    file.run_sql("DELETE FROM head");
    CHECK(sentence(verify(file)) == "the head row is missing");
  }
  SUBCASE("another hash") {
    file.run_sql("UPDATE head SET hash = zeroblob(32)");
    CHECK(sentence(verify(file)) == "the head row is not that of the last entry");
  }
  SUBCASE("another MAC") {
    file.run_sql("UPDATE head SET mac = zeroblob(32)");
    CHECK(sentence(verify(file)) == "the head row does not match its MAC");
  }
  SUBCASE("an older one") {
    file.run_sql("UPDATE head SET seq = 7, hash = (SELECT hash FROM entries WHERE seq = 7)");
    CHECK(sentence(verify(file)) == "entries stand behind the head: head 7, found 8");
  }
  CHECK_FALSE(fold_problem(file).empty());
  CHECK_FALSE(file.try_open(OpenMode::read_write));
}

TEST_CASE("another journal id or birth is another chain") {
  JournalFile file;
  fill(file);
  SUBCASE("id") { file.run_sql("UPDATE meta SET journal = '" + std::string(32, 'a') + "'"); }
  SUBCASE("birth") { file.run_sql("UPDATE meta SET created = '2030-01-01T00:00:00.000Z'"); }
  CHECK(sentence(verify(file)) ==
        "entry 1 (run_started, r1c) does not match its hash; nothing is before it");
}

}  // namespace quell
