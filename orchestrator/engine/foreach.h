#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/engine/policy.h"
#include "orchestrator/engine/run_state.h"

namespace quell {

/// Keys of the items that a foreach goes through, and of those beyond its `max`.
struct ItemChoice {
  std::vector<std::string> keys{};
  std::vector<std::string> excluded{};
};

/// Evaluates the foreach of `step`: items, `when`, `key`, `order`, `max`. Error when one of them
/// gives no value of its kind, a key comes twice, or the run would come to too many steps.
Result<ItemChoice> choose_items(const RunState& run, const Step& step);

/// How many items, from the first, go ahead of the others: as the playbook says, or policy where
/// many targets are at stake.
std::size_t canary_of(const RunState& run, const Step& step, const StepState& state,
                      const ConnectorSet& connectors, const Policy& policy);

/// How many items, from the first, may begin or have begun: all of them, or the canary while it is
/// not over.
std::size_t items_released(const StepState& state, std::size_t canary);

/// True when no further item may begin: too many failed, or the canary did not prove well.
bool stops_early(const RunState& run, const ConnectorSet& connectors, const Step& step,
                 const StepState& state, std::size_t canary);

/// When the `rate` of a foreach lets its next item begin; none without a rate or a next item.
std::optional<Timestamp> next_by_rate(const RunState& run, const Step& step,
                                      const StepState& state);

}  // namespace quell
