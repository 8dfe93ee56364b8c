// What stands between a playbook and a change: floors, separation, protection, locks, the kill
// switch, people.
#include "orchestrator/engine/policy.h"

#include <string>

#include <doctest/doctest.h>

#include "bench_world.h"

namespace quell::test {
namespace {

std::string kill_all(std::string_view foreach_more = "", std::string_view settings = "") {
  return "quell: 1\nid: kill-all\ntitle: Kill everything\npurpose: Every thing dies.\n" +
         std::string(settings) + R"(steps:
  - id: things
    use: vendor.list_things
  - id: kill
    use: vendor.kill_thing
    foreach: {items: "${steps.things.things}", as: t, key: "${t.id}", max: 100)" +
         std::string(foreach_more) + R"(}
    with: {id: "${t.id}"}
    plane: holder
    kills: [refresh]
    irreversible: true
    verify: [{probe: vendor.thing_is_dead, with: {id: "${t.id}"}, until: {every: 2s, for: 10s}}]
)";
}

/// A process at work on one run that nobody has approved yet.
struct Waiting {
  Bench bench{};
  ProcessRun process{bench.journal, bench.secrets, bench.vendor, bench.clock, vendor_connectors()};
  RunId id{};

  explicit Waiting(const Policy& policy, const std::string& source = kill_all()) {
    process.policy = policy;
    begin(source);
  }
  void begin(const std::string& source) {
    RunRequest request = request_for(playbook_from(source, process.connectors));
    request.confirmed = false;
    const Result<RunId> run = process.engine.start(request);
    REQUIRE(run);
    id = *run;
    turn(Duration{1'000});
  }
  void turn(Duration span) { turn_for(process.engine, bench.clock, span); }
  const RunState& run() const { return *process.engine.find(id); }
  Status tell(Command command) {
    command.run = id;
    return say(process.engine, bench.clock, std::move(command));
  }
  Status approve(std::string who) {
    const ApprovalState* const approval = pending_approval(run());
    REQUIRE(approval != nullptr);
    return tell(
        {.kind = Command::Kind::approve, .who = std::move(who), .digest = approval->digest});
  }
};

Policy strict_policy() {
  Policy policy;
  policy.strict = true;
  policy.users = {{.name = "mara", .roles = {"approver"}},
                  {.name = "noor", .roles = {"approver"}},
                  {.name = "ola", .roles = {"approver", "admin"}},
                  {.name = "pim", .roles = {"viewer"}}};
  return policy;
}

}  // namespace

// Goal: an author cannot take the approval out (threat T23). Method: a playbook without `approve`.
TEST_CASE("what cannot be undone waits for an approval that the playbook does not ask for") {
  Waiting waiting{Policy{}};
  CHECK(waiting.bench.vendor.kill_requests == 0);
  REQUIRE(waiting.approve("mara"));
  run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
  CHECK(waiting.run().result == RunResult::contained);
}

TEST_CASE("nobody approves what policy asks for: the run is aborted and nothing was sent") {
  Waiting waiting{Policy{}};
  run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
  CHECK(waiting.run().result == RunResult::aborted);
  CHECK(waiting.bench.vendor.kill_requests == 0);
}

TEST_CASE("in strict separation one's own approval counts for nothing") {
  Waiting waiting{strict_policy()};
  CHECK_FALSE(waiting.approve("mara"));  // she began it
  CHECK_FALSE(waiting.approve("pim"));   // no approver
  CHECK_FALSE(waiting.approve("eve"));   // no user
  CHECK(waiting.bench.vendor.kill_requests == 0);
  REQUIRE(waiting.approve("noor"));
  run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
  CHECK(waiting.run().result == RunResult::contained);
}

TEST_CASE("more than 25 targets are wide: two people, and a canary of three") {
  Policy policy = strict_policy();
  Waiting waiting{policy, kill_all()};
  // Thirty from the next run on.
  for (int i = 0; i < 30; ++i) waiting.bench.vendor.alive.insert("t" + std::to_string(i));
  REQUIRE(waiting.tell({.kind = Command::Kind::abort, .who = "mara", .reason = "again"}));
  waiting.begin(kill_all(", concurrency: 40"));
  CHECK(pending_approval(waiting.run())->need == 2);
  REQUIRE(waiting.approve("noor"));
  CHECK_FALSE(waiting.approve("noor"));
  CHECK(waiting.bench.vendor.kill_requests == 0);
  waiting.bench.vendor.lies = true;  // so the canary is refuted and stops the rest
  REQUIRE(waiting.approve("ola"));
  run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
  CHECK(waiting.bench.vendor.kill_requests == 3);
  CHECK(waiting.run().result == RunResult::exposed);
}

TEST_CASE("break-glass approves at once, by a role that may") {
  Waiting waiting{strict_policy()};
  const ApprovalState* const approval = pending_approval(waiting.run());
  REQUIRE(approval != nullptr);
  Command command{.kind = Command::Kind::approve,
                  .who = "noor",
                  .digest = approval->digest,
                  .reason = "nobody answers",
                  .break_glass = true};
  CHECK_FALSE(waiting.tell(command));
  command.who = "ola";
  REQUIRE(waiting.tell(command));
  run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
  CHECK(waiting.run().result == RunResult::contained);
  CHECK(waiting.run().break_glass);
}

// Goal: what is protected is not touched by any run (threat T16), whoever approved it.
TEST_CASE("a protected target is held until somebody who may breaks the glass") {
  Policy policy;
  policy.protected_targets = {"b*"};
  Waiting waiting{policy};
  REQUIRE(waiting.approve("mara"));
  run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
  CHECK(waiting.run().held);
  CHECK_FALSE(waiting.bench.vendor.kills.contains("b"));
  SUBCASE("skipped, it stays and the run is incomplete") {
    REQUIRE(waiting.tell(
        {.kind = Command::Kind::skip, .who = "mara", .target = "kill/b", .reason = "ours"}));
    run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
    CHECK(waiting.run().result == RunResult::incomplete);
    CHECK(waiting.bench.vendor.alive == std::set<std::string>{"b"});
  }
  SUBCASE("a plain retry changes nothing") {
    REQUIRE(waiting.tell({.kind = Command::Kind::retry, .who = "mara", .target = "kill/b"}));
    run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
    CHECK(waiting.run().held);
    CHECK_FALSE(waiting.bench.vendor.kills.contains("b"));
  }
  SUBCASE("broken glass lets this one through") {
    REQUIRE(waiting.tell({.kind = Command::Kind::retry,
                          .who = "mara",
                          .target = "kill/b",
                          .reason = "the owner agreed",
                          .break_glass = true}));
    run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
    CHECK(waiting.run().result == RunResult::contained);
  }
}

TEST_CASE("a rehearsal names what is protected") {
  Policy policy;
  policy.protected_targets = {"b"};
  Bench bench;
  ProcessRun process(bench.journal, bench.secrets, bench.vendor, bench.clock, vendor_connectors());
  process.policy = policy;
  const Result<RunId> id = process.engine.start(
      request_for(playbook_from(kill_all(), process.connectors), RunMode::dry_run));
  REQUIRE(id);
  run_on(process.engine, *id, bench.clock);
  const ItemState& item = process.engine.find(*id)->steps.at("kill").items[1];
  CHECK(item.outcome == OutcomeKind::failed);
  REQUIRE(item.error.has_value());
  CHECK(item.error->topic == "protected");
}

// Goal: off means off, for what is already on its way too, and nothing is lost by it.
TEST_CASE("a disarmed engine changes nothing until it is armed again") {
  Waiting waiting{Policy{}};
  waiting.process.kill_switch = {
      .automation = true, .people = true, .who = "noor", .reason = "wrong workspace"};
  REQUIRE(waiting.approve("mara"));
  waiting.turn(Duration{30'000});
  CHECK(waiting.bench.vendor.kill_requests == 0);
  CHECK(waiting.process.engine.obstacle(waiting.run()) == "disarmed by noor: wrong workspace");
  waiting.process.kill_switch = {};
  run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
  CHECK(waiting.run().result == RunResult::contained);
  const Kinds seen = kinds(waiting.bench.journal);
  CHECK(std::count(seen.begin(), seen.end(), "disarmed") == 1);
  CHECK(std::count(seen.begin(), seen.end(), "armed") == 1);
}

TEST_CASE("plain disarm leaves people's runs alone") {
  Waiting waiting{Policy{}};
  waiting.process.kill_switch = {.automation = true, .who = "noor", .reason = "alerts"};
  REQUIRE(waiting.approve("mara"));
  run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
  CHECK(waiting.run().result == RunResult::contained);
}

// Goal: only a run that has begun to change something holds its lock (threat T20); the other waits.
TEST_CASE("two runs of one lock: the first to change something goes, the other waits for its end") {
  const std::string source = kill_all("", "settings: {lock: everything}\n");
  Waiting waiting{Policy{}, source};
  const RunId first = waiting.id;
  waiting.begin(source);
  const RunId second = waiting.id;
  CHECK_FALSE(waiting.process.engine.lock_holder(*waiting.run().playbook, waiting.run().inputs));
  waiting.bench.vendor.throttled_kills = 1;  // so that the second stays under way for a while
  REQUIRE(waiting.approve("mara"));
  CHECK(waiting.process.engine.lock_holder(*waiting.run().playbook, waiting.run().inputs) ==
        second);
  waiting.id = first;
  REQUIRE(waiting.approve("mara"));
  CHECK(waiting.process.engine.obstacle(waiting.run()) ==
        to_string(second) + " works on everything");
  run_on(waiting.process.engine, first, waiting.bench.clock);
  CHECK(waiting.process.engine.find(second)->finished_at <= waiting.run().finished_at);
  for (const auto& [thing, kills] : waiting.bench.vendor.kills) CHECK(kills == 1);
}

TEST_CASE("a paused item waits while the others go on, a skipped one is never begun") {
  Waiting waiting{Policy{}, kill_all(", concurrency: 3")};
  REQUIRE(waiting.tell({.kind = Command::Kind::pause, .who = "mara", .target = "kill/b"}));
  REQUIRE(waiting.tell(
      {.kind = Command::Kind::skip, .who = "mara", .target = "kill/c", .reason = "not ours"}));
  REQUIRE(waiting.approve("mara"));
  waiting.turn(Duration{60'000});
  CHECK(waiting.bench.vendor.alive == std::set<std::string>{"b", "c"});
  CHECK_FALSE(waiting.run().finished());
  REQUIRE(waiting.tell({.kind = Command::Kind::resume, .who = "mara", .target = "kill/b"}));
  run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
  CHECK(waiting.bench.vendor.alive == std::set<std::string>{"c"});
  CHECK(waiting.run().result == RunResult::incomplete);
}

TEST_CASE("an approval cannot be skipped") {
  std::string source = kill_all();
  source.insert(source.find("  - id: kill\n"),
                "  - id: go\n    approve: {need: 1, within: 10m, on_timeout: abort}\n");
  Waiting waiting{Policy{}, source};
  CHECK_FALSE(waiting.tell(
      {.kind = Command::Kind::skip, .who = "mara", .target = "go", .reason = "in a hurry"}));
  CHECK(waiting.bench.vendor.kill_requests == 0);
}

// Goal: undo lifts what this run did, the last thing first, and nothing of others.
TEST_CASE("undo lifts what was done, once") {
  const auto step = [](const std::string& id, const std::string& thing) {
    return "  - id: " + id + "\n    use: vendor.revive_thing\n    with: {id: " + thing +
           "}\n    undo: {use: vendor.kill_thing, with: {id: " + thing +
           "}}\n    verify: none\n    reason: nothing is claimed\n";
  };
  const std::string source =
      "quell: 1\nid: kill-all\ntitle: Wake some\npurpose: Some things live, and can die again.\n"
      "steps:\n" +
      step("first", "x") + step("second", "y");
  Waiting waiting{Policy{}, source};
  run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
  REQUIRE(waiting.run().finished());
  waiting.bench.vendor.requests.clear();
  REQUIRE(waiting.process.engine.undo(waiting.id, "mara", "all clear"));
  for (int turns = 0; turns < 20 && waiting.process.engine.is_undoing(waiting.id); ++turns)
    waiting.turn(Duration{100});
  CHECK(waiting.bench.vendor.requests ==
        std::vector<std::string>{"GET /things/y", "POST /things/y/kill", "GET /things/x",
                                 "POST /things/x/kill"});
  CHECK_FALSE(waiting.process.engine.undo(waiting.id, "mara", "again"));
}

TEST_CASE("globs are matched in bounded time") {
  CHECK(fits_glob("vcrd_01", "vcrd_*"));
  CHECK(fits_glob("https://mcp.example.com/mcp", "https://*.example.com/*"));
  CHECK_FALSE(fits_glob("https://example.com/mcp", "https://*.example.com/*"));
  CHECK(fits_glob("abc", "a?c"));
  CHECK_FALSE(fits_glob("abbc", "a?c"));
  CHECK(fits_glob("", "*"));
  CHECK_FALSE(fits_glob(std::string(2'000, 'a'), "*a*a*a*a*a*a*a*a*b"));
}

}  // namespace quell::test
