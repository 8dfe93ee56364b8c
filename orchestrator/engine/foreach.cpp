// Which items a foreach goes through, how fast, and when it goes no further.
#include "orchestrator/engine/foreach.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/engine/claims.h"
#include "orchestrator/engine/decisions.h"
#include "orchestrator/engine/expansion.h"

namespace quell {
namespace {

struct Candidate {
  std::string key{};
  double order = 0;
};

Error not_a(std::string_view what, std::string_view kind) {
  return make_error(ErrorCode::invalid, fmt::format("`{}` is not {}", what, kind));
}

/// The candidate that `scope`, with the item in it, makes; none when its `when` is false.
Result<std::optional<Candidate>> candidate_of(const Step& step, const Scope& scope) {
  const Foreach& each = *step.foreach_items;
  if (step.when) {
    const Result<Value> met = step.when->evaluate(scope);
    if (!met) return met.error();
    if (!met->is_bool()) return not_a("when", "true or false");
    if (!met->as_bool()) return std::optional<Candidate>();
  }
  const Result<Value> key = each.key.evaluate(scope);
  if (!key) return key.error();
  if (!key->is_string() || key->as_string().empty()) return not_a("foreach.key", "a text");
  Candidate candidate{.key = key->as_string()};
  if (each.order) {
    const Result<Value> order = each.order->evaluate(scope);
    if (!order) return order.error();
    candidate.order =
        order->is_number() ? order->as_number() : static_cast<double>(order->int_or(0));
  }
  return std::optional<Candidate>(std::move(candidate));
}

}  // namespace

Result<ItemChoice> choose_items(const RunState& run, const Step& step) {
  const Foreach& each = *step.foreach_items;
  Scope scope = scope_of(run, frame_of(step.id));
  const Result<Value> items = each.items.evaluate(scope);
  if (!items) return items.error();
  if (!items->is_list()) return not_a("foreach.items", "a list");
  std::vector<Candidate> candidates;
  std::set<std::string, std::less<>> seen;
  for (const Value& value : items->as_list()) {
    scope.names[each.as] = value;
    Result<std::optional<Candidate>> candidate = candidate_of(step, scope);
    if (!candidate) return candidate.error();
    if (!*candidate) continue;
    if (!seen.insert((*candidate)->key).second) {
      return make_error(ErrorCode::invalid,
                        fmt::format("`foreach.key` gives {} twice", (*candidate)->key));
    }
    candidates.push_back(**std::move(candidate));
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.order > b.order; });
  ItemChoice choice;
  for (Candidate& candidate : candidates) {
    const bool fits = choice.keys.size() < static_cast<std::size_t>(each.max);
    (fits ? choice.keys : choice.excluded).push_back(std::move(candidate.key));
  }
  if (is_expanded(step) &&
      run.step_index.size() + choice.keys.size() * steps_each_time(step) > kExpandedStepsMax) {
    return make_error(ErrorCode::invalid, "foreach",
                      fmt::format("{} items would make more than {} steps", choice.keys.size(),
                                  kExpandedStepsMax),
                      "lower its max");
  }
  return choice;
}

std::size_t canary_of(const RunState& run, const Step& step, const StepState& state,
                      const ConnectorSet& connectors, const Policy& policy) {
  if (!step.foreach_items) return 0;
  const std::size_t all = state.items.size();
  auto canary = static_cast<std::size_t>(std::max(step.foreach_items->canary, 0));
  const auto* const use = std::get_if<UseStep>(&step.kind);
  const ActionSpec* const spec =
      use == nullptr ? nullptr : find_action(connectors, use->connection, use->action);
  const bool many = all > static_cast<std::size_t>(policy.canary_above);
  if (many && (run.automatic || policy.strict) && run.mode != RunMode::dry_run && spec != nullptr &&
      spec->effect == Effect::mutate && gravity_of(run, step, *spec, policy) != Gravity::change) {
    canary = std::max(canary, static_cast<std::size_t>(policy.canary));
  }
  return std::min(all, canary);
}

std::size_t items_released(const StepState& state, std::size_t canary) {
  const bool is_over =
      std::all_of(state.items.begin(), state.items.begin() + static_cast<std::ptrdiff_t>(canary),
                  [](const ItemState& item) { return item.finished(); });
  return is_over ? state.items.size() : canary;
}

bool stops_early(const RunState& run, const ConnectorSet& connectors, const Step& step,
                 const StepState& state, std::size_t canary) {
  if (!step.foreach_items) return false;
  const Foreach& each = *step.foreach_items;
  if (each.stop_on_failure && state.failed_items >= each.stop_after) return true;
  for (std::size_t i = 0; i < canary; ++i) {
    const ItemState& item = state.items[i];
    if (!item.finished()) return false;
    if (item.outcome == OutcomeKind::failed) return true;
    for (const ProbeState& probe : item.probes) {
      if (!probe.skipped && probe.last.verdict != Verdict::proved) return true;
    }
  }
  if (canary == 0 || !is_expanded(step) || run.mode == RunMode::dry_run) return false;
  const std::vector<Expansion>& times = *run.expansions.at(step.id);
  for (std::size_t i = 0; i < canary; ++i) {
    const std::vector<Claim> claims = claims_of_time(run, connectors, times[i]);
    if (std::any_of(claims.begin(), claims.end(),
                    [](const Claim& claim) { return claim.verdict != Verdict::proved; })) {
      return true;
    }
  }
  return false;
}

std::optional<Timestamp> next_by_rate(const RunState& run, const Step& step,
                                      const StepState& state) {
  if (!step.foreach_items || !step.foreach_items->rate_per_second) return std::nullopt;
  const Duration gap(static_cast<std::int64_t>(1000.0 / *step.foreach_items->rate_per_second));
  std::optional<Timestamp> last;
  std::size_t begun = state.next_item;
  if (const auto made = run.expansions.find(step.id); made != run.expansions.end()) {
    begun = 0;
    for (const Expansion& expansion : *made->second) {
      const auto at = begun_at(run, expansion);
      if (!at) break;
      last = last ? std::max(*last, *at) : *at;
      ++begun;
    }
  } else if (begun > 0) {
    last = state.items[begun - 1].started;
  }
  if (!last || begun >= state.items.size()) return std::nullopt;
  return *last + gap;
}

}  // namespace quell
