#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/range/world.h"
#include "state/base/clock.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell::range {

/// One fault that the next matching requests of clients meet.
struct Fault {
  enum class Kind : std::uint8_t { status, reset, hang };
  Host host = Host::platform;
  Kind kind = Kind::status;
  int status = 0;                  // kind status: answered without handling
  std::int64_t retry_after_s = 0;  // kind status: `retry-after`, if positive
  bool handled = true;             // reset, hang: does the request take effect before?
  std::string effect{};            // only requests of this effect; empty: any
  std::string path{};              // only targets that contain this; empty: any
  std::int64_t count = 1;
};

/// Latency and faults that the control host switches on.
class Faults {
 public:
  /// Reads the body of `POST /faults`, without its `profile_add`. Error `invalid` for anything
  /// unknown.
  Status apply(const Value& wish);

  Duration latency() const { return latency_; }
  /// Takes one use of the first fault that matches, if any.
  std::optional<Fault> take(const Request& request, Effect effect);

 private:
  Duration latency_{0};
  std::vector<Fault> pending_{};
};

/// What a platform allows in a minute, refilled evenly; a burst of two seconds' worth is taken.
class Allowance {
 public:
  explicit Allowance(std::int64_t per_minute) : per_minute_(per_minute) {}

  /// Takes one request. Else how long the caller has to wait, at least a second.
  std::optional<Duration> take(Timestamp now);

 private:
  std::int64_t per_minute_;  // 0: no bound
  double left_ = 0;
  std::optional<Timestamp> filled_{};
};

std::string_view to_string(Host host) noexcept;

}  // namespace quell::range
