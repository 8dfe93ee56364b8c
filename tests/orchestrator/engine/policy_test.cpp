// What stands between a playbook and a change: floors, separation, protection, locks, the kill
// switch, people.
#include "orchestrator/engine/policy.h"

#include <optional>
#include <set>
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
    begin(std::move(request));
  }
  /// As an armed route does.
  void begin_by_alert(const std::string& source = kill_all()) {
    RunRequest request = request_for(playbook_from(source, process.connectors));
    request.confirmed = false;
    request.automatic = true;
    request.approved_in_advance = true;
    begin(std::move(request));
  }
  void begin(const RunRequest& request) {
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

/// Two things found late, beside the question for a yes: `found` settles what `kill` names.
constexpr std::string_view kFoundBeside = R"(quell: 1
id: kill-all
title: Found beside
purpose: A read ends while people are asked.
steps:
  - id: both
    parallel:
      kill:
        - id: pause
          wait: {for: 30s}
        - id: found
          use: vendor.list_things
        - id: kill
          use: vendor.kill_thing
          with: {id: "${steps.found.things[0].id}"}
          plane: holder
          kills: [refresh]
          irreversible: true
          verify: [{probe: vendor.thing_is_dead, with: {id: "${steps.found.things[0].id}"}, until: {every: 2s, for: 30s}}]
      people:
        - id: go
          approve: {need: 2, within: 1h, on_timeout: abort}
)";

