// OAuth 2.0 issuers and MCP servers: RFC 6749, 7009, 7662, 8414, 9728 and the MCP specification;
// every fact in the API sheet "Killing an mcp_oauth grant at its issuer".
#include "connectors/oauth/oauth_connector.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "connectors/oauth/discovery.h"
#include "connectors/oauth/grant.h"
#include "connectors/oauth/introspection.h"
#include "connectors/oauth/mcp_probe.h"
#include "connectors/oauth/profile.h"
#include "connectors/oauth/reading.h"
#include "connectors/oauth/refresh_probe.h"
#include "connectors/oauth/revocation.h"
#include "connectors/oauth/vendor_revocation.h"

namespace quell {
namespace {

/// Does the MCP server's own document name the pinned issuer? Null where it names none.
Value confirmation(const AuthServer& server) {
  if (server.authorization_servers.empty() || server.issuer.empty()) return Value{};
  return std::ranges::find(server.authorization_servers, server.issuer) !=
         server.authorization_servers.end();
}

Task<Result<Outcome>> discover(Io& io, const OauthConfig& config, Value params) {
  EndpointNeeds needs;
  needs.confirm = true;
  GrantInputs inputs = read_grant_inputs(params);
  const IssuerConfig* entry = find_issuer(config, inputs.mcp_server_url);
  const bool pinned = entry != nullptr && !configured_origins(*entry).empty();
  Result<Grant> grant = co_await resolve_grant(io, config, inputs, needs);
  if (!grant) co_return grant.error();
  const AuthServer& server = grant->server;
  // A public client's id comes from the record later; its absence is no obstacle here.
  if (grant->client.client_id.empty()) grant->client.client_id = "unknown";
  const Status allowed = may_send(*grant, server.revocation_endpoint, "revocation");
  Outcome out;
  out.outputs = Value::map({
      {"ladder", Value(ladder_value(readiness_of(config, inputs, *grant)))},
      {"issuer", text_or_null(server.issuer)},
      {"token_endpoint", text_or_null(server.token_endpoint)},
      {"revocation_endpoint", text_or_null(server.revocation_endpoint)},
      {"introspection_endpoint", text_or_null(server.introspection_endpoint)},
      {"metadata_source", server.metadata_source},
      {"metadata_url", text_or_null(server.metadata_url)},
      {"resource_metadata_url", text_or_null(server.resource_metadata_url)},
      {"authorization_servers", Value::texts(server.authorization_servers)},
      {"revocation_auth_methods", Value::texts(server.revocation_auth_methods)},
      {"pinned", pinned},
      {"confirmed", pinned ? confirmation(server) : Value{}},
      {"revocable", allowed.has_value()},
      {"obstacle",
       allowed ? Value{} : Value(allowed.error().message + "; " + allowed.error().hint)},
  });
  co_return out;
}

/// None of the mutations can be seen by a look of its own: probes decide.
Task<Result<Outcome>> cannot_look(std::string action) {
  co_return make_error(ErrorCode::unknown, "unknown",
                       fmt::format("an earlier {} cannot be looked up at an issuer", action),
                       "the step's probes show whether the tokens are dead");
}

Task<Result<Outcome>> no_such_action(std::string action) {
  co_return make_error(ErrorCode::internal,
                       fmt::format("the oauth connector has no action {}", action));
}

Value predicted_revocation(const OauthConfig& config, const Value& params) {
  const GrantInputs inputs = read_grant_inputs(params);
  const IssuerConfig* const entry = find_issuer(config, inputs.mcp_server_url);
  const ProfileChoice choice = choose_profile(config, entry, inputs.token_endpoint, {});
  ValueList tokens;
  const std::pair<std::string_view, TokenKind> order[] = {
      {"refresh_token", TokenKind::refresh_token}, {"token", TokenKind::access_token}};
  for (const auto& [name, kind] : order) {
    if (!params.has(name) || params[name].is_null()) continue;
    tokens.push_back(
        Value::map({{"kind", to_string(kind)},
                    {"http_status", Value{}},
                    {"answer", "accepted"},
                    {"call", Value{}}}));
  }
  const std::string client = identify_client(entry, params["client_id"].string_or("")).client_id;
  return Value::map(
      {{"issuer", entry == nullptr ? Value{} : text_or_null(entry->issuer)},
       {"revocation_endpoint", entry == nullptr ? std::string{} : entry->endpoints.revocation},
       {"client_id", text_or_null(client)},
       {"profile", std::string(choice.id())},
       {"refresh_token_before", "not_told"},
       {"tokens", Value(std::move(tokens))},
       {"note", Value{}}});
}

/// What an action says before anything was sent: every field of its table, at the value that claims
/// nothing.
// Nesting is bounded by the action table.
// NOLINTNEXTLINE(misc-no-recursion)
Value claim_nothing(const Type& outputs) {
  ValueMap out;
  for (const Field& field : *outputs.fields) {
    if (field.type.nullable) {
      out[field.name] = Value{};
      continue;
    }
    switch (field.type.kind) {
      case Type::Kind::boolean:
        out[field.name] = false;
        break;
      case Type::Kind::integer:
        out[field.name] = 0;
        break;
      case Type::Kind::list:
        out[field.name] = Value(ValueList{});
        break;
      case Type::Kind::timestamp:
        out[field.name] = Timestamp{};
        break;
      case Type::Kind::object:
        out[field.name] = claim_nothing(field.type);
        break;
      case Type::Kind::dyn:
      case Type::Kind::null:
      case Type::Kind::number:
      case Type::Kind::string:
      case Type::Kind::url:
      case Type::Kind::duration:
      case Type::Kind::secret:
        out[field.name] = "";
        break;
    }
  }
  return Value(std::move(out));
}

}  // namespace

Result<std::unique_ptr<OauthConnector>> OauthConnector::make(OauthConfig config, Random& random) {
  if (Status sound = check_config(config); !sound) return sound.error();
  return std::unique_ptr<OauthConnector>(new OauthConnector(std::move(config), random));
}

std::span<const ActionSpec> OauthConnector::actions() const { return oauth_actions(); }

Task<Result<Outcome>> OauthConnector::perform(const ActionSpec& action, Inputs inputs,
                                              Io& io) const {
  if (inputs.intent == Intent::look && action.effect == Effect::mutate)
    return cannot_look(action.name);
  if (action.name == "discover") return discover(io, config_, std::move(inputs.params));
  if (action.name == "probe_token") return probe_token(io, config_, std::move(inputs), random_);
  if (action.name == "token_is_dead") return token_is_dead(io, config_, std::move(inputs), random_);
  if (action.name == "introspect")
    return introspect_token(io, config_, std::move(inputs.params), random_);
  if (action.name == "refresh_is_dead")
    return test_refresh(io, config_, std::move(inputs.params), random_);
  if (action.name == "revoke_grant")
    return revoke_grant(io, config_, std::move(inputs.params), random_);
  if (action.name == "ladder") return look_at_ladder(io, config_, std::move(inputs.params));
  if (action.name == "trip_reuse_detection")
    return trip_reuse_detection(io, config_, std::move(inputs.params), random_);
  if (action.name == "vendor_revoke")
    return make_vendor_call(io, config_, std::move(inputs.params), CallReach::grant, random_);
  if (action.name == "revoke_user")
    return make_vendor_call(io, config_, std::move(inputs.params), CallReach::user, random_);
  if (action.name == "disable_client")
    return make_vendor_call(io, config_, std::move(inputs.params), CallReach::client, random_);
  return no_such_action(action.name);
}

Value OauthConnector::predict(const ActionSpec& action, const Inputs& inputs) const {
  const std::string url = inputs.params["mcp_server_url"].string_or("");
  if (action.name == "revoke_grant")
    return predicted_revocation(config_, inputs.params);
  ValueMap out = claim_nothing(action.outputs).as_map();
  if (out.contains("answer")) out["answer"] = "unknown";
  if (out.contains("mcp_server_url")) out["mcp_server_url"] = url;
  return Value(std::move(out));
}

Ladder OauthConnector::ladder_for(std::string_view mcp_server_url,
                                  std::string_view record_client_id,
                                  std::string_view record_token_endpoint) const {
  return readiness(config_, mcp_server_url, record_client_id, record_token_endpoint);
}

Value OauthConnector::pins() const {
  ValueList issuers;
  for (const IssuerConfig& entry : config_.issuers) {
    ValueMap pin{{"mcp_server_url", entry.match_mcp_server_url},
                 {"issuer", entry.issuer},
                 {"token_endpoint", entry.endpoints.token},
                 {"revocation_endpoint", entry.endpoints.revocation},
                 {"introspection_endpoint", entry.endpoints.introspection},
                 {"client_id", entry.client_id},
                 {"client_auth", to_string(entry.method)},
                 {"profile", entry.profile.empty() ? std::string(kGenericProfile) : entry.profile}};
    // They are parts of URLs.
    if (!entry.values.empty()) {
      ValueMap values;
      for (const auto& [name, text] : entry.values) values.emplace(name, text);
      pin.emplace("values", Value(std::move(values)));
    }
    issuers.emplace_back(Value(std::move(pin)));
  }
  return Value::map({{"kind", "oauth"}, {"issuers", Value(std::move(issuers))}});
}

}  // namespace quell
