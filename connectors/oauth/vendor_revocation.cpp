// Rungs of the containment ladder beyond RFC 7009: a vendor's own calls. API sheet section 8.
#include "connectors/oauth/vendor_revocation.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "connectors/oauth/introspection.h"
#include "connectors/oauth/revocation.h"
#include "connectors/url.h"

namespace quell {
namespace {

struct Shown {
  SecretPtr token{};
  TokenKind kind = TokenKind::refresh_token;
  const VendorCall* call = nullptr;
};

/// The tokens in hand with the calls that take them, the refresh token first.
std::vector<Shown> shown_tokens(const CallScene& scene) {
  std::vector<Shown> out;
  const std::pair<SecretPtr, TokenKind> order[] = {{scene.what.refresh, TokenKind::refresh_token},
                                                   {scene.what.access, TokenKind::access_token}};
  for (const auto& [token, kind] : order) {
    if (!token) continue;
    if (const VendorCall* const call = token_call(scene.choice, kind))
      out.push_back({.token = token, .kind = kind, .call = call});
  }
  return out;
}

Error nothing_here(const CallScene& scene, std::string_view what) {
  return make_error(ErrorCode::unavailable_here, "unavailable_here",
                    fmt::format("profile {} has no call that {}", scene.choice.id(), what),
                    human_step(scene.choice));
}

Error lacking(const CallScene& scene, const VendorCall& call,
              const std::vector<std::string>& missing) {
  return make_error(ErrorCode::invalid, "config",
                    fmt::format("{} ({}, profile {}) lacks {}", call.id, call.title,
                                scene.choice.id(), fmt::join(missing, "; ")),
                    human_step(scene.choice));
}

/// Looks the issuer's endpoints up where a call starts at one that nobody configured.
Task<Status> find_endpoints(Io& io, CallScene& scene) {
  EndpointNeeds needs;
  needs.revocation = true;
  GrantInputs inputs = scene.what.grant;
  Result<Grant> grant = co_await resolve_grant(io, *scene.config, std::move(inputs), needs);
  if (!grant) co_return grant.error();
  scene.server = std::move(grant->server);
  co_return ok();
}

/// The grant for introspection beside a vendor's calls, where an endpoint for that is known, or the
/// pinned issuer's own document may name one.
Task<std::optional<Grant>> grant_to_ask(Io& io, const CallScene& scene) {
  if (scene.server.introspection_endpoint.empty() && scene.server.issuer.empty())
    co_return std::nullopt;
  EndpointNeeds needs;
  needs.introspection = true;
  GrantInputs inputs = scene.what.grant;
  Result<Grant> grant = co_await resolve_grant(io, *scene.config, std::move(inputs), needs);
  if (!grant) co_return std::nullopt;
  co_return *std::move(grant);
}

/// As the RFC 7009 way: only a call that follows another is repeated while the vendor is busy.
Task<Result<CallAnswer>> call_patiently(Io& io, const CallScene& scene, const Shown& shown,
                                        bool begun, Random& random) {
  const int attempts = begun ? kAttemptsMax : 1;
  for (int attempt = 1;; ++attempt) {
    SecretPtr token = shown.token;
    Result<CallAnswer> done =
        co_await make_call(io, scene, *shown.call, std::move(token), shown.kind, random);
    if (done || attempt == attempts || done.error().code != ErrorCode::throttled) co_return done;
    const Duration pause = done.error().retry_after.value_or(kBusyPause);
    if (pause > kBusyWaitMax) co_return done;
    co_await io.wait(pause);
  }
}

RevocationAnswer as_revocation(AnswerMeaning meaning) {
  switch (meaning) {
    case AnswerMeaning::done:
    case AnswerMeaning::already:
      return RevocationAnswer::accepted;
    case AnswerMeaning::unsupported:
      return RevocationAnswer::unsupported;
    case AnswerMeaning::refused:
    case AnswerMeaning::denied:
    case AnswerMeaning::throttled:
    case AnswerMeaning::dead:
    case AnswerMeaning::alive:
      break;
  }
  return RevocationAnswer::refused;
}

const IssuerProfile& profile_of(const CallScene& scene) { return *scene.choice.profile; }

std::string call_note(const VendorCall& call) {
  std::string note = call.spares;
  if (call.settles) {
    note += fmt::format("{}it may take {} to take effect", note.empty() ? "" : "; ",
                        format_duration(*call.settles));
  }
  if (!call.unsure.empty()) {
    note += fmt::format("{}not verified, a person confirms: {}", note.empty() ? "" : "; ",
                        fmt::join(call.unsure, ", "));
  }
  return note;
}

std::string_view what_it_hits(CallReach reach) {
  switch (reach) {
    case CallReach::token:
      return "revokes a token in hand";
    case CallReach::grant:
      return "ends one grant";
    case CallReach::user:
      return "ends all grants of a user";
    case CallReach::client:
      return "ends all grants of a client";
  }
  return "ends a grant";
}

/// The call to make, or why there is none.
Result<const VendorCall*> pick_call(const CallScene& scene, CallReach reach,
                                    const std::string& wanted) {
  if (scene.choice.profile == nullptr) return nothing_here(scene, what_it_hits(reach));
  const VendorCall* best = nullptr;
  for (const VendorCall& call : profile_of(scene).calls) {
    if (call.reach != reach) continue;
    if (!wanted.empty()) {
      if (call.id == wanted) return &call;
      continue;
    }
    const bool ready = missing_pieces(scene, call).empty() || needs_metadata(scene, call);
    if (ready) return &call;
    if (best == nullptr) best = &call;
  }
  if (best != nullptr) return best;
  if (wanted.empty()) return nothing_here(scene, what_it_hits(reach));
  return make_error(ErrorCode::invalid, "config",
                    fmt::format("profile {} has no call \"{}\" of reach {}", scene.choice.id(),
                                outside_text(wanted), to_string(reach)),
                    "quell actions issuer lists its calls");
}

}  // namespace

bool goes_by_profile(const CallScene& scene) {
  if (scene.choice.profile == nullptr) return false;
  const std::vector<Shown> shown = shown_tokens(scene);
  if (shown.empty()) return scene.choice.named && !profile_of(scene).rfc7009;
  if (scene.choice.named) return true;
  return std::ranges::all_of(shown, [&scene](const Shown& one) {
    return missing_pieces(scene, *one.call).empty();
  });
}

Task<Result<Outcome>> revoke_by_profile(Io& io, CallScene scene, Random& random) {
  const std::vector<Shown> shown = shown_tokens(scene);
  if (shown.empty()) co_return nothing_here(scene, what_it_hits(CallReach::token));
  const bool looks_up = std::ranges::any_of(
      shown, [&scene](const Shown& one) { return needs_metadata(scene, *one.call); });
  if (looks_up) {
    if (Status found = co_await find_endpoints(io, scene); !found) co_return found.error();
  }
  for (const Shown& one : shown) {
    const std::vector<std::string> missing = missing_pieces(scene, *one.call);
    if (!missing.empty()) co_return lacking(scene, *one.call, missing);
  }
  RevocationSite site{.issuer = scene.server.issuer,
                      .endpoint = call_url(scene, *shown.front().call),
                      .client_id =
                          identify_client(scene.entry, scene.what.grant.client_id).client_id,
                      .profile = std::string(scene.choice.id()),
                      .note = call_note(*shown.front().call),
                      .past = {.shown = scene.what.refresh != nullptr,
                               .rotates = may_rotate(scene)}};
  AuthForm form = AuthForm::as_configured;
  std::optional<Grant> asked{};
  if (scene.what.refresh) asked = co_await grant_to_ask(io, scene);
  if (asked) {
    SecretPtr token = scene.what.refresh;
    site.past.word =
        co_await ask_issuer(io, *asked, std::move(token), TokenKind::refresh_token, form, random);
  }
  io.doubt_meanwhile(doubts_meanwhile(site.past));
  std::vector<TokenRevocation> done;
  for (const Shown& one : shown) {
    const bool begun = !done.empty();
    const Result<CallAnswer> answer = co_await call_patiently(io, scene, one, begun, random);
    if (!answer) co_return answer.error();
    // "It was not alive" is the word of a token that somebody may have spent.
    if (answer->meaning == AnswerMeaning::already && one.kind == TokenKind::refresh_token &&
        site.past.word != IssuerWord::active)
      site.past.word = IssuerWord::inactive;
    done.push_back({.kind = one.kind,
                    .status = answer->status,
                    .answer = as_revocation(answer->meaning),
                    .call = one.call->id});
  }
  Result<Outcome> outcome = summarize(site, done);
  if (!outcome) co_return outcome;
  outcome->doubts = doubts_about(site.past);
  if (asked && site.past.word == IssuerWord::active) {
    SecretPtr token = scene.what.refresh;
    const bool alive = co_await outlives_revocation(io, *asked, std::move(token), form, random);
    if (alive) outcome->doubts.push_back(outlived());
  }
  co_return outcome;
}

Task<Result<Outcome>> make_vendor_call(Io& io, const OauthConfig& config, Value params,
                                       CallReach reach, Random& random) {
  CallScene scene = make_scene(config, read_call_case(params));
  const Result<const VendorCall*> picked =
      pick_call(scene, reach, params["call"].string_or(""));
  if (!picked) co_return picked.error();
  const VendorCall& call = **picked;
  if (needs_metadata(scene, call)) {
    if (Status found = co_await find_endpoints(io, scene); !found) co_return found.error();
  }
  const std::vector<std::string> missing = missing_pieces(scene, call);
  if (!missing.empty()) co_return lacking(scene, call, missing);
  const bool takes_refresh = call.takes == CallToken::refresh_token ||
                             (call.takes == CallToken::either && scene.what.refresh != nullptr);
  const TokenKind kind = takes_refresh ? TokenKind::refresh_token : TokenKind::access_token;
  SecretPtr token = takes_refresh ? scene.what.refresh : scene.what.access;
  const Result<CallAnswer> answer =
      co_await make_call(io, scene, call, std::move(token), kind, random);
  if (!answer) co_return answer.error();
  const std::string at = outside_text(origin_of(call_url(scene, call)));
  if (answer->meaning == AnswerMeaning::refused) {
    co_return make_error(ErrorCode::invalid, "invalid",
                         fmt::format("{} refused: {} ({})", at, call.title, answer->status),
                         human_step(scene.choice));
  }
  if (answer->meaning == AnswerMeaning::unsupported) {
    co_return make_error(ErrorCode::unavailable_here, "unavailable_here",
                         fmt::format("{} does not offer it: {} ({})", at, call.title,
                                     answer->status),
                         human_step(scene.choice));
  }
  Outcome out;
  out.kind =
      answer->meaning == AnswerMeaning::already ? OutcomeKind::already : OutcomeKind::done;
  const std::string note = call_note(call);
  out.outputs = Value::map({{"profile", std::string(scene.choice.id())},
                            {"call", call.id},
                            {"at", at},
                            {"http_status", answer->status},
                            {"answer", to_string(answer->meaning)},
                            {"settles_within", call.settles ? Value(*call.settles) : Value{}},
                            {"note", note.empty() ? Value{} : Value(note)}});
  co_return out;
}

}  // namespace quell
