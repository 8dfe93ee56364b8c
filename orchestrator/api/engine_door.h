#pragma once

#include <functional>

#include "orchestrator/engine/engine.h"
#include "state/base/result.h"

namespace quell {

/// The one way from a listener's thread to the engine (threat T37): a typed command goes into its
/// queue, and the caller waits for the answer, at most ten seconds; then Error `unknown` says to
/// look before it is sent again. Never on the engine's own thread.
class EngineDoor {
 public:
  explicit EngineDoor(Engine& engine) : engine_(engine) {}

  Result<RunId> begin(StartCommand command);
  Status carry_out(Command command);
  /// Has `work` done on the engine's thread; what it notes is durable with the answer.
  Status run(std::function<Status()> work);
  /// Has an entry written that belongs to no run; nobody waits for it.
  void note(EntryKind kind, ValueMap body);

 private:
  Engine& engine_;
};

}  // namespace quell
