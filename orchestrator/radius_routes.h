#pragma once

#include <vector>

#include "orchestrator/api/api_route.h"
#include "orchestrator/plan_desk.h"

namespace quell {

/// What somebody wants to know the blast radius of, for the desk; texts as radius_texts() makes
/// them. Errors topics "config" and "bad-input".
Result<StartCommand> radius_wish(const ConnectorSet& connectors, std::string_view connection,
                                 std::map<std::string, std::string> texts, const Actor& actor);

/// `/api/v1/radius`: asked for, and looked at when it is there. All of these outlive the routes.
std::vector<ApiRoute> radius_routes(PlanDesk& desk, const ConnectorSet& connectors,
                                    const Clock& clock);

}  // namespace quell
