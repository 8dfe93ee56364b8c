// RFC 7009 (OAuth 2.0 Token Revocation); API sheet section 1.
#include "connectors/oauth/revocation.h"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "connectors/url.h"
#include "state/base/json.h"

namespace quell {
namespace {

constexpr JsonLimits kIntrospectionLimits{
    .bytes_max = 256U << 10, .depth_max = 32, .nodes_max = 20'000};

std::string_view words(TokenKind kind) {
  return kind == TokenKind::refresh_token ? "refresh token" : "access token";
}

std::string subject_of(const Grant& grant, TokenKind kind) {
  return fmt::format("revoking the {} at {}", words(kind),
                     outside_text(origin_of(grant.server.revocation_endpoint)));
}

Value text_or_null(const std::string& text) { return text.empty() ? Value{} : Value(text); }

/// A refused refresh token is a failure whatever else went well; a refused access token is not once
/// the refresh token was taken: its issuer may have killed both with the first, and some call that
/// an error.
Result<Outcome> summarize(const Grant& grant, const std::vector<TokenRevocation>& done,
                          const std::string& note) {
  ValueList tokens;
  bool any_accepted = false;
  const TokenRevocation* refused = nullptr;
  for (const TokenRevocation& one : done) {
    any_accepted = any_accepted || one.answer == RevocationAnswer::accepted;
    if (one.answer == RevocationAnswer::refused &&
        (one.kind == TokenKind::refresh_token || !any_accepted))
      refused = &one;
    tokens.push_back(Value::map({{"kind", to_string(one.kind)},
                                 {"http_status", one.status},
                                 {"answer", to_string(one.answer)}}));
  }
  const std::string at = outside_text(origin_of(grant.server.revocation_endpoint));
  if (refused != nullptr) {
    return make_error(
        ErrorCode::invalid, "invalid",
        fmt::format("{} refused to revoke the {} ({})", at, words(refused->kind), refused->status),
        "check that client_id is the client which got this token");
  }
  if (!any_accepted) {
    return make_error(
        ErrorCode::unavailable_here, "unavailable_here",
        fmt::format("{} cannot revoke tokens of this kind (unsupported_token_type)", at),
        "revoke the refresh token instead; an access token that is a JWT lives until its `exp`");
  }
  Outcome out;
  out.outputs = Value::map({{"issuer", text_or_null(grant.server.issuer)},
                            {"revocation_endpoint", grant.server.revocation_endpoint},
                            {"client_id", text_or_null(outside_text(grant.client.client_id))},
                            {"tokens", Value(std::move(tokens))},
                            {"note", text_or_null(note)}});
  return out;
}

/// What introspection said of the refresh token before it was revoked (RFC 7662 section 2.2).
enum class RefreshState : std::uint8_t { live, spent, unknown };

/// A token that is live now is the head of its grant: nobody has rotated it away. One that is not
/// was spent, and whoever spent it holds a newer one that its revocation need not reach (API
/// sheet 6.1).
Task<RefreshState> look_at_refresh_token(Io& io, const Grant& grant, SecretPtr token,
                                         AuthForm& form, Random& random) {
  const std::string& endpoint = grant.server.introspection_endpoint;
  if (!token || endpoint.empty() || !may_send(grant, endpoint, "introspection"))
    co_return RefreshState::unknown;
  HttpRequest request = issuer_post(endpoint, Effect::probe);
  request.body.append("token=").append(bind_token(grant, token), SecretEncoding::form);
  request.body.append("&token_type_hint=refresh_token");
  const Result<HttpResponse> answer =
      co_await send_authenticated(io, grant, std::move(request), form, random);
  if (!answer || answer->status != 200) co_return RefreshState::unknown;
  const Result<Value> body = parse_json(answer->body, kIntrospectionLimits);
  if (!body || !(*body)["active"].is_bool()) co_return RefreshState::unknown;
  co_return (*body)["active"].as_bool() ? RefreshState::live : RefreshState::spent;
}

void doubt_refresh_token(Outcome& outcome, RefreshState before) {
  switch (before) {
    case RefreshState::live:
      return;
    case RefreshState::spent:
      outcome.doubts.push_back(
          {.kill = Kill::refresh_token,
           .at_best = Grade::none,
           .reason = "it was already spent: whoever spent it may hold a newer one that lives on"});
      return;
    case RefreshState::unknown:
      outcome.doubts.push_back({.kill = Kill::refresh_token,
                                .at_best = Grade::weak,
                                .reason = "nobody could tell whether it had been rotated before"});
      return;
  }
}

/// Which client acts when record and configuration differ is worth a line in the report.
std::string client_note(const Grant& grant, const GrantInputs& inputs) {
  if (inputs.client_id.empty() || inputs.client_id == grant.client.client_id) return {};
  return fmt::format("the record names client {}, the configuration {}",
                     outside_text(inputs.client_id), outside_text(grant.client.client_id));
}

}  // namespace

Task<Result<TokenRevocation>> revoke_token(Io& io, const Grant& grant, SecretPtr token,
                                           TokenKind kind, AuthForm& form, Random& random) {
  HttpRequest request = issuer_post(grant.server.revocation_endpoint, Effect::mutate);
  request.body.append("token=").append(bind_token(grant, token), SecretEncoding::form);
  request.body.append(fmt::format("&token_type_hint={}", to_string(kind)));
  const Result<HttpResponse> answer =
      co_await send_authenticated(io, grant, std::move(request), form, random);
  if (!answer) co_return wrap(subject_of(grant, kind), answer.error());
  const Result<RevocationAnswer> read = read_revocation(*answer, subject_of(grant, kind), io.now());
  if (!read) co_return read.error();
  TokenRevocation out{.kind = kind, .status = answer->status, .answer = *read};
  co_return out;
}

Task<Result<Outcome>> revoke_grant(Io& io, const OauthConfig& config, Value params,
                                   Random& random) {
  const GrantInputs inputs = read_grant_inputs(params);
  const SecretPtr refresh = secret_input(params, "refresh_token");
  const SecretPtr access = secret_input(params, "token");
  if (!refresh && !access) {
    co_return make_error(
        ErrorCode::unavailable_here, "unavailable_here",
        "no token in hand: RFC 7009 revokes a token that the caller shows, and neither was given",
        "hand over the leaked token or refresh token, or remove the client's access at the issuer "
        "by hand");
  }
  EndpointNeeds needs;
  needs.revocation = true;
  GrantInputs where = inputs;
  const Result<Grant> grant = co_await resolve_grant(io, config, std::move(where), needs);
  if (!grant) co_return grant.error();
  if (Status allowed = may_send(*grant, grant->server.revocation_endpoint, "revocation"); !allowed)
    co_return allowed.error();
  AuthForm form = AuthForm::as_configured;
  // Before the first revocation, since afterwards every answer is the same.
  const RefreshState before = co_await look_at_refresh_token(io, *grant, refresh, form, random);
  std::vector<TokenRevocation> done;
  const std::pair<SecretPtr, TokenKind> order[] = {{refresh, TokenKind::refresh_token},
                                                   {access, TokenKind::access_token}};
  for (const auto& [token, kind] : order) {
    if (!token) continue;
    SecretPtr shown = token;
    const Result<TokenRevocation> one =
        co_await revoke_token(io, *grant, std::move(shown), kind, form, random);
    if (!one) co_return one.error();
    done.push_back(*one);
  }
  Result<Outcome> outcome = summarize(*grant, done, client_note(*grant, inputs));
  if (outcome) doubt_refresh_token(*outcome, before);
  co_return outcome;
}

}  // namespace quell
