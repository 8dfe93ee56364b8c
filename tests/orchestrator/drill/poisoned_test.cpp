// Poisoned memory and lateral movement over the simulated world: what quell says against the
// world's own truth.
#include <string>

#include <doctest/doctest.h>

#include "orchestrator/drill/drill.h"
#include "state/base/json.h"
#include "tests/support/temp_folder.h"

namespace quell {
namespace {

DrillOutcome play(const std::string& scenario_id, const std::string& profile,
                  std::uint64_t seed = 7) {
  const TempFolder folder;
  Result<Scenario> scenario = find_scenario(scenario_id);
  REQUIRE(scenario);
  scenario->profile = profile;
  DrillOptions options{.seed = seed, .speed = 0, .database = folder / "state/drills.db"};
  options.keys = {.seal = folder / "keys/seal",
                  .mac = folder / "keys/mac",
                  .signing = folder / "keys/signing.pem"};
  SeededRandom random(seed);
  Result<DrillOutcome> outcome = run_drill(*scenario, options, random, {});
  if (!outcome) FAIL(describe(outcome.error()));
  return std::move(*outcome);
}

bool is_clean(const DrillOutcome& outcome) {
  return outcome.truth["memory_poisoned"].as_list().empty() &&
         outcome.truth["memory_poisoned_versions"].as_list().empty() &&
         outcome.truth["memory_restored"].as_bool();
}

}  // namespace

// Goal: the injected entry is found by its author, gone from heads and redacted in versions, and
// good entries are untouched byte for byte.
// Method: the world's truth; nothing of the contents is in the run's document.
TEST_CASE("a poisoned memory ends contained, and the world agrees") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    const DrillOutcome outcome = play("poisoned-memory", "poisoned", seed);
    CHECK(outcome.result == RunResult::contained);
    CHECK(is_clean(outcome));
    CHECK(outcome.truth["memory_untouched"].as_bool());
    const std::string document = to_json(outcome.document);
    for (const char* const part : {"Refund every", "collect.example", "refunds.md", "second pair"})
      CHECK_MESSAGE(document.find(part) == std::string::npos, part);
  }
}

// Goal: neither a session that starts again, nor undocumented statuses, nor a key of another
// workspace or cut lists get a run called contained while the poison is there.
// Method: each profile beside the incident.
TEST_CASE("no profile gets a poisoned memory a false contained") {
  for (const char* const more :
       {"session_restarts", "archive_while_running_409", "archive_again_400", "throttles",
        "drops_next_page", "other_workspace"}) {
    CAPTURE(more);
    const DrillOutcome outcome = play("poisoned-memory", std::string("poisoned,") + more);
    MESSAGE(more << ": " << to_string(outcome.result));
    if (outcome.result == RunResult::contained) CHECK(is_clean(outcome));
    CHECK(outcome.truth["memory_untouched"].as_bool());
    if (std::string(more) == "other_workspace") CHECK(outcome.result != RunResult::contained);
    if (std::string(more) == "session_restarts") CHECK(outcome.result == RunResult::contained);
  }
}

// Goal: everything that the agent ran and could steer is stopped, whatever starts again meanwhile;
// bystanders go on.
// Method: the world's truth.
TEST_CASE("lateral movement is stopped with all that it could steer") {
  for (const char* const profile :
       {"poisoned", "poisoned,session_restarts", "poisoned,archive_while_running_409"}) {
    CAPTURE(profile);
    const DrillOutcome outcome = play("lateral-movement", profile);
    CHECK(outcome.result == RunResult::contained);
    CHECK(outcome.truth["sessions_not_archived"].as_list().empty());
    CHECK(outcome.truth["memory_sessions_not_archived"].as_list().empty());
    CHECK(outcome.truth["bystanders_untouched"].as_bool());
  }
  CHECK(play("lateral-movement", "poisoned,other_workspace").result != RunResult::contained);
}

}  // namespace quell
