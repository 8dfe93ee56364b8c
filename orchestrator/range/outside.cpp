// The way out of the range to servers of a test on the same machine.
#include "orchestrator/range/outside.h"

#include <atomic>
#include <string>
#include <utility>

#include "connectors/curl_transport.h"
#include "connectors/egress_policy.h"
#include "connectors/http_transport.h"
#include "connectors/url.h"
#include "state/base/assert.h"
#include "state/base/clock.h"

namespace quell::range {
namespace {

constexpr Duration kCallMax{5'000};
constexpr std::size_t kAnswerBytesMax = 256U << 10U;

EgressPolicy loopback_policy() {
  Result<EgressPolicy> policy = EgressPolicy::make({}, true);
  QUELL_ASSERT(policy);
  return *std::move(policy);
}

}  // namespace

class OutsideCaller::Impl {
 public:
  std::optional<Response> fetch(std::string_view url, const Request& request) {
    const Result<Url> parsed = parse_url(url);
    // As written; the transport checks the connected address besides.
    if (!parsed || parsed->scheme != "http" || !is_loopback_host(parsed->host)) return std::nullopt;
    HttpRequest out{.method = request.method,
                    .url = std::string(url),
                    .effect = request.host == Host::mcp_server ? Effect::probe : Effect::mutate,
                    .trust = Trust::untrusted,
                    .timeout = kCallMax,
                    .body_bytes_max = kAnswerBytesMax,
                    // An MCP server may keep its stream open behind the answer.
                    .first_event_only = request.host == Host::mcp_server};
    for (const auto& [name, value] : request.headers) out.headers.push_back({name, value});
    if (!request.body.empty()) out.body = request.body;
    const Ticket ticket = ++tickets_;
    transport_.start(ticket, std::move(out));
    const Timestamp until = clock_.now() + kCallMax;
    while (!stopping_ && clock_.now() < until) {
      std::vector<Completion> done = transport_.poll(until);
      for (Completion& one : done) {
        // Others belong to calls that were given up.
        if (one.ticket == ticket) return response_of(std::move(one.answer));
      }
    }
    return std::nullopt;
  }

  void stop() {
    stopping_ = true;
    transport_.wake();
  }

 private:
  static std::optional<Response> response_of(Result<HttpResponse> answer) {
    if (!answer || !answer->from_loopback) return std::nullopt;
    Response response;
    response.status = answer->status;
    response.headers = answer->headers;
    response.body = answer->body;
    return response;
  }

  SystemClock clock_{};
  CurlTransport transport_{clock_, loopback_policy()};
  Ticket tickets_ = 0;
  std::atomic<bool> stopping_ = false;
};

OutsideCaller::OutsideCaller() : impl_(std::make_unique<Impl>()) {}
OutsideCaller::~OutsideCaller() = default;
std::optional<Response> OutsideCaller::fetch(std::string_view url, const Request& request) {
  return impl_->fetch(url, request);
}
void OutsideCaller::stop() { impl_->stop(); }

}  // namespace quell::range
