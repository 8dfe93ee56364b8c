#include "orchestrator/engine/entry_bodies.h"

#include <utility>

namespace quell {

Value error_value(const Error& error) {
  ValueMap map{{"class", to_string(error.code)}, {"message", describe(error)}};
  if (!error.topic.empty()) map["topic"] = error.topic;
  if (!error.hint.empty()) map["hint"] = error.hint;
  if (error.retry_after)
    map["retry_after_ms"] = static_cast<std::int64_t>(error.retry_after->count());
  return Value(std::move(map));
}

void add_traffic(ValueMap& body, const Traffic& traffic) {
  const RequestCounts& sent = traffic.requests;
  body["requests"] = Value::map({{"read", sent.read},
                                 {"probe", sent.probe},
                                 {"mutate", sent.mutate},
                                 {"notify", sent.notify}});
  ValueList origins;
  if (traffic.from_range) origins.emplace_back("range");
  if (traffic.from_loopback) origins.emplace_back("loopback");
  if (traffic.from_outside) origins.emplace_back("outside");
  if (!origins.empty()) body["origins"] = Value(std::move(origins));
}

Value texts_value(const std::vector<std::string>& texts) {
  ValueList list;
  for (const std::string& text : texts) list.emplace_back(text);
  return Value(std::move(list));
}

Value doubts_value(const std::vector<Doubt>& doubts) {
  ValueList list;
  for (const Doubt& doubt : doubts) {
    list.push_back(Value::map({{"kill", to_string(doubt.kill)},
                               {"at_best", to_string(doubt.at_best)},
                               {"reason", doubt.reason}}));
  }
  return Value(std::move(list));
}

std::vector<Doubt> doubts_of(const Value& list) {
  std::vector<Doubt> doubts;
  for (const Value& doubt : list.list_or_empty()) {
    doubts.push_back(
        {.kill = from_string<Kill>(doubt["kill"].string_or("")).value_or(Kill::refresh_token),
         .at_best = from_string<Grade>(doubt["at_best"].string_or("")).value_or(Grade::none),
         .reason = doubt["reason"].string_or("")});
  }
  return doubts;
}

}  // namespace quell
