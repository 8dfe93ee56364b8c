// The shipped scenarios: each ends as its truth says, and no claim is green while the intruder's
// next use still succeeds. QUELL_DRILL_SEEDS=200 plays more seeds than the few of every day.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <doctest/doctest.h>

#include "orchestrator/playbook_library.h"
#include "state/base/json.h"
#include "tests/orchestrator/drill/playing.h"
#include "tests/support/temp_folder.h"

namespace quell {
namespace {

using test::play;
using test::shipped;

std::uint64_t seeds() {
  const char* const wanted = std::getenv("QUELL_DRILL_SEEDS");  // NOLINT(concurrency-mt-unsafe)
  return wanted == nullptr ? 10 : std::strtoull(wanted, nullptr, 10);
}

/// Thousands of stored tokens take a second; 40,000 take a quarter of a minute, and are left out
/// where few seeds are played, as under sanitizers.
std::uint64_t seeds_of(const Scenario& scenario) {
  const std::int64_t tenants = scenario.population.tenants;
  if (tenants > 10'000) return seeds() / 10;
  return std::max<std::uint64_t>(1, seeds() / (tenants > 0 ? 3 : 1));
}

}  // namespace

// Goal: what a drill teaches is true: every shipped scenario ends as it says, whatever the seed,
// and the intruder's own log agrees with every verdict.
TEST_CASE("every shipped scenario ends as its truth says, and nothing is falsely green") {
  for (const auto& [file, source] : shipped_scenarios()) {
    const Result<Scenario> scenario = load_scenario(source, file);
    if (!scenario) FAIL(describe(scenario.error()));
    CHECK(scenario->id + ".yaml" == file);
    CHECK_FALSE(scenario->questions.empty());
    for (std::uint64_t seed = 1; seed <= seeds_of(*scenario); ++seed) {
      CAPTURE(file);
      CAPTURE(seed);
      const DrillOutcome outcome = play(*scenario, seed);
      std::string failed;
      for (const std::string& one : outcome.record.differences) failed += one + "; ";
      CHECK_MESSAGE(failed.empty(), failed);
      for (const FalseGreen& green : outcome.record.false_greens)
        FAIL_CHECK(green.subject << " proved at " << green.proved_at.count() << " ms, "
                                 << green.how << " worked at " << green.worked_at.count());
      CHECK(outcome.as_expected);
    }
  }
}

// Goal: a seed is one exact drill.
TEST_CASE("the same seed tells the same story, another seed another one") {
  for (const char* const id : {"rotate-only", "worst-moment", "alert-storm"}) {
    CAPTURE(id);
    const DrillRecord one = play(shipped(id), 11).record;
    const DrillRecord two = play(shipped(id), 11).record;
    REQUIRE(one.timeline.size() == two.timeline.size());
    for (std::size_t i = 0; i < one.timeline.size(); ++i) {
      CHECK(one.timeline[i].at == two.timeline[i].at);
      CHECK(one.timeline[i].text == two.timeline[i].text);
    }
    const DrillRecord other = play(shipped(id), 12).record;
    CHECK(other.times[1].took != one.times[1].took);
  }
}

// Goal: the score is the intruder's log's, not ours: a scenario that lies about its end fails.
TEST_CASE("a drill that ends otherwise than its scenario demands does not pass") {
  Scenario scenario = shipped("rotate-only");
  scenario.ends = RunResult::contained;
  scenario.truth.intruder_in = false;
  const DrillOutcome outcome = play(scenario, 7);
  CHECK_FALSE(outcome.as_expected);
  REQUIRE(outcome.record.differences.size() == 2);
  CHECK(outcome.record.differences[0] == "the result is exposed, not contained");
  CHECK(outcome.record.differences[1] == "the intruder is in, not out");
}

// Goal: the score finds a false green of any kind of loot, whatever the verdicts say.
// Method: a playbook that proves the key dead and then switches it on again, before the intruder's
// next use.
TEST_CASE("a stolen key that works after it was called dead is a false green") {
  const TempFolder folder;
  std::filesystem::create_directory(folder / "drills");
  std::ofstream(folder / "believer.yaml") << R"(quell: 1
id: believer
title: Off and on
purpose: To be caught.
inputs:
  api_key_id: {type: string, required: true}
steps:
  - id: turn_off
    use: platform.deactivate_api_key
    with: {api_key_id: "${inputs.api_key_id}"}
    plane: issuer
    kills: [key]
    irreversible: true
    verify: [{probe: platform.api_key_is_inactive, with: {api_key_id: "${inputs.api_key_id}"}}]
  - id: turn_on
    use: platform.activate_api_key
    with: {api_key_id: "${inputs.api_key_id}"}
    irreversible: true
    verify: none
    reason: it is the mistake
)";
  const std::string file = folder / "drills/believer.yaml";
  std::ofstream(file) << R"(scenario: believer
title: off and on
teaches: the log is the judge
playbook: believer
world: {profile: steals_api_key}
respond_after: 4s
lasts: 1m
ends: contained
inputs: {api_key_id: "${leaked.api_key_id}"}
)";
  const Result<Scenario> scenario = find_scenario(file);
  if (!scenario) FAIL(describe(scenario.error()));
  const DrillRecord record = play(*scenario, 7).record;
  CHECK(record.last_success);
  CHECK_FALSE(record.agrees());
  REQUIRE_FALSE(record.false_greens.empty());
  CHECK(record.false_greens[0].how == "sessions");
}

