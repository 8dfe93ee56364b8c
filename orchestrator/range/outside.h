#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "orchestrator/range/world.h"

namespace quell::range {

/// Calls servers on this machine that are no part of the range: plain http, loopback addresses
/// alone, no redirect, at most 5 s and 256 KiB an answer. Calls come one at a time, from any
/// thread.
class OutsideCaller {
 public:
  OutsideCaller();
  ~OutsideCaller();
  OutsideCaller(const OutsideCaller&) = delete;
  OutsideCaller& operator=(const OutsideCaller&) = delete;

  /// Blocks until the answer is there; none when `url` is not such a server's or the line fails.
  std::optional<Response> fetch(std::string_view url, const Request& request);
  /// Ends a call that waits, and every later one at once; any thread may call it.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace quell::range
