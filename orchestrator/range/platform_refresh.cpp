// What keeps a leaked credential alive: background refresh, running sessions that use it, and the
// live probe that can mint a token. API sheet sections 1.2, 2.3 and 2.4.
#include <array>
#include <chrono>

#include <fmt/format.h>

#include "connectors/url.h"
#include "orchestrator/range/platform.h"
#include "state/base/json.h"

namespace quell::range {
namespace {

constexpr Duration kUseEvery = std::chrono::seconds{10};
// How often a session resolves again is not documented (API sheet section 8, item 3).
constexpr Duration kResolveEvery = std::chrono::seconds{10};
constexpr Duration kResolveEverySlow = std::chrono::seconds{60};
constexpr Duration kRetryAfterRefusal = std::chrono::minutes{5};
constexpr Duration kRetryAfterTrouble = std::chrono::seconds{30};
constexpr Duration kReactiveRefreshEvery = std::chrono::seconds{30};
constexpr std::size_t kProbeBodyBytesMax = 1024;
constexpr std::size_t kServersRememberedMax = 1000;

void scrub(std::string& text, std::string_view secret) {
  if (secret.empty()) return;
  for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
    text.replace(at, secret.size(), "[redacted]");
    at += 10;
  }
}

Value http_response(const std::optional<Response>& response, const CredentialRecord& credential) {
  if (!response) return {};
  std::string type;
  for (const auto& [name, value] : response->headers) {
    if (name == "content-type") type = value;
  }
  std::string body = response->body;
  scrub(body, credential.secret);
  if (credential.refresh) {
    scrub(body, credential.refresh->refresh_token);
    scrub(body, credential.refresh->client_secret);
  }
  const bool cut = body.size() > kProbeBodyBytesMax;
  if (cut) body.resize(kProbeBodyBytesMax);
  return Value::map({{"status_code", response->status},
                     {"content_type", type.empty() ? Value() : Value(type)},
                     {"body", body},
                     {"body_truncated", cut}});
}

bool has_refresh_token(const CredentialRecord& credential) {
  return credential.refresh && !credential.refresh->refresh_token.empty();
}

}  // namespace

bool& Platform::speaks_modern(const std::string& url) {
  if (modern_.size() >= kServersRememberedMax) modern_.clear();
  return modern_[url];
}

/// The live probe of API sheet section 1.2: `initialize`, then `tools/list`, until one fails.
Platform::McpProbe Platform::probe_mcp(const std::string& url, std::string_view token,
                                       Timestamp now) {
  bool& modern = speaks_modern(url);
  std::string session;
  McpProbe probe{.method = "initialize",
                 .response = open_mcp(fetch_, url, token, modern, session, now)};
  if (probe.response && probe.response->status == 200) {
    probe.method = "tools/list";
    probe.response = call_mcp(fetch_, url, "tools/list", token, modern, now, session);
  }
  close_mcp(fetch_, url, token, session, now);
  return probe;
}

Platform::Refreshed Platform::refresh(CredentialRecord& credential, Timestamp now) {
  if (!has_refresh_token(credential)) return {};
  credential.refresh_tried = now;
  RefreshBlock& block = *credential.refresh;
  auto response =
      fetch_(block.token_endpoint,
             refresh_request({.client_id = block.client_id,
                              .client_secret = block.client_secret,
                              .auth_type = block.auth_type,
                              .refresh_token = block.refresh_token,
                              .resource = block.resource ? *block.resource : std::string_view{},
                              .scope = block.scope ? *block.scope : std::string_view{}}),
             now);
  Refreshed::Kind kind = response ? Refreshed::Kind::failed : Refreshed::Kind::connect_error;
  if (response && response->status == 200) {
    const Result<Value> body = parse_json(response->body);
    const std::string token = body ? (*body)["access_token"].string_or("") : "";
    if (!token.empty()) {
      const std::int64_t lifetime = (*body)["expires_in"].int_or(0);
      const std::string next = (*body)["refresh_token"].string_or("");
      credential.secret = token;
      credential.token_since = now;
      credential.expires_at.reset();
      if (lifetime > 0) credential.expires_at = now + std::chrono::seconds{lifetime};
      if (!next.empty()) block.refresh_token = next;
      credential.refresh_failed = false;
      plan_refresh_by_age(credential, now);
      return {.kind = Refreshed::Kind::succeeded};
    }
  }
  if (!credential.refresh_failed) {
    tell(now, "vault_credential.refresh_failed", credential.id, credential.vault_id);
  }
  credential.refresh_failed = true;
  return {.kind = kind, .answer = std::move(response)};
}

