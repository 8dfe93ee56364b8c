#include <algorithm>
#include <variant>

#include "orchestrator/engine/expansion.h"
#include "orchestrator/engine/step_walk.h"
#include "orchestrator/report/run_document.h"

namespace quell {
namespace {

/// Requests that cannot be undone in `steps` when nothing is known of their items yet.
// Nesting is bounded by the loader.
// NOLINTNEXTLINE(misc-no-recursion)
std::int64_t irreversible_in(const std::vector<Step>& steps, const ConnectorSet& connectors) {
  std::int64_t count = 0;
  for_each_step(steps, [&](const Step& step) {
    const std::int64_t items = step.foreach_items ? step.foreach_items->max : 1;
    if (const auto* const call = std::get_if<CallStep>(&step.kind)) {
      count += items * irreversible_in(call->callee->steps, connectors);
    }
    const auto* const use = std::get_if<UseStep>(&step.kind);
    const ActionSpec* const spec =
        use == nullptr ? nullptr : find_action(connectors, use->connection, use->action);
    if (spec != nullptr && step.irreversible) count += items * std::max(1, spec->cost.mutate);
  });
  return count;
}

/// Items that the foreach of `step` will come to, or at most.
std::int64_t items_of(const RunState& run, const Step& step) {
  if (!step.foreach_items) return 1;
  const Result<Value> list = step.foreach_items->items.evaluate(scope_of(run, frame_of(step.id)));
  return list ? std::min<std::int64_t>(static_cast<std::int64_t>(list->list_or_empty().size()),
                                       step.foreach_items->max)
              : step.foreach_items->max;
}

}  // namespace

std::int64_t irreversible_left(const RunState& run, const ConnectorSet& connectors) {
  std::int64_t count = 0;
  for_each_step(run, run.playbook->steps, [&](const Step& step) {
    const auto state = run.steps.find(step.id);
    if (state != run.steps.end() && state->second.phase == StepState::Phase::finished) return;
    if (is_expanded(step)) {
      if (run.expansions.contains(step.id)) return;  // its steps are counted by themselves
      Step once = step;
      once.foreach_items.reset();
      count += items_of(run, step) * irreversible_in({once}, connectors);
      return;
    }
    const auto* const use = std::get_if<UseStep>(&step.kind);
    const ActionSpec* const spec =
        use == nullptr ? nullptr : find_action(connectors, use->connection, use->action);
    if (spec == nullptr || !step.irreversible) return;
    count += items_of(run, step) * std::max(1, spec->cost.mutate);
  });
  return count;
}

}  // namespace quell
