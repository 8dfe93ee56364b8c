#pragma once

#include <functional>
#include <vector>

#include "orchestrator/api/api_route.h"
#include "orchestrator/api/change_feed.h"
#include "orchestrator/api/run_board.h"
#include "state/verify.h"

namespace quell {

using JournalCheck = std::function<Result<VerifyReport>(const VerifyOptions&)>;

/// The journal itself: its tip, its entries, whether it is whole, and what moves in it. What they
/// are given outlives the routes.
std::vector<ApiRoute> record_routes(RunBoard& board, const ChangeFeed& feed,
                                    const ConnectorSet& connectors, JournalCheck verify);

}  // namespace quell
