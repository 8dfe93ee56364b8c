#include "tests/connectors/transport/exchange.h"

#include <memory>
#include <utility>

namespace quell {

EgressPolicy loopback_policy() {
  Result<EgressPolicy> policy = EgressPolicy::make({}, true);
  QUELL_ASSERT(policy);
  return *policy;
}

HttpRequest request_to(std::string url, std::string method, Effect effect) {
  HttpRequest request;
  request.method = std::move(method);
  request.url = std::move(url);
  request.effect = effect;
  request.timeout = Duration{20'000};
  return request;
}

Result<HttpResponse> exchange(CurlTransport& transport, HttpRequest request) {
  constexpr Ticket kTicket = 7;
  const SystemClock clock;
  const Timestamp end = clock.now() + Duration{60'000};
  transport.start(kTicket, std::move(request));
  for (;;) {
    std::vector<Completion> done = transport.poll(end);
    if (!done.empty()) {
      QUELL_ASSERT(done.size() == 1 && done.front().ticket == kTicket);
      return std::move(done.front().answer);
    }
    if (clock.now() >= end) return make_error(ErrorCode::internal, "no completion in a minute");
  }
}

Result<HttpResponse> exchange(HttpRequest request, CurlOptions options) {
  const SystemClock clock;
  CurlTransport transport(clock, loopback_policy(), std::move(options));
  return exchange(transport, std::move(request));
}

BoundSecret bound(std::string text, std::vector<std::string> origins) {
  return BoundSecret{.secret = std::make_shared<const Secret>(std::move(text)),
                     .origins = std::move(origins)};
}

std::string all_text(const Error& error) {
  return describe(error) + " " + error.hint + " " + error.topic;
}

}  // namespace quell
