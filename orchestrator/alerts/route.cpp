#include "orchestrator/alerts/route.h"

#include <algorithm>

#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell {
namespace {

constexpr std::size_t kInputBytesMax = 4'096;

Scope scope_of(const Value& alert) {
  Scope scope;
  scope.names["alert"] = alert;
  return scope;
}

}  // namespace

std::string_view to_string(RouteMode mode) noexcept {
  switch (mode) {
    case RouteMode::plan:
      return "plan";
    case RouteMode::automatic:
      return "auto";
    case RouteMode::dry_run:
      return "dry_run";
  }
  return "";
}

Value alert_value(const AlertSource& source, const ReceivedAlert& alert, std::string_view id,
                  Timestamp received, const std::vector<SecretValue>& secrets) {
  Value body = alert.body;
  if (body.is_map() && !secrets.empty()) {
    ValueMap members = body.as_map();
    for (std::size_t i = 0; i < secrets.size() && i < alert.secrets.size(); ++i)
      members.insert_or_assign(alert.secrets[i].path, Value(secrets[i]));
    body = Value(std::move(members));
  }
  return Value::map({{"id", std::string(id)},
                     {"source", source.name},
                     {"kind", std::string(to_string(source.kind))},
                     {"event", alert.event},
                     {"received_at", Value(received)},
                     {"body", std::move(body)}});
}

RouteMatch match_route(const std::vector<Route>& routes, const Value& alert) {
  if (routes.empty()) return {.why_not = "no route is configured"};
  const Scope scope = scope_of(alert);
  const std::string source = alert["source"].string_or("");
  for (const Route& route : routes) {
    if (!route.from.empty() && std::ranges::find(route.from, source) == route.from.end()) continue;
    if (!route.when) return {.route = &route};
    // What an alert lacks is no match: senders differ, and a condition speaks of one of them.
    const Result<Value> met = route.when->evaluate(scope);
    if (met && met->is_bool() && met->as_bool()) return {.route = &route};
  }
  return {.why_not = "no route matches"};
}

std::variant<MappedInputs, std::string> map_inputs(const Route& route, const Value& alert) {
  const Scope scope = scope_of(alert);
  MappedInputs mapped;
  for (const auto& [name, text] : route.inputs) {
    const Result<Value> value = text.evaluate(scope);
    if (!value) return "input " + name + ": " + describe(value.error());
    if (value->is_null()) continue;
    if (value->is_secret()) {
      mapped.secrets.emplace(name, value->as_secret().secret);
      continue;
    }
    if (value->is_list() || value->is_map()) return "input " + name + " would not be one value";
    std::string plain = value->is_string() ? value->as_string() : to_json(*value);
    if (plain.size() > kInputBytesMax) return "input " + name + " is too long";
    mapped.texts.emplace(name, std::move(plain));
  }
  return mapped;
}

}  // namespace quell
