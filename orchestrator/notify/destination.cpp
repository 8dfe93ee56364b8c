// Where notices go: Slack incoming webhooks, PagerDuty Events API v2, signed POST after Standard
// Webhooks 1.0.0. The URL of a Slack webhook is its secret, so this file calls Secret::reveal().
#include "orchestrator/notify/destination.h"

#include <utility>

#include "connectors/url.h"
#include "orchestrator/notify/render.h"

namespace quell {
namespace {

constexpr Duration kTimeout{10'000};
constexpr std::size_t kAnswerBytesMax = 64U << 10U;

}  // namespace

bool is_destination_url(std::string_view url) {
  const Result<Url> parsed = parse_url(url);
  return parsed && (parsed->scheme == "https" || is_loopback_host(parsed->host));
}

bool is_destination_url(const Secret& url) { return is_destination_url(url.reveal()); }

HttpRequest request_for(const Destination& destination, const Notice& notice,
                        std::string_view public_url, std::string_view id, Timestamp now) {
  const Notice told = for_destination(notice, destination.confidential);
  const std::string link = link_of(public_url, told);
  HttpRequest request{.method = "POST",
                      .url = destination.url,
                      .headers = {{.name = "content-type", .value = "application/json"}},
                      .effect = Effect::notify,
                      .timeout = kTimeout,
                      .body_bytes_max = kAnswerBytesMax};
  switch (destination.kind) {
    case DestinationKind::slack:
      request.url = std::string(destination.secrets.front()->reveal());
      request.body = slack_body(told, link);
      break;
    case DestinationKind::pagerduty:
      request.body = pagerduty_body(
          told, link,
          {.secret = destination.secrets.front(), .origins = {origin_of(destination.url)}});
      break;
    case DestinationKind::signed_post: {
      const std::string body = signed_post_body(told, link);
      const std::int64_t seconds =
          std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
      request.headers.push_back({.name = "webhook-id", .value = std::string(id)});
      request.headers.push_back({.name = "webhook-timestamp", .value = std::to_string(seconds)});
      request.headers.push_back(
          {.name = "webhook-signature",
           .value = webhook_signature(destination.secrets, id, seconds, body)});
      request.body = body;
      break;
    }
  }
  return request;
}

bool is_taken(DestinationKind kind, int status) noexcept {
  return kind == DestinationKind::slack ? status == 200 : status >= 200 && status < 300;
}

}  // namespace quell
