#include "orchestrator/playbook/model.h"

#include <cstddef>

#include <fmt/format.h>

namespace quell {
namespace {

struct Counts {
  std::size_t steps = 0;
  std::size_t kills = 0;
};

// Nesting is bounded by the loader.
void count(const std::vector<Step>& steps, Counts& counts) {  // NOLINT(misc-no-recursion)
  for (const Step& step : steps) {
    counts.kills += step.kills.size();
    if (const auto* const call = std::get_if<CallStep>(&step.kind)) {
      count(call->callee->steps, counts);
    } else if (std::holds_alternative<ParallelStep>(step.kind) ||
               std::holds_alternative<BlockStep>(step.kind)) {
      for_each_inner_list(step, [&](const std::vector<Step>& list) { count(list, counts); });
    } else {
      ++counts.steps;
    }
  }
}

std::string counted(std::size_t number, std::string_view word) {
  return fmt::format("{} {}{}", number, word, number == 1 ? "" : "s");
}

}  // namespace

// Nesting is bounded by the loader.
Result<Value> ValueTemplate::evaluate(const Scope& scope) const {  // NOLINT(misc-no-recursion)
  if (const auto* constant = std::get_if<Value>(&node)) return *constant;
  if (const auto* text = std::get_if<Template>(&node)) return text->evaluate(scope);
  if (const auto* items = std::get_if<std::vector<ValueTemplate>>(&node)) {
    ValueList list;
    list.reserve(items->size());
    for (const ValueTemplate& item : *items) {
      Result<Value> value = item.evaluate(scope);
      if (!value) return value;
      list.push_back(std::move(*value));
    }
    return Value(std::move(list));
  }
  ValueMap map;
  for (const auto& [name, member] : std::get<std::vector<NamedTemplate>>(node)) {
    Result<Value> value = member.evaluate(scope);
    if (!value) return wrap(fmt::format("\"{}\"", name), std::move(value).error());
    map.emplace(name, std::move(*value));
  }
  return Value(std::move(map));
}

bool is_expanded(const Step& step) noexcept {
  return std::holds_alternative<CallStep>(step.kind) ||
         (step.foreach_items && !std::holds_alternative<UseStep>(step.kind));
}

std::string playbook_summary(const Playbook& playbook) {
  Counts counts;
  count(playbook.steps, counts);
  std::string text = fmt::format("ok, {}, ", counted(counts.steps, "step"));
  // Postconditions of the run stand for themselves only where no step claims anything.
  const std::size_t claims = counts.kills > 0 ? counts.kills : playbook.verify.size();
  if (claims == 0) return text + "no claims";
  text += counted(claims, "claim");
  if (counts.kills == 0) return text + " by verify alone";
  if (!playbook.unprovable.empty()) {
    return text + fmt::format(", {} cannot be proved", playbook.unprovable.size());
  }
  return text + (claims == 1 ? ", it can be proved" : ", each can be proved");
}

}  // namespace quell
