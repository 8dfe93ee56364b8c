// Who may hear what: threats T1 (client secrets) and T7 (leaked tokens); API sheet 1.1 and 1.2.
#include "connectors/oauth/grant.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "connectors/oauth/reading.h"
#include "connectors/url.h"
#include "state/base/contains.h"

namespace quell {
namespace {

constexpr int kFormsMax = 3;  // as configured, raw Basic, the other secret method
constexpr Duration kIssuerTimeout{10'000};

std::vector<std::string> token_origins(const OauthConfig& config, const IssuerConfig* entry,
                                       const GrantInputs& inputs, const AuthServer& server) {
  std::vector<std::string> origins;
  add_origin(origins, inputs.mcp_server_url);
  const bool pinned = entry != nullptr && !configured_origins(*entry).empty();
  if (pinned) {
    for (const std::string& origin : configured_origins(*entry)) add_origin(origins, origin);
    return origins;  // a pin is the operator's last word
  }
  if (is_usable_url(inputs.token_endpoint, config.loopback_http))
    add_origin(origins, inputs.token_endpoint);
  if (config.trust_discovered_issuers) add_origin(origins, server.issuer);
  return origins;
}

std::string text_input(const Value& params, std::string_view name) {
  return params[name].string_or("");
}

}  // namespace

GrantInputs read_grant_inputs(const Value& params) {
  return GrantInputs{.mcp_server_url = text_input(params, "mcp_server_url"),
                     .client_id = text_input(params, "client_id"),
                     .token_endpoint = text_input(params, "token_endpoint")};
}

Task<Result<Grant>> resolve_grant(Io& io, const OauthConfig& config, GrantInputs inputs,
                                  EndpointNeeds needs) {
  if (!is_usable_url(inputs.mcp_server_url, config.loopback_http)) {
    co_return make_error(
        ErrorCode::invalid, "egress",
        fmt::format("mcp_server_url {} is no https URL", outside_text(inputs.mcp_server_url)),
        "a token is only ever sent over https; http is for loopback alone");
  }
  const IssuerConfig* entry = find_issuer(config, inputs.mcp_server_url);
  LocateRequest request;
  request.mcp_server_url = inputs.mcp_server_url;
  request.record_token_endpoint = inputs.token_endpoint;
  request.entry = entry;
  request.loopback_http = config.loopback_http;
  request.needs = needs;
  Result<AuthServer> server = co_await locate_auth_server(io, std::move(request));
  if (!server) co_return server.error();
  co_return known_grant(config, inputs, *std::move(server));
}

Grant known_grant(const OauthConfig& config, const GrantInputs& inputs, AuthServer server) {
  const IssuerConfig* const entry = find_issuer(config, inputs.mcp_server_url);
  Grant grant;
  grant.token_origins = token_origins(config, entry, inputs, server);
  grant.mcp_server_url = inputs.mcp_server_url;
  grant.server = std::move(server);
  grant.client = identify_client(entry, inputs.client_id);
  return grant;
}

Status may_send(const Grant& grant, std::string_view endpoint, std::string_view role) {
  const std::string of =
      outside_text(grant.server.issuer.empty() ? grant.mcp_server_url : grant.server.issuer);
  if (endpoint.empty()) {
    return make_error(
        ErrorCode::unavailable_here, "unavailable_here",
        fmt::format("{} names no {} endpoint", of, role),
        fmt::format("if it has one, write `endpoints: {{{}: URL}}` into its entry under issuers:; "
                    "else revoke at the issuer by hand",
                    role));
  }
  const std::string origin = origin_of(endpoint);
  if (!contains(grant.token_origins, origin)) {
    return make_error(ErrorCode::invalid, "egress",
                      fmt::format("metadata of {} puts its {} endpoint on {}, which neither "
                                  "configuration nor record names; nothing was sent",
                                  of, role, outside_text(origin)),
                      fmt::format("if that host is right, write `issuer: {}` or `endpoints: {{{}: "
                                  "{}}}` into the entry for this MCP server",
                                  of, role, outside_text(endpoint)));
  }
  if (grant.client.has_secret() && !contains(grant.client.origins, origin)) {
    return make_error(ErrorCode::invalid, "egress",
                      fmt::format("the client secret may not go to {}, where metadata of {} puts "
                                  "its {} endpoint; nothing was sent",
                                  outside_text(origin), of, role),
                      fmt::format("if that host is right, write `endpoints: {{{}: {}}}` into the "
                                  "entry for this MCP server",
                                  role, outside_text(endpoint)));
  }
  if (grant.client.client_id.empty()) {
    return make_error(
        ErrorCode::invalid, "config",
        fmt::format("no client_id is known for {}", outside_text(grant.mcp_server_url)),
        "give `client_id` to the step, or add an entry for this MCP server under issuers:");
  }
  return ok();
}

BoundSecret bind_token(const Grant& grant, const SecretPtr& secret) {
  return BoundSecret{.secret = secret, .origins = grant.token_origins};
}

SecretPtr secret_input(const Value& params, std::string_view name) {
  const Value& value = params[name];
  if (!value.is_secret()) return nullptr;
  const SecretPtr& secret = value.as_secret().secret;
  return secret && !secret->empty() ? secret : nullptr;
}

std::string_view to_string(TokenKind kind) noexcept {
  return kind == TokenKind::refresh_token ? "refresh_token" : "access_token";
}

HttpRequest issuer_post(std::string url, Effect effect) {
  HttpRequest request;
  request.method = "POST";
  request.url = std::move(url);
  request.headers.push_back(
      HttpHeader{.name = "Content-Type", .value = "application/x-www-form-urlencoded"});
  request.headers.push_back(HttpHeader{.name = "Accept", .value = "application/json"});
  request.effect = effect;
  request.trust = Trust::untrusted;
  request.timeout = kIssuerTimeout;
  request.body_bytes_max = kAnswerBytesMax;
  return request;
}

Task<Result<HttpResponse>> send_authenticated(Io& io, const Grant& grant, HttpRequest request,
                                              AuthForm& form, Random& random) {
  const std::string audience = grant.audience(request.url);
  for (int sent = 1;; ++sent) {
    HttpRequest attempt = request;
    if (Status signed_in = authenticate(attempt, grant.client, form, audience, io.now(), random);
        !signed_in) {
      co_return signed_in.error();
    }
    Result<HttpResponse> answer = co_await io.send(std::move(attempt));
    if (!answer || !refuses_client(*answer) || sent == kFormsMax) co_return answer;
    const std::optional<AuthForm> next = next_form(grant.client, form, answer->status);
    if (!next) co_return answer;
    form = *next;
  }
}

}  // namespace quell
