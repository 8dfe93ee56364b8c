// Steps inside steps: a foreach over several, playbooks that call playbooks, people, deadlines.
#include <string>

#include <doctest/doctest.h>

#include "bench_world.h"
#include "orchestrator/engine/decisions.h"

namespace quell::test {
namespace {

constexpr std::string_view kHead = R"(quell: 1
id: kill-all
title: Kill everything
purpose: Every thing of the vendor dies, with proof.
)";

/// Looks at a thing and kills it, when it is called with its id.
constexpr std::string_view kKillOne = R"(quell: 1
id: kill-one
title: Kill one thing
purpose: One thing dies, with proof.
inputs:
  id: {type: string, required: true, pattern: "^[a-z]$"}
  why: {type: string, default: "because"}
steps:
  - id: say
    set: {text: "${inputs.id + ' ' + inputs.why}"}
  - id: kill
    use: vendor.kill_thing
    when: ${steps.say.text != ""}
    with: {id: "${inputs.id}"}
    plane: holder
    kills: [refresh]
    irreversible: true
    verify: [{probe: vendor.thing_is_dead, with: {id: "${inputs.id}"}, until: {every: 2s, for: 10s}}]
verify:
  - {probe: vendor.thing_is_dead, with: {id: "${inputs.id}"}}
finally:
  - {id: bundle, use: report.bundle, with: {incident: INC-1}}
)";

const Library kLibrary{{"kill-one", std::string(kKillOne)}};

std::string each(const std::string& tail) {
  return std::string(kHead) + R"(steps:
  - id: things
    use: vendor.list_things
  - id: each
    foreach: {items: "${steps.things.things}", as: t, key: "${t.id}", concurrency: 2, max: 10}
)" + tail;
}

const std::string kEachBlock = each(R"(    block:
      - id: kill
        use: vendor.kill_thing
        with: {id: "${t.id}"}
        plane: holder
        kills: [refresh]
        irreversible: true
        verify: [{probe: vendor.thing_is_dead, with: {id: "${t.id}"}, until: {every: 2s, for: 10s}}]
      - id: told
        set: {text: "${'killed ' + t.id + ' ' + steps.kill.outcome}"}
      - id: sure
        assert: ${steps.told.text == 'killed ' + t.id + ' done'}
        message: "${t.id} was not killed"
)");

const std::string kEachCall = each(R"(    call: kill-one
    with: {id: "${t.id}"}
)");

}  // namespace

TEST_CASE("a foreach over a block goes through all of it for each item") {
  Bench bench;
  const RunState run = bench.run(kEachBlock);
  CHECK(run.result == RunResult::contained);
  CHECK(bench.vendor.alive.empty());
  const StepState& step = run.steps.at("each");
  CHECK(step.items.size() == 3);
  CHECK(step.verdict == Verdict::proved);
  CHECK(run.steps.at("each[b]/told").values["text"].string_or("") == "killed b done");
  CHECK(run.steps_value["each"]["items"]["c"]["outcome"].string_or("") == "done");
  CHECK_FALSE(run.steps_value.has("told"));
}

TEST_CASE("a call runs another playbook in a scope of its own, verify and finally included") {
  Bench bench;
  const RunState run = bench.run(kEachCall, RunMode::live, vendor_connectors(), kLibrary);
  CHECK(run.result == RunResult::contained);
  CHECK(bench.vendor.alive.empty());
  CHECK(run.verify.size() == 3);
  CHECK(run.steps.at("each[a]/say").values["text"].string_or("") == "a because");
  CHECK(run.steps.at("each[c]/bundle").outcome == OutcomeKind::done);
}

// Goal: a call that was skipped has proved nothing. Method: all else in the run is proved.
TEST_CASE("a call that never began leaves its claims open") {
  const std::string source = std::string(kHead) + R"(steps:
  - id: kill_a
    use: vendor.kill_thing
    with: {id: a}
    plane: holder
    kills: [refresh]
    irreversible: true
    verify: [{probe: vendor.thing_is_dead, with: {id: a}, until: {every: 2s, for: 10s}}]
  - id: skipped
    when: ${run.id == "no such run"}
    call: kill-one
    with: {id: b}
)";
  Bench bench;
  const RunState run = bench.run(source, RunMode::live, vendor_connectors(), kLibrary);
  CHECK(run.steps.at("skipped").outcome == OutcomeKind::skipped);
  CHECK(run.result == RunResult::incomplete);
}