// Goal: what was made with a stolen key is found and stands still, whether it was there at the look
// or came after it; a run that leaves it alone is not called contained.
// Method: deployments without a vault, by the intruder; the shipped playbook, and the same text
// without its steps `pause` and `pause_late`, against the world's own truth.
TEST_CASE("a stolen key's deployments are paused, or the run says so") {
  const Scenario whole = shipped("compromised-api-key");
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    const DrillOutcome outcome = play(whole, seed);
    CHECK(outcome.result == RunResult::contained);
    CHECK(outcome.truth["planted_deployments_active"].as_list().empty());
    CHECK(outcome.truth["planted_sessions_not_archived"].as_list().empty());
  }
  const auto source = [](const auto& files, const std::string& file) {
    const auto found = std::ranges::find(files, file, [](const auto& one) { return one.first; });
    REQUIRE(found != files.end());
    return found->second;
  };
  const std::string name = "compromised-api-key.yaml";
  for (const std::string left_out : {"pause", "pause_late"}) {
    CAPTURE(left_out);
    std::string text = source(shipped_playbooks(), name);
    const std::size_t at = text.find("  - id: " + left_out + "\n");
    text.erase(at, text.find("  - id: ", at + 1) - at);
    const TempFolder folder;
    std::filesystem::create_directory(folder / "drills");
    std::ofstream(folder / name) << text;
    std::ofstream(folder / ("drills/" + name)) << source(shipped_scenarios(), name);
    const Result<Scenario> without = find_scenario(folder / ("drills/" + name));
    if (!without) FAIL(describe(without.error()));
    const DrillOutcome outcome = play(*without, 7);
    CHECK(outcome.result == RunResult::exposed);
    CHECK_FALSE(outcome.truth["planted_deployments_active"].as_list().empty());
  }
}

// Goal: after a death between the act and its record the next process looks first and goes on.
TEST_CASE("worst-moment dies once, is taken up, and loses nothing") {
  std::vector<std::string> told;
  const DrillOutcome outcome = play(shipped("worst-moment"), 7, &told);
  REQUIRE(told.size() == 3);
  CHECK(told[1] == "the process dies: the change was sent, its answer is not recorded");
  CHECK(told[2] == "another process takes the run up");
  CHECK(outcome.result == RunResult::contained);
  CHECK(outcome.record.exposed.empty());
}

// Goal: people learn the end early enough to tell somebody.
TEST_CASE("walk-or-wipe announces when it ends") {
  Scenario scenario = shipped("walk-or-wipe");
  scenario.population.tenants = 199;
  scenario.population.writes_per_minute = 10;
  const DrillRecord record = play(scenario, 7).record;
  REQUIRE(record.announced);
  REQUIRE(record.contained_after);
  const double real = static_cast<double>(record.contained_after->count());
  CHECK(static_cast<double>(record.announced->count()) == doctest::Approx(real).epsilon(0.1));
  CHECK(*record.contained_after > std::chrono::minutes(15));
}

// Goal: who breaks the glass is named and looked at again.
TEST_CASE("approver-asleep leaves one open review, with a name") {
  const DrillRecord record = play(shipped("approver-asleep"), 7).record;
  REQUIRE(record.approvals.size() == 1);
  CHECK(record.approvals[0].who == "the drill's admin");
  CHECK(record.approvals[0].how == "break-glass");
  CHECK(record.open_reviews() == 1);
  CHECK(record.times[1].took > std::chrono::minutes(10));
}

// Goal: a thing that is left out has an owner, or the score says that it has none.
TEST_CASE("an exclusion that names an owner counts as owned") {
  Scenario scenario = shipped("the-four-nobody-used");
  scenario.exclusion->because = "owner: Petra, by Friday";
  scenario.truth.excluded_without_owner = 0;
  const DrillRecord record = play(scenario, 7).record;
  REQUIRE(record.excluded.size() == 4);
  CHECK(record.excluded[0].owner == "Petra");
  CHECK(record.agrees());
}

// Goal: a team sees whether it gets better, apart from other teams and from the playbook's own play.
TEST_CASE("a trend is the first and the last drill of one team and scenario") {
  const auto drill = [](const char* id, const char* team, bool passed) {
    DrillRecord record{.drill = id, .scenario = "rotate-only", .team = team};
    if (!passed) record.differences.emplace_back("otherwise");
    return record;
  };
  const std::vector<DrillRecord> records{drill("d1", "days", false), drill("d2", "", true),
                                         drill("d3", "nights", true), drill("d4", "days", true),
                                         drill("d5", "days", true)};
  const std::vector<DrillTrend> trends = trends_of(records);
  REQUIRE(trends.size() == 1);
  CHECK(trends[0].players == "days");
  CHECK(trends[0].played == 3);
  CHECK(trends[0].passed == 2);
  CHECK(trends[0].first->drill == "d1");
  CHECK(trends[0].last->drill == "d5");
}

// Goal: a score that was kept is read back whole, and damage is not taken for one.
TEST_CASE("a score survives its file") {
  const DrillRecord record = play(shipped("lying-200"), 7).record;
  const std::string text = to_json(to_value(record));
  const Result<Value> document = parse_json(text);
  REQUIRE(document);
  const Result<DrillRecord> back = drill_record_from(*document);
  REQUIRE(back);
  CHECK(to_json(to_value(*back)) == text);
  CHECK(record.refuted_after.has_value());
  CHECK_FALSE(drill_record_from(Value::map({{"format", 1}, {"drill", "d9"}})));
}

}  // namespace quell
