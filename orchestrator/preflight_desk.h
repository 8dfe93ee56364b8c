#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "orchestrator/api/api_route.h"
#include "state/base/clock.h"
#include "state/base/random.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell {

/// When the next daily preflight is due: the next `daily_at` (time of day, UTC) after `last`, the
/// time of the last one or of the last try. Without one it is due at once, and so is one that was
/// missed.
Timestamp next_preflight(std::optional<Timestamp> last, Duration daily_at, Timestamp now);

/// Makes preflights, when somebody asks and once a day where that is configured, one at a time on a
/// thread of its own; keeps the last one in a private file beside the state. Outlives the routes.
class PreflightDesk {
 public:
  struct Parts {
    const Clock& clock;
    Random& random;
    std::string file{};                    // that the last one is kept in
    std::optional<Duration> daily_at{};    // none: only when somebody asks
    /// Makes one; `should_stop` is for it to ask. On the desk's thread.
    std::function<Result<Value>(const std::function<bool()>& should_stop)> make{};
    /// A new one is kept; `worse` names credentials that could be killed before. On the desk's
    /// thread.
    std::function<void(const Value& preflight, const std::vector<std::string>& worse)> made{};
    /// One that could not be made or kept.
    std::function<void(const Error& why)> failed{};
  };

  PreflightDesk() = default;
  ~PreflightDesk() { close(); }
  PreflightDesk(const PreflightDesk&) = delete;
  PreflightDesk& operator=(const PreflightDesk&) = delete;

  /// Reads what was kept, and begins to work. What is kept and cannot be read counts as nothing.
  void open(Parts parts);
  /// Ends the work; one that is being made is given up.
  void close();

  /// Somebody wants a new one; joins one that is being made. Error topic "preflight" when closed.
  Status ask();
  /// `{"state": none, computing, failed or ready, "preflight", "error", "next_at"}`.
  Value document() const;

 private:
  void work();
  void make_one(std::unique_lock<std::mutex>& lock);
  Status keep(const Value& preflight);

  std::optional<Parts> parts_{};
  mutable std::mutex mutex_{};
  std::condition_variable wanted_{};
  Value last_{};  // null: none was made
  std::optional<Timestamp> tried_{};
  std::optional<Error> error_{};  // of the last try
  bool is_wanted_ = false;
  bool is_busy_ = false;
  bool stops_ = false;
  std::thread worker_{};
};

/// `/api/v1/preflight`.
std::vector<ApiRoute> preflight_routes(PreflightDesk& desk);

/// Where the last preflight of a state is kept: beside its database.
std::string preflight_file(const std::string& database);

}  // namespace quell
