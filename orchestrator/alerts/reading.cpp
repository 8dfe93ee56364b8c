// What a verified body says: bounded JSON or a form, split into alerts, leaked tokens taken out.
#include <algorithm>
#include <utility>

#include "orchestrator/alerts/security_event.h"
#include "orchestrator/alerts/source.h"
#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

constexpr std::size_t kTextBytesMax = 64U << 10U;
constexpr std::size_t kEventBytesMax = 100;
constexpr std::size_t kAlertsMax = 1'000;
constexpr std::size_t kFieldsMax = 100;
constexpr std::size_t kDepthMax = 32;
constexpr std::size_t kNodesMax = 10'000;
constexpr std::size_t kNodesOfListsMax = 100'000;

using Refused = DeliveryRefusal;
using Alerts = std::vector<ReceivedAlert>;

// Depth is that of a parsed body, which the parser bounds.
// NOLINTNEXTLINE(misc-no-recursion)
bool has_long_text(const Value& value) {
  if (value.is_string()) return value.as_string().size() > kTextBytesMax;
  if (value.is_list()) return std::ranges::any_of(value.as_list(), has_long_text);
  return value.is_map() && std::ranges::any_of(value.as_map(), [](const auto& member) {
           return has_long_text(member.second);
         });
}

std::optional<Value> parse_bounded(std::string_view text, const AlertSource& source,
                                   std::size_t nodes) {
  const Result<Value> parsed = parse_json(
      text, {.bytes_max = source.body_bytes_max, .depth_max = kDepthMax, .nodes_max = nodes});
  if (!parsed || has_long_text(*parsed)) return std::nullopt;
  return *parsed;
}

std::string as_text(const Value& value) {
  if (value.is_string()) return value.as_string();
  return value.is_null() ? std::string() : to_json(value);
}

Value at_path(Value value, std::string_view path) {
  while (!path.empty() && value.is_map()) {
    const std::size_t dot = path.find('.');
    value = Value(value[path.substr(0, dot)]);
    if (dot == std::string_view::npos) return value;
    path.remove_prefix(dot + 1);
  }
  return {};
}

/// One path is one member at the top for every kind that names secrets.
void take_secret_out(ReceivedAlert& alert, std::string_view name) {
  if (!alert.body.is_map() || !alert.body[name].is_string()) return;
  ValueMap members = alert.body.as_map();
  const auto member = members.find(name);
  alert.secrets.push_back(
      {.path = std::string(name),
       .secret = std::make_shared<const Secret>(Secret::copy_of(member->second.as_string()))});
  member->second = Value();
  alert.body = Value(std::move(members));
}

std::string_view why_quiet(const Reading& reading, const Value& body) {
  for (const Quiet& rule : reading.quiet) {
    const std::string text = as_text(at_path(body, rule.path));
    const bool named = std::ranges::find(rule.words, text) != rule.words.end();
    if (named == rule.not_these) return rule.path;
  }
  return {};
}

ReceivedAlert alert_of(const AlertSource& source, const Delivery& delivery, Value body) {
  const Reading& reading = *source.reading;
  ReceivedAlert alert;
  alert.body = std::move(body);
  bool says_something = false;
  for (const std::string_view path : reading.correlation) {
    std::string part = as_text(at_path(alert.body, path));
    says_something |= !part.empty();
    const bool secret = std::ranges::find(reading.secrets, path) != reading.secrets.end();
    if (secret && !part.empty()) {
      std::string hash = sha256_hex(part);
      wipe(part);
      part = std::move(hash);
    }
    if (path != reading.correlation.front()) alert.correlation += '|';
    alert.correlation += part;
  }
  if (!says_something) alert.correlation.clear();
  alert.quiet = why_quiet(reading, alert.body);
  for (const std::string_view path : reading.event_paths) {
    if (alert.event.empty())
      alert.event = at_path(alert.body, path).string_or("").substr(0, kEventBytesMax);
  }
  for (const std::string_view name : reading.secrets) take_secret_out(alert, name);
  if (!reading.event_header.empty()) {
    alert.event = std::string(delivery.header(reading.event_header).substr(0, kEventBytesMax));
    if (alert.event == "ping") alert.quiet = "a ping";
  }
  return alert;
}

/// What stands around the list, so that each alert can be read alone.
Value group_of(const Value& body, std::string_view members) {
  ValueMap group;
  for (const auto& [name, value] : body.as_map()) {
    if (name != members && !value.is_list()) group.emplace(name, value);
  }
  return Value(std::move(group));
}

