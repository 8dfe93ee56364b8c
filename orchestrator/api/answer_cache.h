#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "orchestrator/http_server.h"
#include "state/base/clock.h"

namespace quell {

/// Answers to calls with an idempotency key, kept for a day and 10,000 of them at most; the oldest
/// go first. Any thread.
class AnswerCache {
 public:
  enum class Found : std::uint8_t {
    fresh,      // nobody used the key: carry the call out, then keep() or drop()
    answered,   // `reply` is what it was answered
    different,  // the key belongs to another call
    under_way,  // the first call with it has no answer yet
  };
  struct Look {
    Found found = Found::fresh;
    HttpReply reply{};
  };

  /// `content`: a hash of what the call asks for.
  Look begin(const std::string& key, const std::string& content, Timestamp now);
  void keep(const std::string& key, const HttpReply& reply);
  /// The call had no lasting answer; the key is free again.
  void drop(const std::string& key);

 private:
  struct Kept {
    std::string content{};
    Timestamp since{};
    std::optional<HttpReply> reply{};
  };

  std::mutex mutex_{};
  std::map<std::string, Kept, std::less<>> kept_{};
  std::deque<std::string> order_{};
};

}  // namespace quell
