#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "orchestrator/engine/engine.h"

namespace quell {

/// An action on its way: its coroutine, its window to the world, and what it waits for.
struct Engine::Live {
  RunId run{};
  WorkId id{};
  Intent intent = Intent::act;
  bool of_watch = false;
  const Connector* connector = nullptr;
  const ActionSpec* spec = nullptr;
  std::optional<Duration> timeout{};
  Value params{};  // without secrets, for entries
  // Declared before the task: the coroutine refers to it until it is destroyed.
  std::unique_ptr<Io> io = std::make_unique<Io>();
  std::optional<Task<Result<Outcome>>> task{};
  std::vector<std::optional<Result<HttpResponse>>> answers{};
  std::size_t outstanding = 0;
  bool changed = false;  // a request that changes something has left, or was about to
  std::optional<Result<SecretValue>> kept{};
  Traffic traffic{};
  bool abandoned = false;
};

}  // namespace quell
