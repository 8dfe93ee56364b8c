#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "orchestrator/api/api_route.h"
#include "state/base/random.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell {

/// What somebody asks for from afar.
struct DrillWish {
  std::string scenario{};  // that comes with quell
  std::uint64_t seed = 7;
  std::string team{};  // who practises; may be empty
};

/// What is wrong with the name of a team: it is at most 60 bytes without control characters.
Status check_team(const std::string& team);

/// Plays drills that somebody asks for from afar, one at a time on a thread of its own, and keeps
/// what the last eight came to, in memory. Outlives the routes.
class DrillDesk {
 public:
  /// Plays a shipped scenario to its end; gives the document of `quell drill --json`. `should_stop`
  /// is for it to ask. On the desk's thread.
  using Play = std::function<Result<Value>(const DrillWish& wish,
                                           const std::function<bool()>& should_stop)>;

  /// `random` outlives the desk.
  DrillDesk(Random& random, Play play);
  /// What is being played is given up.
  ~DrillDesk();
  DrillDesk(const DrillDesk&) = delete;
  DrillDesk& operator=(const DrillDesk&) = delete;

  /// Begins to play; gives the id under which the outcome will be. Error topic "drill" for a
  /// scenario that does not come with quell, and `conflict` while another is played.
  Result<std::string> ask(const DrillWish& wish);
  /// `{id, scenario, seed, state: computing, failed or ready, drill, error}`; none for an id that is
  /// not kept.
  std::optional<Value> find(const std::string& id) const;

 private:
  struct Played {
    std::string id{};
    DrillWish wish{};
    std::optional<Result<Value>> outcome{};  // none: it is being played
  };
  void play(const std::string& id, const DrillWish& wish);

  Random& random_;
  Play play_;
  mutable std::mutex mutex_{};
  std::deque<Played> played_{};  // the last in front
  std::atomic<bool> stops_{false};
  std::thread worker_{};
};

/// `POST /api/v1/drills` and `GET /api/v1/drills/plays/{play}`.
std::vector<ApiRoute> drill_desk_routes(DrillDesk& desk);

}  // namespace quell
