// Whoever only looks sees what the journal says, while an engine writes it.
#include "orchestrator/api/run_board.h"

#include <string>

#include <doctest/doctest.h>

#include "tests/orchestrator/engine/bench_world.h"
#include "tests/support/temp_folder.h"

namespace quell::test {
namespace {

constexpr std::string_view kKillAll = R"(quell: 1
id: kill-all
title: Kill everything
purpose: Every thing of the vendor dies, with proof.
steps:
  - id: things
    use: vendor.list_things
  - id: kill
    use: vendor.kill_thing
    foreach: {items: "${steps.things.things}", as: t, key: "${t.id}", concurrency: 2, max: 10}
    with: {id: "${t.id}"}
    plane: holder
    kills: [refresh]
    irreversible: true
    verify: [{probe: vendor.thing_is_dead, with: {id: "${t.id}"}}]
)";

/// An engine that writes a file, and a board that reads it.
struct Office {
  TempFolder folder{};
  Bench bench{};
  SeededRandom random{7};
  std::string path = folder / "quell.db";
  std::unique_ptr<KeyRing> keys = KeyRing::in_memory(random);
  std::unique_ptr<SqliteJournal> journal = open_journal();
  ConnectorSet connectors = vendor_connectors();
  std::shared_ptr<const Playbook> playbook = playbook_from(std::string(kKillAll), connectors);
  int loads = 0;
  ChangeFeed feed{};
  RunBoard board{{.database = path,
                  .load_playbook = [this](const std::string&, const std::string&,
                                          const std::map<std::string, std::string>&)
                      -> Result<std::shared_ptr<const Playbook>> {
                    ++loads;
                    return playbook;
                  },
                  .connectors = connectors,
                  .feed = feed}};

  std::unique_ptr<SqliteJournal> open_journal() {
    Result<std::unique_ptr<SqliteJournal>> opened =
        SqliteJournal::open({.path = path,
                             .mode = OpenMode::read_write,
                             .keys = keys.get(),
                             .clock = &bench.clock,
                             .random = &random});
    REQUIRE(opened);
    return std::move(*opened);
  }
  RunId run_one(const std::string& key = {}) {
    bench.vendor.alive = {"a", "b", "c"};
    ProcessRun process(*journal, bench.secrets, bench.vendor, bench.clock, connectors);
    REQUIRE(process.engine.load());
    RunRequest request = request_for(playbook);
    request.request_key = key;
    const Result<RunId> id = process.engine.start(request);
    REQUIRE(id);
    run_on(process.engine, *id, bench.clock);
    return *id;
  }
};

TEST_CASE("a run is seen as it stands, while it goes on and when it is over") {
  Office office;
  ProcessRun process(*office.journal, office.bench.secrets, office.bench.vendor, office.bench.clock,
                     office.connectors);
  REQUIRE(process.engine.load());
  const Result<RunId> id = process.engine.start(request_for(office.playbook));
  REQUIRE(id);
  const auto seen = [&](const auto& look) {
    bool looked = false;
    REQUIRE(office.board.with_run(*id, [&](const RunState& run) {
      looked = true;
      look(run);
    }));
    CHECK(looked);
  };
  seen([](const RunState& run) { CHECK(!run.finished()); });
  run_on(process.engine, *id, office.bench.clock);
  seen([&](const RunState& run) {
    CHECK(run.result == RunResult::contained);
    CHECK(run.steps.at("kill").items.size() == 3);
    CHECK(run.digest == process.engine.find(*id)->digest);
  });
  CHECK(office.loads == 1);  // what was folded once is gone on with, not begun anew
}

// Goal: what the engine has just told is not read back from the disk, and where the feed no longer
// has all of it, the disk's word is complete.
// Method: an entry that only the feed knows shows; behind a gap it does not.
TEST_CASE("what the feed tells is taken from it, without gaps") {
  for (const std::uint64_t missing : {0U, 1U}) {
    CAPTURE(missing);
    Office office;
    const RunId id = office.run_one();
    const auto tip = office.journal->tip();
    REQUIRE(tip);
    const auto last = [&] {
      const Result<std::vector<RunRow>> rows = office.board.rows(std::nullopt, 1);
      REQUIRE(rows);
      return rows->front().id.number;
    };
    CHECK(last() == id.number);
    office.feed.tell(tip->seq + 1 + missing, {.kind = EntryKind::run_started,
                                              .run = {.number = id.number + 1},
                                              .at = office.bench.clock.now(),
                                              .body = Value::map({{"mode", "dry_run"}})});
    CHECK(last() == id.number + 1 - missing);
  }
}

TEST_CASE("runs of the past are listed from their ends alone, and folded when somebody asks") {
  Office office;
  std::vector<RunId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(office.run_one());
  office.loads = 0;
  const Result<std::vector<RunRow>> rows = office.board.rows(std::nullopt, 3);
  REQUIRE(rows);
  REQUIRE(rows->size() == 3);
  CHECK(rows->front().id == ids.back());
  CHECK(rows->front().result == RunResult::contained);
  CHECK(rows->front().finished);
  CHECK(rows->front().playbook == "kill-all");
  const Result<std::vector<RunRow>> more = office.board.rows(rows->back().id, 3);
  REQUIRE(more);
  CHECK(more->size() == 2);
  CHECK(more->back().id == ids.front());
  CHECK(office.loads == 0);

  REQUIRE(office.board.with_run(ids.front(), [](const RunState& run) { CHECK(run.finished()); }));
  REQUIRE(office.board.with_run(ids.front(), [](const RunState& run) { CHECK(run.finished()); }));
  CHECK(office.loads == 1);
  CHECK(!office.board.with_run({.number = 99}, [](const RunState&) { CHECK(false); }));
}

TEST_CASE("many runs of the past do not stay in memory") {
  Office office;
  std::vector<RunId> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(office.run_one());
  for (const RunId id : ids) REQUIRE(office.board.with_run(id, [](const RunState&) {}));
  office.bench.clock.advance(std::chrono::hours{48});
  std::size_t present = 99;
  REQUIRE(office.board.with_present_runs(
      office.bench.clock.now(),
      [&](const std::vector<const RunState*>& runs) { present = runs.size(); }));
  CHECK(present == 0);
  office.loads = 0;
  REQUIRE(office.board.with_run(ids.front(), [](const RunState&) {}));
  CHECK(office.loads == 1);  // it had been let go
  REQUIRE(office.board.with_run(ids.back(), [](const RunState&) {}));
  CHECK(office.loads == 1);  // it had not
}

TEST_CASE("the key of a request leads to the run that it began, also for a board that is new") {
  Office office;
  office.run_one();
  const RunId wanted = office.run_one("k-17");
  office.run_one();
  const Result<std::optional<RunId>> found = office.board.begun_by("k-17");
  REQUIRE(found);
  CHECK(*found == wanted);
  const Result<std::optional<RunId>> none = office.board.begun_by("k-18");
  REQUIRE(none);
  CHECK(!*none);
}

}  // namespace
}  // namespace quell::test
