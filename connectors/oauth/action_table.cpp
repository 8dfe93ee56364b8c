// What connections of kind `oauth` can do; the names are promised to playbooks.
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "connectors/oauth/oauth_connector.h"

namespace quell {
namespace {

using Kind = Type::Kind;

ParamSpec required(std::string name, Kind kind, std::string help) {
  return ParamSpec{
      .name = std::move(name), .type = Type::of(kind), .required = true, .help = std::move(help)};
}

ParamSpec optional(std::string name, Kind kind, std::string help) {
  return ParamSpec{.name = std::move(name),
                   .type = Type::of(kind).or_null(),
                   .required = false,
                   .help = std::move(help)};
}

Field field(std::string name, Kind kind) {
  return Field{.name = std::move(name), .type = Type::of(kind)};
}
Field nullable(std::string name, Kind kind) {
  return Field{.name = std::move(name), .type = Type::of(kind).or_null()};
}
Field texts(std::string name) {
  return Field{.name = std::move(name), .type = Type::list_of(Type::of(Kind::string))};
}

ParamSpec mcp_server_url() {
  return required("mcp_server_url", Kind::url, "the MCP server that takes the token");
}
ParamSpec client_id() {
  return optional("client_id", Kind::string,
                  "the record's client, used where no issuer entry names one");
}
ParamSpec token_endpoint() {
  return optional("token_endpoint", Kind::url,
                  "the record's token endpoint: its origin may hear the tokens");
}

std::vector<Field> look_fields() {
  return {field("answer", Kind::string),
          nullable("http_status", Kind::integer),
          nullable("era", Kind::string),
          nullable("control_status", Kind::integer),
          nullable("garbage_status", Kind::integer),
          field("is_jwt", Kind::boolean),
          nullable("exp", Kind::timestamp),
          field("sender_constrained", Kind::boolean),
          field("mcp_server_url", Kind::string),
          field("observed_at", Kind::timestamp)};
}

/// A whole URL that an input gives, not a path segment: the probe goes to the MCP server itself.
std::vector<RequestTemplate> probe_requests() {
  return {{.method = "POST", .url = "{mcp_server_url}", .effect = Effect::probe},
          {.method = "DELETE", .url = "{mcp_server_url}", .effect = Effect::probe}};
}

/// ladder_value() of oauth/ladder.h.
std::vector<Field> ladder_fields() {
  return {field("profile", Kind::string), field("chosen_by", Kind::string),
          field("rests_on", Kind::string),
          Field{.name = "rungs",
                .type = Type::list_of(Type::object(
                    {field("action", Kind::string), field("call", Kind::string),
                     field("what", Kind::string), texts("kills"), field("spares", Kind::string),
                     field("breaks", Kind::string), field("rests_on", Kind::string),
                     texts("unsure"), texts("missing")}))},
          field("human", Kind::string)};
}

ActionSpec discover() {
  ActionSpec spec;
  spec.name = "discover";
  spec.follows_urls = true;
  spec.summary = "find the authorization server of an MCP server";
  spec.effect = Effect::read;
  spec.planes = {Plane::issuer};
  spec.inputs = {mcp_server_url(), token_endpoint()};
  spec.outputs = Type::object(
      {nullable("issuer", Kind::string), nullable("token_endpoint", Kind::string),
       nullable("revocation_endpoint", Kind::string),
       nullable("introspection_endpoint", Kind::string), field("metadata_source", Kind::string),
       nullable("metadata_url", Kind::string), nullable("resource_metadata_url", Kind::string),
       texts("authorization_servers"), texts("revocation_auth_methods"),
       field("pinned", Kind::boolean), nullable("confirmed", Kind::boolean),
       field("revocable", Kind::boolean), nullable("obstacle", Kind::string),
       Field{.name = "ladder", .type = Type::object(ladder_fields())}});
  spec.errors = {ErrorCode::invalid, ErrorCode::transient, ErrorCode::throttled,
                 ErrorCode::unavailable_here};
  spec.timeout = Duration{10'000};
  spec.cost = {.read = 5};
  spec.note = "sends no secret; `obstacle` says what to configure before revoke_grant can work";
  return spec;
}

ActionSpec probe_token_spec() {
  ActionSpec spec;
  spec.name = "probe_token";
  spec.summary = "probe with the leaked token";
  spec.effect = Effect::probe;
  spec.planes = {Plane::issuer};
  spec.inputs = {mcp_server_url(), required("token", Kind::secret, "the access token")};
  spec.outputs = Type::object(look_fields());
  spec.errors = {ErrorCode::invalid, ErrorCode::transient, ErrorCode::throttled};
  spec.timeout = Duration{10'000};
  spec.requests = probe_requests();
  spec.cost = {.probe = 2};
  spec.note = "take it before revoking: only 200 and then 401 is strong proof";
  return spec;
}

ActionSpec introspect() {
  ActionSpec spec;
  spec.name = "introspect";
  spec.summary = "ask the issuer about a token (RFC 7662)";
  spec.effect = Effect::probe;
  spec.planes = {Plane::issuer};
  spec.inputs = {required("token", Kind::secret, "access or refresh token"),
                 optional("mcp_server_url", Kind::url,
                          "whose token it is; may be left out with one issuer entry"),
                 optional("token_type_hint", Kind::string, "access_token or refresh_token"),
                 client_id(), token_endpoint()};
  spec.outputs =
      Type::object({field("active", Kind::boolean), nullable("issuer", Kind::string),
                    field("sender_constrained", Kind::boolean), nullable("exp", Kind::timestamp),
                    nullable("client_id", Kind::string), nullable("scope", Kind::string),
                    nullable("token_type", Kind::string), nullable("sub", Kind::string)});
  spec.errors = {ErrorCode::invalid, ErrorCode::denied, ErrorCode::transient, ErrorCode::throttled,
                 ErrorCode::unavailable_here};
  spec.timeout = Duration{10'000};
  spec.requests = {{.method = "POST", .url = "{metadata:introspection}", .effect = Effect::probe}};
  spec.cost = {.read = 5, .probe = 1};
  spec.note =
      "active: false is corroboration only, it also means \"you may not ask\"; active: true is "
      "evidence of life";
  return spec;
}

ActionSpec token_is_dead_spec() {
  ActionSpec spec = probe_token_spec();
  spec.name = "token_is_dead";
  spec.summary = "does the MCP server refuse the access token?";
  spec.is_probe = true;
  spec.proves = {Kill::access_token};
  spec.inputs.back() = optional("token", Kind::secret, "the access token; without one: unproved");
  spec.inputs.push_back(client_id());
  spec.inputs.push_back(token_endpoint());
  spec.requests.push_back(
      {.method = "POST", .url = "{metadata:introspection}", .effect = Effect::probe});
  spec.cost = {.read = 1, .probe = 4};
  spec.note =
      "strong with a baseline of 200 and both controls refused; a refusal is held against a pinned "
      "issuer's word; want `consecutive: 2`";
  return spec;
}

ActionSpec refresh_is_dead() {
  ActionSpec spec;
  spec.name = "refresh_is_dead";
  spec.summary = "does the issuer refuse the refresh token? may mint";
  spec.effect = Effect::mutate;
  spec.planes = {Plane::issuer};
  spec.is_probe = true;
  spec.proves = {Kill::refresh_token};
  spec.inputs = {mcp_server_url(), required("refresh_token", Kind::secret, "the refresh token"),
                 client_id(), token_endpoint()};
  spec.outputs =
      Type::object({field("answer", Kind::string), nullable("http_status", Kind::integer),
                    nullable("issuer", Kind::string), field("minted", Kind::integer),
                    field("minted_revoked", Kind::integer)});
  spec.errors = {ErrorCode::invalid, ErrorCode::transient, ErrorCode::throttled,
                 ErrorCode::unavailable_here, ErrorCode::internal};
  spec.timeout = Duration{10'000};
  spec.repeat = Repeat::never;
  spec.irreversible = true;
  spec.requests = {{.method = "POST", .url = "{metadata:token}", .effect = Effect::mutate},
                   {.method = "POST", .url = "{metadata:revocation}", .effect = Effect::mutate}};
  spec.cost = {.read = 5, .mutate = 1};
  spec.note =
      "only after revocation, few times: a living refresh token is spent, what it gives is sealed "
      "and revoked at once";
  return spec;
}

ActionSpec revoke_grant_spec() {
  ActionSpec spec;
  spec.name = "revoke_grant";
  spec.summary = "revoke the tokens in hand";
  spec.effect = Effect::mutate;
  spec.planes = {Plane::issuer};
  spec.kills = {Kill::refresh_token, Kill::access_token};
  spec.inputs = {mcp_server_url(), client_id(), token_endpoint(),
                 optional("token", Kind::secret, "the access token"),
                 optional("refresh_token", Kind::secret, "the refresh token; it is revoked first")};
  spec.outputs =
      Type::object({nullable("issuer", Kind::string), field("revocation_endpoint", Kind::string),
                    nullable("client_id", Kind::string), field("profile", Kind::string),
                    field("refresh_token_before", Kind::string),
                    Field{.name = "tokens",
                          .type = Type::list_of(Type::object(
                              {field("kind", Kind::string), nullable("http_status", Kind::integer),
                               field("answer", Kind::string), nullable("call", Kind::string)}))},
                    nullable("note", Kind::string)});
  spec.errors = {ErrorCode::invalid,   ErrorCode::denied,  ErrorCode::throttled,
                 ErrorCode::transient, ErrorCode::unknown, ErrorCode::unavailable_here};
  spec.timeout = Duration{10'000};
  spec.repeat = Repeat::look_first;
  spec.irreversible = true;
  spec.requests = {{.method = "POST", .url = "{metadata:introspection}", .effect = Effect::probe},
                   {.method = "POST", .url = "{metadata:revocation}", .effect = Effect::mutate},
                   {.method = "DELETE", .url = "{metadata:vendor}", .effect = Effect::mutate}};
  spec.cost = {.read = 5, .probe = 2, .mutate = 2};
  spec.proofs = {"token_is_dead", "refresh_is_dead"};
  spec.note =
      "by RFC 7009, or by the calls of the issuer's profile; 200 is no evidence, it is also the "
      "answer for unknown tokens; the proof is a probe";
  return spec;
}

ActionSpec ladder_spec() {
  ActionSpec spec;
  spec.name = "ladder";
  spec.follows_urls = true;
  spec.summary = "which ways to end a grant exist, and what each lacks";
  spec.effect = Effect::read;
  spec.planes = {Plane::issuer};
  spec.inputs = {mcp_server_url(),
                 client_id(),
                 token_endpoint(),
                 optional("token", Kind::secret, "the access token, if in hand; it is not sent"),
                 optional("refresh_token", Kind::secret, "likewise"),
                 optional("user", Kind::string, "whose grant it is, as the vendor's call wants it"),
                 optional("grant_id", Kind::string, "the vendor's id of the grant")};
  std::vector<Field> outputs = ladder_fields();
  for (Field more : {nullable("issuer", Kind::string), field("can_vendor_revoke", Kind::boolean),
                     field("can_trip", Kind::boolean), field("can_revoke_user", Kind::boolean),
                     field("can_disable_client", Kind::boolean), nullable("cache", Kind::duration),
                     nullable("grace", Kind::duration), texts("traps")})
    outputs.push_back(std::move(more));
  spec.outputs = Type::object(std::move(outputs));
  spec.errors = {ErrorCode::invalid, ErrorCode::transient, ErrorCode::throttled};
  spec.timeout = Duration{10'000};
  spec.cost = {.read = 5};
  spec.note = "sends no secret; an issuer that cannot be found is a gap of its rungs, no failure";
  return spec;
}

/// What the calls of a profile have in common, whatever they reach.
ActionSpec profile_call(std::string name, std::string summary) {
  ActionSpec spec;
  spec.name = std::move(name);
  spec.summary = std::move(summary);
  spec.effect = Effect::mutate;
  spec.planes = {Plane::issuer};
  spec.kills = {Kill::refresh_token, Kill::access_token};
  spec.inputs = {mcp_server_url(),
                 client_id(),
                 token_endpoint(),
                 optional("token", Kind::secret, "the access token, where the call shows it"),
                 optional("refresh_token", Kind::secret, "the refresh token, likewise"),
                 optional("user", Kind::string, "whose grant it is, as the vendor's call wants it"),
                 optional("grant_id", Kind::string, "the vendor's id of the grant"),
                 optional("call", Kind::string, "one call of the profile; else the first ready")};
  spec.outputs =
      Type::object({field("profile", Kind::string), field("call", Kind::string),
                    field("at", Kind::string), nullable("http_status", Kind::integer),
                    field("answer", Kind::string), nullable("settles_within", Kind::duration),
                    nullable("note", Kind::string)});
  spec.errors = {ErrorCode::invalid,   ErrorCode::denied,  ErrorCode::throttled,
                 ErrorCode::transient, ErrorCode::unknown, ErrorCode::unavailable_here};
  spec.timeout = Duration{10'000};
  spec.repeat = Repeat::look_first;
  spec.irreversible = true;
  spec.requests = {{.method = "POST", .url = "{metadata:vendor}", .effect = Effect::mutate},
                   {.method = "DELETE", .url = "{metadata:vendor}", .effect = Effect::mutate}};
  spec.cost = {.mutate = 1};
  spec.proofs = {"token_is_dead", "refresh_is_dead"};
  spec.note =
      "one call of the issuer's profile; where there is none or something is missing, the error "
      "says what a person does";
  return spec;
}

ActionSpec revoke_user_spec() {
  ActionSpec spec =
      profile_call("revoke_user", "end every grant of a user by the vendor's own call");
  spec.wide = true;
  return spec;
}

ActionSpec disable_client_spec() {
  ActionSpec spec =
      profile_call("disable_client", "end every grant of a client by the vendor's own call");
  spec.wide = true;
  return spec;
}

ActionSpec trip_spec() {
  ActionSpec spec = refresh_is_dead();
  spec.name = "trip_reuse_detection";
  spec.summary = "present the spent refresh token";
  spec.is_probe = false;
  spec.proves = {};
  spec.kills = {Kill::refresh_token, Kill::access_token};
  spec.proofs = {"token_is_dead"};
  spec.errors.push_back(ErrorCode::denied);
  spec.errors.push_back(ErrorCode::unknown);
  spec.note =
      "only for a token that somebody may have spent; a careful issuer then kills the whole "
      "family, which the answer does not show; what a living one gives is sealed and revoked at "
      "once";
  return spec;
}

}  // namespace

std::span<const ActionSpec> oauth_actions() {
  static const std::array<ActionSpec, 11> actions{
      discover(),          ladder_spec(),
      probe_token_spec(),  introspect(),
      token_is_dead_spec(), refresh_is_dead(),
      revoke_grant_spec(), profile_call("vendor_revoke", "end one grant by the vendor's own call"),
      trip_spec(),         revoke_user_spec(),
      disable_client_spec()};
  return actions;
}

}  // namespace quell