void Platform::plan_refresh(CredentialRecord& credential, Timestamp due) {
  credential.refresh_due = due;
  set_timer(due, {.kind = Timer::Kind::refresh, .id = credential.id});
}

/// Refreshes when 80 % of the access token's life has passed; a token of unknown life is refreshed
/// when a use of it is refused.
void Platform::plan_refresh_by_age(CredentialRecord& credential, Timestamp now) {
  credential.refresh_due.reset();
  if (!has_refresh_token(credential) || !credential.expires_at) return;
  const Duration life = *credential.expires_at - credential.token_since;
  plan_refresh(credential, std::max(now, credential.token_since + life * 4 / 5));
}

void Platform::refresh_in_background(std::string_view id, Timestamp now) {
  const auto found = credentials_.find(id);
  if (found == credentials_.end()) return;
  CredentialRecord& credential = found->second;
  // A newer plan or an archive has overtaken this timer.
  if (credential.archived_at || credential.refresh_due != now) return;
  const Refreshed refreshed = refresh(credential, now);
  switch (refreshed.kind) {
    case Refreshed::Kind::succeeded:
    case Refreshed::Kind::no_refresh_token:
      return;
    case Refreshed::Kind::connect_error:
      return plan_refresh(credential, now + kRetryAfterTrouble);
    case Refreshed::Kind::failed:
      const bool trouble = refreshed.answer->status >= 500 || refreshed.answer->status == 429;
      return plan_refresh(credential, now + (trouble ? kRetryAfterTrouble : kRetryAfterRefusal));
  }
}

Answer Platform::validate_credential(const Call& call) {
  constexpr std::array<std::string_view, 4> kRefreshKinds = {"succeeded", "failed", "connect_error",
                                                             "no_refresh_token"};
  CredentialRecord* credential = credential_of(call);
  if (credential == nullptr) return not_found("credential", call.id(1));
  // Both refusals are undocumented (API sheet section 8, item 5).
  if (credential->archived_at) return bad_request("The credential is archived.");
  if (credential->type != CredentialType::mcp_oauth) {
    return bad_request("Only mcp_oauth credentials can be validated.");
  }
  ValueMap body{{"type", "vault_credential_validation"},
                {"credential_id", credential->id},
                {"vault_id", credential->vault_id},
                {"validated_at", call.now},
                {"has_refresh_token", has_refresh_token(*credential)},
                {"status", "valid"},
                {"mcp_probe", Value()},
                {"refresh", Value()}};
  if (profiles_.has("validate_inconclusive")) {
    body["status"] = "unknown";
    body["mcp_probe"] = Value::map({{"method", "initialize"}, {"http_response", Value()}});
    body["refresh"] = Value::map({{"status", "connect_error"}, {"http_response", Value()}});
    return {.body = Value(std::move(body))};
  }
  const auto [method, probe] = probe_mcp(credential->key, credential->secret, call.now);
  if (probe && probe->status == 200) return {.body = Value(std::move(body))};
  body["mcp_probe"] =
      Value::map({{"method", method}, {"http_response", http_response(probe, *credential)}});
  if (!probe || probe->status != 401) {
    const bool rejected = probe && probe->status >= 400 && probe->status < 500;
    body["status"] = rejected ? "invalid" : "unknown";
    return {.body = Value(std::move(body))};
  }
  const Refreshed refreshed = refresh(*credential, call.now);
  const bool unsettled = refreshed.kind == Refreshed::Kind::succeeded ||
                         refreshed.kind == Refreshed::Kind::connect_error;
  body["status"] = unsettled ? "unknown" : "invalid";
  body["refresh"] = Value::map({{"status", kRefreshKinds[static_cast<std::size_t>(refreshed.kind)]},
                                {"http_response", refreshed.kind == Refreshed::Kind::failed
                                                      ? http_response(refreshed.answer, *credential)
                                                      : Value()}});
  return {.body = Value(std::move(body))};
}

