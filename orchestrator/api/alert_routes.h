#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "orchestrator/alerts/alert_record.h"
#include "orchestrator/alerts/desk.h"
#include "orchestrator/api/api_route.h"
#include "orchestrator/api/engine_door.h"
#include "orchestrator/api/run_board.h"

namespace quell {

/// Carries out a person's word on an alert; called on the engine's thread.
using AlertOffice = std::function<Result<FiledAlert>(const AlertCommand&)>;

/// The office of the process that takes alerts in; there is none before one is opened.
class AlertOfficeDoor {
 public:
  void open(AlertOffice office);
  AlertOffice office() const;

 private:
  mutable std::mutex mutex_{};
  AlertOffice office_{};
};

/// The inbox and people's words on it. What they are given outlives the routes.
std::vector<ApiRoute> alert_routes(EngineDoor& engine, RunBoard& board,
                                   const AlertOfficeDoor& office);

}  // namespace quell
