#pragma once

#include <variant>
#include <vector>

#include "orchestrator/engine/run_state.h"
#include "orchestrator/playbook/model.h"

namespace quell {

// Nesting is bounded by the loader's depth limit and by kCallDepthMax.
// NOLINTBEGIN(misc-no-recursion)

/// As for_each_step() of a file, over what `run` made of its steps: of a step that goes through
/// several steps time and again, the steps of each time.
template <typename Visit>
void for_each_step(const RunState& run, const std::vector<Step>& steps, const Visit& visit) {
  const auto go_on = [&](const std::vector<Step>& list) { for_each_step(run, list, visit); };
  for (const Step& step : steps) {
    visit(step);
    if (!is_expanded(step)) {
      for_each_inner_list(step, go_on);
      continue;
    }
    const auto made = run.expansions.find(step.id);
    if (made == run.expansions.end()) continue;
    for (const Expansion& expansion : *made->second) {
      go_on(expansion.steps);
      go_on(expansion.last);
    }
  }
}
// NOLINTEND(misc-no-recursion)

}  // namespace quell