/// The first vault with an active credential for `url` wins; without one the connection goes out
/// unauthenticated (API sheet section 2.2).
void Platform::resolve(ResolvedCredential& own, const SessionRecord& session, std::string_view url,
                       Timestamp now) const {
  own.at = now;
  own.credential_id.clear();
  own.token.clear();
  for (const std::string& vault_id : session.vault_ids) {
    const auto vault = vaults_.find(vault_id);
    if (vault == vaults_.end()) continue;
    for (const std::string& id : vault->second.credential_ids) {
      const CredentialRecord& credential = credentials_.find(id)->second;
      const bool matches = credential.type != CredentialType::environment_variable &&
                           !credential.archived_at && same_mcp_url(credential.key, url);
      if (!matches) continue;
      own.credential_id = id;
      own.token = credential.secret;
      return;
    }
  }
}

/// A tool is used over a conversation that the session keeps open.
std::optional<Response> Platform::use_tool(ResolvedCredential& own, const std::string& url,
                                           Timestamp now) {
  bool& modern = speaks_modern(url);
  if (!own.opened) {
    auto opened = open_mcp(fetch_, url, own.token, modern, own.mcp_session, now);
    if (!opened || opened->status != 200) return opened;
    own.opened = true;
  }
  auto response = call_mcp(fetch_, url, "tools/list", own.token, modern, now, own.mcp_session);
  // The server has forgotten the conversation: the next use begins another.
  if (response && response->status == 404) own.opened = false;
  return response;
}

void Platform::use_mcp(SessionRecord& session, Timestamp now) {
  session.use_timer = false;
  if (session.status() != RunStatus::running) return;
  const Value servers = session.agent.at("mcp_servers");  // keeps the list alive over the calls
  for (const Value& server : servers.list_or_empty()) {
    use_server(session, server["name"].string_or(""), server["url"].string_or(""), now);
  }
  session.use_timer = true;
  set_timer(now + kUseEvery, {.kind = Timer::Kind::session_use, .id = session.id});
}

void Platform::use_server(SessionRecord& session, std::string_view name, const std::string& url,
                          Timestamp now) {
  const Duration every = profiles_.has("slow_propagation") ? kResolveEverySlow : kResolveEvery;
  auto held = session.resolved.find(url);
  if (held == session.resolved.end()) {
    held = session.resolved.emplace(url, ResolvedCredential{}).first;
    resolve(held->second, session, url, now);
  } else if (now - held->second.at >= every) {
    resolve(held->second, session, url, now);
  }
  ResolvedCredential& own = held->second;
  auto response = use_tool(own, url, now);
  const auto found = credentials_.find(own.credential_id);
  if (response && response->status == 401 && found != credentials_.end()) {
    // The stored token may be newer than the session's, or may become so.
    CredentialRecord& credential = found->second;
    const bool may_try =
        !credential.archived_at &&
        (!credential.refresh_tried || now - *credential.refresh_tried >= kReactiveRefreshEvery);
    if (may_try && refresh(credential, now).kind == Refreshed::Kind::succeeded) {
      own.at = now;
      own.token = credential.secret;
      response = use_tool(own, url, now);
    }
  }
  if (response && response->status == 200) {
    const std::string use = record(session, "agent.mcp_tool_use",
                                   {{"mcp_server_name", name},
                                    {"name", "list_issues"},
                                    {"input", ValueMap{}},
                                    {"evaluated_permission", "allow"}},
                                   now)
                                .id;
    record(session, "agent.mcp_tool_result",
           {{"mcp_tool_use_id", use}, {"content", ValueList{}}, {"is_error", false}}, now);
    return;
  }
  const bool refused = response && response->status == 401;
  const std::string_view type =
      refused ? "mcp_authentication_failed_error" : "mcp_connection_failed_error";
  record(session, "session.error",
         {{"error", Value::map({{"type", type},
                                {"mcp_server_name", name},
                                {"message", fmt::format("The MCP server {} was not usable.", name)},
                                {"retry_status", Value::map({{"type", "retrying"}})}})}},
         now);
}

}  // namespace quell::range
