// What a new process does with a run that was cut off.
#include "orchestrator/engine/recovery.h"

#include <utility>

#include "orchestrator/engine/decisions.h"
#include "orchestrator/engine/step_walk.h"
#include "state/base/assert.h"

namespace quell {

const RecoveryRow& recovery_of(ItemState::Phase phase, bool request_left) noexcept {
  const auto left = request_left ? RecoveryRow::Left::yes : RecoveryRow::Left::no;
  for (const RecoveryRow& row : kRecoveryTable) {
    if (row.phase == phase && (row.left == RecoveryRow::Left::any || row.left == left)) return row;
  }
  QUELL_ASSERT(false);
}

std::vector<Entry> recover(const RunState& run, const ConnectorSet& connectors,
                           std::string_view who, Timestamp now) {
  std::vector<Entry> out;
  out.push_back(make_entry(EntryKind::run_resumed, run.id, now,
                           {{"who", who}, {"why", "the process before this one ended"}}));
  if (run.finished()) return out;  // only its watch goes on
  const auto settle = [&](const Step& step, const ItemState& item) {
    const RecoveryRow& row = recovery_of(item.phase, item.request_left);
    ValueMap body{{"step", step.id}, {"item", item.key}, {"due", Value(now)}, {"why", row.why}};
    switch (row.recovery) {
      case Recovery::go_on:
        return;
      case Recovery::look_again:
        body["look"] = true;
        out.push_back(make_entry(EntryKind::retry_scheduled, run.id, now, std::move(body)));
        return;
      case Recovery::again:
        out.push_back(make_entry(EntryKind::retry_scheduled, run.id, now, std::move(body)));
        return;
      case Recovery::unknown: {
        const auto& use = std::get<UseStep>(step.kind);
        const ActionSpec* const spec = find_action(connectors, use.connection, use.action);
        QUELL_ASSERT(spec != nullptr);
        Entry entry = unknown_entry(run, {.step = step.id, .item = item.key}, *spec, row.why, now);
        ValueMap more = entry.body.as_map();
        more["due"] = Value(now);
        entry.body = Value(std::move(more));
        out.push_back(std::move(entry));
        return;
      }
    }
  };
  const auto visit = [&](const Step& step) {
    const auto found = run.steps.find(step.id);
    if (found == run.steps.end()) return;
    for (const std::size_t index : found->second.active) settle(step, found->second.items[index]);
  };
  for_each_step(run, run.playbook->steps, visit);
  for_each_step(run, run.playbook->finally_steps, visit);
  return out;
}

}  // namespace quell
