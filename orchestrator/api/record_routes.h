#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/api/api_route.h"
#include "orchestrator/api/change_feed.h"
#include "orchestrator/api/engine_door.h"
#include "orchestrator/api/run_board.h"
#include "orchestrator/report/spool.h"
#include "state/verify.h"

namespace quell {

using JournalCheck = std::function<Result<VerifyReport>(const VerifyOptions&)>;

/// write_evidence() of a run, whole. Called on several threads.
using EvidenceMaker =
    std::function<Result<std::unique_ptr<Spool>>(RunId, std::optional<std::uint64_t> as_of)>;

struct RecordParts {
  RunBoard& board;  // these outlive the routes
  const ChangeFeed& feed;
  const ConnectorSet& connectors;
  EngineDoor& engine;
  JournalCheck verify{};
  PlaybookLoader load_playbook{};
  /// Makes the report's page for a browser.
  std::function<std::string(const Value& report)> render_html{};
  EvidenceMaker evidence{};
  bool is_evidence_encrypted = false;
};

/// The journal itself: its tip, its entries, whether it is whole, what moves in it, and evidence
/// out of it.
std::vector<ApiRoute> record_routes(RecordParts parts);

}  // namespace quell
