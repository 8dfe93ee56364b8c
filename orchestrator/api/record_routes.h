#pragma once

#include <functional>
#include <vector>

#include "orchestrator/api/api_route.h"
#include "orchestrator/api/change_feed.h"
#include "orchestrator/api/engine_door.h"
#include "orchestrator/api/run_board.h"
#include "state/verify.h"

namespace quell {

using JournalCheck = std::function<Result<VerifyReport>(const VerifyOptions&)>;

using EvidenceMaker = std::function<Result<std::string>(RunId, Journal&)>;

struct RecordParts {
  RunBoard& board;  // these outlive the routes
  const ChangeFeed& feed;
  const ConnectorSet& connectors;
  EngineDoor& engine;
  JournalCheck verify{};
  EvidenceMaker evidence{};
};

/// The journal itself: its tip, its entries, whether it is whole, what moves in it, and evidence
/// out of it.
std::vector<ApiRoute> record_routes(RecordParts parts);

}  // namespace quell
