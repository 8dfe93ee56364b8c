#pragma once

#include <vector>

#include "orchestrator/api/api_route.h"
#include "orchestrator/api/engine_door.h"
#include "orchestrator/api/run_board.h"

namespace quell {

/// Listing, reading and following runs. `board` and `connectors` outlive the routes.
std::vector<ApiRoute> run_reading_routes(RunBoard& board, const ConnectorSet& connectors);

/// Beginning runs, and people's words on them. What it is given outlives the routes.
std::vector<ApiRoute> run_command_routes(EngineDoor& engine, RunBoard& board);

/// The members of a body that asks for a run or its plan, and what they spell.
std::vector<ApiField> start_fields();
StartCommand start_command_of(const ApiCall& call);

/// What an actor without the right to start runs is told.
Error only_dry_runs(const Actor& actor);

/// The most that one call may carry: playbooks of 1 MiB, escaped, and inputs.
inline constexpr std::size_t kStartBytesMax = 16U << 20U;

}  // namespace quell
