#include "orchestrator/alerts/route.h"

#include <algorithm>
#include <optional>

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

bool is_scalar(const Value& value) {
  return !value.is_list() && !value.is_map() && !value.is_null() && !value.is_secret();
}

std::string scalar_text(const Value& value) {
  return value.is_string() ? value.as_string() : to_json(value);
}

/// `value` as input_from_text() takes it, a list with one element per comma; nothing when it would
/// be read as something else.
std::optional<std::string> input_text(const Value& value) {
  if (is_scalar(value)) return scalar_text(value);
  if (!value.is_list()) return std::nullopt;
  std::string all;
  for (const Value& item : value.as_list()) {
    if (!is_scalar(item)) return std::nullopt;
    const std::string text = scalar_text(item);
    if (text.empty() || text.find(',') != std::string::npos) return std::nullopt;
    if (!all.empty()) all += ',';
    all += text;
  }
  // Else its elements would be read as those of a list within.
  if (all.find_first_not_of(" \t\r\n") == all.find('[') && !all.empty()) return std::nullopt;
  return all;
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
    std::optional<std::string> plain = input_text(*value);
    if (!plain) return "input " + name + " would be neither a value nor a list of plain ones";
    if (plain->size() > kInputBytesMax) return "input " + name + " is too long";
    mapped.texts.emplace(name, *std::move(plain));
  }
  return mapped;
}

std::string text_of(const Template& text) {
  std::string written;
  for (const Template::Part& part : text.parts())
    written += part.literal + (part.expression ? "${" + part.expression->text() + "}" : "");
  return written;
}

}  // namespace quell
