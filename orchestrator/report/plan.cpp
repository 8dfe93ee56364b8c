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

/// Why a step would not run, short enough for a table.
std::string skipped_text(const Step& step) {
  constexpr std::size_t kBytesMax = 60;
  std::string text = step.when ? step.when->text() : std::string();
  if (text.size() > kBytesMax) {
    std::size_t cut = kBytesMax;
    // Not in the middle of a UTF-8 character.
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U) --cut;
    text = text.substr(0, cut) + "...";
  }
  return "skipped: " + text;
}

/// What a plan says of one step; nothing of those that only read.
std::optional<PlannedStep> planned(const Step& step, const StepState& state,
                                   const ConnectorSet& connectors) {
  PlannedStep row{.id = step.id};
  if (const auto* approve = std::get_if<ApproveStep>(&step.kind)) {
    if (state.outcome == OutcomeKind::skipped) {
      row.what = skipped_text(step);
      return row;
    }
    row.what = std::to_string(approve->need) +
               (approve->need == 1 ? " approver, within " : " approvers, within ") +
               format_duration(approve->within);
    return row;
  }
  if (const auto* manual = std::get_if<ManualStep>(&step.kind)) {
    row.what = "a person, within " + format_duration(manual->within) + ": " +
               (step.title.empty() ? state.manual.ask : step.title);
    return row;
  }
  const auto* const use = std::get_if<UseStep>(&step.kind);
  const ActionSpec* const spec =
      use == nullptr ? nullptr : find_action(connectors, use->connection, use->action);
  if (spec == nullptr || spec->effect == Effect::read) return std::nullopt;
  row.items = static_cast<std::int64_t>(state.items.size());
  row.effect = spec->effect;
  row.plane = to_string(
      step.plane.value_or(spec->planes.empty() ? Plane::holder : spec->planes.front()));
  row.requests =
      row.items * std::max(1, spec->effect == Effect::probe ? spec->cost.probe : spec->cost.mutate);
  row.irreversible = step.irreversible && row.items > 0;
  row.undo = step.undo.has_value();
  row.what = step.title.empty() ? std::string(spec->summary) : step.title;
  if (state.outcome == OutcomeKind::skipped) {
    row.what = skipped_text(step);
  } else if (step.foreach_items) {
    row.noun = noun_of(step);
  }
  return row;
}

