// The refresh test: RFC 6749 sections 5.2 and 6, RFC 8707 section 2.2; API sheet 6.
#include "connectors/oauth/refresh_probe.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "connectors/classify.h"
#include "connectors/oauth/grant.h"
#include "connectors/oauth/profile.h"
#include "connectors/oauth/reading.h"
#include "connectors/oauth/revocation.h"
#include "connectors/url.h"
#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell {
namespace {

constexpr int kCleanupAttemptsMax = 3;
constexpr Duration kCleanupWaitMax{10'000};
constexpr std::size_t kKeptNameBytes = 8;

/// A token that the test brought into the world: one copy to be sealed, one to be revoked whether
/// sealing succeeds or not.
struct Minted {
  TokenKind kind = TokenKind::access_token;
  Secret sealed{};
  SecretPtr secret{};
};

std::vector<Minted> minted_tokens(const HttpResponse& response) {
  std::vector<Minted> out;
  const Result<Value> body = parse_json(response.body, kIssuerBodyLimits);
  if (!body) return out;
  for (const TokenKind kind : {TokenKind::refresh_token, TokenKind::access_token}) {
    const Value& token = (*body)[to_string(kind)];
    if (!token.is_string() || token.as_string().empty()) continue;
    out.push_back(
        Minted{.kind = kind,
               .sealed = Secret::copy_of(token.as_string()),
               .secret = std::make_shared<const Secret>(Secret::copy_of(token.as_string()))});
  }
  return out;
}

/// Revokes one minted token. It would otherwise stay alive by our own doing, so a busy issuer is
/// asked again a few times; that is the one place where an action repeats itself.
Task<bool> discard(Io& io, const Grant& grant, const Minted& minted, AuthForm& form,
                   Random& random) {
  for (int attempt = 1; attempt <= kCleanupAttemptsMax; ++attempt) {
    SecretPtr token = minted.secret;
    const Result<TokenRevocation> done =
        co_await revoke_token(io, grant, std::move(token), minted.kind, form, random);
    if (done) co_return done->answer == RevocationAnswer::accepted;
    const Error& error = done.error();
    const bool worth_repeating = error.code == ErrorCode::throttled ||
                                 error.code == ErrorCode::transient ||
                                 error.code == ErrorCode::unknown;
    if (!worth_repeating || attempt == kCleanupAttemptsMax) co_return false;
    const Duration pause = std::min(error.retry_after.value_or(Duration{500}), kCleanupWaitMax);
    co_await io.wait(pause);
  }
  co_return false;
}

Outcome outcome_of(const Grant& grant, RefreshAnswer answer, std::optional<int> status,
                   Judgement judgement) {
  Outcome out;
  out.outputs =
      Value::map({{"answer", to_string(answer)},
                  {"http_status", status ? Value(*status) : Value{}},
                  {"issuer", grant.server.issuer.empty() ? Value{} : Value(grant.server.issuer)},
                  {"minted", 0},
                  {"minted_revoked", 0}});
  out.judgement = std::move(judgement);
  return out;
}

Judgement unproved(std::string proof, std::string reason) {
  Judgement out;
  out.proof = std::move(proof);
  out.residual = Residual{.until = std::nullopt, .reason = std::move(reason)};
  return out;
}

/// `invalid_grant` is also the answer for a token of another client (RFC 6749 section 5.2).
bool is_anothers(const Grant& grant, const std::string& record_client_id) {
  return !record_client_id.empty() && record_client_id != grant.client.client_id;
}

/// Proved. Without the client's secret a thief cannot redeem a refresh token; of a public client he
/// can, and then the token that is dead here may be the spent one while its descendant lives (API
/// sheet 6.1).
Judgement judge_dead(const Grant& grant, const HttpResponse& response,
                     std::optional<Duration> grace) {
  // Some issuers give no reason (API sheet 6.3); so may whatever stands before one.
  const bool reasoned = !oauth_error(response).empty();
  Judgement out;
  out.verdict = Verdict::proved;
  out.grade = grant.client.has_secret() && reasoned ? Grade::strong : Grade::weak;
  out.proof = reasoned ? "400 invalid_grant at the token endpoint"
                       : "400 without a reason at the token endpoint";
  if (grace) {
    // Within the window a token that was spent may work again or not; a refusal says less there.
    out.grade = Grade::weak;
    out.proof += fmt::format("; this issuer has a grace period of {}", format_duration(*grace));
  }
  if (grant.client.has_secret()) return out;
  out.residual = Residual{.until = std::nullopt,
                          .reason =
                              "a public client's refresh tokens rotate: one that a thief got for "
                              "it earlier would not show here"};
  return out;
}

Judgement judge_alive(std::size_t minted, std::size_t revoked, bool all_kept,
                      std::optional<Duration> grace) {
  Judgement out;
  out.verdict = Verdict::refuted;
  out.grade = Grade::strong;
  out.proof = "200 at the token endpoint";
  std::string reason = "the refresh token still gives new tokens";
  if (revoked < minted)
    reason += fmt::format("; {} of {} tokens that this test got could not be revoked",
                          minted - revoked, minted);
  if (grace) {
    reason +=
        fmt::format("; this issuer lets a spent one work for {} more", format_duration(*grace));
  }
  if (!all_kept)
    reason += "; sealing one of them failed, so a crash before its revocation would have lost it";
  out.residual = Residual{.until = std::nullopt, .reason = std::move(reason)};
  return out;
}

HttpRequest refresh_request(const Grant& grant, const SecretPtr& refresh) {
  HttpRequest request = issuer_post(grant.server.token_endpoint, Effect::mutate);
  request.body.append("grant_type=refresh_token&refresh_token=")
      .append(bind_token(grant, refresh), SecretEncoding::form);
  request.body.append("&resource=" + form_encode(grant.mcp_server_url));
  return request;
}

/// What became of the tokens that a 200 brought.
struct CleanUp {
  std::size_t minted = 0;
  std::size_t revoked = 0;
  bool all_kept = true;
};

/// Keeps and then revokes what a 200 brought.
Task<CleanUp> clean_up(Io& io, const Grant& grant, std::vector<Minted> minted, AuthForm& form,
                       Random& random) {
  CleanUp out;
  out.minted = minted.size();
  for (Minted& one : minted) {
    std::string name = fmt::format("minted_{}.{}", to_string(one.kind), random.hex(kKeptNameBytes));
    const Result<SecretValue> kept = co_await io.keep(std::move(name), std::move(one.sealed));
    out.all_kept = out.all_kept && kept.has_value();
  }
  for (const Minted& one : minted) {
    const bool gone = co_await discard(io, grant, one, form, random);
    if (gone) ++out.revoked;
  }
  co_return out;
}

void count_minted(Outcome& outcome, const CleanUp& done) {
  ValueMap outputs = outcome.outputs.as_map();
  outputs["minted"] = static_cast<std::int64_t>(done.minted);
  outputs["minted_revoked"] = static_cast<std::int64_t>(done.revoked);
  outcome.outputs = Value(std::move(outputs));
}

/// The grant whose refresh token may be presented: its endpoints are known, and what a living token
/// would give can be revoked. Otherwise presenting it leaves more alive than it found.
Task<Result<Grant>> grant_to_present(Io& io, const OauthConfig& config, GrantInputs inputs) {
  EndpointNeeds needs;
  needs.token = true;
  needs.revocation = true;
  Result<Grant> grant = co_await resolve_grant(io, config, std::move(inputs), needs);
  if (!grant) co_return grant;
  if (Status allowed = may_send(*grant, grant->server.token_endpoint, "token"); !allowed)
    co_return allowed.error();
  if (Status allowed = may_send(*grant, grant->server.revocation_endpoint, "revocation"); !allowed)
    co_return allowed.error();
  co_return grant;
}

Error no_refresh_token(std::string_view what) {
  return make_error(ErrorCode::invalid, "invalid", fmt::format("{} needs a refresh token", what),
                    "guard the step with `when`");
}

/// One that is refused as it is presented may be spent, and then a newer one lives unless this
/// issuer detects reuse, which its answer does not show.
std::vector<Doubt> doubts_of_refusal(const OauthConfig& config, const std::string& mcp_server_url) {
  const IssuerConfig* const entry = find_issuer(config, mcp_server_url);
  if (entry != nullptr && !entry->rotates_refresh_tokens) return {};
  return {{.kill = Kill::refresh_token,
           .at_best = Grade::none,
           .reason = "it was refused when it was presented: that the issuer then ended the newer "
                     "ones is not shown"}};
}

/// Why a claim on the refresh token cannot stand after a trip, if it cannot.
std::vector<Doubt> doubts_of_trip(const CleanUp& done) {
  if (done.revoked == done.minted) return {};
  return {{.kill = Kill::refresh_token,
           .at_best = Grade::none,
           .reason = fmt::format("{} of {} tokens that presenting it gave could not be revoked",
                                 done.minted - done.revoked, done.minted)}};
}

}  // namespace

Task<Result<Outcome>> test_refresh(Io& io, const OauthConfig& config, Value params,
                                   Random& random) {
  const SecretPtr refresh = secret_input(params, "refresh_token");
  if (!refresh) co_return no_refresh_token("the refresh test");
  GrantInputs inputs = read_grant_inputs(params);
  const std::string record_client_id = inputs.client_id;
  const ProfileChoice choice = choose_profile(config, find_issuer(config, inputs.mcp_server_url),
                                              inputs.token_endpoint, {});
  const std::optional<Duration> grace =
      choice.profile == nullptr ? std::nullopt : choice.profile->grace;
  const Result<Grant> grant = co_await grant_to_present(io, config, std::move(inputs));
  if (!grant) co_return grant.error();

  AuthForm form = AuthForm::as_configured;
  HttpRequest request = refresh_request(*grant, refresh);
  const Result<HttpResponse> answer =
      co_await send_authenticated(io, *grant, std::move(request), form, random);
  if (!answer) {
    if (answer.error().code == ErrorCode::unknown) {
      co_return outcome_of(
          *grant, RefreshAnswer::unknown, std::nullopt,
          unproved(
              "no answer",
              "the refresh test's answer was lost: tokens may have been issued that nobody holds"));
    }
    if (answer.error().code == ErrorCode::transient ||
        answer.error().code == ErrorCode::throttled) {
      co_return outcome_of(
          *grant, RefreshAnswer::unknown, std::nullopt,
          unproved("no answer",
                   "the token endpoint was not reached; the refresh token may still work"));
    }
    co_return answer.error();
  }
  switch (read_refresh(*answer)) {
    case RefreshAnswer::dead:
      if (is_anothers(*grant, record_client_id)) {
        co_return outcome_of(*grant, RefreshAnswer::unknown, answer->status,
                             unproved("400 invalid_grant to another client",
                                      "the record names another client than the configuration, and "
                                      "a token of another client is refused alike"));
      }
      co_return outcome_of(*grant, RefreshAnswer::dead, answer->status,
                           judge_dead(*grant, *answer, grace));
    case RefreshAnswer::alive: {
      std::vector<Minted> minted = minted_tokens(*answer);
      const CleanUp done = co_await clean_up(io, *grant, std::move(minted), form, random);
      Outcome out = outcome_of(*grant, RefreshAnswer::alive, answer->status,
                               judge_alive(done.minted, done.revoked, done.all_kept, grace));
      count_minted(out, done);
      co_return out;
    }
    case RefreshAnswer::unknown:
      break;
  }
  const std::string reason =
      answer->status == 200
          ? "the token endpoint answered 200 without tokens that quell can read; some may have "
            "been issued"
          : "the token endpoint gave no evidence; the refresh token may still work";
  co_return outcome_of(*grant, RefreshAnswer::unknown, answer->status,
                       unproved(std::to_string(answer->status), reason));
}

Task<Result<Outcome>> trip_reuse_detection(Io& io, const OauthConfig& config, Value params,
                                           Random& random) {
  const SecretPtr refresh = secret_input(params, "refresh_token");
  if (!refresh) co_return no_refresh_token("tripping reuse detection");
  GrantInputs inputs = read_grant_inputs(params);
  const Result<Grant> grant = co_await grant_to_present(io, config, std::move(inputs));
  if (!grant) co_return grant.error();
  io.doubt_meanwhile(
      {{.kill = Kill::refresh_token,
        .at_best = Grade::none,
        .reason = "the answer to presenting it was lost: tokens may have been issued that nobody "
                  "holds"}});
  AuthForm form = AuthForm::as_configured;
  HttpRequest request = refresh_request(*grant, refresh);
  const Result<HttpResponse> answer =
      co_await send_authenticated(io, *grant, std::move(request), form, random);
  const std::string subject = "presenting the spent refresh token at " +
                              outside_text(origin_of(grant->server.token_endpoint));
  if (!answer) co_return wrap(subject, answer.error());
  const RefreshAnswer read = read_refresh(*answer);
  if (read == RefreshAnswer::unknown) {
    if (answer->status >= 200 && answer->status < 300) {
      co_return make_error(ErrorCode::unknown, "unknown",
                           subject + ": 200 without tokens that quell can read",
                           "some may have been issued");
    }
    if (refuses_client(*answer)) {
      co_return make_error(ErrorCode::denied, "denied",
                           subject + ": the issuer refused this client's authentication",
                           "compare client_id, client_auth and the secret of the issuer's entry");
    }
    co_return classify(*answer, Effect::mutate, subject, NotFound::collection);
  }
  Judgement none;
  Outcome out = outcome_of(*grant, read, answer->status, std::move(none));
  out.judgement.reset();
  if (read == RefreshAnswer::alive) {
    std::vector<Minted> minted = minted_tokens(*answer);
    const CleanUp done = co_await clean_up(io, *grant, std::move(minted), form, random);
    count_minted(out, done);
    out.doubts = doubts_of_trip(done);
  } else {
    out.doubts = doubts_of_refusal(config, grant->mcp_server_url);
  }
  co_return out;
}

}  // namespace quell
