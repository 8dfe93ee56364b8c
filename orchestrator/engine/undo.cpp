// Lifting what a run did, as its playbook says how: the last thing first, one after the other. The
// ledger is the run itself: every item that was done and has an `undo`.

#include <algorithm>
#include <utility>

#include "orchestrator/engine/entry_bodies.h"
#include "orchestrator/engine/live.h"
#include "orchestrator/engine/step_walk.h"

namespace quell {
namespace {

/// The item that is lifted next, or that is being lifted: the last one of the last step.
std::optional<WorkId> next_undo(const RunState& run) {
  std::optional<WorkId> next;
  for_each_step(run, run.playbook->steps, [&](const Step& step) {
    const auto state = run.steps.find(step.id);
    if (state == run.steps.end()) return;
    for (const ItemState& item : state->second.items) {
      if (item.undo == ItemState::Undo::wanted || item.undo == ItemState::Undo::running)
        next = WorkId{.step = step.id, .item = item.key, .probe = kUndo};
    }
  });
  return next;
}

}  // namespace

std::vector<Entry> after_undo(const RunState& run, const WorkId& id, const Result<Outcome>& outcome,
                              const Traffic& traffic, Timestamp now) {
  ValueMap body{{"step", id.step}, {"item", id.item}};
  if (outcome) {
    body["outcome"] = to_string(outcome->kind);
  } else {
    body["error"] = error_value(outcome.error());
  }
  add_traffic(body, traffic);
  std::vector<Entry> entries;
  entries.push_back(make_entry(EntryKind::undo_finished, run.id, now, std::move(body)));
  return entries;
}

Status Engine::undo(RunId id, std::string_view who, std::string_view reason) {
  if (Status known = recall(id); !known) return known;
  const std::string name = to_string(id);
  const RunState& run = runs_.at(id);
  if (!run.finished()) {
    return make_error(ErrorCode::conflict, "run", name + " is not finished.",
                      "quell abort " + name + ", or wait for its end");
  }
  if (run.result == RunResult::exposed) {
    return make_error(ErrorCode::denied, "exposed",
                      name + " is exposed: what is lifted now helps the intruder.",
                      "contain it first, with a new run");
  }
  if (policy_.strict &&
      (policy_.is_same_person(who, run.who) || !policy_.has_role(who, {"approver"}))) {
    return make_error(ErrorCode::denied, "approval",
                      "in strict separation an approver who did not begin " + name + " lifts it.",
                      "ask one of the users with that role");
  }
  bool any = false;
  for (const auto& [step, state] : run.steps) {
    for (const ItemState& item : state.items) any |= is_liftable(run, step, item);
  }
  if (!any) {
    return make_error(ErrorCode::conflict, "undo", name + " did nothing that can be lifted.",
                      "quell show " + name + " --items");
  }
  active_.insert(id);
  std::vector<Entry> entries;
  entries.push_back(make_entry(EntryKind::undo_requested, id, parts_.clock.now(),
                               {{"who", who}, {"reason", reason}}));
  record(std::move(entries));
  return flush();
}

bool Engine::is_undoing(RunId id) const {
  const RunState* const run = find(id);
  return run != nullptr && next_undo(*run).has_value();
}

void Engine::run_undo(RunState& run) {
  const std::optional<WorkId> next = next_undo(run);
  if (!next || live_.contains({run.id, *next}) || is_disarmed(run)) return;
  std::vector<Entry> entries;
  entries.push_back(make_entry(EntryKind::undo_started, run.id, parts_.clock.now(),
                               {{"step", next->step}, {"item", next->item}}));
  record(std::move(entries));
  start_live(run, *next, Intent::act, false);
}

}  // namespace quell
