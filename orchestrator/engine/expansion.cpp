// Steps inside a step that goes through them time and again: each time gets steps of its own, whose
// ids say which time it is, and a frame for the names that only they see.
#include "orchestrator/engine/expansion.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "orchestrator/engine/step_walk.h"
#include "orchestrator/playbook/inputs.h"

namespace quell {
namespace {

/// Names that some steps of one frame go by, for `proves`.
std::set<std::string, std::less<>> ids_in(const std::vector<Step>& steps) {
  std::set<std::string, std::less<>> ids;
  for_each_step(steps, [&](const Step& step) { ids.insert(step.id); });
  return ids;
}

// Nesting is bounded by the loader.
// NOLINTNEXTLINE(misc-no-recursion)
void rename(std::vector<Step>& steps, const std::string& frame,
            const std::set<std::string, std::less<>>& ids) {
  for (Step& step : steps) {
    step.id = frame + "/" + std::string(local_name(step.id));
    if (ids.contains(step.proves)) {
      step.proves = frame + "/" + std::string(local_name(step.proves));
    }
    if (auto* const parallel = std::get_if<ParallelStep>(&step.kind)) {
      for (Branch& branch : parallel->branches) rename(branch.steps, frame, ids);
    } else if (auto* const block = std::get_if<BlockStep>(&step.kind)) {
      rename(block->body, frame, ids);
      rename(block->rescue, frame, ids);
    }
  }
}

/// What the called playbook's expressions see as `inputs`.
Result<Value> call_inputs(const CallStep& call, const Scope& scope) {
  ValueMap inputs;
  for (const InputSpec& spec : call.callee->inputs) {
    inputs.emplace(spec.name, spec.fallback.value_or(Value()));
  }
  for (const auto& [name, given] : call.with) {
    Result<Value> value = given.evaluate(scope);
    if (!value) return value;
    if (!value->is_null()) inputs[name] = *std::move(value);
  }
  for (const InputSpec& spec : call.callee->inputs) {
    const Value& value = inputs[spec.name];
    if (value.is_null()) {
      if (!spec.required) continue;
      return make_error(ErrorCode::invalid, "bad-input",
                        "input " + spec.name + " of " + call.callee->id + " is null.",
                        "give the step a `when`");
    }
    if (Status fits = check_input(spec, value); !fits) return fits.error();
  }
  return Value(std::move(inputs));
}

Expansion make_call(RunState& run, const CallStep& call, const std::string& frame,
                    const Scope& scope) {
  Expansion expansion{.frame = frame};
  Result<Value> inputs = call_inputs(call, scope);
  if (!inputs) {
    expansion.error = inputs.error();
    return expansion;
  }
  run.frames[frame] = Frame{.inputs = *std::move(inputs), .steps = Value(ValueMap{})};
  const Playbook& callee = *call.callee;
  expansion.steps = callee.steps;
  rename(expansion.steps, frame, ids_in(callee.steps));
  expansion.last = callee.finally_steps;
  rename(expansion.last, frame, {});
  for (const ProbeSpec& probe : callee.verify) {
    run.verify.push_back(Postcondition{.spec = &probe, .frame = frame});
  }
  return expansion;
}

Expansion make_time(RunState& run, const Step& step, const std::string& frame,
                    const ItemState& item) {
  Expansion expansion{.frame = frame, .steps = {step}};
  Step& whole = expansion.steps.front();
  whole.foreach_items.reset();
  whole.when.reset();
  // The step goes on after a failed item, not the item itself.
  whole.continue_on_failure = false;
  Frame names = frame_named(run, frame_of(step.id));
  names.names[step.foreach_items->as] = item.item;
  run.frames[frame] = std::move(names);
  rename(expansion.steps, frame, ids_in({step}));
  return expansion;
}

}  // namespace

std::string_view frame_of(std::string_view id) noexcept {
  const std::size_t slash = id.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : id.substr(0, slash);
}

std::string_view local_name(std::string_view id) noexcept {
  const std::size_t slash = id.rfind('/');
  return slash == std::string_view::npos ? id : id.substr(slash + 1);
}

std::size_t steps_each_time(const Step& step) {
  std::size_t count = 0;
  const auto add = [&](const Step&) { ++count; };
  if (const auto* const call = std::get_if<CallStep>(&step.kind)) {
    for_each_step(call->callee->steps, add);
    for_each_step(call->callee->finally_steps, add);
  } else {
    add(step);
    for_each_inner_list(step, [&](const std::vector<Step>& list) { for_each_step(list, add); });
  }
  return count;
}

std::optional<Timestamp> begun_at(const RunState& run, const Expansion& expansion) {
  const std::string prefix = expansion.frame + "/";
  std::optional<Timestamp> first;
  for (auto at = run.steps.lower_bound(prefix);
       at != run.steps.end() && at->first.starts_with(prefix); ++at) {
    if (at->second.phase == StepState::Phase::idle) continue;
    first = first ? std::min(*first, at->second.started) : at->second.started;
  }
  return first;
}

void expand(RunState& run, const Step& step, const StepState& state) {
  auto expansions = std::make_shared<std::vector<Expansion>>();
  expansions->reserve(state.items.size());
  const auto* const call = std::get_if<CallStep>(&step.kind);
  for (const ItemState& item : state.items) {
    const std::string frame = step.foreach_items ? step.id + "[" + item.key + "]" : step.id;
    expansions->push_back(call == nullptr
                              ? make_time(run, step, frame, item)
                              : make_call(run, *call, frame, scope_of_item(run, step, item)));
  }
  for (const Expansion& expansion : *expansions) {
    add_steps(run, expansion.frame, expansion.steps);
    add_steps(run, expansion.frame, expansion.last);
  }
  run.expansions[step.id] = std::move(expansions);
}

}  // namespace quell
