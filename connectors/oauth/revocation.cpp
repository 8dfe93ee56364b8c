// RFC 7009 (OAuth 2.0 Token Revocation); API sheet section 1.
#include "connectors/oauth/revocation.h"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "connectors/oauth/introspection.h"
#include "connectors/oauth/vendor_revocation.h"
#include "connectors/url.h"

namespace quell {
namespace {

constexpr int kLooksAfterMax = 3;
constexpr Duration kLookAfterPause{1'000};

std::string_view words(TokenKind kind) {
  return kind == TokenKind::refresh_token ? "refresh token" : "access token";
}

std::string subject_of(const Grant& grant, TokenKind kind) {
  return fmt::format("revoking the {} at {}", words(kind),
                     outside_text(origin_of(grant.server.revocation_endpoint)));
}

/// One revocation; where another went before it (`begun`), repeated while the issuer is busy. The
/// action as a whole cannot be repeated then: it would find the refresh token dead by our own hand
/// and take it for one that a thief had spent.
Task<Result<TokenRevocation>> revoke_patiently(Io& io, const Grant& grant, SecretPtr token,
                                               TokenKind kind, bool begun, AuthForm& form,
                                               Random& random) {
  const int attempts = begun ? kAttemptsMax : 1;
  for (int attempt = 1;; ++attempt) {
    SecretPtr shown = token;
    Result<TokenRevocation> done =
        co_await revoke_token(io, grant, std::move(shown), kind, form, random);
    if (done || attempt == attempts || done.error().code != ErrorCode::throttled) co_return done;
    const Duration pause = done.error().retry_after.value_or(kBusyPause);
    if (pause > kBusyWaitMax) co_return done;
    co_await io.wait(pause);
  }
}

/// Which client acts when record and configuration differ is worth a line in the report.
std::string client_note(const Grant& grant, const GrantInputs& inputs) {
  if (inputs.client_id.empty() || inputs.client_id == grant.client.client_id) return {};
  return fmt::format("the record names client {}, the configuration {}",
                     outside_text(inputs.client_id), outside_text(grant.client.client_id));
}

}  // namespace

Result<Outcome> summarize(const RevocationSite& site, const std::vector<TokenRevocation>& done) {
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
                                 {"answer", to_string(one.answer)},
                                 {"call", text_or_null(one.call)}}));
  }
  const std::string at = outside_text(origin_of(site.endpoint));
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
  out.outputs = Value::map({{"issuer", text_or_null(site.issuer)},
                            {"revocation_endpoint", site.endpoint},
                            {"client_id", text_or_null(outside_text(site.client_id))},
                            {"profile", site.profile},
                            {"refresh_token_before", to_string(site.past.word)},
                            {"tokens", Value(std::move(tokens))},
                            {"note", text_or_null(site.note)}});
  return out;
}

std::vector<Doubt> doubts_about(const RefreshPast& past) {
  Doubt doubt{.kill = Kill::refresh_token};
  switch (past.word) {
    case IssuerWord::active:
      return {};
    case IssuerWord::inactive:
      doubt.reason =
          "it was already spent: whoever spent it may hold a newer one that lives on";
      return {doubt};
    case IssuerWord::not_told:
    case IssuerWord::silent:
      break;
  }
  if (!past.shown) {
    doubt.at_best = Grade::weak;
    doubt.reason = "nobody showed it: that no thief had rotated it is taken on trust";
  } else if (!past.rotates) {
    doubt.at_best = Grade::weak;
    doubt.reason = "that this issuer never rotates one is the configuration's word";
  } else {
    doubt.reason =
        "nobody could tell whether a thief had rotated it before: then a newer one lives on";
  }
  return {doubt};
}

std::vector<Doubt> doubts_meanwhile(const RefreshPast& past) {
  std::vector<Doubt> meanwhile = doubts_about(past);
  if (!meanwhile.empty()) return meanwhile;
  return {{.kill = Kill::refresh_token,
           .at_best = Grade::weak,
           .reason = "the answer to its revocation was lost, and the issuer was not asked again"}};
}

Task<bool> outlives_revocation(Io& io, const Grant& grant, SecretPtr token, AuthForm& form,
                               Random& random) {
  for (int look = 1;; ++look) {
    SecretPtr shown = token;
    const IssuerWord word =
        co_await ask_issuer(io, grant, std::move(shown), TokenKind::refresh_token, form, random);
    if (word != IssuerWord::active) co_return false;
    if (look == kLooksAfterMax) co_return true;
    co_await io.wait(kLookAfterPause);
  }
}

Doubt outlived() {
  return {.kill = Kill::refresh_token,
          .at_best = Grade::none,
          .reason = "the issuer called it active after its revocation"};
}

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
  CallScene scene = make_scene(config, read_call_case(params));
  if (goes_by_profile(scene)) co_return co_await revoke_by_profile(io, std::move(scene), random);
  EndpointNeeds needs;
  needs.revocation = true;
  needs.asks = refresh != nullptr;
  GrantInputs where = inputs;
  const Result<Grant> grant = co_await resolve_grant(io, config, std::move(where), needs);
  if (!grant) co_return grant.error();
  if (Status allowed = may_send(*grant, grant->server.revocation_endpoint, "revocation"); !allowed)
    co_return allowed.error();
  AuthForm form = AuthForm::as_configured;
  RefreshPast past{.shown = refresh != nullptr, .rotates = may_rotate(scene)};
  if (refresh) {
    SecretPtr shown = refresh;
    past.word =
        co_await ask_issuer(io, *grant, std::move(shown), TokenKind::refresh_token, form, random);
  }
  io.doubt_meanwhile(doubts_meanwhile(past));
  std::vector<TokenRevocation> done;
  const std::pair<SecretPtr, TokenKind> order[] = {{refresh, TokenKind::refresh_token},
                                                   {access, TokenKind::access_token}};
  for (const auto& [token, kind] : order) {
    if (!token) continue;
    SecretPtr shown = token;
    const bool begun = !done.empty();
    const Result<TokenRevocation> one =
        co_await revoke_patiently(io, *grant, std::move(shown), kind, begun, form, random);
    if (!one) co_return one.error();
    done.push_back(*one);
  }
  const RevocationSite site{.issuer = grant->server.issuer,
                            .endpoint = grant->server.revocation_endpoint,
                            .client_id = grant->client.client_id,
                            .profile = std::string(scene.choice.id()),
                            .note = client_note(*grant, inputs),
                            .past = past};
  Result<Outcome> outcome = summarize(site, done);
  if (!outcome) co_return outcome;
  outcome->doubts = doubts_about(past);
  if (past.word == IssuerWord::active) {
    SecretPtr shown = refresh;
    const bool alive = co_await outlives_revocation(io, *grant, std::move(shown), form, random);
    if (alive) outcome->doubts.push_back(outlived());
  }
  co_return outcome;
}

}  // namespace quell
