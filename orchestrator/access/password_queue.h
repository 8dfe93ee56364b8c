#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <string>

#include "orchestrator/access/password.h"

namespace quell {

/// Passwords are hashed one at a time, whoever asks: a hash takes 128 MiB, and a flood of sign-ins
/// must not take the memory of a run (threat T35). Any thread but the engine's.
class PasswordQueue {
 public:
  static constexpr std::size_t kWaitingMax = 8;

  PasswordQueue(ScryptCost cost, Random& random);

  /// Waits for its turn. Error `throttled` at once while eight wait.
  Result<std::string> hash(const Secret& password);
  /// Likewise; a `hash` that is empty takes as long as one that is not, and never matches.
  Result<bool> matches(const Secret& password, const std::string& hash);

 private:
  class Place;

  ScryptCost cost_;
  Random& random_;
  std::string nobodys_hash_{};  // what a wrong name is compared with
  std::mutex turn_{};
  std::atomic<std::size_t> waiting_{0};
};

}  // namespace quell
