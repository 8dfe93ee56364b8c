// What connections of kind `managed_agents` with a key of the admin API can do (API sheet 1.11).
#include "connectors/managed_agents/action_table_keys.h"

#include <string>
#include <utility>

#include "connectors/managed_agents/action_rows.h"

namespace quell::managed_agents {
namespace {

ParamSpec param(std::string name, Kind kind, bool required, std::string help) {
  return ParamSpec{.name = std::move(name),
                   .type = required ? Type::of(kind) : Type::of(kind).or_null(),
                   .required = required,
                   .help = std::move(help)};
}

Type key_object() {
  const auto maybe = [](std::string name) {
    return Field{.name = std::move(name), .type = Type::of(Kind::string).or_null()};
  };
  return Type::object({{.name = "id", .type = Type::of(Kind::string)},
                       maybe("name"),
                       {.name = "status", .type = Type::of(Kind::string)},
                       maybe("partial_key_hint"),
                       maybe("workspace_id")});
}

ActionSpec row(std::string name, std::string summary, Effect effect) {
  ActionSpec spec;
  spec.name = std::move(name);
  spec.summary = std::move(summary);
  spec.effect = effect;
  spec.planes = {Plane::issuer};
  spec.errors = {ErrorCode::denied,  ErrorCode::throttled,       ErrorCode::transient,
                 ErrorCode::invalid, ErrorCode::unavailable_here};
  if (effect != Effect::probe) spec.errors.push_back(ErrorCode::gone);
  if (effect == Effect::mutate) {
    spec.errors.push_back(ErrorCode::unknown);
    spec.errors.push_back(ErrorCode::conflict);
  }
  spec.retry.max = kRetriesMax;
  return spec;
}

ActionSpec change_of_key(std::string name, std::string summary) {
  ActionSpec spec = row(std::move(name), std::move(summary), Effect::mutate);
  spec.inputs = {param("api_key_id", Kind::string, true, "apikey_...")};
  spec.outputs = key_object();
  spec.can_look = true;
  spec.requests = {{.method = "POST",
                    .url = "{base}/organizations/api_keys/{api_key_id}",
                    .effect = Effect::mutate}};
  spec.cost = {.read = 1, .mutate = 1};
  return spec;
}

ActionSpec use_of_key(std::string name, std::string summary) {
  ActionSpec spec = row(std::move(name), std::move(summary), Effect::probe);
  spec.inputs = {param("api_key", Kind::secret, true, "the leaked key")};
  spec.outputs = Type::object({{.name = "answer", .type = Type::of(Kind::string)},
                               {.name = "http_status", .type = Type::of(Kind::integer)},
                               {.name = "control_status", .type = Type::of(Kind::integer)}});
  spec.requests = {{.method = "GET", .url = "{base}/vaults", .effect = Effect::probe}};
  spec.cost = {.probe = 2};
  return spec;
}

}  // namespace

std::vector<ActionSpec> api_key_actions() {
  ActionSpec list = row("list_api_keys", "list the organization's API keys", Effect::read);
  list.inputs = {param("status", Kind::string, false, "active, inactive, archived or expired"),
                 param("workspace_id", Kind::string, false, "only those of this workspace")};
  list.outputs = Type::object({{.name = "api_keys", .type = Type::list_of(key_object())}});
  list.cost = {.read = 1};
  list.note = "needs admin_api_key, like every action on API keys but the probes with a leaked one";

  ActionSpec deactivate = change_of_key("deactivate_api_key", "Switch an API key off.");
  deactivate.kills = {Kill::key};
  deactivate.proofs = {"api_key_is_dead", "api_key_is_inactive"};
  deactivate.note =
      "reversible by activate_api_key; never the key that quell itself uses, told by the hint of "
      "the record or by api_key_id in the configuration";

  ActionSpec activate = change_of_key("activate_api_key", "Let an API key work again.");
  activate.repeat = Repeat::look_first;

  ActionSpec archive = change_of_key("archive_api_key", "Archive an API key for good.");
  archive.kills = {Kill::key};
  archive.irreversible = true;
  archive.proofs = {"api_key_is_dead", "api_key_is_inactive"};
  archive.note = "that an archived key can come back is not documented; never quell's own";

  ActionSpec inactive =
      row("api_key_is_inactive", "is the key switched off, by its record?", Effect::read);
  inactive.is_probe = true;
  inactive.proves = {Kill::key};
  inactive.inputs = {param("api_key_id", Kind::string, true, "apikey_...")};
  inactive.outputs = key_object();
  inactive.cost = {.read = 1};
  inactive.note = "weak: how soon every server hears of it is not documented";

  ActionSpec use = use_of_key("probe_api_key", "probe with the leaked key");
  use.note = "take it before deactivating: only 200 and then 401 is strong proof";

  ActionSpec dead = use_of_key("api_key_is_dead", "does the platform refuse the leaked key?");
  dead.is_probe = true;
  dead.proves = {Kill::key};
  dead.inputs.push_back(param("worked_before", Kind::boolean, false,
                              "true when this run saw the key work"));
  dead.note =
      "a 401 counts only in the platform's own words, while our own key passes; want "
      "`consecutive: 2`, since nothing is documented about propagation";
  return {list, deactivate, activate, archive, inactive, use, dead};
}

}  // namespace quell::managed_agents
