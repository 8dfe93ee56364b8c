#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/range/platform.h"
#include "orchestrator/range/world.h"
#include "state/base/random.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell::range {

/// Webhooks of the platform's events, by API sheet sections 4.1, 4.4 and 4.5: signed deliveries, at
/// most three attempts each, an endpoint that redirects is disabled at once. Draws from a source of
/// chance of its own, so that who listens changes no id of the platform.
class Webhooks {
 public:
  Webhooks(std::uint64_t seed, std::string secret);

  /// Registers the loopback `url` for what happens from now on, or for the types in `events` alone.
  /// Error `invalid` for anything else.
  Status subscribe(const Value& wish, const std::deque<PlatformEvent>& events);
  /// Queues what happened since it was last called.
  void collect(const std::deque<PlatformEvent>& events);

  std::optional<Timestamp> next() const;
  std::vector<Delivery> take(Timestamp now);
  void delivered(std::uint64_t number, int status, Timestamp now);

  /// `{"endpoints":[{"url","disabled"}],"deliveries":[{"id","type","url","attempts","status"}]}`,
  /// those that are over.
  Value to_value() const;

 private:
  struct Endpoint {
    std::string url{};
    std::vector<std::string> types{};  // empty: every one
    bool disabled = false;
  };
  struct Post {
    std::size_t endpoint = 0;
    std::string id{};  // the same for every attempt
    std::string type{};
    std::string body{};
    int attempts = 0;
    int status = 0;                  // of the last answer
    std::optional<Timestamp> due{};  // none: under way
  };

  void end(std::map<std::uint64_t, Post>::iterator post);
  Request sign(const Post& post, Timestamp now) const;

  SeededRandom random_;
  std::string secret_;
  std::string key_;
  std::string organization_id_;
  std::string workspace_id_;
  std::uint64_t seen_ = 0;  // PlatformEvent::seq of the newest one collected
  std::uint64_t number_ = 0;
  std::vector<Endpoint> endpoints_{};
  std::map<std::uint64_t, Post> posts_{};  // waiting or under way
  std::deque<Post> over_{};                // the newest that are delivered or dropped
};

}  // namespace quell::range
