#include <algorithm>
#include <utility>

#include "orchestrator/engine/step_walk.h"
#include "orchestrator/report/run_document.h"

namespace quell {
namespace {

/// The URL that a template comes to, as far as the parameters and predicted outputs tell.
std::string filled(std::string pattern, const std::string& base, const ItemState& item) {
  std::string url;
  for (std::size_t at = 0; at < pattern.size();) {
    const std::size_t close = pattern[at] == '{' ? pattern.find('}', at) : std::string::npos;
    if (close == std::string::npos) {
      url += pattern[at++];
      continue;
    }
    const std::string name = pattern.substr(at + 1, close - at - 1);
    constexpr std::string_view kMetadata = "metadata:";
    if (name == "base") {
      url += base;
    } else if (name.starts_with(kMetadata)) {
      const std::string word = name.substr(kMetadata.size());
      const std::string known = item.outputs[word + "_endpoint"].string_or("");
      url += !known.empty() ? known
                            : "the " + word + " endpoint of " +
                                  item.params["mcp_server_url"].string_or("the issuer");
    } else {
      url += item.params[name].string_or("{" + name + "}");
    }
    at = close + 1;
  }
  return url;
}

/// A vendor's own call goes by either verb and takes the place of a standard request of the same
/// effect: one line of a plan is enough for them.
bool is_listed(const std::vector<RequestTemplate>& rows, const RequestTemplate& row) {
  if (row.url != "{metadata:vendor}") return true;
  const auto first = std::find_if(rows.begin(), rows.end(), [&row](const RequestTemplate& one) {
    return one.effect == row.effect;
  });
  return &*first == &row;
}

void add_cost(RequestCounts& counts, const RequestCost& cost) {
  counts.read += cost.read;
  counts.probe += cost.probe;
  counts.mutate += cost.mutate;
}

/// How long one step takes: by round trips, or by what its provider allows where that is longer.
/// Items of one step read and change side by side. Their records are known from the inventory, so
/// that only the looks read.
struct StepTime {
  std::int64_t round_trips = 0;
  double allowed_s = 0;  // by the provider's limit
};

StepTime time_of(const Step& step, std::int64_t items, const ActionSpec& spec, std::int64_t looks,
                 const OriginLimits& limits) {
  const std::int64_t sent = spec.cost.read + spec.cost.probe + spec.cost.mutate;
  const std::int64_t abreast =
      step.foreach_items ? std::max(step.foreach_items->concurrency, 1) : 1;
  const auto seconds = [](std::int64_t requests, const std::optional<double>& per_second) {
    return per_second ? static_cast<double>(requests) / *per_second : 0.0;
  };
  return {.round_trips = (items * sent + abreast - 1) / abreast,
          .allowed_s = std::max(seconds(items * spec.cost.mutate, limits.write),
                                seconds(looks, limits.read))};
}

}  // namespace

Plan make_plan(const RunState& rehearsal, const ConnectorSet& connectors,
               const std::map<std::string, OriginLimits, std::less<>>& limits,
               std::vector<PlannedRequest> reads, Duration reading_took) {
  Plan plan;
  plan.playbook = rehearsal.playbook->id;
  plan.digest = rehearsal.digest;
  plan.counts.read = static_cast<std::int64_t>(reads.size());
  const std::size_t reads_sent = std::max<std::size_t>(reads.size(), 1);
  plan.requests = std::move(reads);
  Duration polling{0};
  const Duration round_trip = reading_took / static_cast<std::int64_t>(reads_sent);
  Duration allowed{0};  // of the steps that a provider's limit holds back
  const auto visit = [&](const Step& step) {
    const auto found = rehearsal.steps.find(step.id);
    const auto* const use = std::get_if<UseStep>(&step.kind);
    if (found == rehearsal.steps.end() || use == nullptr) return;
    const ActionSpec* const spec = find_action(connectors, use->connection, use->action);
    if (spec == nullptr || spec->effect == Effect::read) return;
    const Connector& connector = *connectors.find(use->connection)->second;
    std::int64_t items = 0;
    std::int64_t looks = 0;
    for (const ItemState& item : found->second.items) {
      if (item.outcome != OutcomeKind::predicted) continue;
      add_cost(plan.counts, spec->cost);
      for (const RequestTemplate& row : spec->requests) {
        if (!is_listed(spec->requests, row)) continue;
        plan.requests.push_back({.step = step.id,
                                 .item = item.key,
                                 .method = row.method,
                                 .url = filled(row.url, connector.base_url(), item),
                                 .effect = row.effect,
                                 .irreversible = step.irreversible && row.effect == Effect::mutate,
                                 .predicted = true});
      }
      if (step.irreversible) plan.irreversible += std::max(1, spec->cost.mutate);
      ++items;
      for (const ProbeSpec& probe : step.verify) {
        const ActionSpec* const look =
            probe.self ? nullptr : find_action(connectors, probe.connection, probe.action);
        if (look == nullptr) continue;
        add_cost(plan.counts, look->cost);
        if (probe.connection == use->connection) looks += look->cost.read;
      }
    }
    const auto limit = limits.find(origin_of_url(connector.base_url()));
    const StepTime time =
        time_of(step, items, *spec, looks, limit == limits.end() ? OriginLimits{} : limit->second);
    const Duration by_trips = round_trip * time.round_trips;
    const Duration by_limit(static_cast<std::int64_t>(time.allowed_s * 1'000));
    plan.contain += std::max(by_trips, by_limit);
    if (by_limit > by_trips) allowed += by_limit;
    Duration slowest{0};
    for (const ProbeSpec& probe : step.verify) {
      if (probe.until)
        slowest = std::max(slowest, probe.until->every * std::max(probe.until->consecutive - 1, 0));
    }
    polling += slowest;
    if (spec->effect == Effect::probe) {
      plan.not_established.push_back((step.title.empty() ? step.id : step.title) +
                                     ": look with quell run --dry-run --probe");
    }
  };
  for_each_step(rehearsal, rehearsal.playbook->steps, visit);
  for (const Postcondition& condition : rehearsal.verify) {
    const ProbeSpec& probe = *condition.spec;
    if (const ActionSpec* const look = find_action(connectors, probe.connection, probe.action))
      add_cost(plan.counts, look->cost);
  }
  plan.prove = plan.contain + polling;
  plan.limit = polling > plan.contain       ? "polling"
               : allowed > plan.contain / 2 ? "the provider's limits"
                                            : "round trips";
  plan.not_established.emplace_back(
      "whether the keys may change what they can read: no read tells");
  plan.not_established.emplace_back("what starts after this look: the run looks for it at its end");
  return plan;
}

Value plan_document(const Plan& plan) {
  ValueList requests;
  for (const PlannedRequest& request : plan.requests) {
    requests.push_back(Value::map({{"step", request.step},
                                   {"item", request.item},
                                   {"method", request.method},
                                   {"url", request.url},
                                   {"effect", to_string(request.effect)},
                                   {"irreversible", request.irreversible},
                                   {"predicted", request.predicted}}));
  }
  ValueList unknown;
  for (const std::string& sentence : plan.not_established) unknown.emplace_back(sentence);
  const auto seconds = [](Duration duration) {
    return Value(static_cast<double>(duration.count()) / 1000.0);
  };
  return Value::map({{"playbook", plan.playbook},
                     {"digest", plan.digest},
                     {"requests", Value(std::move(requests))},
                     {"counts", Value::map({{"read", plan.counts.read},
                                            {"probe", plan.counts.probe},
                                            {"mutate", plan.counts.mutate},
                                            {"notify", plan.counts.notify},
                                            {"irreversible", plan.irreversible}})},
                     {"estimate", Value::map({{"contain_s", seconds(plan.contain)},
                                              {"prove_s", seconds(plan.prove)},
                                              {"limit", plan.limit}})},
                     {"not_established", Value(std::move(unknown))}});
}

}  // namespace quell
