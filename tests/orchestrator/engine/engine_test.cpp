#include "orchestrator/engine/engine.h"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "bench_world.h"
#include "orchestrator/engine/claims.h"
#include "orchestrator/engine/effect_guard.h"
#include "tests/support/memory_journal.h"

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
    verify: [{probe: vendor.thing_is_dead, with: {id: "${t.id}"}, until: {every: 2s, for: 10s}}]
)";

std::string with_approval() {
  std::string source(kKillAll);
  source.insert(
      source.find("  - id: kill\n"),
      "  - id: go\n    approve: {need: 1, from: approver, within: 10m, on_timeout: abort}\n");
  return source;
}

}  // namespace

TEST_CASE("a playbook runs to its result and every claim is proved") {
  Bench bench;
  const RunState run = bench.run(std::string(kKillAll));
  CHECK(run.result == RunResult::contained);
  CHECK(bench.vendor.alive.empty());
  CHECK(every_kill_was_announced(bench.journal, bench.vendor));
  const std::vector<std::string> seen = kinds(bench.journal);
  CHECK(seen.front() == "run_started");
  CHECK(seen.back() == "run_finished");
}

// Goal: a step that found nothing to do says nothing of what became of it.
TEST_CASE("a foreach without items has no verdict") {
  Bench bench;
  bench.vendor.alive.clear();
  const RunState run = bench.run(std::string(kKillAll));
  CHECK(run.steps.at("kill").outcome == OutcomeKind::done);
  CHECK_FALSE(run.steps.at("kill").verdict);
  CHECK(claims_of(run, vendor_connectors()).empty());
}

// Goal: a success answer is not proof.
TEST_CASE("a vendor that lies leaves the run exposed") {
  Bench bench;
  bench.vendor.lies = true;
  CHECK(bench.run(std::string(kKillAll)).result == RunResult::exposed);
}

TEST_CASE("a refusal is not retried, and nothing is contained") {
  Bench bench;
  bench.vendor.refuses = true;
  const RunState run = bench.run(std::string(kKillAll));
  CHECK(run.result == RunResult::incomplete);
  CHECK(bench.vendor.kill_requests == 3);
}

TEST_CASE("throttling is waited out as long as the server asks") {
  Bench bench;
  bench.vendor.throttled_kills = 2;
  const RunState run = bench.run(std::string(kKillAll));
  CHECK(run.result == RunResult::contained);
  CHECK(run.finished_at - run.started >= std::chrono::seconds(3));
}

// Goal: one page that comes too early does not send a whole inventory back to its beginning.
TEST_CASE("a read that comes too early is asked again within its attempt") {
  Bench bench;
  SUBCASE("a few times") {
    bench.vendor.throttled_reads = 4;
    const RunState run = bench.run(std::string(kKillAll));
    CHECK(run.result == RunResult::contained);
    CHECK(run.steps.at("things").items.front().attempt == 1);
    CHECK(run.finished_at - run.started >= std::chrono::seconds(12));
  }
  SUBCASE("for ever") {
    bench.vendor.throttled_reads = 1'000'000;
    const RunState run = bench.run(std::string(kKillAll));
    CHECK(run.result == RunResult::incomplete);
    CHECK(bench.vendor.requests.size() <= 100);
  }
}

// Goal: a lost answer is settled by a look, not by a second kill.
TEST_CASE("an answer that was lost is looked for before anything is repeated") {
  Bench bench;
  bench.vendor.lose_answer_of_kill = 1;
  const RunState run = bench.run(std::string(kKillAll));
  CHECK(run.result == RunResult::contained);
  for (const auto& [id, kills] : bench.vendor.kills) CHECK(kills == 1);
  const std::vector<std::string> seen = kinds(bench.journal);
  CHECK(std::count(seen.begin(), seen.end(), "attempt_unknown") == 1);
}

TEST_CASE("a request that never arrived is sent again after a look") {
  Bench bench;
  bench.vendor.lose_request_of_kill = 1;
  CHECK(bench.run(std::string(kKillAll)).result == RunResult::contained);
  CHECK(bench.vendor.alive.empty());
}

