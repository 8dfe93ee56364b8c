#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "orchestrator/api/api_route.h"
#include "orchestrator/notify/trial.h"

namespace quell {

struct NotifyRoutesParts {
  std::vector<Destination> destinations{};
  std::function<Result<std::unique_ptr<HttpTransport>>()> make_transport{};  // any thread
  const Clock& clock;  // outlive the routes
  Random& random;
};

/// `/api/v1/notify`: who is told of runs, and a test notice, one at a time.
std::vector<ApiRoute> notify_routes(NotifyRoutesParts parts);

}  // namespace quell