bool is_stale(const Reading& reading, const Value& body, Timestamp now) {
  if (reading.fresh_path.empty()) return false;
  const auto time = parse_rfc3339(as_text(at_path(body, reading.fresh_path)));
  return time && *time + reading.fresh_for < now;
}

/// `a=1&b=2` as a map of texts; of a name given twice the first counts.
std::optional<Value> read_form(std::string_view body) {
  ValueMap fields;
  while (!body.empty()) {
    const std::size_t end = body.find('&');
    const std::string_view pair = body.substr(0, end);
    const std::size_t equals = pair.find('=');
    if (fields.size() >= kFieldsMax) return std::nullopt;
    std::string name = form_decode(pair.substr(0, equals));
    std::string value =
        equals == std::string_view::npos ? "" : form_decode(pair.substr(equals + 1));
    if (!is_valid_utf8(name) || !is_valid_utf8(value) || name.empty()) return std::nullopt;
    fields.try_emplace(std::move(name), std::move(value));
    if (end == std::string_view::npos) break;
    body.remove_prefix(end + 1);
  }
  return Value(std::move(fields));
}

/// Slack's old verification token is a secret that nobody needs.
Value without_token(const Value& form) {
  ValueMap fields = form.as_map();
  fields.erase("token");
  return Value(std::move(fields));
}

std::variant<Alerts, Refused> read_members(const AlertSource& source, const Delivery& delivery,
                                           const Value& body, const Value& list) {
  const Refused shape{.status = 400, .why = "shape"};
  if (!list.is_list() || list.as_list().size() > kAlertsMax) return shape;
  const Value group = body.is_map() ? group_of(body, source.reading->members) : Value();
  Alerts alerts;
  for (const Value& member : list.as_list()) {
    if (!member.is_map()) return shape;
    ValueMap one = member.as_map();
    if (group.is_map()) one.insert_or_assign("group", group);
    alerts.push_back(alert_of(source, delivery, Value(std::move(one))));
  }
  return alerts;
}

std::variant<Alerts, Refused> read_lines(const AlertSource& source, const Delivery& delivery) {
  Alerts alerts;
  std::string_view rest = delivery.body;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    if (!line.empty()) {
      const auto body = parse_bounded(line, source, kNodesMax);
      if (!body) return Refused{.status = 400, .why = "json"};
      if (!body->is_map() || alerts.size() >= kAlertsMax)
        return Refused{.status = 400, .why = "shape"};
      alerts.push_back(alert_of(source, delivery, *body));
    }
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return alerts;
}

/// The claims of a signed token, all of them: one token tells one thing.
std::variant<Alerts, Refused> read_token(const AlertSource& source, const Delivery& delivery) {
  std::optional<SecurityEventToken> token = read_security_event(delivery.body);
  if (!token || has_long_text(token->claims)) return unreadable_event();
  ToldEvent told = event_of(token->claims);
  Alerts alerts{alert_of(source, delivery, std::move(token->claims))};
  alerts.front().event = told.event.substr(0, kEventBytesMax);
  alerts.front().quiet = told.quiet;
  return alerts;
}

}  // namespace

std::variant<Alerts, DeliveryRefusal> read_alerts(const AlertSource& source,
                                                  const Delivery& delivery, Timestamp now) {
  using Shape = Reading::Shape;
  const Reading& reading = *source.reading;
  if (reading.shape == Shape::lines) return read_lines(source, delivery);
  Alerts alerts;
  if (reading.shape == Shape::form) {
    const auto form = read_form(delivery.body);
    if (!form) return Refused{.status = 400, .why = "form"};
    alerts.push_back(alert_of(source, delivery, without_token(*form)));
    return alerts;
  }
  if (reading.shape == Shape::token) return read_token(source, delivery);
  const bool many = reading.shape != Shape::object;
  const auto body = parse_bounded(delivery.body, source, many ? kNodesOfListsMax : kNodesMax);
  if (!body) return Refused{.status = 400, .why = "json"};
  if (reading.shape == Shape::array) return read_members(source, delivery, *body, *body);
  if (!body->is_map()) return Refused{.status = 400, .why = "shape"};
  if (reading.shape == Shape::members)
    return read_members(source, delivery, *body, (*body)[reading.members]);
  if (is_stale(reading, *body, now)) return Refused{.status = 401, .why = "time"};
  alerts.push_back(alert_of(source, delivery, *body));
  return alerts;
}

}  // namespace quell
