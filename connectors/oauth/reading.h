#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "connectors/action.h"
#include "connectors/http_transport.h"
#include "state/base/clock.h"
#include "state/base/json.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell {

// How answers of issuers and MCP servers are read: pure functions, one per table of the API sheet.

/// Answers are small; what is longer is none.
inline constexpr std::size_t kAnswerBytesMax = 256U << 10;
inline constexpr JsonLimits kIssuerBodyLimits{
    .bytes_max = kAnswerBytesMax, .depth_max = 32, .nodes_max = 20'000};

/// Null for no text.
Value text_or_null(const std::string& text);

/// What one answer of an MCP server says about the Bearer token that was sent (API sheet 7.3),
/// before the circumstances are weighed.
enum class TokenSignal : std::uint8_t {
  accepted,       // 200 of any kind; 403 insufficient_scope
  invalid_token,  // 401 with a Bearer challenge that says invalid_token
  bare_401,  // 401 without challenge, of another scheme, or without that error: a gateway, WAF or
             // proxy
  passed,    // 400, 404, 405, 406, 409, 413, 415, 422: let through or not looked at
  no_evidence,  // 3xx, other 403, 408, 425, 429, 5xx and whatever else
};

TokenSignal read_token_signal(const HttpResponse& response);

/// `error.code` of a JSON-RPC answer, if the body is one.
std::optional<std::int64_t> json_rpc_error_code(std::string_view body);

/// True when the answer says "not this revision", so that the probe of the other era decides (API
/// sheet 7.2).
bool speaks_other_era(const HttpResponse& response);

/// The answer of `probe_token`, as playbooks read it.
enum class TokenAnswer : std::uint8_t { alive, dead, rejected, expired, unknown };

std::string_view to_string(TokenAnswer answer) noexcept;

/// What a control probe, one that must be refused, brought.
enum class Control : std::uint8_t {
  refused,      // 401, as it should be
  accepted,     // 200: the server is not protected, so nothing is provable
  inconclusive  // anything else, no answer included
};

Control read_control(std::optional<int> status) noexcept;

/// The issuer's word about one token (API sheet 2).
enum class IssuerWord : std::uint8_t {
  not_told,  // no introspection endpoint, or none for this client or this kind of token
  inactive,  // revoked, or "you may not know": no evidence by itself
  active,    // reliable: the token is not dead
  silent,    // the issuer does not answer now, or not as an issuer
};

std::string_view to_string(IssuerWord word) noexcept;

/// The answer of an introspection endpoint (RFC 7662 section 2.2).
IssuerWord read_introspection(const HttpResponse& response);

/// All that bears on the verdict about one access token.
struct TokenCircumstances {
  TokenSignal signal = TokenSignal::no_evidence;
  Control without_token = Control::inconclusive;  // control A: no Authorization
  Control with_garbage =
      Control::inconclusive;  // a made-up token; sent only when the token was refused
  bool baseline = false;      // 200 for the same token and URL earlier in this run
  std::optional<Timestamp> baseline_at{};
  std::optional<Timestamp> expires_at{};  // the token's own, unverified `exp`
  bool sender_constrained = false;        // a `cnf` claim
  /// Of a pinned issuer, after a refusal: a server that asks its issuer about tokens may refuse all
  /// of them while nobody answers it.
  IssuerWord issuer = IssuerWord::not_told;
  /// How long servers may go on believing a token that is dead at its issuer, by its profile; it
  /// lengthens every horizon.
  std::optional<Duration> cache{};
  Timestamp now{};
};

/// API sheet 7.3 with its guards. An `exp` that passed explains a 401 only if the token was not
/// accepted after it: then the answer is `expired`, never `dead`. A refusal counts for nothing
/// while the issuer is silent or calls the token active.
TokenAnswer conclude(const TokenCircumstances& seen);

/// The judgement of `token_is_dead`: dead is proved, strong with both controls refused; rejected
/// and expired are proved, weak; alive is refuted; the rest is unproved. `until` of a residual is
/// the token's own `exp` while it lies ahead.
Judgement judge(TokenAnswer answer, const TokenCircumstances& seen, std::optional<int> status);

/// The issuer's word on one revocation (API sheet section 1).
enum class RevocationAnswer : std::uint8_t {
  accepted,     // 2xx: revoked, or never known; not evidence
  unsupported,  // 400 unsupported_token_type
  refused,      // another 400
};

std::string_view to_string(RevocationAnswer answer) noexcept;

/// The table of section 1. 429 and 503 are `throttled` (the token is assumed to exist), refused
/// clients `denied`, other 5xx `unknown`; redirects, login pages and missing endpoints fail by
/// connectors/classify.h. `subject` is for people.
Result<RevocationAnswer> read_revocation(const HttpResponse& response, std::string_view subject,
                                         Timestamp now);

/// True for 401, and for 400 or 403 with `invalid_client` or `unauthorized_client`: another form of
/// authentication may do.
bool refuses_client(const HttpResponse& response);

/// The refresh test (API sheet 6.3).
enum class RefreshAnswer : std::uint8_t {
  dead,   // 400 invalid_grant, or 400 without a body
  alive,  // 200 with an access token: new tokens exist now
  unknown,
};

std::string_view to_string(RefreshAnswer answer) noexcept;

RefreshAnswer read_refresh(const HttpResponse& response);

/// `error` of an OAuth error body (RFC 6749 section 5.2), or empty.
std::string oauth_error(const HttpResponse& response);

}  // namespace quell