TEST_CASE("what a called playbook is given is checked when it is called") {
  Bench bench;
  bench.vendor.alive = {"a", "bb"};
  const RunState run = bench.run(kEachCall, RunMode::live, vendor_connectors(), kLibrary);
  CHECK(run.result == RunResult::incomplete);
  CHECK(bench.vendor.alive == std::set<std::string>{"bb"});
  const StepState& step = run.steps.at("each");
  REQUIRE(step.error);
  CHECK(step.error->message.find("input id") != std::string::npos);
}

TEST_CASE("a rehearsal goes through calls and loops and changes nothing") {
  Bench bench;
  CHECK(bench.run(kEachBlock, RunMode::dry_run).result == RunResult::rehearsed);
  Bench other;
  const RunState run = other.run(kEachCall, RunMode::dry_run, vendor_connectors(), kLibrary);
  CHECK(run.result == RunResult::rehearsed);
  CHECK(bench.vendor.kill_requests + other.vendor.kill_requests == 0);
  CHECK(run.steps.at("each[a]/kill").outcome == OutcomeKind::predicted);
}

// Goal: the digest that is approved does not depend on which items a read found, and covers the
// text of a called playbook.
TEST_CASE("a call is part of the plan's digest") {
  const auto digest = [](const Library& library) {
    Bench bench;
    return bench.run(kEachCall, RunMode::dry_run, vendor_connectors(), library).digest;
  };
  Library changed = kLibrary;
  changed["kill-one"] += "# another text\n";
  CHECK(digest(kLibrary) == digest(kLibrary));
  CHECK(digest(kLibrary) != digest(changed));
}

TEST_CASE("one failed item of a foreach leaves the others to go on, and the run incomplete") {
  std::string source = kEachBlock;
  source.insert(source.find("      - id: kill\n"),
                "      - id: not_b\n"
                "        assert: ${t.id != 'b'}\n"
                "        message: \"not b\"\n");
  Bench bench;
  const RunState run = bench.run(source);
  CHECK(run.result == RunResult::incomplete);
  CHECK(bench.vendor.alive == std::set<std::string>{"b"});
  CHECK(run.steps.at("each").outcome == OutcomeKind::failed);
  CHECK(run.steps.at("each").failed_onward);
}

TEST_CASE("a canary that does not prove well stops the rest") {
  for (const std::string& form : {kEachBlock, kEachCall}) {
    std::string source = form;
    source.replace(source.find("max: 10"), 7, "max: 10, canary: 1");
    Bench bench;
    bench.vendor.lies = true;
    const RunState run = bench.run(source, RunMode::live, vendor_connectors(), kLibrary);
    CHECK(run.result == RunResult::exposed);
    CHECK(bench.vendor.kill_requests == 1);
  }
}

// Goal: a crash loses and repeats nothing in loops and calls either. Method: as for a plain run.
TEST_CASE("loops and calls survive a crash at every journal append") {
  const auto look = [](Bench& bench, const RunState& run) {
    CHECK(run.result == RunResult::contained);
    CHECK(bench.vendor.alive.empty());
    for (const auto& [thing, kills] : bench.vendor.kills) CHECK(kills == 1);
  };
  crash_everywhere(kEachBlock, {}, look);
  crash_everywhere(kEachCall, kLibrary, look);
}

namespace {

const std::string kByHand = std::string(kHead) + R"(steps:
  - id: ask
    manual:
      ask: "Rotate the key that ${run.id} names"
      within: 30m
      fields:
        ticket: {type: string, pattern: "^OPS-[0-9]+$", required: true}
        at: {type: timestamp, required: true}
  - id: used
    assert: ${steps.ask.ticket == "OPS-7" && steps.ask.at < timestamp("2032-01-01T00:00:00Z")}
    message: "wrong ticket"
)";

struct ByHand {
  Bench bench{};
  ProcessRun process{bench.journal, bench.secrets, bench.vendor, bench.clock, vendor_connectors()};
  RunId id{};

  explicit ByHand(const std::string& source) {
    const Result<RunId> started =
        process.engine.start(request_for(playbook_from(source, process.connectors)));
    REQUIRE(started);
    id = *started;
    REQUIRE(process.engine.turn(bench.clock.now()));
  }
  const RunState& run() const { return *process.engine.find(id); }
  Status tell(std::map<std::string, std::string> fields, const std::string& target = "") {
    Status answer = ok();
    process.engine.submit({.kind = Command::Kind::done,
                           .run = id,
                           .who = "olek",
                           .target = target,
                           .fields = std::move(fields),
                           .attachments = {{.name = "a.png", .sha256 = "00", .bytes = 1}},
                           .done = [&](Status status) { answer = std::move(status); }});
    REQUIRE(process.engine.turn(bench.clock.now()));
    return answer;
  }
};

}  // namespace

