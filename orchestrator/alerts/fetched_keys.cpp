#include "orchestrator/alerts/fetched_keys.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "orchestrator/alerts/key_set.h"
#include "orchestrator/alerts/signature.h"
#include "state/base/json.h"

namespace quell {
namespace {

constexpr std::size_t kAnswerBytesMax = 256U << 10U;
constexpr Duration kPatience{10'000};

}  // namespace

std::vector<PublicKey> read_partner_keys(std::string_view body) {
  const Result<Value> document =
      parse_json(body, {.bytes_max = kAnswerBytesMax, .depth_max = 8, .nodes_max = 2'000});
  std::vector<PublicKey> keys;
  if (!document || !document->is_map()) return keys;
  for (const Value& one : (*document)["public_keys"].list_or_empty()) {
    if (!one.is_map() || keys.size() >= kKeysMax) continue;
    PublicKey key{.id = one["key_identifier"].string_or(""), .bytes = one["key"].string_or("")};
    if (!key.id.empty() && key.id.size() <= kKeyIdBytesMax && is_p256_key(key.bytes))
      keys.push_back(std::move(key));
  }
  return keys;
}

FetchedKeys::Found FetchedKeys::keys_for(std::string_view id) {
  const auto known = [&] {
    const std::lock_guard lock(mutex_);
    return keys_;
  };
  Found found{.keys = known()};
  if (std::ranges::find(found.keys, id, &PublicKey::id) != found.keys.end()) return found;
  const std::unique_lock fetching(fetching_, std::try_to_lock);
  const Timestamp now = parts_.clock.now();
  if (!fetching || (tried_ && now - *tried_ < parts_.fetch_every)) {
    found.settled = false;
    return found;
  }
  tried_ = now;
  found.settled = fetch();
  found.keys = known();
  return found;
}

/// True when what is known now is what the sender publishes.
bool FetchedKeys::fetch() {
  HttpRequest request{.url = parts_.url,
                      .headers = {{.name = "accept", .value = "application/json"}},
                      .timeout = kPatience,
                      .body_bytes_max = kAnswerBytesMax};
  {
    const std::lock_guard lock(mutex_);
    if (!etag_.empty()) request.headers.push_back({.name = "if-none-match", .value = etag_});
  }
  const Ticket ticket = ++last_ticket_;
  parts_.transport->start(ticket, std::move(request));
  const Timestamp until = parts_.clock.now() + kPatience;
  std::optional<HttpResponse> answer;
  while (!answer && parts_.clock.now() < until) {
    for (Completion& completion : parts_.transport->poll(until)) {
      // One that was given up on earlier may come now.
      if (completion.ticket != ticket) continue;
      if (!completion.answer) return false;
      answer = std::move(*completion.answer);
    }
  }
  if (answer && answer->status == 304) return true;
  if (!answer || answer->status / 100 != 2) return false;
  std::vector<PublicKey> keys = parts_.read(answer->body);
  // An answer without keys is no reason to forget those that are known.
  if (keys.empty()) return false;
  const std::lock_guard lock(mutex_);
  keys_ = std::move(keys);
  etag_ = std::string(answer->header("etag").substr(0, kKeyIdBytesMax));
  return true;
}

}  // namespace quell
