#pragma once

#include <variant>
#include <vector>

#include "orchestrator/playbook/model.h"

namespace quell {

// Nesting is bounded by the loader's depth limit.
// NOLINTBEGIN(misc-no-recursion)
template <typename Visit>
void for_each_step(const std::vector<Step>& steps, const Visit& visit) {
  for (const Step& step : steps) {
    visit(step);
    if (const auto* parallel = std::get_if<ParallelStep>(&step.kind)) {
      for (const auto& [name, branch] : parallel->branches) for_each_step(branch, visit);
    } else if (const auto* block = std::get_if<BlockStep>(&step.kind)) {
      for_each_step(block->body, visit);
      for_each_step(block->rescue, visit);
    }
  }
}
// NOLINTEND(misc-no-recursion)

}  // namespace quell
