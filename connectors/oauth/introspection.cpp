// Token introspection: RFC 7662 sections 2.1 and 2.2; API sheet 2.
#include "connectors/oauth/introspection.h"

#include <cstdint>
#include <string>
#include <utility>

#include "connectors/classify.h"
#include "connectors/oauth/grant.h"
#include "connectors/oauth/jwt.h"
#include "connectors/oauth/reading.h"
#include "connectors/url.h"
#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell {
namespace {

Value claim_text(const Value& body, std::string_view name) {
  const Value& value = body[name];
  return value.is_string() ? Value(outside_text(value.as_string())) : Value{};
}

HttpRequest introspection_request(const Grant& grant, const SecretPtr& token,
                                  std::string_view hint) {
  HttpRequest request = issuer_post(grant.server.introspection_endpoint, Effect::probe);
  request.body.append("token=").append(bind_token(grant, token), SecretEncoding::form);
  if (!hint.empty()) request.body.append("&token_type_hint=" + form_encode(hint));
  return request;
}

}  // namespace

Task<IssuerWord> ask_issuer(Io& io, const Grant& grant, SecretPtr token, TokenKind kind,
                            AuthForm& form, Random& random) {
  const std::string& endpoint = grant.server.introspection_endpoint;
  if (endpoint.empty() || !may_send(grant, endpoint, "introspection"))
    co_return IssuerWord::not_told;
  HttpRequest request = introspection_request(grant, token, to_string(kind));
  const Result<HttpResponse> answer =
      co_await send_authenticated(io, grant, std::move(request), form, random);
  co_return answer ? read_introspection(*answer) : IssuerWord::silent;
}

Task<Result<Outcome>> introspect_token(Io& io, const OauthConfig& config, Value params,
                                       Random& random) {
  const SecretPtr token = secret_input(params, "token");
  if (!token) {
    co_return make_error(ErrorCode::invalid, "invalid", "introspection needs a token",
                         "guard the step with `when`");
  }
  GrantInputs inputs = read_grant_inputs(params);
  if (inputs.mcp_server_url.empty() && config.issuers.size() == 1) {
    inputs.mcp_server_url = config.issuers.front().match_mcp_server_url;
  }
  if (inputs.mcp_server_url.empty()) {
    co_return make_error(ErrorCode::invalid, "invalid",
                         "introspection needs mcp_server_url to know whose token this is",
                         "give `mcp_server_url` to the step; it is optional only with exactly one "
                         "entry under issuers:");
  }
  EndpointNeeds needs;
  needs.introspection = true;
  const Result<Grant> grant = co_await resolve_grant(io, config, std::move(inputs), needs);
  if (!grant) co_return grant.error();
  const std::string& endpoint = grant->server.introspection_endpoint;
  if (Status allowed = may_send(*grant, endpoint, "introspection"); !allowed)
    co_return allowed.error();

  HttpRequest request =
      introspection_request(*grant, token, params["token_type_hint"].string_or(""));
  AuthForm form = AuthForm::as_configured;
  const Result<HttpResponse> answer =
      co_await send_authenticated(io, *grant, std::move(request), form, random);
  const std::string subject = "introspection at " + outside_text(origin_of(endpoint));
  if (!answer) {
    Error error = wrap(subject, answer.error());
    if (error.code == ErrorCode::unknown)
      error.code = ErrorCode::transient;  // a look may be repeated
    co_return error;
  }
  const Result<Value> body = parse_json(answer->body, kIssuerBodyLimits);
  if (answer->status == 400 && oauth_error(*answer) == "unsupported_token_type") {
    co_return make_error(
        ErrorCode::unavailable_here, "unavailable_here",
        subject + " does not serve tokens of this kind",
        "probe the MCP server instead; JWT access tokens are often checked offline");
  }
  if (answer->status != 200 || !body || !(*body)["active"].is_bool())
    co_return classify(*answer, Effect::read, subject, NotFound::collection);
  const Value& expires = (*body)["exp"];
  Outcome out;
  ValueMap outputs{{"active", (*body)["active"].as_bool()},
                   {"issuer", grant->server.issuer.empty() ? Value{} : Value(grant->server.issuer)},
                   {"sender_constrained", (*body)["cnf"].is_map()},
                   {"exp", Value{}}};
  if (expires.is_int() && expires.as_int() >= 0 && expires.as_int() <= kSecondsMax) {
    outputs["exp"] = Timestamp(std::chrono::seconds(expires.as_int()));
  }
  for (const std::string_view name : {"client_id", "scope", "token_type", "sub"})
    outputs.emplace(name, claim_text(*body, name));
  out.outputs = Value(std::move(outputs));
  co_return out;
}

}  // namespace quell
