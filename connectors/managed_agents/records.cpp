#include "connectors/managed_agents/records.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "state/base/bytes.h"

namespace quell::managed_agents {
namespace {

constexpr std::size_t kNameBytesMax = 255;
constexpr std::size_t kWordBytesMax = 64;
constexpr std::size_t kUrlBytesMax = 2048;
/// A deployment allows 50; sessions state none (API sheet 1.3).
constexpr std::size_t kVaultIdsMax = 1000;
constexpr std::size_t kMetadataPairsMax = 64;

Error broken(std::string_view what, std::string_view member) {
  return make_error(ErrorCode::invalid, "answer",
                    fmt::format("a {} in the platform's answer has no usable {}.", what, member),
                    "it counts as unread, never as absent; compare base_url in quell.yaml");
}

Result<std::string> read_id(const Value& value, std::string_view what, std::string_view member) {
  if (!value[member].is_string() || !is_valid_id(value[member].as_string())) {
    return broken(what, member);
  }
  return value[member].as_string();
}

/// A member that may be absent or null; anything else must be a time, since "archived at what we
/// cannot read" is neither archived nor active.
Result<std::optional<Timestamp>> read_time(const Value& value, std::string_view what,
                                           std::string_view member) {
  const Value& text = value[member];
  if (text.is_null()) return std::optional<Timestamp>{};
  const std::optional<Timestamp> time =
      text.is_string() ? parse_rfc3339(text.as_string()) : std::nullopt;
  if (!time) return broken(what, member);
  return time;
}

Result<std::vector<std::string>> read_vault_ids(const Value& value, std::string_view what) {
  const Value& ids = value["vault_ids"];
  std::vector<std::string> out;
  // Null is an answer, silence is not: who uses a vault must not depend on a member left out.
  if (!value.has("vault_ids")) return broken(what, "vault_ids");
  if (ids.is_null()) return out;
  if (!ids.is_list() || ids.as_list().size() > kVaultIdsMax) return broken(what, "vault_ids");
  for (const Value& id : ids.as_list()) {
    if (!id.is_string() || !is_valid_id(id.as_string())) return broken(what, "vault_ids");
    out.push_back(id.as_string());
  }
  return out;
}

/// A URL or a client's name goes on to other calls, so it stays as it is; a monstrous one is cut
/// off entirely.
std::string word(const Value& value, std::size_t bytes_max) {
  std::string text = value.string_or("");
  if (text.size() > bytes_max) text.clear();
  return text;
}

}  // namespace

bool is_valid_id(std::string_view id) noexcept {
  if (id.empty() || id.size() > kIdBytesMax || id == "." || id == "..") return false;
  return std::ranges::all_of(id, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte < 0x7f && c != '/' && c != '\\';
  });
}

std::string outside_text(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return escape_untrusted(text);
  std::size_t cut = bytes_max;
  // Not in the middle of a UTF-8 character, which would show as an escape that was never there.
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U) --cut;
  return escape_untrusted(text.substr(0, cut)) + "...";
}

Value time_or_null(const std::optional<Timestamp>& time) { return time ? Value(*time) : Value{}; }

Value text_or_null(const std::string& text) { return text.empty() ? Value{} : Value(text); }

Result<Vault> Vault::read(const Value& value) {
  constexpr std::string_view kWhat = "vault";
  Vault vault;
  Result<std::string> id = read_id(value, kWhat, "id");
  if (!id) return id.error();
  vault.id = std::move(*id);
  vault.display_name = outside_text(value["display_name"].string_or(""), kNameBytesMax);
  const Result<std::optional<Timestamp>> archived = read_time(value, kWhat, "archived_at");
  if (!archived) return archived.error();
  vault.archived_at = *archived;
  return vault;
}

