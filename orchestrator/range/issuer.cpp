// The simulated authorization server: RFC 6749 (section 6 refresh), RFC 7009, RFC 7662, RFC 8414,
// RFC 8707; behaviour as measured in the API sheet oauth-mcp-revocation section 6.4.
#include "orchestrator/range/issuer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "connectors/url.h"
#include "orchestrator/range/issuer_form.h"
#include "orchestrator/range/issuer_jwt.h"
#include "state/base/bytes.h"

namespace quell::range {
namespace {

constexpr std::size_t kTokenBytes = 24;
constexpr std::size_t kSigningSeedBytes = 32;
constexpr std::size_t kAccessTokensMax = 200'000;
/// Spent ones; what is older the issuer has forgotten.
constexpr std::size_t kRefreshTokensPerGrantMax = 1'000;
constexpr std::size_t kSeenAssertionsMax = 10'000;
constexpr std::chrono::seconds kAssertionAheadMax{600};
constexpr std::string_view kAssertionType =
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
constexpr std::string_view kScope = "mcp:use offline_access";
constexpr std::string_view kSubject = "user-1";
constexpr std::string_view kRetryAfterSeconds = "2";

std::int64_t seconds_of(Timestamp time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

std::string_view path_of(const Request& request) {
  const std::string_view target = request.target;
  return target.substr(0, target.find('?'));
}

/// Each word of `wanted` is one of the granted scope.
bool is_granted(std::string_view wanted) {
  while (!wanted.empty()) {
    const std::size_t end = wanted.find(' ');
    const std::string_view word = wanted.substr(0, end);
    wanted = end == std::string_view::npos ? std::string_view{} : wanted.substr(end + 1);
    if (!word.empty() && word != "mcp:use" && word != "offline_access") return false;
  }
  return true;
}

Response empty_ok() { return Response{.headers = {{"cache-control", "no-store"}}}; }

Response method_not_allowed(std::string_view allowed) {
  Response response =
      oauth_error_response(405, "invalid_request", "This endpoint has another method.");
  response.headers.emplace_back("allow", allowed);
  return response;
}

Response not_a_form() {
  return oauth_error_response(400, "invalid_request",
                              "The body must be a form without repeated parameters.");
}

Response not_found() { return json_response(404, Value::map({{"error", "not_found"}})); }

Value strings(std::initializer_list<std::string_view> texts) {
  ValueList list;
  for (const std::string_view text : texts) list.emplace_back(text);
  return Value(std::move(list));
}

}  // namespace

Issuer::Issuer(const WorldOptions& options, SeededRandom& random, const ProfileSet& profiles)
    : url_(options.issuer_url),
      profiles_(profiles),
      random_(random.below(std::uint64_t{1} << 62U)),
      client_id_("range-platform"),
      client_secret_("range-secret-" + random_.hex(kTokenBytes)) {
  std::string seed(kSigningSeedBytes, '\0');
  random_.fill(std::as_writable_bytes(std::span(seed)));
  signer_ = std::make_unique<TokenSigner>(seed);
  register_client({.id = client_id_, .secret = client_secret_});
}

Issuer::~Issuer() = default;

void Issuer::register_client(IssuerClient client) {
  std::string id = client.id;
  clients_.insert_or_assign(std::move(id), std::move(client));
}

std::string Issuer::token_endpoint() const { return url_ + "/token"; }
std::string Issuer::revocation_endpoint() const { return url_ + "/revoke"; }
std::string Issuer::introspection_endpoint() const { return url_ + "/introspect"; }

Response Issuer::handle(const Request& request, Timestamp now) {
  const std::string_view path = path_of(request);
  const bool is_get = request.method == "GET" || request.method == "HEAD";
  if (path == "/.well-known/oauth-authorization-server" ||
      path == "/.well-known/openid-configuration") {
    return is_get ? metadata() : method_not_allowed("GET");
  }
  if (path == "/jwks") return is_get ? key_set() : method_not_allowed("GET");
  if (path == "/authorize") {
    return oauth_error_response(400, "access_denied", "No user lives here who could consent.");
  }
  const bool is_revocation = path == "/revoke" && !profiles_.has("no_revocation_endpoint");
  const bool is_introspection = path == "/introspect" && !profiles_.has("no_introspection");
  if (path != "/token" && !is_revocation && !is_introspection) return not_found();
  if (request.method != "POST") return method_not_allowed("POST");
  if (is_revocation) return revocation_call(request, now);
  return is_introspection ? introspection_call(request, now) : token_call(request, now);
}

Response Issuer::metadata() const {
  ValueMap members{
      {"issuer", url_},
      {"authorization_endpoint", url_ + "/authorize"},
      {"token_endpoint", token_endpoint()},
      {"token_endpoint_auth_methods_supported",
       strings({"client_secret_basic", "client_secret_post", "none", "private_key_jwt"})},
      {"token_endpoint_auth_signing_alg_values_supported", strings({"RS256", "ES256", "EdDSA"})},
      {"jwks_uri", url_ + "/jwks"},
      {"response_types_supported", strings({"code"})},
      {"grant_types_supported", strings({"authorization_code", "refresh_token"})},
      {"code_challenge_methods_supported", strings({"S256"})},
      {"scopes_supported", strings({"mcp:use", "offline_access"})},
      {"subject_types_supported", strings({"public"})},
      {"id_token_signing_alg_values_supported", strings({"EdDSA"})},
  };
  const Value methods = members["token_endpoint_auth_methods_supported"];
  if (!profiles_.has("no_revocation_endpoint")) {
    members["revocation_endpoint"] = revocation_endpoint();
    members["revocation_endpoint_auth_methods_supported"] = methods;
  }
  if (!profiles_.has("no_introspection")) {
    members["introspection_endpoint"] = introspection_endpoint();
    members["introspection_endpoint_auth_methods_supported"] = methods;
  }
  return json_response(200, Value(std::move(members)));
}

Response Issuer::key_set() const {
  return json_response(200, Value::map({{"keys", Value::list({signer_->jwk()})}}));
}

// --- Clients ----------------------------------------------------------------------------------

const IssuerClient* Issuer::authenticate(const Request& request, const IssuerForm& form,
                                         Timestamp now, Response& refusal) {
  const std::optional<std::string_view> authorization = header_of(request, "authorization");
  const std::string_view secret_in_body = form.get("client_secret");
  const std::string_view assertion = form.get("client_assertion");
  const int methods =
      (authorization ? 1 : 0) + (secret_in_body.empty() ? 0 : 1) + (assertion.empty() ? 0 : 1);
  if (methods > 1) {
    refusal = oauth_error_response(400, "invalid_request",
                                   "More than one way of client authentication was used.");
    return nullptr;
  }
  refusal = oauth_error_response(401, "invalid_client", "Client authentication failed.");
  std::string id(form.get("client_id"));
  std::string secret(secret_in_body);
  if (authorization) {
    refusal.headers.emplace_back("www-authenticate", R"(Basic realm="range")");
    std::optional<std::pair<std::string, std::string>> basic = read_basic(*authorization);
    if (!basic || (!id.empty() && id != basic->first)) return nullptr;
    id = std::move(basic->first);
    secret = std::move(basic->second);
  }
  if (!assertion.empty() && id.empty()) {
    const std::optional<JwtParts> parts = split_jwt(assertion);
    if (parts) id = parts->claims["sub"].string_or("");
  }
  const auto found = clients_.find(id);
  if (found == clients_.end()) return nullptr;
  const IssuerClient& client = found->second;
  bool holds = false;
  switch (client.method) {
    case ClientMethod::none:
      holds = methods == 0;
      break;
    case ClientMethod::client_secret:
      holds = assertion.empty() && equal_constant_time(secret, client.secret);
      break;
    case ClientMethod::private_key_jwt:
      holds = form.get("client_assertion_type") == kAssertionType &&
              assertion_holds(client, assertion, now);
      break;
  }
  return holds ? &client : nullptr;
}

/// RFC 7523 section 3; the accepted audiences are those of the API sheet oauth-test-peers.
bool Issuer::assertion_holds(const IssuerClient& client, std::string_view assertion,
                             Timestamp now) {
  const std::optional<JwtParts> parts = split_jwt(assertion);
  if (!parts || !jwt_signature_holds(*parts, client.public_key_pem)) return false;
  const Value& claims = parts->claims;
  if (claims["iss"].string_or("") != client.id || claims["sub"].string_or("") != client.id) {
    return false;
  }
  const std::string audience = claims["aud"].string_or("");
  if (audience != url_ && audience != token_endpoint() && audience != revocation_endpoint() &&
      audience != introspection_endpoint()) {
    return false;
  }
  const std::int64_t expires = claims["exp"].int_or(0);
  if (expires <= seconds_of(now) || expires > seconds_of(now + kAssertionAheadMax)) return false;
  std::erase_if(seen_assertions_, [&](const auto& entry) { return entry.second <= now; });
  const std::string id = claims["jti"].string_or("");
  if (id.empty() || seen_assertions_.size() >= kSeenAssertionsMax) return false;
  const Timestamp until{std::chrono::seconds(expires)};
  return seen_assertions_.emplace(client.id + " " + id, until).second;  // a replay is refused
}

// --- Tokens -----------------------------------------------------------------------------------

bool Issuer::rotates() const {
  return profiles_.has("rotation") || profiles_.has("rotation_family") ||
         profiles_.has("spent_refresh_200");
}

std::string Issuer::next_token(std::string_view prefix) {
  return std::string(prefix) + random_.hex(kTokenBytes);
}

std::string Issuer::issue_access_token(std::uint64_t grant, Timestamp now, Timestamp& expires_at) {
  GrantRecord& record = grants_.at(grant);
  std::string token;
  if (profiles_.has("jwt_offline")) {
    expires_at = std::chrono::floor<std::chrono::seconds>(now) + kJwtLifetime;
    token = signer_->sign(Value::map({{"iss", url_},
                                      {"sub", kSubject},
                                      {"aud", record.resource},
                                      {"client_id", record.client_id},
                                      {"scope", kScope},
                                      {"iat", seconds_of(now)},
                                      {"exp", seconds_of(expires_at)},
                                      {"jti", random_.hex(kTokenBytes)}}));
  } else {
    expires_at = now + kAccessTokenLifetime;
    token = next_token("at_");
  }
  access_tokens_.emplace(token,
                         AccessToken{.grant = grant, .issued_at = now, .expires_at = expires_at});
  record.access_tokens.push_back(token);
  return token;
}

std::string Issuer::issue_refresh_token(std::uint64_t grant, Timestamp now) {
  GrantRecord& record = grants_.at(grant);
  std::string token = next_token("rt_");
  refresh_tokens_.emplace(token, RefreshToken{.grant = grant, .issued_at = now});
  record.refresh_tokens.push_back(token);
  if (record.refresh_tokens.size() > kRefreshTokensPerGrantMax) {
    refresh_tokens_.erase(record.refresh_tokens.front());
    record.refresh_tokens.erase(record.refresh_tokens.begin());
  }
  return token;
}

Issuer::Grant Issuer::mint(std::string_view client_id, std::string_view resource, Timestamp now) {
  if (!clients_.contains(client_id)) {
    register_client({.id = std::string(client_id), .method = ClientMethod::none});
  }
  const std::uint64_t id = grant_next_++;
  grants_.emplace(
      id, GrantRecord{.client_id = std::string(client_id), .resource = std::string(resource)});
  Grant grant;
  grant.access_token = issue_access_token(id, now, grant.expires_at);
  grant.refresh_token = issue_refresh_token(id, now);
  return grant;
}

bool Issuer::end_grant_of(std::string_view refresh_token, Timestamp now) {
  const auto found = refresh_tokens_.find(refresh_token);
  if (found == refresh_tokens_.end()) return false;
  kill_grant(found->second.grant, now);
  return true;
}

void Issuer::kill_grant(std::uint64_t grant, Timestamp now) {
  const GrantRecord& record = grants_.at(grant);
  for (const std::string& token : record.access_tokens) {
    AccessToken& access = access_tokens_.find(token)->second;
    if (!access.revoked_at) access.revoked_at = now;
  }
  for (const std::string& token : record.refresh_tokens) {
    RefreshToken& refresh_token = refresh_tokens_.find(token)->second;
    if (!refresh_token.revoked_at) refresh_token.revoked_at = now;
  }
}

void Issuer::prune(Timestamp now) {
  if (access_tokens_.size() < kAccessTokensMax) return;
  std::erase_if(access_tokens_, [&](const auto& entry) { return entry.second.expires_at <= now; });
  for (auto& [id, record] : grants_) {
    std::erase_if(record.access_tokens,
                  [&](const std::string& token) { return !access_tokens_.contains(token); });
  }
}

void Issuer::end_all_grants(Timestamp now) {
  for (const auto& [grant, record] : grants_) kill_grant(grant, now);
}

bool Issuer::access_token_works(std::string_view token, Timestamp now) const {
  const auto found = access_tokens_.find(token);
  return found != access_tokens_.end() && found->second.expires_at > now &&
         !found->second.revoked_at;
}

bool Issuer::refresh_token_works(std::string_view token, Timestamp) const {
  const auto found = refresh_tokens_.find(token);
  return found != refresh_tokens_.end() && !found->second.spent && !found->second.revoked_at;
}

std::optional<TokenFacts> Issuer::facts(std::string_view access_token) const {
  const auto found = access_tokens_.find(access_token);
  if (found == access_tokens_.end()) return std::nullopt;
  const GrantRecord& grant = grants_.at(found->second.grant);
  return TokenFacts{.client_id = grant.client_id,
                    .resource = grant.resource,
                    .expires_at = found->second.expires_at,
                    .revoked_at = found->second.revoked_at};
}

Issuer::Family Issuer::family_of(std::string_view token) const {
  const auto access = access_tokens_.find(token);
  const auto refresh_token = refresh_tokens_.find(token);
  if (access == access_tokens_.end() && refresh_token == refresh_tokens_.end()) return {};
  const std::uint64_t grant =
      access != access_tokens_.end() ? access->second.grant : refresh_token->second.grant;
  const GrantRecord& record = grants_.at(grant);
  return {.access_tokens = record.access_tokens, .refresh_tokens = record.refresh_tokens};
}

std::optional<std::string> Issuer::jwt_audience(std::string_view token, Timestamp now) const {
  const std::optional<Value> claims = signer_->verify(token);
  if (!claims || (*claims)["iss"].string_or("") != url_) return std::nullopt;
  if ((*claims)["exp"].int_or(0) <= seconds_of(now)) return std::nullopt;
  return (*claims)["aud"].string_or("");
}

// --- Endpoints --------------------------------------------------------------------------------

Response Issuer::token_call(const Request& request, Timestamp now) {
  const std::optional<IssuerForm> form = read_form(request);
  if (!form) return not_a_form();
  Response refusal;
  const IssuerClient* const client = authenticate(request, *form, now, refusal);
  if (client == nullptr) return refusal;
  const std::string_view type = form->get("grant_type");
  if (type.empty()) {
    return oauth_error_response(400, "invalid_request", "grant_type is missing.");
  }
  if (type == "authorization_code") {
    return oauth_error_response(400, "invalid_grant", "No such code was given out.");
  }
  if (type != "refresh_token") {
    return oauth_error_response(400, "unsupported_grant_type", "This grant type is not offered.");
  }
  return refresh(*form, *client, now);
}

Response Issuer::refresh(const IssuerForm& form, const IssuerClient& client, Timestamp now) {
  const std::string_view token = form.get("refresh_token");
  if (token.empty()) {
    return oauth_error_response(400, "invalid_request", "refresh_token is missing.");
  }
  const Response refused =
      oauth_error_response(400, "invalid_grant", "The refresh token is not valid.");
  const auto found = refresh_tokens_.find(token);
  if (found == refresh_tokens_.end() || found->second.revoked_at) return refused;
  const std::uint64_t id = found->second.grant;
  const GrantRecord& grant = grants_.at(id);
  if (grant.client_id != client.id) return refused;
  if (found->second.spent) {
    if (profiles_.has("rotation_family")) kill_grant(id, now);  // RFC 9700 section 4.14
    return refused;
  }
  const std::string_view resource = form.get("resource");
  if (!resource.empty() && !same_mcp_url(resource, grant.resource)) {
    return oauth_error_response(400, "invalid_target", "The grant is for another resource.");
  }
  if (!is_granted(form.get("scope"))) {
    return oauth_error_response(400, "invalid_scope", "The grant does not have this scope.");
  }
  prune(now);
  if (access_tokens_.size() >= kAccessTokensMax) {
    return oauth_error_response(503, "temporarily_unavailable", "Too many tokens live.");
  }
  std::string next(token);
  if (rotates()) {
    found->second.spent = true;
    next = issue_refresh_token(id, now);
  }
  Timestamp expires_at;
  const std::string access = issue_access_token(id, now, expires_at);
  const auto lifetime = std::chrono::floor<std::chrono::seconds>(expires_at - now);
  return json_response(200, Value::map({{"access_token", access},
                                        {"token_type", "Bearer"},
                                        {"expires_in", std::int64_t{lifetime.count()}},
                                        {"refresh_token", next},
                                        {"scope", kScope}}));
}

Response Issuer::revocation_call(const Request& request, Timestamp now) {
  was_told_ = true;
  if (profiles_.has("html_200")) {
    return Response{.headers = {{"content-type", "text/html; charset=utf-8"}},
                    .body = "<!doctype html><title>Sign in</title><p>Please sign in.</p>"};
  }
  if (profiles_.has("issuer_503") && unavailable_left_ > 0) {
    --unavailable_left_;
    Response response = oauth_error_response(503, "temporarily_unavailable", "Try again later.");
    response.headers.emplace_back("retry-after", kRetryAfterSeconds);
    return response;
  }
  const std::optional<IssuerForm> form = read_form(request);
  if (!form) return not_a_form();
  Response refusal;
  const IssuerClient* const client = authenticate(request, *form, now, refusal);
  return client == nullptr ? refusal : revoke(*form, *client, now);
}

/// RFC 7009 section 2. Both stores are searched whatever the hint says (section 2.1).
Response Issuer::revoke(const IssuerForm& form, const IssuerClient& client, Timestamp now) {
  const std::string_view token = form.get("token");
  if (token.empty()) return oauth_error_response(400, "invalid_request", "token is missing.");
  const auto refresh_token = refresh_tokens_.find(token);
  const auto access = access_tokens_.find(token);
  const bool is_refresh = refresh_token != refresh_tokens_.end();
  if (!is_refresh && access == access_tokens_.end()) return empty_ok();
  const std::uint64_t id = is_refresh ? refresh_token->second.grant : access->second.grant;
  if (grants_.at(id).client_id != client.id) {
    if (client.method == ClientMethod::none) return empty_ok();
    return oauth_error_response(400, "invalid_request", "The token belongs to another client.");
  }
  if (profiles_.has("lying_200")) return empty_ok();
  if (is_refresh) {
    if (refresh_token->second.spent && profiles_.has("spent_refresh_200")) return empty_ok();
    if (!profiles_.has("access_token_survives")) {
      kill_grant(id, now);
      return empty_ok();
    }
    for (const std::string& each : grants_.at(id).refresh_tokens) {
      RefreshToken& record = refresh_tokens_.find(each)->second;
      if (!record.revoked_at) record.revoked_at = now;
    }
    return empty_ok();
  }
  if (access->second.expires_at <= now || profiles_.has("access_token_survives")) {
    return empty_ok();
  }
  // The weak cascade that was measured with JWTs and where spent tokens are forgotten: the refresh
  // token stays.
  const bool alone = profiles_.has("jwt_offline") || profiles_.has("spent_refresh_200");
  if (!alone) kill_grant(id, now);
  if (!access->second.revoked_at) access->second.revoked_at = now;
  return empty_ok();
}

/// RFC 7662 section 2: whatever the caller may not know is exactly `{"active":false}`.
Response Issuer::introspection_call(const Request& request, Timestamp now) {
  const std::optional<IssuerForm> form = read_form(request);
  if (!form) return not_a_form();
  Response refusal;
  const IssuerClient* const client = authenticate(request, *form, now, refusal);
  if (client == nullptr) return refusal;
  const std::string_view token = form->get("token");
  if (token.empty()) return oauth_error_response(400, "invalid_request", "token is missing.");
  const Response inactive = json_response(200, Value::map({{"active", false}}));
  ValueMap facts{{"active", true},
                 {"iss", url_},
                 {"sub", kSubject},
                 {"scope", kScope},
                 {"client_id", client->id}};
  std::uint64_t id = 0;
  if (access_token_works(token, now)) {
    const AccessToken& record = access_tokens_.find(token)->second;
    id = record.grant;
    facts["token_type"] = "Bearer";
    facts["iat"] = seconds_of(record.issued_at);
    facts["exp"] = seconds_of(record.expires_at);
  } else if (refresh_token_works(token, now)) {
    const RefreshToken& record = refresh_tokens_.find(token)->second;
    id = record.grant;
    facts["iat"] = seconds_of(record.issued_at);
  } else {
    return inactive;
  }
  const GrantRecord& grant = grants_.at(id);
  if (grant.client_id != client->id) return inactive;
  facts["aud"] = grant.resource;
  return json_response(200, Value(std::move(facts)));
}

}  // namespace quell::range
