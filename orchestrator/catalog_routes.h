#pragma once

#include <vector>

#include "orchestrator/api/api_route.h"
#include "orchestrator/config.h"
#include "orchestrator/engine/run_state.h"

namespace quell {

/// What this quell could do: `/api/v1/playbooks`, `/api/v1/actions` and `/api/v1/hooks/routes`. Both
/// outlive the routes.
std::vector<ApiRoute> catalog_routes(const Config& config, const ConnectorSet& connectors);

}  // namespace quell
