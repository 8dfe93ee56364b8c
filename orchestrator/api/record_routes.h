#pragma once

#include <vector>

#include "orchestrator/api/api_route.h"
#include "orchestrator/api/change_feed.h"
#include "orchestrator/api/run_board.h"

namespace quell {

/// The journal itself: its tip, its entries, and what moves in it. What they are given outlives the
/// routes.
std::vector<ApiRoute> record_routes(RunBoard& board, const ChangeFeed& feed,
                                    const ConnectorSet& connectors);

}  // namespace quell