Value seconds_of(Duration duration) {
  return Value(static_cast<double>(duration.count()) / 1'000.0);
}

Duration read_seconds(const Value& seconds) {
  const double number =
      seconds.is_number() ? seconds.as_number() : static_cast<double>(seconds.int_or(0));
  return Duration(static_cast<std::int64_t>(number * 1'000.0 + 0.5));
}

}  // namespace

std::string noun_of(const Step& step) {
  for (const Kill kill : step.kills) {
    switch (kill) {
      case Kill::schedule:
        return "deployment";
      case Kill::session:
        return "session";
      case Kill::refresh:
        return "credential";
      case Kill::key:
        return "key";
      case Kill::entry:
        return "record";
      case Kill::refresh_token:
      case Kill::access_token:
        return "grant";
    }
  }
  return "item";
}

Plan make_plan(const RunState& rehearsal, const ConnectorSet& connectors,
               const std::map<std::string, OriginLimits, std::less<>>& limits,
               std::vector<PlannedRequest> reads, Duration reading_took) {
  Plan plan;
  plan.playbook = rehearsal.playbook->id;
  plan.digest = rehearsal.digest;
  plan.incident = incident_of(rehearsal);
  plan.took = reading_took;
  plan.counts.read = static_cast<std::int64_t>(reads.size());
  const std::size_t reads_sent = std::max<std::size_t>(reads.size(), 1);
  plan.requests = std::move(reads);
  Duration polling{0};
  const Duration round_trip = reading_took / static_cast<std::int64_t>(reads_sent);
  Duration allowed{0};  // of the steps that a provider's limit holds back
  const auto visit = [&](const Step& step) {
    const auto found = rehearsal.steps.find(step.id);
    const auto* const use = std::get_if<UseStep>(&step.kind);
    if (found == rehearsal.steps.end()) return;
    if (std::optional<PlannedStep> row = planned(step, found->second, connectors))
      plan.steps.push_back(*std::move(row));
    if (use == nullptr) return;
    if (use->action == "ladder") {
      for (const ItemState& item : found->second.items)
        if (item.outputs["rungs"].is_list()) plan.ladders.push_back(item.outputs);
    }
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
  ValueList steps;
  for (const PlannedStep& step : plan.steps) {
    steps.push_back(
        Value::map({{"step", step.id},
                    {"plane", step.plane.empty() ? Value() : Value(step.plane)},
                    {"what", step.what},
                    {"items", step.items},
                    {"noun", step.noun.empty() ? Value() : Value(step.noun)},
                    {"requests", step.requests},
                    {"effect", step.effect ? Value(to_string(*step.effect)) : Value()},
                    {"irreversible", step.irreversible},
                    {"undo", step.undo}}));
  }
  ValueList unknown;
  for (const std::string& sentence : plan.not_established) unknown.emplace_back(sentence);
  return Value::map({{"playbook", plan.playbook},
                     {"incident", plan.incident.empty() ? Value() : Value(plan.incident)},
                     {"digest", plan.digest},
                     {"looked_s", seconds_of(plan.took)},
                     {"steps", Value(std::move(steps))},
                     {"ladders", Value(plan.ladders)},
                     {"requests", Value(std::move(requests))},
                     {"counts", Value::map({{"read", plan.counts.read},
                                            {"probe", plan.counts.probe},
                                            {"mutate", plan.counts.mutate},
                                            {"notify", plan.counts.notify},
                                            {"irreversible", plan.irreversible}})},
                     {"estimate", Value::map({{"contain_s", seconds_of(plan.contain)},
                                              {"prove_s", seconds_of(plan.prove)},
                                              {"limit", plan.limit}})},
                     {"not_established", Value(std::move(unknown))}});
}

Result<Plan> plan_of_document(const Value& document) {
  const Error odd = make_error(ErrorCode::internal, "plan", "the plan cannot be read.",
                               "compare quell --version here and there");
  if (!document["digest"].is_string() || !document["requests"].is_list()) return odd;
  const Value& counts = document["counts"];
  const Value& estimate = document["estimate"];
  Plan plan{.playbook = document["playbook"].string_or(""),
            .digest = document["digest"].string_or(""),
            .incident = document["incident"].string_or(""),
            .took = read_seconds(document["looked_s"]),
            .ladders = document["ladders"].list_or_empty(),
            .counts = {.read = counts["read"].int_or(0),
                       .probe = counts["probe"].int_or(0),
                       .mutate = counts["mutate"].int_or(0),
                       .notify = counts["notify"].int_or(0)},
            .irreversible = static_cast<int>(counts["irreversible"].int_or(0)),
            .contain = read_seconds(estimate["contain_s"]),
            .prove = read_seconds(estimate["prove_s"]),
            .limit = estimate["limit"].string_or("")};
  for (const Value& row : document["steps"].list_or_empty()) {
    const std::optional<Effect> effect = from_string<Effect>(row["effect"].string_or(""));
    if (!effect && !row["effect"].is_null()) return odd;
    plan.steps.push_back({.id = row["step"].string_or(""),
                          .plane = row["plane"].string_or(""),
                          .what = row["what"].string_or(""),
                          .items = row["items"].int_or(0),
                          .noun = row["noun"].string_or(""),
                          .requests = row["requests"].int_or(0),
                          .effect = effect,
                          .irreversible = row["irreversible"].bool_or(false),
                          .undo = row["undo"].bool_or(false)});
  }
  for (const Value& row : document["requests"].list_or_empty()) {
    const std::optional<Effect> effect = from_string<Effect>(row["effect"].string_or(""));
    if (!effect) return odd;
    plan.requests.push_back({.step = row["step"].string_or(""),
                             .item = row["item"].string_or(""),
                             .method = row["method"].string_or(""),
                             .url = row["url"].string_or(""),
                             .effect = *effect,
                             .irreversible = row["irreversible"].bool_or(false),
                             .predicted = row["predicted"].bool_or(false)});
  }
  for (const Value& sentence : document["not_established"].list_or_empty())
    plan.not_established.push_back(sentence.string_or(""));
  return plan;
}

}  // namespace quell
