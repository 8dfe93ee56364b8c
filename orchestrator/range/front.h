#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "orchestrator/range/world.h"
#include "state/base/clock.h"
#include "state/base/result.h"

namespace quell::range {

using MakeWorld = std::function<Result<std::unique_ptr<World>>(WorldOptions)>;

/// Serves a World on four loopback ports: platform, issuer, MCP server and control. One lock stands
/// around the world, one thread lets its timers happen by `clock`, which must outlive the front,
/// and one carries webhooks. Requests of the platform to loopback servers outside the range are
/// really made, and hold the lock for 5 s at most. At most 64 event streams are open at a time.
class SocketFront {
 public:
  /// Listens on `first_port` and the three after it, or on any four if it is 0; writes the URLs
  /// into `options` and makes the world. Error topic "listen", or that of the world.
  static Result<std::unique_ptr<SocketFront>> start(WorldOptions options, const Clock& clock,
                                                    std::uint16_t first_port = 0,
                                                    MakeWorld make = World::create);
  ~SocketFront();
  SocketFront(const SocketFront&) = delete;
  SocketFront& operator=(const SocketFront&) = delete;

  /// The options of the world, with the URLs.
  const WorldOptions& options() const;
  /// Calls `look` under the lock, with everything due at `now` done.
  void with_world(const std::function<void(World& world, Timestamp now)>& look);
  /// Ends the listeners and the timers; may be called twice.
  void stop();

 private:
  class Impl;
  explicit SocketFront(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The line that `quell range` prints when it is ready: one JSON object with URLs, keys and what
/// leaked, without a line break. Every secret in it is invented.
std::string ready_line(const World& world, const WorldOptions& options, std::int64_t pid);

}  // namespace quell::range
