// Vault credentials: API sheet sections 1.2, 2.1 and 2.2.
#include <algorithm>
#include <array>

#include "connectors/url.h"
#include "orchestrator/range/platform.h"

namespace quell::range {
namespace {

constexpr std::size_t kActivePerVaultMax = 20;
constexpr std::size_t kDisplayNameBytesMax = 255;
constexpr std::size_t kSecretBytesMax = 64U << 10;
constexpr std::size_t kAllowedHostsMax = 16;
constexpr PageRule kCredentialPages{.list = "credentials"};

bool is_secret(const Value& value) {
  return value.is_string() && !value.as_string().empty() &&
         value.as_string().size() <= kSecretBytesMax;
}

bool is_http_url(const Value& value) { return value.is_string() && parse_url(value.as_string()); }

bool takes_secret(std::string_view method) {
  return method == "client_secret_basic" || method == "client_secret_post";
}

std::optional<Answer> read_expiry(const Value& value, Timestamp now,
                                  std::optional<Timestamp>& expires_at) {
  if (value.is_null()) return std::nullopt;
  const auto time = parse_rfc3339(value.string_or(""));
  if (!time || *time <= now) return bad_request("auth.expires_at: must be a time in the future.");
  expires_at = time;
  return std::nullopt;
}

std::optional<Answer> read_optional(const Value& value, std::string_view name,
                                    std::optional<std::string>& out) {
  if (value.is_null()) return std::nullopt;
  if (!value.is_string()) return bad_request(std::string(name) + ": must be a string.");
  out = value.as_string();
  return std::nullopt;
}

std::optional<Answer> read_refresh(const Value& value, CredentialRecord& credential) {
  constexpr std::array<std::string_view, 6> kMembers = {
      "refresh_token", "client_id", "token_endpoint", "token_endpoint_auth", "resource", "scope"};
  constexpr std::array<std::string_view, 2> kAuthMembers = {"type", "client_secret"};
  if (value.is_null()) return std::nullopt;
  if (auto refused = check_members(value, kMembers)) return refused;
  const Value& auth = value["token_endpoint_auth"];
  if (auto refused = check_members(auth, kAuthMembers)) return refused;
  RefreshBlock block{.refresh_token = value["refresh_token"].string_or(""),
                     .client_id = value["client_id"].string_or(""),
                     .token_endpoint = value["token_endpoint"].string_or(""),
                     .auth_type = auth["type"].string_or(""),
                     .client_secret = auth["client_secret"].string_or("")};
  if (!is_secret(value["refresh_token"]) || block.client_id.empty() ||
      !is_http_url(value["token_endpoint"])) {
    return bad_request("auth.refresh: refresh_token, client_id and token_endpoint are required.");
  }
  if (block.auth_type != "none" && !takes_secret(block.auth_type)) {
    return bad_request("auth.refresh.token_endpoint_auth.type: no such method.");
  }
  if (takes_secret(block.auth_type) != !block.client_secret.empty()) {
    return bad_request("auth.refresh.token_endpoint_auth.client_secret: belongs to the method.");
  }
  if (auto refused = read_optional(value["resource"], "auth.refresh.resource", block.resource)) {
    return refused;
  }
  if (auto refused = read_optional(value["scope"], "auth.refresh.scope", block.scope)) {
    return refused;
  }
  credential.refresh = std::move(block);
  return std::nullopt;
}

bool is_allowed_host(const Value& host) {
  if (!host.is_string()) return false;
  std::string_view name = host.as_string();
  if (name.starts_with("*.")) name.remove_prefix(2);
  return !name.empty() && name.find_first_of("*:/[]@ ") == std::string_view::npos;
}

std::optional<Answer> read_networking(const Value& value, CredentialRecord& credential) {
  constexpr std::array<std::string_view, 2> kMembers = {"type", "allowed_hosts"};
  if (auto refused = check_members(value, kMembers)) return refused;
  const std::string type = value["type"].string_or("");
  const ValueList& hosts = value["allowed_hosts"].list_or_empty();
  const bool limited = type == "limited" && value["allowed_hosts"].is_list() &&
                       hosts.size() <= kAllowedHostsMax &&
                       std::ranges::all_of(hosts, is_allowed_host);
  if (!limited && !(type == "unrestricted" && !value.has("allowed_hosts"))) {
    return bad_request("auth.networking: unrestricted, or limited with up to 16 bare hosts.");
  }
  credential.networking = value;
  return std::nullopt;
}

std::optional<Answer> read_injection(const Value& value, bool missing,
                                     CredentialRecord& credential) {
  constexpr std::array<std::string_view, 2> kMembers = {"header", "body"};
  if (auto refused = check_members(value, kMembers)) return refused;
  for (const auto& [name, flag] : value.as_map()) {
    if (!flag.is_bool()) return bad_request("auth.injection_location: true or false.");
  }
  const bool header = value["header"].bool_or(missing && credential.inject_header);
  const bool body = value["body"].bool_or(missing && credential.inject_body);
  if (!header && !body) return bad_request("auth.injection_location: both cannot be off.");
  credential.inject_header = header;
  credential.inject_body = body;
  return std::nullopt;
}

std::string_view type_name(CredentialType type) {
  switch (type) {
    case CredentialType::mcp_oauth:
      return "mcp_oauth";
    case CredentialType::static_bearer:
      return "static_bearer";
    case CredentialType::environment_variable:
      return "environment_variable";
  }
  return {};
}

/// Null and omitted keep the stored secret; an empty string is refused. Both are undocumented (API
/// sheet section 2.3).
std::optional<Answer> change_secret(const Value& value, std::string_view name,
                                    std::string& secret) {
  if (value.is_null()) return std::nullopt;
  if (!is_secret(value)) return bad_request(std::string(name) + ": must be a non-empty string.");
  secret = value.as_string();
  return std::nullopt;
}

bool same_key(const CredentialRecord& a, const CredentialRecord& b) {
  const bool environment = a.type == CredentialType::environment_variable;
  if (environment != (b.type == CredentialType::environment_variable)) return false;
  return environment ? a.key == b.key : same_mcp_url(a.key, b.key);
}

}  // namespace

std::optional<Answer> Platform::read_auth(const Value& auth, CredentialRecord& credential,
                                          Timestamp now) const {
  constexpr std::array<std::string_view, 5> kOauth = {"type", "mcp_server_url", "access_token",
                                                      "expires_at", "refresh"};
  constexpr std::array<std::string_view, 3> kBearer = {"type", "mcp_server_url", "token"};
  constexpr std::array<std::string_view, 5> kVariable = {"type", "secret_name", "secret_value",
                                                         "networking", "injection_location"};
  const std::string type = auth["type"].string_or("");
  if (type == "environment_variable") {
    credential.type = CredentialType::environment_variable;
    if (auto refused = check_members(auth, kVariable)) return refused;
    credential.key = auth["secret_name"].string_or("");
    if (credential.key.empty() || !is_secret(auth["secret_value"])) {
      return bad_request("auth: secret_name and secret_value are required.");
    }
    credential.secret = auth["secret_value"].as_string();
    if (auto refused = read_networking(auth["networking"], credential)) return refused;
    if (!auth.has("injection_location")) return std::nullopt;
    return read_injection(auth["injection_location"], false, credential);
  }
  const bool oauth = type == "mcp_oauth";
  if (!oauth && type != "static_bearer") return bad_request("auth.type: no such credential type.");
  credential.type = oauth ? CredentialType::mcp_oauth : CredentialType::static_bearer;
  if (auto refused = oauth ? check_members(auth, kOauth) : check_members(auth, kBearer)) {
    return refused;
  }
  const Value& secret = auth[oauth ? "access_token" : "token"];
  if (!is_http_url(auth["mcp_server_url"]) || !is_secret(secret)) {
    return bad_request("auth: mcp_server_url and its token are required.");
  }
  credential.key = auth["mcp_server_url"].as_string();
  credential.secret = secret.as_string();
  if (!oauth) return std::nullopt;
  if (auto refused = read_expiry(auth["expires_at"], now, credential.expires_at)) return refused;
  return read_refresh(auth["refresh"], credential);
}

const CredentialRecord* Platform::active_with_key(const VaultRecord& vault,
                                                  const CredentialRecord& like,
                                                  std::size_t& active) const {
  const CredentialRecord* twin = nullptr;
  active = 0;
  for (const std::string& id : vault.credential_ids) {
    const CredentialRecord& other = credentials_.find(id)->second;
    if (other.archived_at) continue;
    ++active;
    if (same_key(other, like)) twin = &other;
  }
  return twin;
}

Answer Platform::create_credential(const Call& call) {
  constexpr std::array<std::string_view, 3> kMembers = {"auth", "display_name", "metadata"};
  VaultRecord* vault = find(vaults_, call.id(0));
  if (vault == nullptr) return not_found("vault", call.id(0));
  if (auto refused = check_members(call.body, kMembers)) return *std::move(refused);
  if (vault->archived_at) return bad_request("The vault is archived.");
  CredentialRecord credential{.vault_id = vault->id,
                              .created_at = call.now,
                              .updated_at = call.now,
                              .token_since = call.now};
  if (auto refused = read_auth(call.body["auth"], credential, call.now)) return *std::move(refused);
  if (auto refused =
          read_optional(call.body["display_name"], "display_name", credential.display_name)) {
    return *std::move(refused);
  }
  if (credential.display_name && credential.display_name->size() > kDisplayNameBytesMax) {
    return bad_request("display_name: up to 255 characters.");
  }
  if (auto refused = patch_metadata(credential.metadata, call.body["metadata"])) {
    return *std::move(refused);
  }
  std::size_t active = 0;
  if (active_with_key(*vault, credential, active) != nullptr) {
    return conflict("An active credential of this vault already has this key.");
  }
  if (active >= kActivePerVaultMax) return bad_request("A vault holds at most 20 credentials.");
  credential.id = make_id("vcrd_");
  credential.seq = ++seq_;
  vault->credential_ids.push_back(credential.id);
  CredentialRecord& stored = credentials_.emplace(credential.id, credential).first->second;
  plan_refresh_by_age(stored, call.now);
  tell(call.now, "vault_credential.created", stored.id, stored.vault_id);
  return {.body = to_value(stored)};
}

CredentialRecord* Platform::credential_of(const Call& call) {
  CredentialRecord* credential = find(credentials_, call.id(1));
  return credential != nullptr && credential->vault_id == call.id(0) ? credential : nullptr;
}

Answer Platform::get_credential(const Call& call) {
  const CredentialRecord* credential = credential_of(call);
  if (credential == nullptr) return not_found("credential", call.id(1));
  return {.body = to_value(*credential)};
}

Answer Platform::list_credentials(const Call& call) {
  const VaultRecord* vault = find(vaults_, call.id(0));
  if (vault == nullptr) return not_found("vault", call.id(0));
  bool archived = false;
  if (auto refused = read_flag(call, "include_archived", archived)) return *std::move(refused);
  auto all = rows(credentials_, vault->credential_ids);
  std::erase_if(all, [&](const CredentialRecord* one) { return one->archived_at && !archived; });
  return page_of(call, kCredentialPages, all, {}, list_is_cut(),
                 [](const CredentialRecord& credential) { return to_value(credential); });
}

Answer Platform::archive_credential(const Call& call) {
  CredentialRecord* credential = credential_of(call);
  if (credential == nullptr) return not_found("credential", call.id(1));
  if (credential->archived_at) {
    return archive_again("credential").value_or(Answer{.body = to_value(*credential)});
  }
  purge(*credential, call.now);
  return {.body = to_value(*credential)};
}

Answer Platform::delete_credential(const Call& call) {
  if (credential_of(call) == nullptr) return not_found("credential", call.id(1));
  std::erase(vaults_.find(call.id(0))->second.credential_ids, call.id(1));
  credentials_.erase(call.id(1));
  tell(call.now, "vault_credential.deleted", call.id(1), call.id(0));
  return {.body = Value::map({{"id", call.id(1)}, {"type", "vault_credential_deleted"}})};
}

std::optional<Answer> Platform::change_refresh(const Value& refresh,
                                               CredentialRecord& credential) const {
  constexpr std::array<std::string_view, 3> kMembers = {"refresh_token", "scope",
                                                        "token_endpoint_auth"};
  constexpr std::array<std::string_view, 2> kAuthMembers = {"type", "client_secret"};
  if (refresh.is_null()) {
    // Undocumented: cleared, unless a profile says otherwise (API sheet section 2.3).
    if (profiles_.has("refresh_null_400")) return bad_request("auth.refresh: must not be null.");
    if (!profiles_.has("refresh_null_ignored")) credential.refresh.reset();
    return std::nullopt;
  }
  if (auto refused = check_members(refresh, kMembers)) return refused;
  if (!credential.refresh) return bad_request("auth.refresh: the credential has none to update.");
  RefreshBlock& block = *credential.refresh;
  if (auto refused = change_secret(refresh["refresh_token"], "auth.refresh.refresh_token",
                                   block.refresh_token)) {
    return refused;
  }
  const Value& scope = refresh["scope"];
  if (scope.is_string()) {
    block.scope = scope.as_string().empty() ? std::nullopt : std::optional(scope.as_string());
  } else if (!scope.is_null()) {
    return bad_request("auth.refresh.scope: must be a string.");
  }
  if (!refresh.has("token_endpoint_auth")) return std::nullopt;
  const Value& auth = refresh["token_endpoint_auth"];
  if (auto refused = check_members(auth, kAuthMembers)) return refused;
  if (!takes_secret(auth["type"].string_or("")) || !takes_secret(block.auth_type)) {
    return bad_request("auth.refresh.token_endpoint_auth: the method cannot be changed.");
  }
  return change_secret(auth["client_secret"], "auth.refresh.token_endpoint_auth.client_secret",
                       block.client_secret);
}

std::optional<Answer> Platform::change_auth(const Value& auth, CredentialRecord& credential,
                                            Timestamp now) const {
  constexpr std::array<std::string_view, 4> kOauth = {"type", "access_token", "expires_at",
                                                      "refresh"};
  constexpr std::array<std::string_view, 2> kBearer = {"type", "token"};
  constexpr std::array<std::string_view, 4> kVariable = {"type", "secret_value", "networking",
                                                         "injection_location"};
  if (auth["type"].string_or("") != type_name(credential.type)) {
    return bad_request("auth.type: required, and it cannot be changed.");
  }
  switch (credential.type) {
    case CredentialType::static_bearer:
      if (auto refused = check_members(auth, kBearer)) return refused;
      return change_secret(auth["token"], "auth.token", credential.secret);
    case CredentialType::environment_variable:
      if (auto refused = check_members(auth, kVariable)) return refused;
      if (!auth["networking"].is_null()) {
        if (auto refused = read_networking(auth["networking"], credential)) return refused;
      }
      if (auth.has("injection_location")) {
        if (auto refused = read_injection(auth["injection_location"], true, credential)) {
          return refused;
        }
      }
      return change_secret(auth["secret_value"], "auth.secret_value", credential.secret);
    case CredentialType::mcp_oauth:
      break;
  }
  if (auto refused = check_members(auth, kOauth)) return refused;
  if (auto refused = read_expiry(auth["expires_at"], now, credential.expires_at)) return refused;
  if (auth["access_token"].is_string()) credential.token_since = now;
  if (auto refused = change_secret(auth["access_token"], "auth.access_token", credential.secret)) {
    return refused;
  }
  return auth.has("refresh") ? change_refresh(auth["refresh"], credential) : std::nullopt;
}

Answer Platform::update_credential(const Call& call) {
  constexpr std::array<std::string_view, 3> kMembers = {"auth", "display_name", "metadata"};
  CredentialRecord* credential = credential_of(call);
  if (credential == nullptr) return not_found("credential", call.id(1));
  if (auto refused = check_members(call.body, kMembers)) return *std::move(refused);
  if (credential->archived_at) return bad_request("The credential is archived.");
  CredentialRecord changed = *credential;  // all or nothing
  if (call.body.has("auth")) {
    if (auto refused = change_auth(call.body["auth"], changed, call.now)) {
      return *std::move(refused);
    }
  }
  if (auto refused =
          read_optional(call.body["display_name"], "display_name", changed.display_name)) {
    return *std::move(refused);
  }
  if (auto refused = patch_metadata(changed.metadata, call.body["metadata"])) {
    return *std::move(refused);
  }
  changed.updated_at = call.now;
  *credential = std::move(changed);
  if (call.body.has("auth")) plan_refresh_by_age(*credential, call.now);
  return {.body = to_value(*credential)};
}

}  // namespace quell::range
