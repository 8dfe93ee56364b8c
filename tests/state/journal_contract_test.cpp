// Every journal keeps the same contract: one suite over all of them.

#include <functional>

#include <doctest/doctest.h>

#include "state/base/sha256.h"
#include "tests/state/fixtures.h"
#include "tests/support/memory_journal.h"

namespace quell {
namespace {

constexpr std::size_t kNever = 1'000'000;

struct Case {
  std::string name;
  std::function<void(const std::function<void(Journal&)>&)> with;
};

std::vector<Case> all_journals() {
  return {
      {"memory",
       [](const auto& test) {
         MemoryJournal journal;
         test(journal);
       }},
      {"crashing, before its crash",
       [](const auto& test) {
         MemoryJournal disk;
         CrashingJournal journal(disk, kNever, Loss::entry_lost);
         test(journal);
       }},
      {"sqlite",
       [](const auto& test) {
         JournalFile file;
         const std::unique_ptr<SqliteJournal> journal = file.open();
         test(*journal);
       }},
  };
}

void for_each_journal(const std::function<void(Journal&)>& test) {
  for (const Case& each : all_journals()) {
    CAPTURE(each.name);
    each.with(test);
  }
}

}  // namespace

TEST_CASE("contract: a new journal is empty and has a genesis hash") {
  for_each_journal([](Journal& journal) {
    const Result<Tip> tip = journal.tip();
    REQUIRE(tip);
    CHECK(tip->seq == 0);
    CHECK(tip->hash.size() == 32);
    CHECK(read_all(journal).empty());
  });
}

TEST_CASE("contract: what is appended is read back in order, chained") {
  for_each_journal([](Journal& journal) {
    const Result<Tip> genesis = journal.tip();
    REQUIRE(genesis);
    append(journal, {run_start(), note("one")});
    append(journal, {approval("mara")});
    const std::vector<StoredEntry> entries = read_all(journal);
    REQUIRE(entries.size() == 3);
    std::string previous = genesis->hash;
    for (std::size_t at = 0; at < entries.size(); ++at) {
      CHECK(entries[at].seq == at + 1);
      CHECK(entries[at].hash == chain_hash(previous, at + 1, entries[at].bytes));
      previous = entries[at].hash;
    }
    CHECK(entries[0].entry.kind == EntryKind::run_started);
    CHECK(entries[1].entry.body["text"].string_or("") == "one");
    CHECK(entries[1].entry.run == RunId{.number = 1});
    CHECK(entries[1].entry.at == test_start());
    CHECK(entries[2].entry.kind == EntryKind::approval_given);
    const Result<Tip> tip = journal.tip();
    REQUIRE(tip);
    CHECK(tip->seq == 3);
    CHECK(tip->hash == previous);
  });
}

TEST_CASE("contract: append gives the tip behind its last entry") {
  for_each_journal([](Journal& journal) {
    const std::vector<Entry> two{note("a"), note("b")};
    const Result<Tip> after = journal.append(two);
    REQUIRE(after);
    const Result<Tip> tip = journal.tip();
    REQUIRE(tip);
    CHECK(after->seq == 2);
    CHECK(after->hash == tip->hash);
  });
}

TEST_CASE("contract: an entry that cannot be written takes its whole append with it") {
  for_each_journal([](Journal& journal) {
    append(journal, {note("kept")});
    Entry bad = note("");
    bad.body = Value::list({1});
    const std::vector<Entry> both{note("lost"), bad};
    const Result<Tip> refused = journal.append(both);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::invalid);
    CHECK(read_all(journal).size() == 1);
    append(journal, {note("next")});
    CHECK(read_all(journal).back().seq == 2);
  });
}

