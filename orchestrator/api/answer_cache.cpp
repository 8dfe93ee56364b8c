#include "orchestrator/api/answer_cache.h"

namespace quell {
namespace {

constexpr Duration kKeptFor{std::chrono::hours{24}};
constexpr std::size_t kKeptMax = 10'000;

}  // namespace

AnswerCache::Look AnswerCache::begin(const std::string& key, const std::string& content,
                                     Timestamp now) {
  const std::lock_guard lock(mutex_);
  while (!order_.empty()) {
    const auto oldest = kept_.find(order_.front());
    const bool is_gone = oldest == kept_.end();
    if (!is_gone && order_.size() < kKeptMax && now - oldest->second.since < kKeptFor) break;
    if (!is_gone) kept_.erase(oldest);
    order_.pop_front();
  }
  const auto [found, is_new] = kept_.try_emplace(key, Kept{.content = content, .since = now});
  if (is_new) {
    order_.push_back(key);
    return {};
  }
  if (found->second.content != content) return {.found = Found::different};
  if (!found->second.reply) return {.found = Found::under_way};
  return {.found = Found::answered, .reply = *found->second.reply};
}

void AnswerCache::keep(const std::string& key, const HttpReply& reply) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(key);
  if (found != kept_.end()) found->second.reply = reply;
}

void AnswerCache::drop(const std::string& key) {
  const std::lock_guard lock(mutex_);
  kept_.erase(key);
}

}  // namespace quell
