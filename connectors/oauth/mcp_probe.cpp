// The live probe: MCP specification, Streamable HTTP transport, revisions 2025-03-26 to 2026-07-28;
// API sheet section 7.
#include "connectors/oauth/mcp_probe.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "connectors/oauth/grant.h"
#include "connectors/oauth/introspection.h"
#include "connectors/oauth/profile.h"
#include "connectors/oauth/jwt.h"
#include "connectors/oauth/reading.h"
#include "connectors/url.h"

namespace quell {
namespace {

constexpr Duration kProbeTimeout{10'000};
constexpr std::size_t kGarbageBytes = 16;
constexpr std::size_t kSessionIdBytesMax = 256;

constexpr std::string_view kLegacyRevision = "2025-11-25";
constexpr std::string_view kModernRevision = "2026-07-28";
constexpr std::string_view kLegacyBody =
    R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},)"
    R"("clientInfo":{"name":"quell","version":"1"}}})";
constexpr std::string_view kModernBody =
    R"({"jsonrpc":"2.0","id":"q1","method":"server/discover","params":{"_meta":{)"
    R"("io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
    R"("io.modelcontextprotocol/clientInfo":{"name":"quell","version":"1"},)"
    R"("io.modelcontextprotocol/clientCapabilities":{}}}})";

void add_header(HttpRequest& request, std::string name, SecretText value) {
  request.headers.push_back(HttpHeader{.name = std::move(name), .value = std::move(value)});
}

McpEra other(McpEra era) { return era == McpEra::legacy ? McpEra::modern : McpEra::legacy; }

/// Everything one look brought.
struct Look {
  std::optional<int> status{};
  McpEra era = McpEra::legacy;
  std::optional<int> control_status{};
  std::optional<int> garbage_status{};
  std::optional<JwtClaims> claims{};
  TokenCircumstances seen{};
  TokenAnswer answer = TokenAnswer::unknown;
  std::optional<Error> failure{};  // of the token's own request
};

SecretText bearer(const SecretPtr& token, const std::string& mcp_server_url) {
  BoundSecret bound{.secret = token, .origins = {origin_of(mcp_server_url)}};
  SecretText value("Bearer ");
  value.append(std::move(bound), SecretEncoding::raw);
  return value;
}

/// A session id is one visible ASCII word (MCP specification, session management); what is not is
/// left alone.
bool is_session_id(std::string_view text) {
  if (text.empty() || text.size() > kSessionIdBytesMax) return false;
  for (const char c : text) {
    if (c <= ' ' || c >= '\x7f') return false;
  }
  return true;
}

/// Ends the session that a probe opened; its answer does not matter (405 is allowed).
Task<bool> close_session(Io& io, std::string mcp_server_url, std::string session,
                         SecretText authorization) {
  HttpRequest request;
  request.method = "DELETE";
  request.url = std::move(mcp_server_url);
  request.effect = Effect::probe;
  request.trust = Trust::untrusted;
  request.timeout = kProbeTimeout;
  request.body_bytes_max = kAnswerBytesMax;
  if (!authorization.empty()) add_header(request, "Authorization", std::move(authorization));
  add_header(request, "Mcp-Session-Id", std::move(session));
  add_header(request, "MCP-Protocol-Version", std::string(kLegacyRevision));
  const Result<HttpResponse> answer = co_await io.send(std::move(request));
  co_return answer.has_value();
}

/// One probe with its clean-up; the caller reads the answer.
Task<Result<HttpResponse>> ask(Io& io, std::string mcp_server_url, McpEra era,
                               SecretText authorization) {
  HttpRequest request = mcp_probe_request(mcp_server_url, era, authorization);
  Result<HttpResponse> answer = co_await io.send(std::move(request));
  if (answer && is_session_id(answer->header("mcp-session-id"))) {
    std::string session(answer->header("mcp-session-id"));
    co_await close_session(io, std::move(mcp_server_url), std::move(session),
                           std::move(authorization));
  }
  co_return answer;
}

/// The token's probe in the era that fits the server: the other one is asked when the first is not
/// spoken here.
Task<Result<HttpResponse>> ask_both_eras(Io& io, std::string mcp_server_url, McpEra& era,
                                         SecretText authorization) {
  std::string url = mcp_server_url;
  SecretText shown = authorization;
  Result<HttpResponse> first = co_await ask(io, std::move(url), era, std::move(shown));
  if (!first || !speaks_other_era(*first)) co_return first;
  Result<HttpResponse> second =
      co_await ask(io, std::move(mcp_server_url), other(era), std::move(authorization));
  if (!second || read_token_signal(*second) == TokenSignal::passed) co_return first;
  era = other(era);
  co_return second;
}

std::optional<int> status_of(const Result<HttpResponse>& answer) {
  return answer ? std::optional<int>(answer->status) : std::nullopt;
}

void take_baseline(Look& look, const Value& baseline) {
  if (baseline["era"].string_or("") == to_string(McpEra::modern)) look.era = McpEra::modern;
  look.seen.baseline = baseline["http_status"].int_or(0) == 200 &&
                       baseline["answer"].string_or("") == to_string(TokenAnswer::alive);
  const Value& at = baseline["observed_at"];
  look.seen.baseline_at =
      at.is_timestamp() ? std::optional(at.as_timestamp()) : parse_rfc3339(at.string_or(""));
}

/// The whole look. Controls are cheap beside a false green: the one without a token always runs,
/// the one with garbage when the token was refused.
Task<Look> look_at_token(Io& io, std::string mcp_server_url, SecretPtr token, Value baseline,
                         Random& random) {
  Look look;
  take_baseline(look, baseline);
  look.claims = decode_jwt(*token);
  std::string url = mcp_server_url;
  SecretText authorization = bearer(token, mcp_server_url);
  const Result<HttpResponse> answer =
      co_await ask_both_eras(io, std::move(url), look.era, std::move(authorization));
  url = mcp_server_url;
  SecretText nothing;
  const Result<HttpResponse> control =
      co_await ask(io, std::move(url), look.era, std::move(nothing));
  look.status = status_of(answer);
  look.control_status = status_of(control);
  if (!answer) look.failure = answer.error();
  if (answer) look.seen.signal = read_token_signal(*answer);
  if (look.seen.signal == TokenSignal::invalid_token) {
    url = mcp_server_url;
    SecretText garbage("Bearer quell-control-" + random.hex(kGarbageBytes));
    const Result<HttpResponse> refused =
        co_await ask(io, std::move(url), look.era, std::move(garbage));
    look.garbage_status = status_of(refused);
  }
  look.seen.without_token = read_control(look.control_status);
  look.seen.with_garbage = read_control(look.garbage_status);
  if (look.claims) {
    look.seen.expires_at = look.claims->expires_at;
    look.seen.sender_constrained = look.claims->sender_constrained;
  }
  look.seen.now = io.now();
  look.answer = conclude(look.seen);
  co_return look;
}

/// The word of the pinned issuer of this server, which is where a server that asks its issuer gets
/// its own from. Metadata that are not there count as silence: they were there for the revocation.
Task<IssuerWord> word_of_issuer(Io& io, const OauthConfig& config, Value params, Random& random) {
  GrantInputs inputs = read_grant_inputs(params);
  const IssuerConfig* entry = find_issuer(config, inputs.mcp_server_url);
  if (entry == nullptr || configured_origins(*entry).empty()) co_return IssuerWord::not_told;
  EndpointNeeds needs;
  needs.introspection = true;
  const Result<Grant> grant = co_await resolve_grant(io, config, std::move(inputs), needs);
  if (!grant) co_return IssuerWord::silent;
  AuthForm form = AuthForm::as_configured;
  SecretPtr token = secret_input(params, "token");
  co_return co_await ask_issuer(io, *grant, std::move(token), TokenKind::access_token, form,
                                random);
}

bool is_refusal(TokenAnswer answer) {
  return answer == TokenAnswer::dead || answer == TokenAnswer::rejected ||
         answer == TokenAnswer::expired;
}

Value number_or_null(std::optional<int> number) { return number ? Value(*number) : Value{}; }

Value outputs_of(const Look& look, const std::string& mcp_server_url) {
  return Value::map({
      {"answer", to_string(look.answer)},
      {"http_status", number_or_null(look.status)},
      {"era", look.status ? Value(to_string(look.era)) : Value{}},
      {"control_status", number_or_null(look.control_status)},
      {"garbage_status", number_or_null(look.garbage_status)},
      {"is_jwt", look.claims.has_value()},
      {"exp", look.seen.expires_at ? Value(*look.seen.expires_at) : Value{}},
      {"sender_constrained", look.seen.sender_constrained},
      {"mcp_server_url", mcp_server_url},
      {"observed_at", look.seen.now},
  });
}

Error no_token() {
  return make_error(ErrorCode::invalid, "invalid", "a probe needs a token",
                    "guard the step with `when`");
}

/// The inputs, checked before anything leaves; a null token where none was given.
Result<std::pair<std::string, SecretPtr>> probe_inputs(const OauthConfig& config,
                                                       const Value& params) {
  std::string url = params["mcp_server_url"].string_or("");
  if (!is_usable_url(url, config.loopback_http)) {
    return make_error(ErrorCode::invalid, "egress",
                      fmt::format("mcp_server_url {} is no https URL", outside_text(url)),
                      "a token is only ever sent over https; http is for loopback alone");
  }
  return std::pair(std::move(url), secret_input(params, "token"));
}

/// Nothing was sent, and so nothing is known.
Outcome unseen(const std::string& mcp_server_url, Timestamp now) {
  Look look;
  look.seen.now = now;
  Outcome out;
  out.outputs = outputs_of(look, mcp_server_url);
  out.judgement = Judgement{
      .proof = "no token to look with",
      .residual = Residual{.reason = "no token was given to look with: whether its grant lives is "
                                     "not known"}};
  return out;
}

bool is_passing(ErrorCode code) {
  return code == ErrorCode::transient || code == ErrorCode::unknown || code == ErrorCode::throttled;
}

}  // namespace

