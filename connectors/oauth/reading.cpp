// Tables of the API sheet: 7.3 (MCP probe; RFC 6750 section 3.1), 1 (revocation; RFC 7009
// section 2.2), 6.3 (refresh test; RFC 6749 section 5.2).
#include "connectors/oauth/reading.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "connectors/classify.h"
#include "connectors/declared_call.h"
#include "connectors/oauth/challenge.h"
#include "state/base/json.h"
#include "state/base/value.h"

namespace quell {
namespace {

constexpr Duration kClockSkew{60'000};
/// Waiting time when a throttling server names none.
constexpr Duration kThrottledDefault{2'000};

constexpr std::int64_t kUnsupportedVersionLegacy = -32'000;
constexpr std::int64_t kUnsupportedVersionModern = -32'022;
constexpr std::array kPassedStatuses{400, 404, 405, 406, 409, 413, 415, 422};

std::string_view trim_front(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  return start == std::string_view::npos ? std::string_view{} : text.substr(start);
}

/// Does a Bearer challenge say `error`? A gateway in front may add a challenge of its own, so any
/// of them counts.
bool bearer_says(const HttpResponse& response, std::string_view error) {
  const std::vector<Challenge> challenges =
      parse_challenges(response.header_all("www-authenticate"));
  return std::ranges::any_of(challenges, [error](const Challenge& challenge) {
    return challenge.scheme == "bearer" && challenge.param("error") == error;
  });
}

/// Could the passing of `exp` alone explain a refusal now?
bool expiry_explains(const TokenCircumstances& seen) {
  if (!seen.expires_at || *seen.expires_at > seen.now + kClockSkew) return false;
  // A server that took the token after its `exp` does not go by that claim.
  return !(seen.baseline && seen.baseline_at && *seen.baseline_at > *seen.expires_at + kClockSkew);
}

/// T12: a claim that nobody verified must not end an exposure; one that lies in the past says
/// nothing.
std::optional<Timestamp> horizon(const TokenCircumstances& seen) {
  if (!seen.expires_at || *seen.expires_at + kClockSkew <= seen.now) return std::nullopt;
  return *seen.expires_at + kClockSkew + seen.cache.value_or(Duration{0});
}

/// What the issuer's profile knows of servers that ask it, for the reason of a residual.
std::string cache_note(const TokenCircumstances& seen) {
  if (!seen.cache) return {};
  return fmt::format("; servers may believe a dead token of this issuer for {} more",
                     format_duration(*seen.cache));
}

std::string with_status(std::optional<int> status) {
  return status ? std::to_string(*status) : std::string("no answer");
}

Judgement judge_unknown(const TokenCircumstances& seen, std::optional<int> status) {
  Residual residual{.until = horizon(seen),
                    .reason = "the MCP server gave no evidence; the access token may still work"};
  Judgement out;
  out.proof = with_status(status);
  if (seen.without_token == Control::accepted) {
    out.proof = "200 without a token";
    residual.reason = "the MCP server answers without a token, so no probe there proves anything";
  } else if (seen.issuer == IssuerWord::active) {
    out.proof = with_status(status) + ", but the issuer calls the token active";
    residual.reason =
        "the issuer still calls the access token active; its server may be refusing "
        "every token";
  } else if (seen.issuer == IssuerWord::silent) {
    out.proof = with_status(status) + " while the issuer does not answer";
    residual.reason =
        "the issuer does not answer, and a server that cannot ask it may refuse every "
        "token";
  } else if (seen.sender_constrained) {
    residual.reason =
        "the access token is sender-constrained: a plain probe proves nothing, use the refresh "
        "test";
  } else if (seen.signal == TokenSignal::bare_401) {
    out.proof = "401 without invalid_token";
    residual.reason =
        "a 401 that does not name the token may come from a gateway; the access token may still "
        "work";
  }
  residual.reason += cache_note(seen);
  out.residual = std::move(residual);
  return out;
}

}  // namespace

Value text_or_null(const std::string& text) { return text.empty() ? Value{} : Value(text); }

TokenSignal read_token_signal(const HttpResponse& response) {
  const int status = response.status;
  if (status == 200) return TokenSignal::accepted;
  if (status == 401) {
    return bearer_says(response, "invalid_token") ? TokenSignal::invalid_token
                                                  : TokenSignal::bare_401;
  }
  if (status == 403) {
    return bearer_says(response, "insufficient_scope") ? TokenSignal::accepted
                                                       : TokenSignal::no_evidence;
  }
  const bool passed = std::ranges::find(kPassedStatuses, status) != kPassedStatuses.end();
  return passed ? TokenSignal::passed : TokenSignal::no_evidence;
}

std::optional<std::int64_t> json_rpc_error_code(std::string_view body) {
  const Result<Value> value = parse_json(body, kIssuerBodyLimits);
  if (!value) return std::nullopt;
  const Value& code = (*value)["error"]["code"];
  if (!code.is_int()) return std::nullopt;
  return code.as_int();
}

bool speaks_other_era(const HttpResponse& response) {
  if (response.status == 404) return true;
  if (response.status != 400) return false;
  const std::optional<std::int64_t> code = json_rpc_error_code(response.body);
  return code == kUnsupportedVersionLegacy || code == kUnsupportedVersionModern;
}

std::string_view to_string(TokenAnswer answer) noexcept {
  switch (answer) {
    case TokenAnswer::alive:
      return "alive";
    case TokenAnswer::dead:
      return "dead";
    case TokenAnswer::rejected:
      return "rejected";
    case TokenAnswer::expired:
      return "expired";
    case TokenAnswer::unknown:
      return "unknown";
  }
  return "unknown";
}

Control read_control(std::optional<int> status) noexcept {
  if (status == 401) return Control::refused;
  if (status == 200) return Control::accepted;
  return Control::inconclusive;
}

TokenAnswer conclude(const TokenCircumstances& seen) {
  if (seen.without_token == Control::accepted) return TokenAnswer::unknown;
  switch (seen.signal) {
    case TokenSignal::accepted:
      return TokenAnswer::alive;
    case TokenSignal::invalid_token:
      if (seen.sender_constrained && !seen.baseline) return TokenAnswer::unknown;
      if (seen.issuer == IssuerWord::active || seen.issuer == IssuerWord::silent)
        return TokenAnswer::unknown;
      if (expiry_explains(seen)) return TokenAnswer::expired;
      return seen.baseline ? TokenAnswer::dead : TokenAnswer::rejected;
    case TokenSignal::bare_401:
    case TokenSignal::passed:
    case TokenSignal::no_evidence:
      return TokenAnswer::unknown;
  }
  return TokenAnswer::unknown;
}

Judgement judge(TokenAnswer answer, const TokenCircumstances& seen, std::optional<int> status) {
  const bool controlled =
      seen.without_token == Control::refused && seen.with_garbage == Control::refused;
  Judgement out;
  out.corroborated = seen.issuer == IssuerWord::inactive;
  switch (answer) {
    case TokenAnswer::dead:
      out.verdict = Verdict::proved;
      out.grade = controlled ? Grade::strong : Grade::weak;
      out.proof = controlled ? "401 after 200" : "401 after 200, a control probe was not refused";
      return out;
    case TokenAnswer::rejected:
      out.verdict = Verdict::proved;
      out.grade = Grade::weak;
      out.proof = "401, no 200 seen before";
      return out;
    case TokenAnswer::expired:
      out.verdict = Verdict::proved;
      out.grade = Grade::weak;
      out.proof = "401 after its own exp: expired, not shown to be revoked";
      return out;
    case TokenAnswer::alive: {
      const std::optional<Timestamp> until = horizon(seen);
      out.verdict = Verdict::refuted;
      out.grade = Grade::strong;
      out.proof = with_status(status);
      out.residual =
          Residual{.until = until,
                   .reason = until ? "the access token still works; it is a JWT, and a server that "
                                     "checks it offline trusts it "
                                     "until its `exp`, which nobody verified"
                                   : "the access token still works, and when it ends is not known"};
      out.residual->reason += cache_note(seen);
      return out;
    }
    case TokenAnswer::unknown:
      return judge_unknown(seen, status);
  }
  return out;
}

std::string_view to_string(IssuerWord word) noexcept {
  switch (word) {
    case IssuerWord::not_told:
      return "not_told";
    case IssuerWord::inactive:
      return "inactive";
    case IssuerWord::active:
      return "active";
    case IssuerWord::silent:
      return "silent";
  }
  return "not_told";
}

IssuerWord read_introspection(const HttpResponse& response) {
  const int status = response.status;
  if (status == 429 || status >= 500 || (status >= 300 && status < 400)) return IssuerWord::silent;
  if (status >= 400) return IssuerWord::not_told;
  const Result<Value> body = parse_json(response.body, kIssuerBodyLimits);
  if (!body || !(*body)["active"].is_bool()) return IssuerWord::silent;
  return (*body)["active"].as_bool() ? IssuerWord::active : IssuerWord::inactive;
}

std::string_view to_string(RevocationAnswer answer) noexcept {
  switch (answer) {
    case RevocationAnswer::accepted:
      return "accepted";
    case RevocationAnswer::unsupported:
      return "unsupported";
    case RevocationAnswer::refused:
      return "refused";
  }
  return "refused";
}

Result<RevocationAnswer> read_revocation(const HttpResponse& response, std::string_view subject,
                                         Timestamp now) {
  const int status = response.status;
  if (status >= 200 && status < 300 && !is_html(response)) return RevocationAnswer::accepted;
  if (refuses_client(response)) {
    return make_error(
        ErrorCode::denied, "denied",
        fmt::format("{}: the issuer refused this client's authentication ({})", subject, status),
        "compare client_id, client_auth and the secret of the issuer's entry with the issuer's own "
        "record");
  }
  if (status == 400) {
    return oauth_error(response) == "unsupported_token_type" ? RevocationAnswer::unsupported
                                                             : RevocationAnswer::refused;
  }
  if (status == 429 || status == 503) {
    Error error = make_error(
        ErrorCode::throttled, "throttled",
        fmt::format("{}: the issuer asks to wait ({}); the token must be assumed to exist", subject,
                    status),
        "quell repeats it by itself");
    error.retry_after = retry_after(response, now).value_or(kThrottledDefault);
    return error;
  }
  return classify(response, Effect::mutate, subject, NotFound::collection);
}

bool refuses_client(const HttpResponse& response) {
  if (response.status == 401) return true;
  if (response.status != 400 && response.status != 403) return false;
  const std::string error = oauth_error(response);
  return error == "invalid_client" || error == "unauthorized_client";
}

std::string_view to_string(RefreshAnswer answer) noexcept {
  switch (answer) {
    case RefreshAnswer::dead:
      return "dead";
    case RefreshAnswer::alive:
      return "alive";
    case RefreshAnswer::unknown:
      return "unknown";
  }
  return "unknown";
}

RefreshAnswer read_refresh(const HttpResponse& response) {
  if (response.status == 400) {
    if (trim_front(response.body).empty()) return RefreshAnswer::dead;
    return oauth_error(response) == "invalid_grant" ? RefreshAnswer::dead : RefreshAnswer::unknown;
  }
  if (response.status != 200) return RefreshAnswer::unknown;
  const Result<Value> body = parse_json(response.body, kIssuerBodyLimits);
  return body && (*body)["access_token"].is_string() ? RefreshAnswer::alive
                                                     : RefreshAnswer::unknown;
}

std::string oauth_error(const HttpResponse& response) {
  const Result<Value> body = parse_json(response.body, kIssuerBodyLimits);
  return body ? (*body)["error"].string_or("") : std::string{};
}

}  // namespace quell