TEST_CASE("what may not be repeated is held for a person") {
  Bench bench;
  bench.vendor.lose_request_of_kill = 1;
  const RunState run =
      bench.run(std::string(kKillAll), RunMode::live, vendor_connectors(Repeat::never));
  CHECK(run.held);
  CHECK_FALSE(run.finished());
}

TEST_CASE("an action that cannot look is settled by the step's own probes") {
  Bench bench;
  bench.vendor.lose_answer_of_kill = 1;
  const RunState run =
      bench.run(std::string(kKillAll), RunMode::live, vendor_connectors(Repeat::look_first, false));
  CHECK(run.result == RunResult::contained);
  for (const auto& [id, kills] : bench.vendor.kills) CHECK(kills == 1);
}

// Goal: probes that refute again and again end in a failure, after as many attempts as any other
// error, with the waits between them; each attempt is looked at anew.
TEST_CASE("what never arrives is sent a bounded number of times") {
  Bench bench;
  bench.vendor.alive = {"a"};
  bench.vendor.loses_requests = true;
  const RunState run =
      bench.run(std::string(kKillAll), RunMode::live, vendor_connectors(Repeat::look_first, false));
  CHECK(run.result == RunResult::exposed);
  CHECK(bench.vendor.kill_requests == 1 + RetrySpec{}.max);
  CHECK(run.steps.at("kill").items.front().outcome == OutcomeKind::failed);
  const std::vector<std::string> seen = kinds(bench.journal);
  CHECK(std::count(seen.begin(), seen.end(), "attempt_unknown") == 1 + RetrySpec{}.max);
  CHECK(run.finished_at - run.started >= Duration{500 + 1'000 + 2'000});
}

// Goal: no connector bug mutates in a rehearsal.
TEST_CASE("a dry run sends reads alone") {
  Bench bench;
  const RunState run = bench.run(std::string(kKillAll), RunMode::dry_run);
  CHECK(run.result == RunResult::rehearsed);
  for (const std::string& request : bench.vendor.requests) CHECK(request.starts_with("GET "));
}

TEST_CASE("the guard refuses a read action that sends a POST") {
  Bench bench;
  const RunState run = bench.run(
      "quell: 1\nid: kill-all\ntitle: t\npurpose: p\nsteps:\n  - {id: poke, use: vendor.poke}\n");
  CHECK(run.result == RunResult::failed);
  CHECK(bench.vendor.requests.empty());
}

// Goal: nobody waits for a timer to be heard. Method: a transport that no wake() ever reaches, as
// if a poll that did not wait had swallowed it.
TEST_CASE("a command is carried out before the engine waits for anything") {
  Bench bench;
  ProcessRun process(bench.journal, bench.secrets, bench.vendor, bench.clock, vendor_connectors());
  const Result<RunId> id =
      process.engine.start(request_for(playbook_from(with_approval(), process.connectors)));
  REQUIRE(id);
  turn_for(process.engine, bench.clock, std::chrono::seconds(1));
  const Timestamp said = bench.clock.now();
  Status answer = make_error(ErrorCode::internal, "no answer");
  process.engine.submit({.kind = Command::Kind::note,
                         .run = *id,
                         .who = "olek",
                         .reason = "seen",
                         .done = [&](Status status) { answer = std::move(status); }});
  REQUIRE(process.engine.turn(said + std::chrono::minutes(1)));
  CHECK(answer);
  CHECK(bench.clock.now() == said);
}

