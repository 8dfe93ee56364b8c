#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "orchestrator/drill/drill.h"

namespace quell::test {

/// Plays a scenario as fast as it goes, in a folder of its own; fails the test when it cannot be
/// played. With `told`, what the players are told goes there.
DrillOutcome play(const Scenario& scenario, std::uint64_t seed,
                  std::vector<std::string>* told = nullptr);

/// The shipped scenario of that name.
Scenario shipped(const std::string& id);

}  // namespace quell::test
