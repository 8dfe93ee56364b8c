#include "tests/orchestrator/drill/playing.h"

#include <doctest/doctest.h>

#include "tests/support/temp_folder.h"

namespace quell::test {

DrillOutcome play(const Scenario& scenario, std::uint64_t seed, std::vector<std::string>* told) {
  const TempFolder folder;
  DrillOptions options{.seed = seed, .speed = 0, .database = folder / "state/drills.db"};
  options.keys = {.seal = folder / "keys/seal",
                  .mac = folder / "keys/mac",
                  .signing = folder / "keys/signing.pem"};
  SeededRandom random(seed);
  DrillEvents events;
  if (told != nullptr) {
    events.inject = [told](const Inject& inject, Timestamp, Timestamp) {
      told->push_back(inject.from + ": " + inject.text);
    };
    events.note = [told](const std::string& text, Timestamp, Timestamp) { told->push_back(text); };
  }
  Result<DrillOutcome> outcome = run_drill(scenario, options, random, events);
  if (!outcome) FAIL(describe(outcome.error()));
  return std::move(*outcome);
}

Scenario shipped(const std::string& id) {
  Result<Scenario> scenario = find_scenario(id);
  if (!scenario) FAIL(describe(scenario.error()));
  return *std::move(scenario);
}

}  // namespace quell::test
