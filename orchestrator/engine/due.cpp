#include <algorithm>
#include <utility>

#include "orchestrator/engine/decisions.h"
#include "orchestrator/engine/expansion.h"
#include "orchestrator/engine/foreach.h"
#include "orchestrator/engine/step_walk.h"
#include "state/base/json.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

/// The probe that `id` names and the item it belongs to, if any.
struct Look {
  const ProbeSpec* probe = nullptr;
  const Step* step = nullptr;
  const ItemState* item = nullptr;
};

Look find_look(const RunState& run, const WorkId& id) {
  Look look;
  const auto index = static_cast<std::size_t>(id.probe);
  if (id.step.empty()) {
    look.probe = run.verify[index].spec;
    return look;
  }
  look.step = find_step(run, id.step);
  const StepState& state = run.steps.at(id.step);
  look.item = &state.items[state.item_index.at(id.item)];
  look.probe = &look.step->verify[index];
  return look;
}

bool looks_now(const ProbeState& probe, Timestamp now) {
  return probe.phase == ProbeState::Phase::idle ||
         (probe.phase == ProbeState::Phase::due && probe.due <= now);
}

/// Calls `visit(step, its state, item)` for each item that has begun and is not over.
template <typename Visit>
void for_each_active(const RunState& run, const Visit& visit) {
  const auto of_step = [&](const Step& step) {
    const auto found = run.steps.find(step.id);
    if (found == run.steps.end()) return;
    for (const std::size_t index : found->second.active)
      visit(step, found->second, found->second.items[index]);
  };
  for_each_step(run, run.playbook->steps, of_step);
  for_each_step(run, run.playbook->finally_steps, of_step);
}

/// True when every step is over, so that the postconditions may be looked at.
bool steps_are_over(const RunState& run) {
  bool over = true;
  bool failed = run.aborted;
  for (const Step& step : run.playbook->steps) {
    const auto found = run.steps.find(step.id);
    const bool finished =
        found != run.steps.end() && found->second.phase == StepState::Phase::finished;
    if (finished && found->second.outcome == OutcomeKind::failed && !found->second.failed_onward)
      failed = true;
    over &= finished || (failed && found == run.steps.end());
  }
  return over;
}

}  // namespace

bool may_mint(const ProbeSpec& probe, const ConnectorSet& connectors) {
  const ActionSpec* const spec = find_action(connectors, probe.connection, probe.action);
  return spec != nullptr && spec->effect == Effect::mutate;
}

std::vector<WorkId> attempts_wanted(const RunState& run) {
  std::vector<WorkId> wanted;
  for_each_active(run, [&](const Step& step, const StepState&, const ItemState& item) {
    if (item.phase == ItemState::Phase::attempting || item.phase == ItemState::Phase::looking) {
      wanted.push_back({.step = step.id, .item = item.key});
    }
  });
  return wanted;
}

std::vector<WorkId> looks_due(const RunState& run, const ConnectorSet& connectors, Timestamp now) {
  std::vector<WorkId> due;
  if (run.finished() || run.mode == RunMode::dry_run) return due;
  for_each_active(run, [&](const Step& step, const StepState&, const ItemState& item) {
    const bool looking = item.phase == ItemState::Phase::verifying ||
                         item.phase == ItemState::Phase::probing_unknown || item.finished();
    if (!looking) return;
    for (std::size_t i = 0; i < item.probes.size(); ++i) {
      const ProbeSpec& spec = step.verify[i];
      if (spec.self) continue;
      // Only looks that had begun go on beside a finished item.
      if (item.finished() && item.probes[i].phase == ProbeState::Phase::idle) continue;
      if (item.phase == ItemState::Phase::probing_unknown && may_mint(spec, connectors)) continue;
      if (looks_now(item.probes[i], now))
        due.push_back({.step = step.id, .item = item.key, .probe = static_cast<int>(i)});
    }
  });
  if (steps_are_over(run)) {
    for (std::size_t i = 0; i < run.verify.size(); ++i) {
      if (looks_now(run.verify[i].probe, now)) due.push_back({.probe = static_cast<int>(i)});
    }
  }
  return due;
}

std::optional<Timestamp> next_due(const RunState& run, Timestamp decided) {
  std::optional<Timestamp> next;
  const auto at = [&](Timestamp due) {
    if (due > decided) next = next ? std::min(*next, due) : due;
  };
  if (run.finished()) {
    if (run.is_watched()) at(std::min(run.watch.due, run.watch.until));
    return next;
  }
  if (run.gate.requested && static_cast<int>(run.gate.given_by.size()) < run.gate.need)
    at(run.gate.until);
  if (const auto deadline = run_deadline(run); deadline && !run.aborted) at(*deadline);
  const auto of_step = [&](const Step& step) {
    const auto found = run.steps.find(step.id);
    if (found == run.steps.end()) return;
    const StepState& state = found->second;
    if (state.phase == StepState::Phase::running) {
      if (std::holds_alternative<WaitStep>(step.kind)) at(state.due);
      if (state.approval.requested) at(state.approval.until);
      if (state.manual.requested) at(state.manual.until);
      if (step.deadline) at(state.started + *step.deadline);
      if (const auto next_item = next_by_rate(run, step, state)) at(*next_item);
    }
    for (const std::size_t index : state.active) {
      const ItemState& item = state.items[index];
      if (item.phase == ItemState::Phase::retry_wait || item.phase == ItemState::Phase::look_wait)
        at(item.due);
      for (const ProbeState& probe : item.probes) {
        if (probe.phase == ProbeState::Phase::due) at(probe.due);
      }
    }
  };
  for_each_step(run, run.playbook->steps, of_step);
  for_each_step(run, run.playbook->finally_steps, of_step);
  for (const Postcondition& condition : run.verify) {
    if (condition.probe.phase == ProbeState::Phase::due) at(condition.probe.due);
  }
  return next;
}