Result<Credential> Credential::read(const Value& value, std::string_view vault_id) {
  constexpr std::string_view kWhat = "credential";
  Credential credential;
  Result<std::string> id = read_id(value, kWhat, "id");
  if (!id) return id.error();
  credential.id = std::move(*id);
  if (value.has("vault_id") && value["vault_id"].string_or("") != vault_id) {
    return broken(kWhat, "vault_id");
  }
  credential.vault_id = std::string(vault_id);
  credential.display_name = outside_text(value["display_name"].string_or(""), kNameBytesMax);
  const Value& auth = value["auth"];
  if (!auth.is_map() || !auth["type"].is_string()) return broken(kWhat, "auth");
  credential.type = outside_text(auth["type"].as_string(), kWordBytesMax);
  credential.mcp_server_url = word(auth["mcp_server_url"], kUrlBytesMax);
  const bool keyed_by_url = credential.type == "mcp_oauth" || credential.type == "static_bearer";
  if (keyed_by_url && credential.mcp_server_url.empty()) return broken(kWhat, "mcp_server_url");
  credential.secret_name = outside_text(auth["secret_name"].string_or(""), kNameBytesMax);
  const Value& refresh = auth["refresh"];
  credential.has_refresh = refresh.is_map();
  credential.client_id = word(refresh["client_id"], kUrlBytesMax);
  credential.token_endpoint = word(refresh["token_endpoint"], kUrlBytesMax);
  const Result<std::optional<Timestamp>> expires = read_time(auth, kWhat, "expires_at");
  if (!expires) return expires.error();
  credential.expires_at = *expires;
  const Result<std::optional<Timestamp>> archived = read_time(value, kWhat, "archived_at");
  if (!archived) return archived.error();
  credential.archived_at = *archived;
  if (value["metadata"].is_map()) {
    for (const auto& [key, text] : value["metadata"].as_map()) {
      if (credential.metadata.size() == kMetadataPairsMax) break;
      if (text.is_string()) credential.metadata.emplace(key, text.as_string());
    }
  }
  return credential;
}

Value Credential::to_value() const {
  return Value::map({{"id", id},
                     {"vault_id", vault_id},
                     {"display_name", text_or_null(display_name)},
                     {"type", type},
                     {"mcp_server_url", mcp_server_url},
                     {"secret_name", text_or_null(secret_name)},
                     {"client_id", text_or_null(client_id)},
                     {"token_endpoint", text_or_null(token_endpoint)},
                     {"expires_at", time_or_null(expires_at)},
                     {"archived_at", time_or_null(archived_at)},
                     {"has_refresh", has_refresh}});
}

Result<Session> Session::read(const Value& value) {
  constexpr std::string_view kWhat = "session";
  Session session;
  Result<std::string> id = read_id(value, kWhat, "id");
  if (!id) return id.error();
  session.id = std::move(*id);
  if (!value["status"].is_string()) return broken(kWhat, "status");
  session.status = outside_text(value["status"].as_string(), kWordBytesMax);
  session.deployment_id = outside_text(value["deployment_id"].string_or(""), kIdBytesMax);
  Result<std::vector<std::string>> vaults = read_vault_ids(value, kWhat);
  if (!vaults) return vaults.error();
  session.vault_ids = std::move(*vaults);
  const Result<std::optional<Timestamp>> created = read_time(value, kWhat, "created_at");
  if (!created) return created.error();
  session.created_at = *created;
  const Result<std::optional<Timestamp>> archived = read_time(value, kWhat, "archived_at");
  if (!archived) return archived.error();
  session.archived_at = *archived;
  return session;
}

Value Session::to_value() const {
  ValueList vaults;
  for (const std::string& vault : vault_ids) vaults.emplace_back(vault);
  return Value::map({{"id", id},
                     {"status", status},
                     {"deployment_id", text_or_null(deployment_id)},
                     {"vault_ids", Value(std::move(vaults))},
                     {"created_at", time_or_null(created_at)},
                     {"archived_at", time_or_null(archived_at)}});
}

Result<Deployment> Deployment::read(const Value& value) {
  constexpr std::string_view kWhat = "deployment";
  Deployment deployment;
  Result<std::string> id = read_id(value, kWhat, "id");
  if (!id) return id.error();
  deployment.id = std::move(*id);
  if (!value["status"].is_string()) return broken(kWhat, "status");
  deployment.status = outside_text(value["status"].as_string(), kWordBytesMax);
  Result<std::vector<std::string>> vaults = read_vault_ids(value, kWhat);
  if (!vaults) return vaults.error();
  deployment.vault_ids = std::move(*vaults);
  const Result<std::optional<Timestamp>> archived = read_time(value, kWhat, "archived_at");
  if (!archived) return archived.error();
  deployment.archived_at = *archived;
  return deployment;
}

}  // namespace quell::managed_agents
