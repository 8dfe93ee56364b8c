#pragma once

#include <string>
#include <vector>

#include "orchestrator/api/api_route.h"

namespace quell {

/// `/api/v1/drills`: the scores that lie in `folder` (drill_scores_folder()).
std::vector<ApiRoute> drill_routes(const std::string& folder);

}  // namespace quell