std::string_view to_string(McpEra era) noexcept {
  return era == McpEra::legacy ? "legacy" : "modern";
}

HttpRequest mcp_probe_request(const std::string& mcp_server_url, McpEra era,
                              SecretText authorization) {
  HttpRequest request;
  request.method = "POST";
  request.url = mcp_server_url;
  request.effect = Effect::probe;
  request.trust = Trust::untrusted;
  request.timeout = kProbeTimeout;
  request.body_bytes_max = kAnswerBytesMax;
  request.first_event_only = true;
  if (!authorization.empty()) add_header(request, "Authorization", std::move(authorization));
  add_header(request, "Content-Type", "application/json");
  add_header(request, "Accept", "application/json, text/event-stream");
  if (era == McpEra::modern) {
    add_header(request, "MCP-Protocol-Version", std::string(kModernRevision));
    add_header(request, "Mcp-Method", "server/discover");
  }
  request.body = std::string(era == McpEra::modern ? kModernBody : kLegacyBody);
  return request;
}

Task<Result<Outcome>> probe_token(Io& io, const OauthConfig& config, Inputs inputs,
                                  Random& random) {
  Result<std::pair<std::string, SecretPtr>> checked = probe_inputs(config, inputs.params);
  if (!checked) co_return checked.error();
  std::string url = checked->first;
  SecretPtr token = checked->second;
  if (!token) co_return no_token();
  Value baseline = inputs.baseline;
  const Look look =
      co_await look_at_token(io, std::move(url), std::move(token), std::move(baseline), random);
  if (look.failure) {
    Error error = wrap("probing " + outside_text(checked->first), *look.failure);
    if (error.code == ErrorCode::unknown)
      error.code = ErrorCode::transient;  // a look may be repeated
    co_return error;
  }
  Outcome out;
  out.outputs = outputs_of(look, checked->first);
  co_return out;
}

