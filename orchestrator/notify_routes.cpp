#include "orchestrator/notify_routes.h"

#include <chrono>
#include <mutex>
#include <utility>

#include "orchestrator/api/problem.h"

namespace quell {
namespace {

struct Desk {
  NotifyRoutesParts parts;
  std::mutex at_work{};
};

HttpReply send_test(Desk& desk, const ApiCall& call) {
  const std::unique_lock alone(desk.at_work, std::try_to_lock);
  if (!alone) {
    Error busy = make_error(ErrorCode::throttled, "notify", "a test is under way.",
                            "ask again in a moment");
    busy.retry_after = std::chrono::seconds{15};
    return problem_reply(busy);
  }
  const Result<std::unique_ptr<HttpTransport>> transport = desk.parts.make_transport();
  if (!transport) return problem_reply(transport.error());
  const Result<Value> sent =
      send_test_notices(desk.parts.destinations, call.body["name"].string_or(""), **transport,
                        desk.parts.clock, desk.parts.random);
  return sent ? json_reply(200, *sent) : problem_reply(sent.error());
}

}  // namespace

std::vector<ApiRoute> notify_routes(NotifyRoutesParts parts) {
  const std::shared_ptr<Desk> desk(new Desk{.parts = std::move(parts)});
  return {{.method = "GET",
           .path = "/api/v1/notify",
           .operation = "listDestinations",
           .summary = "Who is told of runs",
           .answer = "The document of quell notify list --json; no URL and no secret",
           .handle =
               [desk](const ApiCall&) {
                 return json_reply(200, destinations_document(desk->parts.destinations));
               }},
          {.method = "POST",
           .path = "/api/v1/notify/test",
           .operation = "testDestinations",
           .summary = "Send a test notice to those who are told of runs; answers within 12 s",
           .right = Right::act,
           .body = {{.name = "name", .about = "One destination; without it all of them"}},
           .answer = "What became of each, as quell notify test --json gives it",
           .handle = [desk](const ApiCall& call) { return send_test(*desk, call); }}};
}

}  // namespace quell