TEST_CASE("an approval is waited for, and time or a denial ends the run") {
  Bench bench;
  ProcessRun process(bench.journal, bench.secrets, bench.vendor, bench.clock, vendor_connectors());
  const Result<RunId> id =
      process.engine.start(request_for(playbook_from(with_approval(), process.connectors)));
  REQUIRE(id);
  for (int i = 0; i < 20; ++i)
    REQUIRE(process.engine.turn(bench.clock.now() + std::chrono::seconds(1)));
  CHECK(bench.vendor.kill_requests == 0);
  const RunState& run = *process.engine.find(*id);
  SUBCASE("approved") {
    Status answer = make_error(ErrorCode::internal, "no answer");
    process.engine.submit({.kind = Command::Kind::approve,
                           .run = *id,
                           .who = "olek",
                           .digest = run.digest,
                           .done = [&](Status status) { answer = std::move(status); }});
    run_on(process.engine, *id, bench.clock);
    CHECK(answer);
    CHECK(run.result == RunResult::contained);
  }
  SUBCASE("the digest of another plan") {
    Status answer = ok();
    process.engine.submit({.kind = Command::Kind::approve,
                           .run = *id,
                           .who = "olek",
                           .digest = "0123456789abcdef",
                           .done = [&](Status status) { answer = std::move(status); }});
    REQUIRE(process.engine.turn(bench.clock.now()));
    CHECK_FALSE(answer);
  }
  SUBCASE("denied") {
    process.engine.submit({.kind = Command::Kind::deny, .run = *id, .who = "olek"});
    run_on(process.engine, *id, bench.clock);
    CHECK(run.result == RunResult::aborted);
    CHECK(bench.vendor.kill_requests == 0);
  }
  SUBCASE("nobody comes") {
    run_on(process.engine, *id, bench.clock);
    CHECK(run.result == RunResult::aborted);
    CHECK(bench.vendor.kill_requests == 0);
  }
}

TEST_CASE("items beyond max are named and the run is incomplete") {
  std::string source(kKillAll);
  source.replace(source.find("max: 10"), 7, "max: 2 ");
  Bench bench;
  const RunState run = bench.run(source);
  CHECK(run.result == RunResult::incomplete);
  CHECK(run.steps.at("kill").excluded.size() == 1);
  CHECK(bench.vendor.alive.size() == 1);
}

