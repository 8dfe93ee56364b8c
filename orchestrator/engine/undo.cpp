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

bool has_liftable(const RunState& run) {
  return std::any_of(run.steps.begin(), run.steps.end(), [&](const auto& step) {
    const auto& items = step.second.items;
    return std::any_of(items.begin(), items.end(), [&](const ItemState& item) {
      return is_liftable(run, step.first, item);
    });
  });
}

/// In strict separation an approver who did not begin the run, and whose role is older than it
/// (threat T30).
Status may_lift(const Command& command, const RunState& run, const Policy& policy) {
  if (!policy.strict) return ok();
  const bool is_new = command.vested && *command.vested + policy.approver_age > run.started;
  if (!policy.is_same_person(command.who, run.who) && policy.has_role(command.who, {"approver"}) &&
      !is_new) {
    return ok();
  }
  return make_error(ErrorCode::denied, "approval",
                    "in strict separation an approver who did not begin " + to_string(run.id) +
                        ", and was one before it, lifts it.",
                    "ask one of the users with that role");
}

/// The run's floor again (threat T32): as many people as the gravest thing that it did, or its
/// playbook, asked for. Alone, one.
std::int64_t people_to_lift(const RunState& run, const ConnectorSet& connectors,
                            const Policy& policy) {
  if (!policy.strict) return 1;
  int need = std::max(1, run.gate.requested ? run.gate.need : 1);
  for_each_step(run, run.playbook->steps, [&](const Step& step) {
    const auto state = run.steps.find(step.id);
    if (state == run.steps.end()) return;
    if (state->second.approval.requested) need = std::max(need, state->second.approval.need);
    const auto* const use = std::get_if<UseStep>(&step.kind);
    const ActionSpec* const spec =
        use == nullptr ? nullptr : find_action(connectors, use->connection, use->action);
    const auto& items = state->second.items;
    const bool was_done = std::any_of(items.begin(), items.end(), [](const ItemState& item) {
      return item.outcome == OutcomeKind::done;
    });
    if (spec != nullptr && spec->effect == Effect::mutate && was_done)
      need = std::max(need, policy.floor_of(gravity_of(run, step, *spec, policy)));
  });
  return need;
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

Status Engine::undo(const Command& command) {
  const RunId id = command.run;
  if (Status said = check_reason(command.reason); !said) return said;
  if (Status known = recall(id); !known) return known;
  const std::string name = to_string(id);
  const RunState& run = runs_.at(id);
  const Timestamp now = parts_.clock.now();
  if (!run.finished()) {
    return make_error(ErrorCode::conflict, "run", name + " is not finished.",
                      "quell abort " + name + ", or wait for its end");
  }
  if (run.result == RunResult::exposed) {
    return make_error(ErrorCode::denied, "exposed",
                      name + " is exposed: what is lifted now helps the intruder.",
                      "contain it first, with a new run");
  }
  if (Status may = may_lift(command, run, policy_); !may) return may;
  if (!has_liftable(run)) {
    return make_error(ErrorCode::conflict, "undo", name + " did nothing that can be lifted.",
                      "quell show " + name + " --items");
  }
  const bool anew = run.undo.asked_by.empty() || now >= run.undo.until;
  const bool is_again =
      !anew && std::any_of(run.undo.asked_by.begin(), run.undo.asked_by.end(),
                           [&](const std::string& who) {
                             return policy_.is_same_person(who, command.who);
                           });
  if (is_again) {
    return make_error(ErrorCode::conflict, "approval",
                      command.who + " has asked for it already; somebody else has to ask as well.",
                      "ask one of the users with that role");
  }
  active_.insert(id);
  ValueMap body{{"who", command.who},
                {"reason", command.reason},
                {"need", people_to_lift(run, parts_.connectors, policy_)},
                {"until", Value(now + policy_.approval_life)}};
  if (anew) body["anew"] = true;
  if (!command.from.empty()) body["from"] = command.from;
  std::vector<Entry> entries;
  entries.push_back(make_entry(EntryKind::undo_requested, id, now, std::move(body)));
  record(std::move(entries));
  return flush();
}

bool is_undoing(const RunState& run) { return next_undo(run).has_value(); }

bool Engine::is_undoing(RunId id) const {
  const RunState* const run = find(id);
  return run != nullptr && quell::is_undoing(*run);
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
