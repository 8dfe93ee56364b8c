// What is asked of a run's state; nothing here changes it.
#include <algorithm>
#include <utility>

#include "orchestrator/engine/expansion.h"
#include "orchestrator/engine/run_state.h"
#include "orchestrator/engine/step_walk.h"

namespace quell {

bool has_a_yes(const RunState& run) {
  const auto given = [](const ApprovalState& approval) { return !approval.given_by.empty(); };
  return !run.proposed || run.break_glass || given(run.gate) ||
         std::ranges::any_of(run.steps,
                             [&](const auto& step) { return given(step.second.approval); });
}

std::optional<Timestamp> run_deadline(const RunState& run) {
  if (!run.playbook->run_timeout || !has_a_yes(run)) return std::nullopt;
  return run.timed_from + *run.playbook->run_timeout;
}

bool is_liftable(const RunState& run, std::string_view step, const ItemState& item) noexcept {
  const Step* const declared = find_step(run, step);
  return declared != nullptr && declared->undo && item.outcome == OutcomeKind::done &&
         item.undo != ItemState::Undo::done;
}

std::string pending_approval_step(const RunState& run) {
  for (const auto& [id, state] : run.steps) {
    if (state.approval.requested && state.phase == StepState::Phase::running) return id;
  }
  return {};
}

const ApprovalState* pending_approval(const RunState& run) noexcept {
  for (const auto& [id, state] : run.steps) {
    if (state.approval.requested && state.phase == StepState::Phase::running)
      return &state.approval;
  }
  const bool open =
      run.gate.requested && static_cast<int>(run.gate.given_by.size()) < run.gate.need;
  return open && !run.finished() ? &run.gate : nullptr;
}

Frame frame_named(const RunState& run, std::string_view name) {
  const auto found = run.frames.find(name);
  if (found != run.frames.end()) return found->second;
  return Frame{.inputs = run.inputs, .steps = run.steps_value};
}

Scope scope_of(const RunState& run, std::string_view frame) {
  Frame names = frame_named(run, frame);
  Scope scope;
  scope.names = std::move(names.names);
  scope.names["inputs"] = std::move(names.inputs);
  scope.names["steps"] = std::move(names.steps);
  scope.names["run"] = Value::map(
      {{"id", to_string(run.id)}, {"started_at", Value(run.started)}, {"now", Value(run.now)}});
  return scope;
}

Scope scope_of_item(const RunState& run, const Step& step, const ItemState& item) {
  Scope scope = scope_of(run, frame_of(step.id));
  if (step.foreach_items) scope.names[step.foreach_items->as] = item.item;
  return scope;
}

AnswerOrigin origin_of_answers(const RunState& run) noexcept {
  if (run.saw_outside) return AnswerOrigin::outside;
  if (run.saw_loopback) return AnswerOrigin::loopback;
  return run.saw_range ? AnswerOrigin::range : AnswerOrigin::outside;
}

}  // namespace quell
