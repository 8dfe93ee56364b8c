#include "orchestrator/alerts/judge.h"

#include <algorithm>
#include <utility>

#include "orchestrator/engine/policy.h"
#include "orchestrator/engine/run_inputs.h"

namespace quell {
namespace {

constexpr std::size_t kDigestDigitsMin = 8;

/// The first input of URLs that holds one which nobody configured.
std::string foreign_url(const Playbook& playbook, const Value& inputs,
                        const std::set<std::string, std::less<>>& known) {
  const auto is_foreign = [&known](const Value& given) {
    return given.is_string() && !known.contains(given.as_string());
  };
  for (const InputSpec& input : playbook.inputs) {
    const Type::Kind kind = input.type.element ? input.type.element->kind : input.type.kind;
    if (kind != Type::Kind::url) continue;
    const Value& given = inputs[input.name];
    if (is_foreign(given) || std::ranges::any_of(given.list_or_empty(), is_foreign))
      return input.name;
  }
  return {};
}

/// Texts for inputs of type secret become literals: whatever they spell, nothing in them is looked
/// up (threat T4).
void seal_texts(const Playbook& playbook, MappedInputs& mapped) {
  for (const InputSpec& input : playbook.inputs) {
    const auto text = mapped.texts.find(input.name);
    if (input.type.kind != Type::Kind::secret || text == mapped.texts.end()) continue;
    mapped.secrets.emplace(input.name,
                           std::make_shared<const Secret>(Secret::copy_of(text->second)));
    wipe(text->second);
    mapped.texts.erase(text);
  }
}

Ruling inbox(std::string why) { return {.why = std::move(why)}; }

}  // namespace

Ruling AlertJudge::judge(const AlertSource& source, const ReceivedAlert& alert, std::string_view id,
                         Timestamp received) const {
  if (!alert.quiet.empty()) return inbox("it begins nothing by its " + std::string(alert.quiet));
  std::vector<SecretValue> secrets;
  for (const LeakedSecret& leaked : alert.secrets)
    secrets.push_back({.secret = leaked.secret, .fingerprint = parts_.fingerprint(*leaked.secret)});
  const Value seen = alert_value(source, alert, id, received, secrets);
  const RouteMatch match = match_route(parts_.routes, seen);
  if (match.route == nullptr) return inbox(match.why_not);
  auto mapped = map_inputs(*match.route, seen);
  if (const auto* const why = std::get_if<std::string>(&mapped)) return inbox(*why);
  auto playbook = parts_.find_playbook(match.route->playbook);
  if (!playbook) return inbox(describe(playbook.error()));
  MappedInputs& given = std::get<MappedInputs>(mapped);
  seal_texts(**playbook, given);
  std::vector<SecretPtr> sealed;
  for (const auto& [name, secret] : given.secrets) sealed.push_back(secret);
  const auto unfit = [&sealed](std::string why) {
    return Ruling{.why = std::move(why), .sealed = std::move(sealed)};
  };
  Result<Value> inputs =
      inputs_from_texts(**playbook, given.texts, given.secrets, parts_.fingerprint);
  if (!inputs) return unfit(describe(inputs.error()));
  if (const std::string input = foreign_url(**playbook, *inputs, parts_.known_urls); !input.empty())
    return unfit("input " + input + " is a URL that the configuration does not name");
  Ruling ruling{.route = match.route,
                .playbook = *std::move(playbook),
                .inputs = *std::move(inputs),
                .given = std::move(given),
                .mode = match.route->mode,
                .sealed = std::move(sealed)};
  if (ruling.mode != RouteMode::automatic) return ruling;
  ruling.why = why_not_by_itself(source, *match.route, *ruling.playbook, ruling.inputs);
  if (!ruling.why.empty()) ruling.mode = RouteMode::plan;
  return ruling;
}

std::string AlertJudge::why_not_by_itself(const AlertSource& source, const Route& route,
                                          const Playbook& playbook, const Value& inputs) const {
  if (!may_run_by_itself(source)) return "a stranger could say what this kind of source says";
  if (!route.armed) return "the route is not armed";
  if (route.scope.empty() || fitting_in(route.scope, inputs) == nullptr)
    return "it lies outside the route's scope";
  if (route.digest.size() < kDigestDigitsMin ||
      !parts_.digest_of(route, playbook).starts_with(route.digest)) {
    return "the route is not what it was when it was armed";
  }
  return {};
}

}  // namespace quell
