// A managed agent platform: vaults, sessions and deployments; every fact in the API sheet "Managed
// Agents API".
#include "connectors/managed_agents/managed_agents_connector.h"

#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "connectors/managed_agents/calls.h"
#include "connectors/managed_agents/records.h"
#include "connectors/url.h"

namespace quell {
namespace {

namespace ma = managed_agents;

using Read = ma::ActionTask (*)(Io&, ma::Api, Value);
using Mutation = ma::ActionTask (*)(Io&, ma::Api, Value, Intent);

constexpr std::array<std::pair<std::string_view, Read>, 23> kReads{{
    {"get_credential", ma::get_credential},
    {"find_credentials", ma::find_credentials},
    {"find_vaults", ma::find_vaults},
    {"survey", ma::survey},
    {"list_api_keys", ma::list_api_keys},
    {"api_key_is_inactive", ma::api_key_is_inactive},
    {"probe_api_key", ma::probe_api_key},
    {"api_key_is_dead", ma::api_key_is_dead},
    {"blast_radius", ma::blast_radius},
    {"collect_evidence", ma::collect_evidence},
    {"credential_is_archived", ma::credential_is_archived},
    {"credentials_are_archived", ma::credentials_are_archived},
    {"no_active_credential", ma::no_active_credential},
    {"deployment_is_paused", ma::deployment_is_paused},
    {"session_is_stopped", ma::session_is_stopped},
    {"no_active_deployment", ma::no_active_deployment},
    {"no_new_session", ma::no_new_session},
    {"get_session_tools", ma::get_session_tools},
    {"find_memory_versions", ma::find_memory_versions},
    {"memory_is_clean", ma::memory_is_clean},
    {"no_poisoned_memory", ma::no_poisoned_memory},
    {"memory_version_is_redacted", ma::memory_version_is_redacted},
    {"memory_store_is_archived", ma::memory_store_is_archived},
}};

constexpr std::array<std::pair<std::string_view, Mutation>, 18> kMutations{{
    {"delete_credential", ma::delete_credential},
    {"validate_credential", ma::validate_credential},
    {"overwrite_credential", ma::overwrite_credential},
    {"archive_vault", ma::archive_vault},
    {"archive_credentials", ma::archive_credentials},
    {"pause_deployment", ma::pause_deployment},
    {"unpause_deployment", ma::unpause_deployment},
    {"archive_deployment", ma::archive_deployment},
    {"stop_session", ma::stop_session},
    {"detach_mcp_server", ma::detach_mcp_server},
    {"set_session_tools", ma::set_session_tools},
    {"restore_memory", ma::restore_memory},
    {"delete_memory", ma::delete_memory},
    {"redact_memory_version", ma::redact_memory_version},
    {"archive_memory_store", ma::archive_memory_store},
    {"deactivate_api_key", ma::deactivate_api_key},
    {"activate_api_key", ma::activate_api_key},
    {"archive_api_key", ma::archive_api_key},
}};

/// Every member of the table at the value that claims nothing.
// The table nests three levels deep.
// NOLINTNEXTLINE(misc-no-recursion)
Value claim_nothing(const Type& type) {
  if (type.nullable) return Value{};
  switch (type.kind) {
    case Type::Kind::boolean:
      return false;
    case Type::Kind::integer:
      return 0;
    case Type::Kind::list:
      return Value(ValueList{});
    case Type::Kind::object: {
      ValueMap members;
      if (type.fields) {
        for (const Field& field : *type.fields) {
          members.emplace(field.name, claim_nothing(field.type));
        }
      }
      return Value(std::move(members));
    }
    case Type::Kind::dyn:
    case Type::Kind::null:
    case Type::Kind::number:
    case Type::Kind::string:
    case Type::Kind::url:
    case Type::Kind::timestamp:
    case Type::Kind::duration:
    case Type::Kind::secret:
      break;
  }
  return "";
}

}  // namespace

Result<std::unique_ptr<ManagedAgentsConnector>> ManagedAgentsConnector::make(
    ManagedAgentsConfig config) {
  while (config.base_url.ends_with('/')) config.base_url.pop_back();
  if (Status sound = check_config(config); !sound) return sound.error();
  // A key that is bound to nothing goes to the platform's own origin and nowhere else (threat T2).
  if (config.api_key.secret && config.api_key.origins.empty()) {
    config.api_key.origins.push_back(origin_of(config.base_url));
  }
  return std::unique_ptr<ManagedAgentsConnector>(new ManagedAgentsConnector(std::move(config)));
}

std::span<const ActionSpec> ManagedAgentsConnector::actions() const {
  return managed_agents_actions();
}

Task<Result<Outcome>> ManagedAgentsConnector::perform(const ActionSpec& action, Inputs inputs,
                                                      Io& io) const {
  const ma::Api api(config_, inputs.together);
  for (const auto& [name, run] : kReads) {
    if (name == action.name) return run(io, api, std::move(inputs.params));
  }
  if (action.name == "archive_credential") {
    return ma::archive_credential(io, api, std::move(inputs.params), inputs.intent,
                                  std::move(inputs.known));
  }
  for (const auto& [name, run] : kMutations) {
    if (name == action.name) return run(io, api, std::move(inputs.params), inputs.intent);
  }
  return ma::fails(
      make_error(ErrorCode::internal,
                 fmt::format("a managed_agents connection has no action {}", action.name)));
}

Value ManagedAgentsConnector::predict(const ActionSpec& action, const Inputs& inputs) const {
  ValueMap out = claim_nothing(action.outputs).as_map();
  const auto set = [&out](std::string_view member, const Value& value) {
    const auto found = out.find(member);
    if (found != out.end() && !value.is_null()) found->second = value;
  };
  for (const std::string_view name : {"vault_id", "credential_id", "memory_store_id"})
    set(name, inputs.params[name]);
  // The subject is the innermost id that the action takes.
  for (const std::string_view name :
       {"vault_id", "credential_id", "deployment_id", "session_id", "memory_store_id", "memory_id",
        "memory_version_id", "api_key_id"}) {
    set("id", inputs.params[name]);
  }
  if (action.name == "pause_deployment") set("status", "paused");
  if (action.name == "unpause_deployment" || action.name == "archive_deployment") {
    set("status", "active");  // an archived deployment reads so (API sheet 1.9)
  }
  if (action.name == "stop_session") set("status", "terminated");
  if (action.name == "deactivate_api_key") set("status", "inactive");
  if (action.name == "activate_api_key") set("status", "active");
  if (action.name == "archive_api_key") set("status", "archived");
  if (action.name == "archive_credentials") set("archived", inputs.params["credential_ids"]);
  if (action.name == "delete_credential" || action.name == "delete_memory") set("deleted", true);
  if (action.name == "collect_evidence") set("whole", true);
  if (action.name == "overwrite_credential") {
    set("expires_at", inputs.params["expires_at"]);
    set("refresh_overwritten", inputs.params["refresh_token"].is_secret());
  }
  if (action.name == "validate_credential") {
    // A rehearsal cannot know what the issuer would say.
    set("status", "unknown");
    set("refresh_answer", "inconclusive");
  }
  return Value(std::move(out));
}

Value ManagedAgentsConnector::pins() const {
  return Value::map({{"kind", "managed_agents"},
                     {"base_url", config_.base_url},
                     {"api_version", config_.api_version},
                     {"account", ma::text_or_null(config_.workspace_id)},
                     {"key", ma::text_or_null(config_.key_fingerprint)}});
}

}  // namespace quell
