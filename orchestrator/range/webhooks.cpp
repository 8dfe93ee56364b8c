// Standard Webhooks as the platform sends them: API sheet sections 4.1, 4.4 and 4.5.
#include "orchestrator/range/webhooks.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "connectors/url.h"
#include "state/base/assert.h"
#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/base/sha256.h"

namespace quell::range {
namespace {

using std::chrono::seconds;

constexpr std::string_view kSecretPrefix = "whsec_";
constexpr std::size_t kEndpointsMax = 8;
constexpr std::size_t kPostsMax = 10'000;
constexpr std::size_t kOverMax = 1'000;
constexpr std::size_t kTypesMax = 100;
constexpr std::size_t kAtOnceMax = 32;
constexpr int kAttemptsMax = 3;
/// Before the second and before the third attempt, plus up to as much again by chance.
constexpr std::array<seconds, kAttemptsMax - 1> kBackoff{seconds{5}, seconds{30}};

Error invalid(std::string_view what) {
  return make_error(ErrorCode::invalid, fmt::format("The webhook is not understood: {}.", what));
}

bool is_loopback_url(const std::string& text) {
  const Result<Url> url = parse_url(text);
  return url && url->scheme == "http" && is_loopback_host(url->host);
}

std::string uuid(Random& random) {
  const std::string hex = random.hex(16);
  return fmt::format("{}-{}-4{}-8{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(13, 3),
                     hex.substr(17, 3), hex.substr(20));
}

}  // namespace

Webhooks::Webhooks(std::uint64_t seed, std::string secret)
    : random_(seed),
      secret_(std::move(secret)),
      organization_id_(uuid(random_)),
      workspace_id_(uuid(random_)) {
  const auto key = base64_decode(std::string_view(secret_).substr(kSecretPrefix.size()));
  QUELL_ASSERT(key.has_value());
  key_ = *key;
}

Status Webhooks::subscribe(const Value& wish, const std::deque<PlatformEvent>& events) {
  if (!wish.is_map()) return invalid("the body must be a JSON object");
  for (const auto& [name, value] : wish.as_map()) {
    if (name != "url" && name != "events") return invalid("unknown member");
  }
  Endpoint endpoint{.url = wish["url"].string_or("")};
  if (!is_loopback_url(endpoint.url)) return invalid("url must be http on a loopback address");
  if (endpoints_.size() >= kEndpointsMax) return invalid("too many are registered");
  const ValueList& types = wish["events"].list_or_empty();
  if (types.size() > kTypesMax) return invalid("too many events");
  for (const Value& type : types) endpoint.types.push_back(type.string_or(""));
  collect(events);
  endpoints_.push_back(std::move(endpoint));
  return ok();
}

void Webhooks::collect(const std::deque<PlatformEvent>& events) {
  if (events.empty() || events.back().seq == seen_) return;
  const auto first = std::ranges::upper_bound(events, seen_, {}, &PlatformEvent::seq);
  seen_ = events.back().seq;
  if (endpoints_.empty()) return;
  for (auto event = first; event != events.end(); ++event) {
    for (std::size_t at = 0; at < endpoints_.size(); ++at) {
      const Endpoint& endpoint = endpoints_[at];
      const bool wanted = endpoint.types.empty() ||
                          std::ranges::find(endpoint.types, event->type) != endpoint.types.end();
      if (endpoint.disabled || !wanted || posts_.size() >= kPostsMax) continue;
      Post post{
          .endpoint = at, .id = "whe_" + random_.hex(12), .type = event->type, .due = event->at};
      ValueMap data{{"type", event->type},
                    {"id", event->id},
                    {"organization_id", organization_id_},
                    {"workspace_id", workspace_id_}};
      if (!event->vault_id.empty()) data["vault_id"] = event->vault_id;
      post.body = to_json(Value::map({{"type", "event"},
                                      {"id", post.id},
                                      {"created_at", event->at},
                                      {"data", Value(std::move(data))}}));
      posts_.emplace(++number_, std::move(post));
    }
  }
}

std::optional<Timestamp> Webhooks::next() const {
  std::optional<Timestamp> next;
  for (const auto& [number, post] : posts_) {
    if (post.due && (!next || *post.due < *next)) next = post.due;
  }
  return next;
}

Request Webhooks::sign(const Post& post, Timestamp now) const {
  const auto at = std::chrono::duration_cast<seconds>(now.time_since_epoch()).count();
  const std::string mac = hmac_sha256(key_, fmt::format("{}.{}.{}", post.id, at, post.body));
  return {.method = "POST",
          .target = endpoints_[post.endpoint].url,
          .headers = {{"content-type", "application/json"},
                      {"webhook-id", post.id},
                      {"webhook-timestamp", fmt::format("{}", at)},
                      {"webhook-signature", "v1," + base64_encode(mac)}},
          .body = post.body};
}

std::vector<Delivery> Webhooks::take(Timestamp now) {
  std::vector<Delivery> due;
  for (auto at = posts_.begin(); at != posts_.end() && due.size() < kAtOnceMax;) {
    const auto entry = at++;
    Post& post = entry->second;
    if (!post.due || *post.due > now) continue;
    const Endpoint& endpoint = endpoints_[post.endpoint];
    if (endpoint.disabled) {
      end(entry);
      continue;
    }
    post.due.reset();
    ++post.attempts;
    due.push_back({.number = entry->first, .url = endpoint.url, .request = sign(post, now)});
  }
  return due;
}

void Webhooks::end(std::map<std::uint64_t, Post>::iterator post) {
  if (over_.size() >= kOverMax) over_.pop_front();
  over_.push_back(std::move(post->second));
  posts_.erase(post);
}

void Webhooks::delivered(std::uint64_t number, int status, Timestamp now) {
  const auto found = posts_.find(number);
  if (found == posts_.end()) return;
  Post& post = found->second;
  post.status = status;
  const bool redirects = status >= 300 && status < 400;
  if (redirects) endpoints_[post.endpoint].disabled = true;
  const bool taken = status >= 200 && status < 300;
  if (taken || redirects || post.attempts >= kAttemptsMax) return end(found);
  const Duration wait = kBackoff[static_cast<std::size_t>(post.attempts) - 1];
  const auto jitter = random_.below(static_cast<std::uint64_t>(wait.count()) + 1);
  post.due = now + wait + Duration{static_cast<std::int64_t>(jitter)};
}

Value Webhooks::to_value() const {
  ValueList endpoints;
  for (const Endpoint& one : endpoints_) {
    endpoints.push_back(Value::map({{"url", one.url}, {"disabled", one.disabled}}));
  }
  ValueList deliveries;
  for (const Post& post : over_) {
    deliveries.push_back(Value::map({{"id", post.id},
                                     {"type", post.type},
                                     {"url", endpoints_[post.endpoint].url},
                                     {"attempts", post.attempts},
                                     {"status", post.status}}));
  }
  return Value::map(
      {{"endpoints", Value(std::move(endpoints))}, {"deliveries", Value(std::move(deliveries))}});
}

}  // namespace quell::range