TEST_CASE("contract: reading starts behind a number and stops when told") {
  for_each_journal([](Journal& journal) {
    append(journal, {note("1"), note("2"), note("3"), note("4")});
    std::vector<std::uint64_t> seen;
    const auto collect = [&seen](const StoredEntry& entry) {
      seen.push_back(entry.seq);
      return ok();
    };
    CHECK(journal.read(2, collect));
    CHECK(seen == std::vector<std::uint64_t>{3, 4});
    seen.clear();
    CHECK(journal.read(4, collect));
    CHECK(journal.read(99, collect));
    CHECK(seen.empty());
    const Status stopped = journal.read(0, [&seen](const StoredEntry& entry) -> Status {
      seen.push_back(entry.seq);
      if (entry.seq == 2) return make_error(ErrorCode::internal, "enough");
      return ok();
    });
    REQUIRE_FALSE(stopped);
    CHECK(stopped.error().message == "enough");
    CHECK(seen == std::vector<std::uint64_t>{1, 2});
  });
}

// Goal: an owner opens a long journal at the cost of what it wants to know.
TEST_CASE("contract: only what is wanted is read, and every label is shown") {
  for_each_journal([](Journal& journal) {
    Entry about_itself = note("of no run");
    about_itself.run = {};
    append(journal, {run_start(), note("2"), approval("mara"), about_itself, note("5")});
    std::vector<EntryLabel> labels;
    std::vector<std::uint64_t> seen;
    const auto collect = [&seen](const StoredEntry& entry) {
      seen.push_back(entry.seq);
      return ok();
    };
    const auto wants = [&labels](const EntryLabel& label) {
      labels.push_back(label);
      return label.kind == EntryKind::approval_given || label.seq == 5;
    };
    CHECK(journal.read_some(1, wants, collect));
    CHECK(seen == std::vector<std::uint64_t>{3, 5});
    REQUIRE(labels.size() == 4);
    CHECK(labels[0].seq == 2);
    CHECK(labels[1].run == RunId{.number = 1});
    CHECK(labels[2].run == RunId{});
    CHECK(labels[2].kind == EntryKind::note_added);
  });
}

TEST_CASE("contract: a visitor may look at the tip and read on its own") {
  for_each_journal([](Journal& journal) {
    append(journal, {note("1"), note("2")});
    std::size_t inner = 0;
    const Status done = journal.read(0, [&](const StoredEntry&) {
      CHECK(journal.tip()->seq == 2);
      return journal.read(1, [&inner](const StoredEntry&) {
        ++inner;
        return ok();
      });
    });
    CHECK(done);
    CHECK(inner == 2);
    append(journal, {note("3")});
  });
}

TEST_CASE("contract: signing gives the head and may be repeated") {
  for_each_journal([](Journal& journal) {
    append(journal, {note("1")});
    const Result<std::string> head = journal.sign_head();
    REQUIRE(head);
    CHECK(*head == head_text(*journal.tip()));
    const Result<std::string> again = journal.sign_head();
    REQUIRE(again);
    CHECK(*again == *head);
    append(journal, {note("2")});
    CHECK(journal.sign_head());
  });
}

// Goal: tests of the engine can trust their own crash.
TEST_CASE("the crashing journal loses or keeps exactly the append it dies on") {
  for (const Loss loss : {Loss::entry_lost, Loss::entry_kept}) {
    MemoryJournal disk;
    CrashingJournal dying(disk, 2, loss);
    append(dying, {note("1")});
    const std::vector<Entry> second{note("2"), note("3")};
    CHECK_THROWS_AS((void)dying.append(second), SimulatedCrash);
    CHECK_THROWS_AS((void)dying.tip(), SimulatedCrash);
    CHECK(dying.crashed());
    CHECK(disk.read_all().size() == (loss == Loss::entry_kept ? 3 : 1));
    CHECK_FALSE(disk.verify().failure.has_value());
  }
}

TEST_CASE("the memory journal notices damage as the real one does") {
  MemoryJournal journal;
  append(journal, {run_start(), note("2"), note("3")});
  CHECK(kinds(journal) == Kinds{"run_started", "note_added", "note_added"});
  journal.rows()[1].bytes[30] ^= 1;
  const Status done = journal.read(0, [](const StoredEntry&) { return ok(); });
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::corrupt);
  REQUIRE(journal.verify().failure.has_value());
  CHECK(journal.verify().failure->seq == 2);
}

}  // namespace quell
