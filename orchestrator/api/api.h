#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "orchestrator/api/answer_cache.h"
#include "orchestrator/api/api_route.h"
#include "orchestrator/http_server.h"
#include "state/base/clock.h"

namespace quell {

/// `/api/v1`: finds the route of a call, asks whether its actor may, checks the body against the
/// route's fields and calls the handler. The same table answers on the owner's socket, on the panel
/// and in the OpenAPI document, so nothing can be done on one of them that the others do not know.
///
/// A POST with `Idempotency-Key` is carried out once: the same key with the same body is answered
/// as before for a day, with another body it is a conflict.
class Api {
 public:
  struct Parts {
    const Clock& clock;
    /// Told of each call that was refused for want of a right; any thread, may be empty.
    std::function<void(const Actor&, const ApiRoute&)> on_refusal{};
  };

  explicit Api(Parts parts);

  /// Before the first call.
  void add(std::vector<ApiRoute> routes);

  /// The route of a call, or null; `path` is without the query.
  const ApiRoute* find(std::string_view method, std::string_view path) const;

  /// Any thread. An unknown path is 404, a known one with another method 405; what the actor may
  /// not do 403.
  HttpReply answer(const HttpCall& call, const Actor& actor);

  const std::vector<ApiRoute>& routes() const noexcept { return routes_; }

 private:
  HttpReply carry_out(const ApiRoute& route, ApiCall call);

  Parts parts_;
  std::vector<ApiRoute> routes_{};
  AnswerCache answers_;
};

}  // namespace quell
