#pragma once

#include <span>
#include <string>
#include <string_view>

#include "connectors/secret_text.h"
#include "orchestrator/notify/notice.h"

namespace quell {

// What a notice looks like at each kind of destination. Pure; every text that is not ours is
// escaped for where it goes (threat T33).

/// `{public_url}/runs/{id}`; empty without a URL or a run.
std::string link_of(std::string_view public_url, const Notice& notice);

/// JSON for a Slack incoming webhook. All texts are plain_text, so nothing in them is markup, and
/// `&`, `<`, `>` are entities (Slack, "Formatting text for app surfaces").
std::string slack_body(const Notice& notice, std::string_view link);

/// JSON for PagerDuty's Events API v2. All of a run share one dedup_key, `quell/<run>`; the end of
/// a contained one resolves it.
SecretText pagerduty_body(const Notice& notice, std::string_view link,
                          const BoundSecret& routing_key);

/// JSON `{"type","timestamp","data"}` for a signed POST (Standard Webhooks, "Payload structure").
std::string signed_post_body(const Notice& notice, std::string_view link);

/// The header webhook-signature: `v1,` and base64 of HMAC-SHA-256 over `id.seconds.body`, one for
/// each of `secrets`, which are of the form `whsec_...` (Standard Webhooks, "Signature scheme").
std::string webhook_signature(std::span<const SecretPtr> secrets, std::string_view id,
                              std::int64_t seconds, std::string_view body);

}  // namespace quell