Task<Result<Outcome>> token_is_dead(Io& io, const OauthConfig& config, Inputs inputs,
                                    Random& random) {
  Result<std::pair<std::string, SecretPtr>> checked = probe_inputs(config, inputs.params);
  if (!checked) co_return checked.error();
  std::string url = checked->first;
  SecretPtr token = checked->second;
  if (!token) co_return unseen(checked->first, io.now());
  Value baseline = inputs.baseline;
  Look look =
      co_await look_at_token(io, std::move(url), std::move(token), std::move(baseline), random);
  if (look.failure && !is_passing(look.failure->code)) co_return *look.failure;
  const GrantInputs asked = read_grant_inputs(inputs.params);
  const ProfileChoice choice = choose_profile(config, find_issuer(config, asked.mcp_server_url),
                                              asked.token_endpoint, {});
  if (choice.profile != nullptr) look.seen.cache = choice.profile->cache;
  if (is_refusal(look.answer)) {
    Value params = inputs.params;
    look.seen.issuer = co_await word_of_issuer(io, config, std::move(params), random);
    look.answer = conclude(look.seen);
  }
  Outcome out;
  out.outputs = outputs_of(look, checked->first);
  out.judgement = judge(look.answer, look.seen, look.status);
  co_return out;
}

}  // namespace quell
