#pragma once

#include <cstdint>

#include "orchestrator/cli/session.h"
#include "orchestrator/drill/scenario.h"

namespace quell::cli {

/// `quell drill SCENARIO --play`: people answer the incident in a panel and on the command line,
/// in real time, against a range on sockets; this terminal is the facilitator's. Gives the exit
/// code.
int play_with_people(Session& session, const Config& config, const Scenario& scenario,
                     std::uint64_t seed, const std::string& team, bool expect);

}  // namespace quell::cli
