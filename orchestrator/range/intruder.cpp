#include "orchestrator/range/intruder.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "orchestrator/range/faults.h"
#include "state/base/json.h"

namespace quell::range {
namespace {

constexpr Duration kUseEvery = std::chrono::seconds{3};
constexpr Duration kRefreshEvery = std::chrono::minutes{4};
constexpr Duration kRefreshAfterRefusal = std::chrono::seconds{2};
constexpr Duration kRefreshAgain = std::chrono::seconds{30};
constexpr std::size_t kLogLinesMax = 1'000'000;

}  // namespace

Intruder::Intruder(Loot loot, Timestamp start, Fetch fetch)
    : loot_(std::move(loot)),
      fetch_(std::move(fetch)),
      use_due_(start),
      refresh_due_(start + kRefreshEvery) {}

Timestamp Intruder::next() const {
  return loot_.api_key.empty() ? std::min(use_due_, refresh_due_) : use_due_;
}

void Intruder::step() {
  if (refresh_due_ < use_due_ && loot_.api_key.empty()) {
    refresh(refresh_due_);
  } else {
    use(use_due_);
  }
}

void Intruder::postpone(Duration by) {
  use_due_ += by;
  refresh_due_ += by;
}

bool Intruder::refresh(Timestamp now) {
  const auto response = fetch_(loot_.token_endpoint,
                               refresh_request({.client_id = loot_.client_id,
                                                .client_secret = loot_.client_secret,
                                                .auth_type = "client_secret_basic",
                                                .refresh_token = loot_.refresh_token,
                                                .resource = loot_.mcp_endpoint}),
                               now);
  log(now, Host::issuer, "/token", Effect::mutate, response ? response->status : 0, "refresh");
  bool redeemed = false;
  if (response && response->status == 200) {
    const Result<Value> body = parse_json(response->body);
    const std::string access = body ? (*body)["access_token"].string_or("") : "";
    const std::string refresh = body ? (*body)["refresh_token"].string_or("") : "";
    redeemed = !access.empty();
    if (redeemed) loot_.access_token = access;
    if (!refresh.empty()) loot_.refresh_token = refresh;
  }
  refresh_due_ = now + (redeemed ? kRefreshEvery : kRefreshAgain);
  refresh_refused_ = redeemed ? std::nullopt : std::optional(now);
  return redeemed;
}

void Intruder::take_tokens(std::string access_token, std::string refresh_token, Timestamp now) {
  loot_.access_token = std::move(access_token);
  loot_.refresh_token = std::move(refresh_token);
  refresh_refused_.reset();
  refresh_due_ = now + kRefreshEvery;
  use_due_ = std::min(use_due_, now + kRefreshAfterRefusal);
}

void Intruder::note(LogLine line) {
  if (log_.size() < kLogLinesMax) log_.push_back(std::move(line));
}

int Intruder::use_tool(Timestamp now) {
  const auto response =
      call_mcp(fetch_, loot_.mcp_endpoint, "tools/list", loot_.access_token, modern_, now);
  const int status = response ? response->status : 0;
  log(now, Host::mcp_server, "/mcp", Effect::probe, status, "tools/list");
  return status;
}

int Intruder::use_api_key(Timestamp now) {
  const Request request{.host = Host::platform,
                        .method = "GET",
                        .target = "/v1/sessions?limit=1",
                        .headers = {{"authorization", "Bearer " + loot_.api_key},
                                    {"anthropic-version", "2026-10-21"},
                                    {"anthropic-beta", "managed-agents-2026-04-01"}}};
  const auto response = fetch_(loot_.platform_url + request.target, request, now);
  const int status = response ? response->status : 0;
  log(now, Host::platform, "/v1/sessions", Effect::probe, status, "sessions");
  return status;
}

void Intruder::use(Timestamp now) {
  const int status = loot_.api_key.empty() ? use_tool(now) : use_api_key(now);
  use_due_ = now + kUseEvery;
  in_ = status == 200;
  if (in_) {
    last_success_ = now;
    first_failure_.reset();
    return;
  }
  if (!first_failure_) first_failure_ = now;
  // A refused refresh has its own, slower rhythm.
  if (status == 401 && !refresh_refused_ && loot_.api_key.empty()) {
    refresh_due_ = std::min(refresh_due_, now + kRefreshAfterRefusal);
  }
}

void Intruder::log(Timestamp at, Host host, std::string_view path, Effect effect, int status,
                   std::string_view note) {
  if (log_.size() >= kLogLinesMax) return;
  log_.push_back({.at = at,
                  .who = "intruder",
                  .host = std::string(to_string(host)),
                  .method = host == Host::platform ? "GET" : "POST",
                  .path = std::string(path),
                  .effect = effect,
                  .status = status,
                  .note = std::string(note)});
}

}  // namespace quell::range
