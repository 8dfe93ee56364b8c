#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/http_transport.h"
#include "connectors/secret_text.h"
#include "orchestrator/notify/notice.h"

namespace quell {

enum class DestinationKind : std::uint8_t { slack, pagerduty, signed_post };

/// One place that notices go to, its secrets resolved.
struct Destination {
  std::string name{};
  std::string named_at{};  // `quell.yaml:31`
  DestinationKind kind = DestinationKind::signed_post;
  std::string url{};                 // empty for Slack, whose URL is its secret
  std::vector<SecretPtr> secrets{};  // the URL, the routing key, or one or two signing secrets
  bool confidential = false;
  std::set<NoticeEvent> events{};
};

/// May the URL be posted to: https, or http to loopback; nothing else may stand in it than a place?
bool is_destination_url(std::string_view url);
/// Does the secret spell such a URL? For Slack.
bool is_destination_url(const Secret& url);

/// The request that delivers `notice`; `id` stays the same however often it is sent, `now` is the
/// time of this attempt. What the destination may not be told yet is left out.
HttpRequest request_for(const Destination& destination, const Notice& notice,
                        std::string_view public_url, std::string_view id, Timestamp now);

/// Did the destination take it? 2xx, and of Slack 200 alone.
bool is_taken(DestinationKind kind, int status) noexcept;

}  // namespace quell