Result<Value> params_of(const RunState& run, const ConnectorSet& connectors, const WorkId& id) {
  const ValueTemplate* with = nullptr;
  const ActionSpec* spec = nullptr;
  Scope scope;
  if (id.probe >= 0) {
    const Look look = find_look(run, id);
    scope = look.item != nullptr
                ? scope_of_item(run, *look.step, *look.item)
                : scope_of(run, run.verify[static_cast<std::size_t>(id.probe)].frame);
    with = &look.probe->with;
    spec = find_action(connectors, look.probe->connection, look.probe->action);
  } else if (id.probe == kUndo) {
    const Step* const step = find_step(run, id.step);
    const StepState& state = run.steps.at(id.step);
    scope = scope_of_item(run, *step, state.items[state.item_index.at(id.item)]);
    with = &step->undo->with;
    spec = find_action(connectors, step->undo->connection, step->undo->action);
  } else {
    const Step* const step = find_step(run, id.step);
    const StepState& state = run.steps.at(id.step);
    scope = scope_of_item(run, *step, state.items[state.item_index.at(id.item)]);
    const auto& use = std::get<UseStep>(step->kind);
    with = &use.with;
    spec = find_action(connectors, use.connection, use.action);
  }
  QUELL_ASSERT(spec != nullptr);
  Result<Value> value = with->evaluate(scope);
  if (!value) return value;
  ValueMap params;
  if (value->is_map()) {
    for (const auto& [name, member] : value->as_map()) {
      const ParamSpec* const declared = spec->find_input(name);
      if (member.is_null() && declared != nullptr && !declared->required) continue;
      if (member.is_null())
        return make_error(ErrorCode::invalid, "the required parameter " + name + " is null");
      params.emplace(name, member);
    }
  }
  return Value(std::move(params));
}

namespace {

/// The template as the digest sees it: its value when inputs and finished reads settle it, else its
/// source.
// Nesting is bounded by the loader.
// NOLINTNEXTLINE(misc-no-recursion)
Value digest_of(const ValueTemplate& value, const Scope& scope,
                const std::vector<std::string>& settled) {
  if (const auto* constant = std::get_if<Value>(&value.node)) return without_secrets(*constant);
  if (const auto* list = std::get_if<std::vector<ValueTemplate>>(&value.node)) {
    ValueList items;
    for (const ValueTemplate& item : *list) items.push_back(digest_of(item, scope, settled));
    return Value(std::move(items));
  }
  if (const auto* map = std::get_if<std::vector<NamedTemplate>>(&value.node)) {
    ValueMap members;
    for (const auto& [name, member] : *map)
      members.emplace(name, digest_of(member, scope, settled));
    return Value(std::move(members));
  }
  const Template& text = std::get<Template>(value.node);
  std::string source;
  bool known = true;
  for (const Template::Part& part : text.parts()) {
    source += part.literal;
    if (!part.expression) continue;
    source += "${" + part.expression->text() + "}";
    for (const std::string& path : part.expression->references()) {
      const bool is_input = path == "inputs" || path.starts_with("inputs.");
      const bool is_read = std::any_of(settled.begin(), settled.end(), [&](const std::string& id) {
        return path == "steps." + id || path.starts_with("steps." + id + ".");
      });
      known &= is_input || is_read;
    }
  }
  if (known) {
    const Result<Value> result = text.evaluate(scope);
    if (result) return without_secrets(*result);
  }
  return Value(source);
}

}  // namespace

std::string plan_digest(const RunState& run, const ConnectorSet& connectors) {
  std::vector<std::string> settled;
  for (const auto& [id, state] : run.steps) {
    const Step* const step = find_step(run, id);
    if (step == nullptr || state.phase != StepState::Phase::finished || step->foreach_items)
      continue;
    const auto* const use = std::get_if<UseStep>(&step->kind);
    const ActionSpec* const spec =
        use == nullptr ? nullptr : find_action(connectors, use->connection, use->action);
    if (spec != nullptr && spec->effect == Effect::read) settled.push_back(id);
  }
  const Scope scope = scope_of(run, "");
  ValueList steps;
  const auto add = [&](const Step& step) {
    const auto* const use = std::get_if<UseStep>(&step.kind);
    const auto* const call = std::get_if<CallStep>(&step.kind);
    if (use == nullptr && call == nullptr && !step.foreach_items) return;
    ValueMap map{{"step", step.id}};
    if (use != nullptr) {
      map["use"] = use->connection + "." + use->action;
      map["with"] = digest_of(use->with, scope, settled);
    }
    if (call != nullptr) {
      // Its steps follow from its text and what it is given.
      ValueMap given;
      for (const auto& [name, value] : call->with) {
        given.emplace(name, digest_of(value, scope, settled));
      }
      map["call"] = call->callee->id;
      map["sha256"] = call->callee->sha256;
      map["with"] = Value(std::move(given));
    }
    if (step.foreach_items) {
      map["items"] = step.foreach_items->items.text();
      map["max"] = step.foreach_items->max;
    }
    steps.emplace_back(std::move(map));
  };
  for_each_step(run.playbook->steps, add);
  for_each_step(run.playbook->finally_steps, add);
  return sha256_hex(to_json(Value::map({{"playbook", run.playbook->sha256},
                                        {"inputs", without_secrets(run.inputs)},
                                        {"pins", run.pins},
                                        {"steps", Value(std::move(steps))}})));
}

}  // namespace quell