// Goal: nobody's yes is for a plan that they did not see (T21). Method: a read beside the question
// settles what would be killed; who said yes before it must look again.
TEST_CASE("a yes to a plan that a read has changed since is void, and everyone is asked again") {
  Waiting waiting{strict_policy(), std::string(kFoundBeside)};
  const ApprovalState before = *pending_approval(waiting.run());
  REQUIRE(waiting.approve("noor"));
  waiting.turn(std::chrono::seconds(40));
  const ApprovalState* const after = pending_approval(waiting.run());
  REQUIRE(after != nullptr);
  CHECK(after->digest != before.digest);
  CHECK(after->given_by.empty());
  CHECK(after->until > before.until);
  CHECK_FALSE(waiting.tell(
      {.kind = Command::Kind::approve, .who = "ola", .digest = before.digest}));
  CHECK(waiting.bench.vendor.kill_requests == 0);
  REQUIRE(waiting.approve("ola"));
  REQUIRE(waiting.approve("noor"));
  run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
  CHECK(waiting.run().result == RunResult::contained);
  CHECK(waiting.bench.vendor.kill_requests == 1);
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
TEST_CASE("two runs of one lock: one asks, and changes something; the other waits for its end") {
  const std::string source = kill_all("", "settings: {lock: everything}\n");
  Waiting waiting{Policy{}, source};
  const RunId first = waiting.id;
  const Engine& engine = waiting.process.engine;
  CHECK(engine.lock_holder(*waiting.run().playbook, waiting.run().inputs) == first);
  CHECK(engine.locked_by(first).message.find("waits for an approval") != std::string::npos);
  waiting.begin(source);
  const RunId second = waiting.id;
  CHECK(pending_approval(waiting.run()) == nullptr);  // one request for each lock (threat T31)
  CHECK(engine.obstacle(waiting.run()) ==
        to_string(first) + " waits for an approval to work on everything");
  waiting.id = first;
  waiting.bench.vendor.throttled_kills = 1;  // so that it stays under way for a while
  REQUIRE(waiting.approve("mara"));
  waiting.turn(Duration{100});
  CHECK(engine.lock_holder(*waiting.run().playbook, waiting.run().inputs) == first);
  waiting.id = second;
  CHECK(engine.obstacle(waiting.run()) == to_string(first) + " works on everything");
  run_on(waiting.process.engine, first, waiting.bench.clock);
  waiting.turn(Duration{1'000});
  if (pending_approval(waiting.run()) != nullptr) REQUIRE(waiting.approve("mara"));
  run_on(waiting.process.engine, second, waiting.bench.clock);
  CHECK(engine.find(first)->finished_at <= waiting.run().finished_at);
  for (const auto& [thing, kills] : waiting.bench.vendor.kills) CHECK(kills == 1);
}

// Goal: nobody is asked until they tap yes (threat T31). Method: a denial, the same again without and
// with a reason, and in a process that only has the journal.
TEST_CASE("what was denied is asked again only with a reason, and says how often it was asked") {
  const std::string source = kill_all("", "settings: {lock: everything}\n");
  Waiting waiting{Policy{}, source};
  const RunId first = waiting.id;
  REQUIRE(waiting.tell({.kind = Command::Kind::deny, .who = "noor", .reason = "wrong vault"}));
  run_on(waiting.process.engine, first, waiting.bench.clock);
  RunRequest request = request_for(playbook_from(source, waiting.process.connectors));
  request.confirmed = false;
  const auto check_refused = [&](Engine& engine) {
    const Result<RunId> again = engine.start(request);
    REQUIRE_FALSE(again);
    CHECK(again.error().topic == "asked-before");
    CHECK(describe(again.error()).find("noor denied the same in " + to_string(first) +
                                       ": wrong vault.") != std::string::npos);
  };
  check_refused(waiting.process.engine);
  ProcessRun next(waiting.bench.journal, waiting.bench.secrets, waiting.bench.vendor,
                  waiting.bench.clock, vendor_connectors());
  REQUIRE(next.engine.load());
  check_refused(next.engine);
  request.reason = "it is the right vault, see INC-7";
  const Result<RunId> again = next.engine.start(request);
  REQUIRE(again);
  turn_for(next.engine, waiting.bench.clock, Duration{1'000});
  const RunState& run = *next.engine.find(*again);
  CHECK(pending_approval(run) != nullptr);
  CHECK(run.asked.number == 2);
  CHECK(run.asked.denied_by == "noor");
  CHECK(run.reason == request.reason);
  SUBCASE("a proposal of an alert has no reason") {
    request.reason.clear();
    request.automatic = true;
    request.proposed = true;
    CHECK_FALSE(next.engine.start(request));
  }
  SUBCASE("what an armed route begins asks nobody") {
    request.reason.clear();
    request.automatic = true;
    request.approved_in_advance = true;
    CHECK(next.engine.start(request));
  }
}

// Goal: what an alert began does not keep a person out (threat T20); it waits for the person's run.
TEST_CASE("a person's run takes the lock of one that an alert began") {
  const std::string source = kill_all(", concurrency: 1", "settings: {lock: everything}\n");
  Waiting waiting{Policy{}, source};
  const RunId person = waiting.id;
  waiting.bench.vendor.throttled_kills = 1;
  waiting.begin_by_alert(source);
  const RunId alert = waiting.id;
  const Engine& engine = waiting.process.engine;
  REQUIRE(engine.lock_holder(*waiting.run().playbook, waiting.run().inputs) == alert);
  CHECK(engine.gives_way(alert));
  waiting.id = person;
  CHECK(engine.obstacle(waiting.run()).empty());
  waiting.bench.vendor.throttled_kills = 1;
  REQUIRE(waiting.approve("mara"));
  const auto holder = [&] {
    return engine.lock_holder(*waiting.run().playbook, waiting.run().inputs);
  };
  for (int turns = 0; turns < 100 && holder() != person; ++turns) waiting.turn(Duration{100});
  REQUIRE(holder() == person);
  CHECK(engine.obstacle(*engine.find(alert)) == to_string(person) + " works on everything");
  run_on(waiting.process.engine, alert, waiting.bench.clock);
  CHECK(waiting.run().finished_at <= engine.find(alert)->finished_at);
  CHECK(waiting.run().result == RunResult::contained);
}

// Goal: what an alert proposes reads and waits; nothing else leaves before a person says yes (T5).
TEST_CASE("a proposal waits a day for a person, and then is a run like any other") {
  Bench bench;
  ProcessRun process(bench.journal, bench.secrets, bench.vendor, bench.clock, vendor_connectors());
  process.policy.floor_irreversible = 0;
  RunRequest request = request_for(playbook_from(kill_all(), process.connectors));
  request.confirmed = false;
  request.automatic = true;
  request.proposed = true;
  const Result<RunId> id = process.engine.start(request);
  REQUIRE(id);
  turn_for(process.engine, bench.clock, Duration{1'000});
  CHECK(bench.vendor.kill_requests == 0);
  const RunState& run = *process.engine.find(*id);
  const ApprovalState* const approval = pending_approval(run);
  REQUIRE(approval != nullptr);
  CHECK(approval->until - run.started > std::chrono::hours{23});
  SUBCASE("yes") {
    REQUIRE(say(
        process.engine, bench.clock,
        {.kind = Command::Kind::approve, .run = *id, .who = "mara", .digest = approval->digest}));
    run_on(process.engine, *id, bench.clock);
    CHECK(run.result == RunResult::contained);
  }
  SUBCASE("no word") {
    turn_for(process.engine, bench.clock, std::chrono::hours{25});
    CHECK(run.result == RunResult::aborted);
    CHECK(bench.vendor.kill_requests == 0);
  }
}

// Goal: an armed route changes what it names and nothing else (threat T16).
TEST_CASE("a run with a scope leaves everything outside it alone") {
  Waiting waiting{Policy{}};
  waiting.bench.vendor.kill_requests = 0;
  RunRequest request = request_for(playbook_from(kill_all(), waiting.process.connectors));
  request.confirmed = false;
  request.automatic = true;
  request.approved_in_advance = true;
  request.scope = {"b"};
  waiting.begin(request);
  run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
  CHECK_FALSE(waiting.bench.vendor.alive.contains("b"));
  CHECK(waiting.bench.vendor.alive.contains("a"));
  CHECK(waiting.run().result != RunResult::contained);
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

TEST_CASE("a paused run ends when it is aborted, and cleans up before") {
  Waiting waiting{Policy{}, kill_all() + "finally:\n  - {id: last, set: {done: true}}\n"};
  REQUIRE(waiting.tell({.kind = Command::Kind::pause, .who = "noor"}));
  REQUIRE(waiting.tell({.kind = Command::Kind::abort, .who = "mara", .reason = "wrong one"}));
  waiting.turn(Duration{1'000});
  CHECK(waiting.run().result == RunResult::aborted);
  CHECK(waiting.run().steps.at("last").outcome == OutcomeKind::done);
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
  const auto lift = [&](const std::string& who, const std::string& why = "all clear") {
    return waiting.process.engine.undo({.run = waiting.id, .who = who, .reason = why});
  };
  CHECK_FALSE(lift("mara", " "));
  REQUIRE(lift("mara"));
  for (int turns = 0; turns < 20 && waiting.process.engine.is_undoing(waiting.id); ++turns)
    waiting.turn(Duration{100});
  CHECK(waiting.bench.vendor.requests ==
        std::vector<std::string>{"GET /things/y", "POST /things/y/kill", "GET /things/x",
                                 "POST /things/x/kill"});
  CHECK_FALSE(lift("mara"));
}

// Goal: whoever stops an incident says why (threat T32). Method: each role-less word without a reason.
TEST_CASE("abort, skip and undo need a reason") {
  Waiting waiting{Policy{}};
  for (const Command::Kind kind : {Command::Kind::abort, Command::Kind::skip}) {
    const Status said = waiting.tell({.kind = kind, .who = "mara", .target = "kill", .reason = " "});
    REQUIRE_FALSE(said);
    CHECK(said.error().topic == "usage");
  }
  CHECK_FALSE(waiting.run().aborted);
}

// Goal: what was contained is not lifted by one person alone (threat T32). Method: a run of 30 targets,
// which took two approvers, and each role at its undo.
TEST_CASE("undo takes as many approvers as the run did, and none who began it") {
  Policy policy = strict_policy();
  policy.floor_change = 2;
  const std::string source =
      "quell: 1\nid: kill-all\ntitle: Wake one\npurpose: One lives, and can die again.\n"
      "steps:\n  - id: first\n    use: vendor.revive_thing\n    with: {id: x}\n"
      "    undo: {use: vendor.kill_thing, with: {id: x}}\n    verify: none\n"
      "    reason: nothing is claimed\n";
  Waiting waiting{policy, source};
  REQUIRE(waiting.approve("noor"));
  REQUIRE(waiting.approve("ola"));
  run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
  REQUIRE(waiting.run().finished());
  Engine& engine = waiting.process.engine;
  const auto lift = [&](const std::string& who, std::optional<Timestamp> vested = std::nullopt) {
    return engine.undo(
        {.run = waiting.id, .who = who, .vested = vested, .reason = "all clear"});
  };
  CHECK_FALSE(lift("mara"));  // she began it
  CHECK_FALSE(lift("pim"));   // no approver
  CHECK_FALSE(lift("eve"));   // no user
  CHECK_FALSE(lift("noor", waiting.bench.clock.now()));  // an approver since a moment ago
  REQUIRE(lift("noor"));
  CHECK_FALSE(engine.is_undoing(waiting.id));
  CHECK_FALSE(lift("noor"));  // one person is one person
  CHECK(waiting.run().undo.need == 2);
  SUBCASE("the second in time") {
    REQUIRE(lift("ola"));
    CHECK(engine.is_undoing(waiting.id));
  }
  SUBCASE("the second too late counts as the first") {
    turn_for(engine, waiting.bench.clock, policy.approval_life + Duration{1'000});
    REQUIRE(lift("ola"));
    CHECK_FALSE(engine.is_undoing(waiting.id));
    REQUIRE(lift("noor"));
    CHECK(engine.is_undoing(waiting.id));
  }
}

TEST_CASE("nothing is lifted while the run is exposed") {
  Waiting waiting{Policy{}};
  waiting.bench.vendor.lies = true;
  REQUIRE(waiting.approve("mara"));
  run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
  REQUIRE(waiting.run().result == RunResult::exposed);
  const Status lifted = waiting.process.engine.undo(
      {.run = waiting.id, .who = "mara", .reason = "all clear"});
  REQUIRE_FALSE(lifted);
  CHECK(lifted.error().topic == "exposed");
}

// Goal: an abort hides nothing (threat T32). Method: one after the first change was sent.
TEST_CASE("a run that was aborted after a change stays aborted and names what it did not prove") {
  Waiting waiting{Policy{}, kill_all(", concurrency: 1")};
  waiting.bench.vendor.throttled_kills = 2;
  REQUIRE(waiting.approve("mara"));
  for (int turns = 0; turns < 50 && waiting.bench.vendor.kill_requests == 0; ++turns)
    waiting.turn(Duration{20});
  REQUIRE(waiting.tell({.kind = Command::Kind::abort, .who = "noor", .reason = "too loud"}));
  run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
  const RunState& run = waiting.run();
  CHECK(run.result == RunResult::aborted);
  CHECK(run.aborted_by == "noor");
  std::set<std::string> named;
  for (const Claim& claim : claims_of(run, waiting.process.connectors)) {
    named.insert(claim.item);
    if (claim.verdict != Verdict::proved) CHECK(claim.residual);
  }
  for (const std::string& thing : waiting.bench.vendor.alive) CHECK(named.contains(thing));
}

// Goal: a storm of alerts does no more than policy allows without a person (threat T16).
TEST_CASE("what alerts begin is capped by run and by hour") {
  Policy policy;
  policy.auto_irreversible_per_run = 2;
  Waiting waiting{policy};
  REQUIRE(waiting.tell({.kind = Command::Kind::abort, .who = "mara", .reason = "no"}));
  const auto why = [](const RunState& run) {
    const ApprovalState* const approval = pending_approval(run);
    return approval == nullptr ? "" : approval->why.substr(0, approval->why.rfind(':'));
  };
  waiting.begin_by_alert();
  CHECK(why(waiting.run()) == "policy.auto.irreversible_per_run: 2");
  CHECK(waiting.bench.vendor.kill_requests == 0);
  REQUIRE(waiting.approve("mara"));
  run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
  CHECK(waiting.run().result == RunResult::contained);

  // Three targets within this hour, and one run; what a restart remembers counts too.
  const auto again = [&](const Policy& next, Duration later) {
    waiting.bench.clock.advance(later);
    waiting.bench.vendor.alive = {"x", "y"};
    ProcessRun process(waiting.bench.journal, waiting.bench.secrets, waiting.bench.vendor,
                       waiting.bench.clock, vendor_connectors());
    process.policy = next;
    REQUIRE(process.engine.load());
    RunRequest request = request_for(playbook_from(kill_all(), process.connectors));
    request.confirmed = false;
    request.automatic = true;
    request.approved_in_advance = true;
    const Result<RunId> run = process.engine.start(request);
    REQUIRE(run);
    turn_for(process.engine, waiting.bench.clock, Duration{1'000});
    const std::string stopped_by = why(*process.engine.find(*run));
    if (!process.engine.find(*run)->finished()) {
      REQUIRE(say(process.engine, waiting.bench.clock,
                  {.kind = Command::Kind::abort, .run = *run, .who = "mara", .reason = "no"}));
    }
    return stopped_by;
  };
  CHECK(again({.auto_irreversible_per_hour = 4}, Duration{0}) ==
        "policy.auto.irreversible_per_hour: 4");
  CHECK(again({.auto_runs_per_hour = 2}, Duration{0}) == "policy.auto.runs_per_hour: 2");
  CHECK(again({}, Duration{0}).empty());
  CHECK(again({.auto_irreversible_per_hour = 4, .auto_runs_per_hour = 2}, std::chrono::minutes{61})
            .empty());
}

TEST_CASE("in strict separation one approver more lifts the cap of an hour") {
  Policy policy = strict_policy();
  policy.irreversible_per_hour = 2;
  Waiting waiting{policy};
  CHECK(pending_approval(waiting.run())->need == 2);
  REQUIRE(waiting.approve("noor"));
  CHECK(waiting.bench.vendor.kill_requests == 0);
  REQUIRE(waiting.approve("ola"));
  run_on(waiting.process.engine, waiting.id, waiting.bench.clock);
  CHECK(waiting.run().result == RunResult::contained);
}

// Goal: whoever sets the clock neither ends a deadline nor goes unnoticed (threat T36).
TEST_CASE("a clock that is set is written down, and what an alert began pauses") {
  Waiting waiting{Policy{}, kill_all(", concurrency: 1")};
  waiting.bench.clock.jump(std::chrono::seconds{-59});
  waiting.turn(Duration{1'000});
  CHECK_FALSE(waiting.run().paused);
  const auto notes = [&] {
    int count = 0;
    for (const StoredEntry& stored : waiting.bench.journal.read_all()) {
      count += stored.entry.kind == EntryKind::note_added && stored.entry.run.number == 0 ? 1 : 0;
    }
    return count;
  };
  CHECK(notes() == 0);
  waiting.bench.clock.jump(std::chrono::hours{3});
  waiting.turn(Duration{1'000});
  CHECK(notes() == 1);
  CHECK_FALSE(waiting.run().paused);  // a person began it
  CHECK_FALSE(waiting.run().finished());
  waiting.bench.vendor.throttled_kills = 1;
  waiting.begin_by_alert();
  waiting.bench.clock.jump(std::chrono::hours{-3});
  waiting.turn(Duration{1'000});
  CHECK(waiting.run().paused);
  CHECK(notes() == 2);
}

// Goal: a copied or restored state does not act a second time (threat T28).
TEST_CASE("a run is taken up on the machine and in the time where it was left") {
  Bench bench;
  RunId id{};
  {
    ProcessRun first(bench.journal, bench.secrets, bench.vendor, bench.clock, vendor_connectors(),
                     "here");
    RunRequest request = request_for(playbook_from(kill_all(), first.connectors));
    request.confirmed = false;
    const Result<RunId> begun = first.engine.start(request);
    REQUIRE(begun);
    id = *begun;
    turn_for(first.engine, bench.clock, Duration{1'000});
  }
  const auto taken_up = [&](std::string machine, bool accepts) {
    ProcessRun process(bench.journal, bench.secrets, bench.vendor, bench.clock, vendor_connectors(),
                       std::move(machine));
    REQUIRE(process.engine.load());
    const Status resumed = process.engine.take_up(id, "mara", accepts);
    return resumed ? std::string() : resumed.error().topic;
  };
  CHECK(taken_up("elsewhere", false) == "elsewhere");
  CHECK(taken_up("elsewhere", true).empty());
  CHECK(taken_up("elsewhere", false).empty());  // it lives there now
  CHECK(taken_up("here", false) == "elsewhere");
  bench.clock = ManualClock(bench.clock.now() - std::chrono::hours{2});
  CHECK(taken_up("elsewhere", false) == "elsewhere");
  CHECK(bench.vendor.kill_requests == 0);
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