// Goal: what grows back after the result reopens the run, and the watch ends when its time is over.
TEST_CASE("the regrowth watch looks again, and a way in that works again is exposed") {
  std::string source(kKillAll);
  source +=
      "verify:\n  - {probe: vendor.no_active_credential, with: {id: a}}\n"
      "watch: {every: 1m, for: 10m, budget: 60, reopen_on: [credential_created]}\n";
  Bench bench;
  ProcessRun process(bench.journal, bench.secrets, bench.vendor, bench.clock, vendor_connectors());
  const Result<RunId> id =
      process.engine.start(request_for(playbook_from(source, process.connectors)));
  REQUIRE(id);
  run_on(process.engine, *id, bench.clock);
  const RunState& run = *process.engine.find(*id);
  REQUIRE(run.result == RunResult::contained);
  REQUIRE(process.engine.watch(*id));
  const auto watch_on = [&] {
    for (int turns = 0; turns < 1'000 && !run.watch.finished && run.result == RunResult::contained;
         ++turns) {
      REQUIRE(process.engine.turn(bench.clock.now() + std::chrono::seconds(30)));
    }
  };
  SUBCASE("nothing grows back") {
    watch_on();
    CHECK(run.watch.finished);
    CHECK(run.result == RunResult::contained);
  }
  SUBCASE("it grew back") {
    bench.vendor.alive.insert("a");
    watch_on();
    CHECK(run.result == RunResult::exposed);
  }
  SUBCASE("an alert makes it look before its time, but no more often than its budget allows") {
    bench.clock.advance(std::chrono::seconds(5));
    const Timestamp tripped = bench.clock.now();
    process.engine.look_now(*id, "a3f0c1d2e4b5");
    CHECK(run.watch.due == tripped);
    turn_for(process.engine, bench.clock, std::chrono::seconds(2));
    CHECK(run.watch.looked == tripped);
    const Timestamp next = run.watch.due;
    process.engine.look_now(*id, "a3f0c1d2e4b6");
    process.engine.look_now(*id, "a3f0c1d2e4b7");
    CHECK(run.watch.due < next);
    CHECK(run.watch.due >= run.watch.looked + std::chrono::seconds(1));
    bench.vendor.alive.insert("a");
    turn_for(process.engine, bench.clock, std::chrono::seconds(5));
    CHECK(run.result == RunResult::exposed);
  }
  SUBCASE("a run that is over is forgotten, and known again when asked") {
    CHECK_FALSE(process.engine.forget(*id));
    watch_on();
    REQUIRE(process.engine.close(*id));
    CHECK(process.engine.forget(*id));
    CHECK(process.engine.find(*id) == nullptr);
    REQUIRE(process.engine.recall(*id));
    CHECK(process.engine.find(*id)->result == RunResult::contained);
  }
  SUBCASE("the process ends, and another one goes on until the same time") {
    const Timestamp until = run.watch.until;
    bench.clock.advance(std::chrono::minutes(3));
    ProcessRun second(bench.journal, bench.secrets, bench.vendor, bench.clock, vendor_connectors());
    REQUIRE(second.engine.load());
    REQUIRE(second.engine.take_up(*id, "mara"));
    const RunState& again = *second.engine.find(*id);
    CHECK(again.watch.until == until);
    for (int turns = 0; turns < 1'000 && again.is_watched(); ++turns)
      REQUIRE(second.engine.turn(bench.clock.now() + std::chrono::seconds(30)));
    CHECK(bench.clock.now() >= until);
    CHECK_FALSE(second.engine.take_up(*id, "mara"));
  }
}

// Goal: whichever append the process dies on, a new one ends the run, skips nothing and repeats
// nothing without a look. Method: die at each append in turn, with and without the entry on the
// disk, then take the run up with a fresh engine.
TEST_CASE("a run survives a crash at every journal append") {
  crash_everywhere(std::string(kKillAll), {}, [](Bench& bench, const RunState& run) {
    CHECK(run.result == RunResult::contained);
    CHECK(bench.vendor.alive.empty());
    for (const auto& [thing, kills] : bench.vendor.kills) CHECK(kills == 1);
  });
}

// Goal: a look that may itself bring something to life and whose answer was lost with its process
// leaves its claim unproved, whatever it says when it is made again (threat T11).
// Method: die at each append; where the vendor was asked twice, the first answer was lost.
TEST_CASE("a look that may change something and was cut off is a doubt") {
  std::string source(kKillAll);
  const std::string look = "thing_is_dead, with: {id: \"${t.id}\"}, until: {every: 2s, for: 10s}";
  source.replace(source.find(look), look.size(), "thing_stays_dead, with: {id: \"${t.id}\"}");
  int cut_off = 0;
  crash_everywhere(source, {}, [&](Bench& bench, const RunState& run) {
    CHECK(bench.vendor.alive.empty());
    const auto tests = std::ranges::count_if(bench.vendor.requests, [](const std::string& request) {
      return request.ends_with("/test");
    });
    REQUIRE(tests >= 3);
    // An entry that the disk kept although the process never sent anything counts as sent.
    const bool doubted = std::ranges::any_of(
        claims_of(run, vendor_connectors()), [](const Claim& claim) {
          return claim.residual &&
                 claim.residual->reason.find("thing_stays_dead was cut off") != std::string::npos;
        });
    if (tests > 3) CHECK(doubted);
    CHECK(run.result == (doubted ? RunResult::incomplete : RunResult::contained));
    cut_off += doubted ? 1 : 0;
  });
  CHECK(cut_off > 0);
}

TEST_CASE("request templates fit by segment, base and whole URL") {
  const Value params = Value::map({{"id", "x"}, {"mcp_server_url", "https://m.example/mcp"}});
  CHECK(fits_template("https://v.example/things/x/kill", "{base}/things/{id}/kill",
                      "https://v.example", params));
  CHECK(fits_template("https://v.example/things/x/kill?beta=true", "{base}/things/{id}/kill",
                      "https://v.example", params));
  CHECK_FALSE(fits_template("https://v.example/things/x/y/kill", "{base}/things/{id}/kill",
                            "https://v.example", params));
  CHECK_FALSE(fits_template("https://v.example/things//kill", "{base}/things/{id}/kill",
                            "https://v.example", params));
  CHECK_FALSE(fits_template("https://w.example/things/x/kill", "{base}/things/{id}/kill",
                            "https://v.example", params));
  CHECK(fits_template("https://m.example/mcp", "{mcp_server_url}", "", params));
  CHECK_FALSE(fits_template("https://n.example/mcp", "{mcp_server_url}", "", params));
}

}  // namespace quell::test
