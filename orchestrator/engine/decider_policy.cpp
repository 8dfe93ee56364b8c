// What policy demands before a change begins, whatever the playbook says (threats T16, T20, T23).
#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/engine/decider.h"
#include "orchestrator/engine/entry_bodies.h"

namespace quell {
namespace {

/// Who approved steps of this run, as far as it counts.
std::set<std::string, std::less<>> step_approvers(const RunState& run, const Policy& policy) {
  std::set<std::string, std::less<>> people;
  for (const auto& [id, state] : run.steps) {
    people.insert(state.approval.given_by.begin(), state.approval.given_by.end());
  }
  if (policy.strict) people.erase(run.who);
  return people;
}

}  // namespace

Gravity gravity_of(const RunState& run, const Step& step, const ActionSpec& spec,
                   const Policy& policy) {
  if (spec.wide) return Gravity::wide;
  if (!step.irreversible && !spec.irreversible) return Gravity::change;
  return run.irreversible_items > policy.wide_above ? Gravity::wide : Gravity::irreversible;
}

const std::string* shield_of_target(const Policy& policy, const ItemState& item,
                                    const Value& params) {
  if (const std::string* const shield = policy.shield_in(params)) return shield;
  // What the run has read of it: a credential goes by its id, its vault and its MCP server alike.
  return policy.shield_in(item.item);
}

bool Decider::is_approved(Gravity gravity) const {
  const int need = around_.policy.floor_of(gravity);
  if (need == 0 || run_.break_glass) return true;
  auto people = step_approvers(run_, around_.policy);
  people.insert(run_.gate.given_by.begin(), run_.gate.given_by.end());
  if (around_.policy.strict) return static_cast<int>(people.size()) >= need;
  return run_.confirmed || run_.approved_in_advance || !people.empty();
}

void Decider::ask_policy_approval(Gravity gravity) {
  const Policy& policy = around_.policy;
  const int floor = policy.strict ? policy.floor_of(gravity) : 1;
  const std::set<std::string, std::less<>> approvers = step_approvers(run_, policy);
  // Who approved a step and now this as well is one person all the same.
  const auto again = std::count_if(run_.gate.given_by.begin(), run_.gate.given_by.end(),
                                   [&](const std::string& who) { return approvers.contains(who); });
  const int need =
      std::max(floor - static_cast<int>(approvers.size()), 1) + static_cast<int>(again);
  const bool is_open =
      run_.gate.requested && static_cast<int>(run_.gate.given_by.size()) < run_.gate.need;
  if (asked_ || (is_open && run_.gate.need >= need)) return;
  asked_ = true;
  emit(EntryKind::approval_requested,
       {{"digest", plan_digest(run_, connectors_)},
        {"need", need},
        {"from", "approver"},
        {"why", fmt::format("policy.approval_floor: {} for what is {}",
                            floor == 1 ? "one person" : fmt::format("{} people", floor),
                            to_string(gravity))},
        {"until", Value(now_ + policy.approval_life)}});
}

void Decider::decide_gate() {
  const bool is_open = !run_.break_glass && run_.gate.requested &&
                       static_cast<int>(run_.gate.given_by.size()) < run_.gate.need;
  if (!is_open || run_.aborted || now_ < run_.gate.until) return;
  emit(EntryKind::approval_timed_out,
       {{"who", "the clock"}, {"reason", "nobody approved in time"}});
}

bool Decider::may_change(const Step& step) {
  const ActionSpec& spec = spec_of(step);
  if (run_.mode == RunMode::dry_run || spec.effect != Effect::mutate) return true;
  if (around_.disarmed || around_.locked) return false;
  const Gravity gravity = gravity_of(run_, step, spec, around_.policy);
  if (is_approved(gravity)) return true;
  ask_policy_approval(gravity);
  return false;
}

bool Decider::stops_at_protection(const Step& step, const ItemState& item, const Value& params) {
  if (spec_of(step).effect != Effect::mutate || item.break_glass) return false;
  const std::string* const shield = shield_of_target(around_.policy, item, params);
  if (shield == nullptr) return false;
  const std::string why = "policy.protected shields it: " + *shield;
  if (run_.mode != RunMode::dry_run && !run_.automatic) {
    emit(EntryKind::run_held, {{"step", step.id}, {"item", item.key}, {"why", why}});
    return true;
  }
  const Error refused = make_error(ErrorCode::denied, "protected", why, "quell help protected");
  emit(EntryKind::attempt_started,
       {{"step", step.id}, {"item", item.key}, {"attempt", item.attempt + 1}});
  emit(EntryKind::attempt_finished, {{"step", step.id},
                                     {"item", item.key},
                                     {"outcome", "failed"},
                                     {"error", error_value(refused)}});
  finish_item(step, item);
  return true;
}

}  // namespace quell
