#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "state/base/clock.h"

namespace quell {

/// How often somebody may try to sign in: after five failures of a name its next try waits a
/// second, then two, up to a quarter of an hour; an address (of IPv6 its /64) has twenty tries in
/// five minutes. Nobody is locked out for good: that would be a way to lock people out. Any thread.
class LoginLimits {
 public:
  /// How long to wait before another try; none: now. A try that may go on counts for its address.
  std::optional<Duration> wait(const std::string& name, const std::string& address, Timestamp now);
  void failed(const std::string& name, Timestamp now);
  void succeeded(const std::string& name);

 private:
  struct Name {
    int failures = 0;
    Timestamp until{};
  };
  struct Address {
    int tries = 0;
    Timestamp since{};
  };
  void forget_old(Timestamp now);

  std::mutex mutex_{};
  std::map<std::string, Name, std::less<>> names_{};
  std::map<std::string, Address, std::less<>> addresses_{};
};

}  // namespace quell