TEST_CASE("a manual step waits for a person and takes what they tell") {
  ByHand hand(kByHand);
  CHECK(hand.run().steps.at("ask").manual.ask == "Rotate the key that r1c names");
  CHECK_FALSE(hand.tell({{"ticket", "OPS-7"}}));
  CHECK_FALSE(hand.tell({{"ticket", "seven"}, {"at", "2031-01-01T00:00:00Z"}}));
  CHECK_FALSE(hand.tell({{"ticket", "OPS-7"}, {"at", "2031-01-01T00:00:00Z"}, {"x", "y"}}));
  CHECK_FALSE(hand.tell({{"ticket", "OPS-7"}, {"at", "2031-01-01T00:00:00Z"}}, "used"));
  CHECK(hand.tell({{"ticket", "OPS-7"}, {"at", "2031-01-01T00:00:00Z"}}));
  run_on(hand.process.engine, hand.id, hand.bench.clock);
  CHECK(hand.run().steps.at("used").outcome == OutcomeKind::done);
  // A fresh process knows the same, with the same types.
  ProcessRun second(hand.bench.journal, hand.bench.secrets, hand.bench.vendor, hand.bench.clock,
                    vendor_connectors());
  REQUIRE(second.engine.load());
  REQUIRE(second.engine.recall(hand.id));
  CHECK(second.engine.find(hand.id)->steps_value["ask"]["at"].is_timestamp());
  CHECK_FALSE(hand.tell({{"ticket", "OPS-7"}}));
}

TEST_CASE("nobody does it: the run is aborted, or goes on where the author said so") {
  SUBCASE("abort") {
    ByHand hand(kByHand);
    run_on(hand.process.engine, hand.id, hand.bench.clock);
    CHECK(hand.run().result == RunResult::aborted);
    CHECK(hand.run().abort_reason == "nobody did ask in time");
  }
  SUBCASE("continue") {
    std::string source = kByHand.substr(0, kByHand.find("  - id: used"));
    source.replace(source.find("within: 30m"), 11, "within: 30m\n      on_timeout: continue");
    ByHand hand(source);
    run_on(hand.process.engine, hand.id, hand.bench.clock);
    CHECK(hand.run().result == RunResult::incomplete);
  }
  SUBCASE("a rehearsal asks nobody") {
    Bench bench;
    std::string source = kByHand.substr(0, kByHand.find("  - id: used"));
    const RunState run = bench.run(source, RunMode::dry_run);
    CHECK(run.result == RunResult::rehearsed);
    CHECK(run.steps_value["ask"]["at"].is_timestamp());
  }
}

// Goal: the deadline of a block stops what has not begun, lets what is under way settle, and counts
// as a failure that a rescue may catch.
TEST_CASE("a block past its deadline fails, and its rescue runs") {
  const std::string source = std::string(kHead) + R"(steps:
  - id: slow
    deadline: 1m
    block:
      - id: rest
        wait: {for: 1h}
      - id: kill
        use: vendor.kill_thing
        with: {id: a}
        irreversible: true
        verify: none
        reason: a test
    rescue:
      - id: saved
        set: {yes: true}
)";
  Bench bench;
  const RunState run = bench.run(source);
  CHECK(run.steps.at("rest").outcome == OutcomeKind::failed);
  CHECK(run.steps.at("saved").outcome == OutcomeKind::done);
  CHECK(run.steps.at("slow").outcome == OutcomeKind::done);
  CHECK(bench.vendor.kill_requests == 0);
  CHECK(run.finished_at - run.started == Duration{60'000});
}

TEST_CASE("jitter waits between half and all of a backoff, the same for the same run") {
  const RetrySpec plain{.backoff = Duration{1'000}};
  RetrySpec spread = plain;
  spread.jitter = true;
  std::set<std::int64_t> waits;
  for (int item = 0; item < 50; ++item) {
    const WorkId id{.step = "kill", .item = std::to_string(item)};
    CHECK(wait_before_retry(plain, {.number = 1}, id, 2) == Duration{2'000});
    const Duration wait = wait_before_retry(spread, {.number = 1}, id, 2);
    CHECK(wait == wait_before_retry(spread, {.number = 1}, id, 2));
    CHECK(wait > Duration{999});
    CHECK(wait <= Duration{2'000});
    waits.insert(wait.count());
  }
  CHECK(waits.size() > 40);
}

}  // namespace quell::test
