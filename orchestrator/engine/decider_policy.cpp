// What policy demands before a change begins, whatever the playbook says (threats T16, T20, T23).
#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/engine/asked.h"
#include "orchestrator/engine/decider.h"
#include "orchestrator/engine/entry_bodies.h"

namespace quell {
namespace {

/// Who approved steps of this run, as far as it counts.
std::set<std::string, std::less<>> step_approvers(const RunState& run, const Policy& policy) {
  std::set<std::string, std::less<>> people;
  for (const auto& [id, state] : run.steps) {
    for (const std::string& who : state.approval.given_by) people.insert(policy.person_of(who));
  }
  if (policy.strict) people.erase(policy.person_of(run.who));
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
  if (const auto* const shield = fitting_in(policy.protected_targets, params)) return shield;
  // What the run has read of it: a credential goes by its id, its vault and its MCP server alike.
  return fitting_in(policy.protected_targets, item.item);
}

std::string Decider::broken_cap(Gravity gravity) const {
  const Policy& policy = around_.policy;
  const bool irreversible = gravity != Gravity::change;
  const std::int64_t of_hour = around_.targets_elsewhere + run_.irreversible_items;
  if (!run_.automatic) {
    return policy.strict && irreversible && of_hour > policy.irreversible_per_hour
               ? fmt::format("policy.irreversible_per_hour: {}", policy.irreversible_per_hour)
               : "";
  }
  if (around_.automatic_runs >= policy.auto_runs_per_hour)
    return fmt::format("policy.auto.runs_per_hour: {}", policy.auto_runs_per_hour);
  if (irreversible && run_.irreversible_items > policy.auto_irreversible_per_run)
    return fmt::format("policy.auto.irreversible_per_run: {}", policy.auto_irreversible_per_run);
  if (irreversible && of_hour > policy.auto_irreversible_per_hour)
    return fmt::format("policy.auto.irreversible_per_hour: {}", policy.auto_irreversible_per_hour);
  return "";
}

int Decider::approvals_needed(Gravity gravity, bool beyond_cap) const {
  const int floor = std::max(around_.policy.floor_of(gravity), run_.proposed ? 1 : 0);
  if (!beyond_cap) return floor;
  return run_.automatic ? std::max(floor, 1) : floor + 1;
}

bool Decider::is_approved(Gravity gravity, bool beyond_cap) const {
  const int need = approvals_needed(gravity, beyond_cap);
  if (need == 0 || run_.break_glass) return true;
  auto people = step_approvers(run_, around_.policy);
  for (const std::string& who : run_.gate.given_by) people.insert(around_.policy.person_of(who));
  if (around_.policy.strict) return static_cast<int>(people.size()) >= need;
  // An armed route is no person who looked at a storm.
  const bool in_advance = (run_.confirmed || run_.approved_in_advance) && !beyond_cap;
  return in_advance || !people.empty();
}

void Decider::ask_policy_approval(Gravity gravity, const std::string& cap) {
  const Policy& policy = around_.policy;
  const int floor = policy.strict ? approvals_needed(gravity, !cap.empty()) : 1;
  const std::set<std::string, std::less<>> approvers = step_approvers(run_, policy);
  // Who approved a step and now this as well is one person all the same.
  const auto again = std::count_if(
      run_.gate.given_by.begin(), run_.gate.given_by.end(),
      [&](const std::string& who) { return approvers.contains(policy.person_of(who)); });
  const int need =
      std::max(floor - static_cast<int>(approvers.size()), 1) + static_cast<int>(again);
  const bool is_open =
      run_.gate.requested && static_cast<int>(run_.gate.given_by.size()) < run_.gate.need;
  if (asked_ || (!is_open && around_.asked_elsewhere) || (is_open && run_.gate.need >= need)) return;
  asked_ = true;
  const std::string why = !cap.empty()    ? cap
                          : run_.proposed ? "an alert proposes it"
                                          : "policy.approval_floor";
  emit(EntryKind::approval_requested,
       {{"digest", plan_digest(run_, connectors_)},
        {"about", request_name(run_)},
        {"need", need},
        {"from", "approver"},
        {"why", fmt::format("{}: {} for what is {}", why,
                            floor == 1 ? "one person" : fmt::format("{} people", floor),
                            to_string(gravity))},
        {"until", Value(now_ + (run_.proposed ? policy.proposal_life : policy.approval_life))}});
}

void Decider::decide_gate() {
  const bool is_open = !run_.break_glass && run_.gate.requested &&
                       static_cast<int>(run_.gate.given_by.size()) < run_.gate.need;
  if (!is_open || run_.aborted) return;
  const Policy& policy = around_.policy;
  const Duration life = run_.proposed ? policy.proposal_life : policy.approval_life;
  if (ask_again_if_changed("", run_.gate, "approver", life) || now_ < run_.gate.until) return;
  emit(EntryKind::approval_timed_out,
       {{"who", "the clock"}, {"reason", "nobody approved in time"}});
}

bool Decider::waits_for_yes(const ActionSpec& spec) const {
  return (spec.effect != Effect::read || spec.follows_urls) && !has_a_yes(run_);
}

bool Decider::may_act(const Step& step) {
  const ActionSpec& spec = spec_of(step);
  if (run_.mode == RunMode::dry_run) return true;
  if (spec.effect != Effect::mutate) {
    if (!waits_for_yes(spec)) return true;
    ask_policy_approval(Gravity::change, "");
    return false;
  }
  if (around_.disarmed || around_.locked) return false;
  const Gravity gravity = gravity_of(run_, step, spec, around_.policy);
  const std::string cap = broken_cap(gravity);
  if (is_approved(gravity, !cap.empty())) return true;
  ask_policy_approval(gravity, cap);
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
