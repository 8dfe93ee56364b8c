// Open pages hear of what moved, and after a gap they are told to look at everything.
#include "orchestrator/api/change_feed.h"

#include <string>

#include <doctest/doctest.h>

namespace quell::test {
namespace {

Entry entry_of(std::uint64_t run, const char* step, const char* item) {
  return {.kind = EntryKind::attempt_finished,
          .run = {.number = run},
          .body = Value::map({{"step", step}, {"item", item}})};
}

std::string next_event(HttpReply& reply) {
  for (int looks = 0; looks < 10; ++looks) {
    const std::optional<std::string> piece = reply.more();
    REQUIRE(piece);
    if (!piece->empty()) return *piece;
  }
  return {};
}

TEST_CASE("a listener hears what came after the event that it saw last, of its run only") {
  ChangeFeed feed;
  feed.begin_at(40);
  feed.tell(41, entry_of(1, "kill", "a"));
  feed.tell(42, entry_of(2, "kill", "b"));
  feed.tell(43, entry_of(1, "kill", "c"));
  const ChangeFeed::Look all = feed.since(40, std::nullopt);
  REQUIRE(all.runs.size() == 2);
  CHECK(all.runs.at(RunId{.number = 1}).keys == std::set<std::string>{"kill/a", "kill/c"});
  CHECK(all.runs.at(RunId{.number = 1}).version == 43);
  CHECK(!all.has_gap);
  CHECK(all.last == 43);
  const ChangeFeed::Look one = feed.since(41, RunId{.number = 1});
  REQUIRE(one.runs.size() == 1);
  CHECK(one.runs.begin()->second.keys == std::set<std::string>{"kill/c"});
  CHECK(feed.since(43, std::nullopt).runs.empty());
}

// Goal: who takes the entries from the feed gets all of them, or is told to read the journal.
TEST_CASE("the last entries are at hand, without a gap within") {
  ChangeFeed feed;
  CHECK_FALSE(feed.entries_after(40));
  feed.tell(41, entry_of(1, "kill", "a"));
  REQUIRE(feed.entries_after(40));
  CHECK(feed.entries_after(40)->size() == 1);
  CHECK(feed.entries_after(40)->front().entry.body["item"] == Value("a"));
  CHECK(feed.entries_after(41)->empty());
  CHECK_FALSE(feed.entries_after(39));
  feed.tell(50, entry_of(1, "kill", "b"));
  CHECK_FALSE(feed.entries_after(40));
  CHECK(feed.entries_after(49)->size() == 1);
  for (std::uint64_t more = 1; more <= ChangeFeed::kEntriesMax; ++more)
    feed.tell(50 + more, entry_of(1, "kill", "c"));
  CHECK_FALSE(feed.entries_after(49));
  CHECK(feed.entries_after(50)->size() == ChangeFeed::kEntriesMax);
}

TEST_CASE("more places than are listed: the whole run is to be read again") {
  ChangeFeed feed;
  feed.begin_at(0);
  for (std::uint64_t seq = 1; seq <= 1'000; ++seq)
    feed.tell(seq, entry_of(1, "kill", std::to_string(seq).c_str()));
  const ChangeFeed::Moved moved = feed.since(0, std::nullopt).runs.at(RunId{.number = 1});
  CHECK(moved.has_more);
  CHECK(moved.version == 1'000);
  CHECK(moved.keys.size() <= ChangeFeed::kKeysMax + 1);
}

TEST_CASE("who was away for longer than is kept is told so") {
  ChangeFeed feed;
  feed.begin_at(100);
  CHECK(feed.since(7, std::nullopt).has_gap);
  feed.tell(101, entry_of(1, "kill", "a"));
  CHECK(!feed.since(100, std::nullopt).has_gap);
  CHECK(feed.since(99, std::nullopt).has_gap);
  for (std::uint64_t seq = 102; seq < 30'000; ++seq) feed.tell(seq, entry_of(1, "kill", "a"));
  CHECK(feed.since(101, std::nullopt).has_gap);
  CHECK(!feed.since(29'000, std::nullopt).has_gap);
}

TEST_CASE("the stream names run, version and keys, and its ids lead back to it") {
  ChangeFeed feed;
  feed.begin_at(0);
  HttpReply reply = stream_changes(feed, 0, std::nullopt);
  CHECK(next_event(reply).starts_with("retry: "));
  feed.tell(1, entry_of(17, "kill", "a"));
  feed.tell(2, entry_of(17, "kill", "b"));
  const std::string event = next_event(reply);
  CHECK(event ==
        "id: 2\nevent: change\ndata: {\"keys\":[\"kill/a\",\"kill/b\"],\"run\":\"r17x\","
        "\"version\":2}\n\n");
}

}  // namespace
}  // namespace quell::test
