#include "orchestrator/alerts/desk.h"

#include <algorithm>
#include <utility>

#include "orchestrator/engine/entry_bodies.h"
#include "orchestrator/engine/run_inputs.h"
#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell {
namespace {

constexpr std::size_t kIdDigits = 12;
constexpr std::size_t kBodyBytesMax = 64U << 10U;  // of an alert, as the journal keeps it
/// Proposals of one source that may wait for people at a time; what comes then lies in the inbox.
constexpr int kOpenProposalsMax = 20;
constexpr std::size_t kDigestDigitsMin = 8;

std::string maker_of(const AlertSource& source) { return "alert:" + source.name; }

/// The first input of type url that holds a URL which nobody configured.
std::string foreign_url(const Playbook& playbook, const Value& inputs,
                        const std::set<std::string, std::less<>>& known) {
  for (const InputSpec& input : playbook.inputs) {
    const Value& given = inputs[input.name];
    if (input.type.kind == Type::Kind::url && given.is_string() &&
        !known.contains(given.as_string())) {
      return input.name;
    }
  }
  return {};
}

}  // namespace

std::string alert_id(std::string_view replay_key) {
  return "a" + hex_encode(replay_key).substr(0, kIdDigits);
}

Result<std::vector<FiledAlert>> AlertDesk::file(const AlertSource& source,
                                                const VerifiedDelivery& delivery) {
  const Timestamp now = parts_.clock.now();
  std::vector<FiledAlert> all;
  std::vector<bool> known;
  for (const ReceivedAlert& alert : delivery.alerts) {
    const Result<std::optional<std::uint64_t>> found = parts_.index.find(alert.replay_key, now);
    if (!found) return found.error();
    known.push_back(found->has_value());
  }
  for (std::size_t i = 0; i < delivery.alerts.size(); ++i) {
    const ReceivedAlert& alert = delivery.alerts[i];
    FiledAlert filed{.id = alert_id(alert.replay_key)};
    if (known[i] || !of_this_turn_.insert(alert.replay_key).second) {
      filed.repeated = true;
      all.push_back(std::move(filed));
      continue;
    }
    std::vector<SecretValue> secrets;
    for (const LeakedSecret& leaked : alert.secrets) {
      secrets.push_back(
          {.secret = leaked.secret, .fingerprint = parts_.secrets.fingerprint(*leaked.secret)});
    }
    filed = decide(source, alert, std::move(filed), secrets);
    write_down(source, alert, filed, secrets);
    all.push_back(std::move(filed));
  }
  return all;
}

void AlertDesk::turn_is_durable() { of_this_turn_.clear(); }

FiledAlert AlertDesk::decide(const AlertSource& source, const ReceivedAlert& alert,
                             FiledAlert filed, const std::vector<SecretValue>& secrets) {
  const auto inbox = [&filed](std::string why) {
    filed.why = std::move(why);
    return std::move(filed);
  };
  if (!alert.quiet.empty()) return inbox("it begins nothing by its " + std::string(alert.quiet));
  const Value seen = alert_value(source, alert, filed.id, parts_.clock.now(), secrets);
  const RouteMatch match = match_route(parts_.routes, seen);
  if (match.route == nullptr) return inbox(match.why_not);
  auto mapped = map_inputs(*match.route, seen);
  if (const auto* const why = std::get_if<std::string>(&mapped)) return inbox(*why);
  return begin(source, *match.route, std::get<MappedInputs>(mapped), std::move(filed));
}

FiledAlert AlertDesk::begin(const AlertSource& source, const Route& route,
                            const MappedInputs& mapped, FiledAlert filed) {
  const auto inbox = [&filed](std::string why) {
    filed.why = std::move(why);
    return std::move(filed);
  };
  if (parts_.is_disarmed()) return inbox("automation is disarmed");
  const auto playbook = parts_.find_playbook(route.playbook);
  if (!playbook) return inbox(describe(playbook.error()));
  const Result<Value> inputs = inputs_from_texts(
      **playbook, mapped.texts, mapped.secrets,
      [this](const Secret& secret) { return parts_.secrets.fingerprint(secret); });
  if (!inputs) return inbox(describe(inputs.error()));
  if (const std::string input = foreign_url(**playbook, *inputs, parts_.known_urls); !input.empty())
    return inbox("input " + input + " is a URL that the configuration does not name");
  if (const auto same = parts_.engine.find_like(**playbook, *inputs)) {
    filed.run = same;
    filed.joined = true;
    return filed;
  }
  const std::string why_not = why_not_by_itself(source, route, **playbook, *inputs);
  const bool proposed = route.mode == RouteMode::plan || !why_not.empty();
  if (proposed) {
    const auto open = std::ranges::count_if(parts_.engine.runs(), [&](const auto& run) {
      return run.second.proposed && !run.second.finished() && run.second.who == maker_of(source);
    });
    if (open >= kOpenProposalsMax) return inbox("twenty proposals of this source wait already");
  }
  const Result<RunId> run =
      parts_.engine.enroll({.playbook = *playbook,
                            .inputs = *inputs,
                            .who = maker_of(source),
                            .approved_in_advance = !proposed && route.irreversible,
                            .automatic = true,
                            .proposed = proposed,
                            .alert = filed.id,
                            .scope = proposed ? std::vector<std::string>{} : route.scope});
  if (!run) return inbox(describe(run.error()));
  filed.run = *run;
  if (route.mode == RouteMode::automatic) filed.why = why_not;
  return filed;
}

std::string AlertDesk::why_not_by_itself(const AlertSource& source, const Route& route,
                                         const Playbook& playbook, const Value& inputs) const {
  if (route.mode == RouteMode::plan) return {};
  if (!may_run_by_itself(source)) return "a stranger could say what this kind of source says";
  if (!route.armed) return "the route is not armed";
  if (route.scope.empty() || fitting_in(route.scope, inputs) == nullptr)
    return "it lies outside the route's scope";
  if (route.digest.size() < kDigestDigitsMin || !playbook.sha256.starts_with(route.digest))
    return "the playbook is not the one that was armed";
  return {};
}

void AlertDesk::write_down(const AlertSource& source, const ReceivedAlert& alert,
                           const FiledAlert& filed, const std::vector<SecretValue>& secrets) {
  ValueMap body{{"alert", filed.id},
                {"key", hex_encode(alert.replay_key)},
                {"expires", Value(parts_.clock.now() + source.retention)},
                {"source", source.name},
                {"kind", std::string(to_string(source.kind))}};
  if (!alert.correlation.empty()) body["about"] = alert.correlation;
  if (!alert.event.empty()) body["event"] = alert.event;
  if (filed.run) body["run"] = to_string(*filed.run);
  if (filed.joined) body["joined"] = true;
  if (!filed.why.empty()) body["why"] = filed.why;
  ValueList leaked;
  for (std::size_t i = 0; i < secrets.size(); ++i) {
    leaked.push_back(
        Value::map({{"path", alert.secrets[i].path}, {"fingerprint", secrets[i].fingerprint}}));
  }
  if (!leaked.empty()) body["secrets"] = Value(std::move(leaked));
  if (to_json(alert.body).size() <= kBodyBytesMax) {
    body["body"] = alert.body;
  } else {
    body["too_long"] = true;
  }
  parts_.engine.note(EntryKind::alert_received, std::move(body));
}

}  // namespace quell
