#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/range/world.h"
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

std::string_view to_string(Host host) noexcept;

}  // namespace quell::range
