// A long journal is opened at the cost of what is unfinished in it.
#include "orchestrator/engine/fold.h"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "bench_world.h"
#include "orchestrator/report/run_document.h"
#include "state/base/json.h"

namespace quell::test {
namespace {

constexpr std::string_view kFoldedKill = R"(quell: 1
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

/// Three runs side by side: the first and the last end, the second is cut off.
struct ThreeRuns {
  Bench bench{};
  ConnectorSet connectors = vendor_connectors();
  std::shared_ptr<const Playbook> playbook = playbook_from(std::string(kFoldedKill), connectors);
  PlaybookLoader load = [this](const std::string&, const std::string&,
                               const std::map<std::string, std::string>&) {
    ++loads;
    return playbook;
  };
  int loads = 0;

  ThreeRuns() {
    bench.run(std::string(kFoldedKill));
    bench.vendor.alive = {"d", "e", "f"};
    {
      ProcessRun process(bench.journal, bench.secrets, bench.vendor, bench.clock, connectors);
      REQUIRE(process.engine.load());
      REQUIRE(process.engine.start(request_for(playbook)));
      REQUIRE(process.engine.turn(bench.clock.now()));
    }
    bench.clock.advance(Duration(1'000));
    ProcessRun process(bench.journal, bench.secrets, bench.vendor, bench.clock, connectors);
    REQUIRE(process.engine.load());
    const Result<RunId> third = process.engine.start(request_for(playbook));
    REQUIRE(third);
    run_on(process.engine, *third, bench.clock);
    REQUIRE(process.engine.find(*third)->finished());
  }
};

std::vector<std::uint64_t> numbers(const Folded& folded) {
  std::vector<std::uint64_t> list;
  for (const auto& [id, run] : folded.runs) list.push_back(id.number);
  return list;
}

}  // namespace

// Goal: a part of the journal folds to what the whole says of it.
TEST_CASE("folding some runs gives what folding all gives of them") {
  ThreeRuns three;
  MemoryJournal& journal = three.bench.journal;
  const Result<Folded> all = fold_journal(journal, nullptr, three.load, three.connectors);
  REQUIRE(all);
  CHECK(numbers(*all) == std::vector<std::uint64_t>{1, 2, 3});
  const auto same = [&](const Result<Folded>& some) {
    REQUIRE(some);
    CHECK(some->last == all->last);
    for (const auto& [id, run] : some->runs) {
      CAPTURE(id.number);
      CHECK(to_json(run_document(run, three.connectors)) ==
            to_json(run_document(all->runs.at(id), three.connectors)));
      CHECK(run.last_seq == all->runs.at(id).last_seq);
    }
  };
  three.loads = 0;
  const Result<Folded> open = fold_unfinished(journal, nullptr, three.load, three.connectors);
  same(open);
  CHECK(numbers(*open) == std::vector<std::uint64_t>{2});
  CHECK(three.loads == 1);
  const Result<Folded> one =
      fold_run(journal, {.number = 1}, nullptr, three.load, three.connectors);
  same(one);
  CHECK(numbers(*one) == std::vector<std::uint64_t>{1});
  const Result<Folded> none =
      fold_run(journal, {.number = 9}, nullptr, three.load, three.connectors);
  same(none);
  CHECK(none->runs.empty());
  const Timestamp second = all->runs.at({.number = 2}).started;
  const Result<Folded> since =
      fold_since(journal, second + Duration(1), nullptr, three.load, three.connectors);
  same(since);
  CHECK(numbers(*since) == std::vector<std::uint64_t>{3});
  const Result<Folded> later =
      fold_since(journal, second + Duration(3'600'000), nullptr, three.load, three.connectors);
  REQUIRE(later);
  CHECK(later->runs.empty());
}

TEST_CASE("a journal without an unfinished run folds to none and knows the last one") {
  Bench bench;
  bench.run(std::string(kFoldedKill));
  const ConnectorSet connectors = vendor_connectors();
  const PlaybookLoader load =
      [](const std::string&, const std::string&,
         const std::map<std::string, std::string>&) -> Result<std::shared_ptr<const Playbook>> {
    return make_error(ErrorCode::internal, "no playbook is needed");
  };
  const Result<Folded> open = fold_unfinished(bench.journal, nullptr, load, connectors);
  REQUIRE(open);
  CHECK(open->runs.empty());
  CHECK(open->unreadable.empty());
  CHECK(open->last == RunId{.number = 1});
}

}  // namespace quell::test
