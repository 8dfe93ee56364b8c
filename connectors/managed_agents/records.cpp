#include "connectors/managed_agents/records.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "state/base/bytes.h"

namespace quell::managed_agents {
namespace {

constexpr std::size_t kUrlBytesMax = 2048;
/// A deployment allows 50; sessions state none (API sheet 1.3).
constexpr std::size_t kVaultIdsMax = 1000;
constexpr std::size_t kMetadataPairsMax = 64;
/// A deployment allows 500 (API sheet 1.9).
constexpr std::size_t kResourcesMax = 5'000;
constexpr std::size_t kRosterMax = 1'000;
constexpr std::size_t kSha256HexSize = 64;

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

/// `resources` of a session or deployment. What is left out or null is no resource; one that names
/// no object spoils the record, since a memory that is not seen carries on what was written there.
Result<Holdings> read_holdings(const Value& value, std::string_view what) {
  const Value& resources = value["resources"];
  Holdings holdings;
  if (resources.is_null()) return holdings;
  if (!resources.is_list() || resources.as_list().size() > kResourcesMax)
    return broken(what, "resources");
  for (const Value& resource : resources.as_list()) {
    const std::string type = resource["type"].string_or("");
    if (type == "memory_store") {
      Result<std::string> id = read_id(resource, "memory store resource", "memory_store_id");
      if (!id) return id.error();
      holdings.stores.push_back(Mount{.memory_store_id = *std::move(id),
                                      .writes = resource["access"].string_or("") != "read_only"});
    } else if (type == "file") {
      Result<std::string> id = read_id(resource, "file resource", "file_id");
      if (!id) return id.error();
      holdings.file_ids.push_back(*std::move(id));
    } else if (type == "github_repository") {
      holdings.repositories.push_back(outside_text(resource["url"].string_or(""), kUrlBytesMax));
    }
  }
  return holdings;
}

/// An agent as rosters and threads show it: one of the workspace, an advisor, or one that was made
/// up at run time and is kept nowhere.
Participant read_participant(const Value& value) {
  const std::string type = value["type"].string_or("");
  if (type == "advisor") {
    const Value& model = value["model"];
    const std::string name = model.is_map() ? model["id"].string_or("") : model.string_or("");
    return {.kind = Participant::Kind::advisor, .name = outside_text(name, kNameBytesMax)};
  }
  const std::string id = value["id"].string_or("");
  const bool is_kept = type != "inline" && is_valid_id(id);
  return {.kind = is_kept ? Participant::Kind::agent : Participant::Kind::inline_agent,
          .id = is_kept ? id : std::string(),
          .name = outside_text(value["name"].string_or(""), kNameBytesMax)};
}

void read_participants(const Value& list, std::vector<Participant>& roster) {
  if (!list.is_list()) return;
  for (const Value& entry : list.as_list()) {
    if (roster.size() < kRosterMax && entry.is_map()) roster.push_back(read_participant(entry));
  }
}

/// Both forms of `multiagent`: `coordinator` with its agents, and the later one with a part for
/// each kind (API sheet 1.3, 1.8).
std::vector<Participant> read_roster(const Value& multiagent) {
  std::vector<Participant> roster;
  if (!multiagent.is_map()) return roster;
  read_participants(multiagent["agents"], roster);
  for (const std::string_view part : {"subagents", "workflows"}) {
    if (multiagent[part]["type"].string_or("") != "enabled") continue;
    read_participants(multiagent[part]["predefined_agents"], roster);
    read_participants(multiagent[part]["inline_agents"], roster);
  }
  const Value& advisor = multiagent["advisor"];
  if (advisor["type"].string_or("") == "enabled") {
    roster.push_back({.kind = Participant::Kind::advisor,
                      .name = outside_text(advisor["model"].string_or(""), kNameBytesMax)});
  }
  return roster;
}

/// A hash in lower-case hex; empty where the member is null or left out.
Result<std::string> read_sha256(const Value& value, std::string_view what) {
  constexpr std::string_view kMember = "content_sha256";
  const Value& hash = value[kMember];
  if (hash.is_null()) return std::string();
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (!hash.is_string() || hash.as_string().size() != kSha256HexSize ||
      !std::ranges::all_of(hash.as_string(), is_hex))
    return broken(what, kMember);
  return hash.as_string();
}

/// A URL or a client's name goes on to other calls, so it stays as it is; a monstrous one is cut
/// off entirely.
std::string word(const Value& value, std::size_t bytes_max) {
  std::string text = value.string_or("");
  if (text.size() > bytes_max) text.clear();
  return text;
}

/// Pairs beyond what the platform allows are passed over.
std::map<std::string, std::string, std::less<>> read_metadata(const Value& value) {
  std::map<std::string, std::string, std::less<>> metadata;
  if (!value["metadata"].is_map()) return metadata;
  for (const auto& [key, text] : value["metadata"].as_map()) {
    if (metadata.size() == kMetadataPairsMax) break;
    if (text.is_string()) metadata.emplace(key, text.as_string());
  }
  return metadata;
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
  vault.metadata = read_metadata(value);
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
  credential.metadata = read_metadata(value);
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
  session.title = outside_text(value["title"].string_or(""), kNameBytesMax);
  const Value& agent = value["agent"];
  if (is_valid_id(agent["id"].string_or(""))) session.agent_id = agent["id"].as_string();
  session.agent_name = outside_text(agent["name"].string_or(""), kNameBytesMax);
  session.roster = read_roster(agent["multiagent"]);
  Result<Holdings> holdings = read_holdings(value, kWhat);
  if (!holdings) return holdings.error();
  session.holdings = *std::move(holdings);
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
  deployment.name = outside_text(value["name"].string_or(""), kNameBytesMax);
  if (is_valid_id(value["agent"]["id"].string_or("")))
    deployment.agent_id = value["agent"]["id"].as_string();
  deployment.has_schedule = value["schedule"].is_map();
  Result<Holdings> holdings = read_holdings(value, kWhat);
  if (!holdings) return holdings.error();
  deployment.holdings = *std::move(holdings);
  for (const auto& [name, time] : {std::pair{"created_at", &deployment.created_at},
                                   std::pair{"updated_at", &deployment.updated_at},
                                   std::pair{"archived_at", &deployment.archived_at}}) {
    const Result<std::optional<Timestamp>> read = read_time(value, kWhat, name);
    if (!read) return read.error();
    *time = *read;
  }
  return deployment;
}

Result<Agent> Agent::read(const Value& value) {
  constexpr std::string_view kWhat = "agent";
  Agent agent;
  Result<std::string> id = read_id(value, kWhat, "id");
  if (!id) return id.error();
  agent.id = *std::move(id);
  agent.name = outside_text(value["name"].string_or(""), kNameBytesMax);
  agent.roster = read_roster(value["multiagent"]);
  const Result<std::optional<Timestamp>> archived = read_time(value, kWhat, "archived_at");
  if (!archived) return archived.error();
  agent.archived_at = *archived;
  return agent;
}

Result<Thread> Thread::read(const Value& value, std::string_view session_id) {
  constexpr std::string_view kWhat = "thread";
  Thread thread;
  Result<std::string> id = read_id(value, kWhat, "id");
  if (!id) return id.error();
  thread.id = *std::move(id);
  if (value.has("session_id") && value["session_id"].string_or("") != session_id)
    return broken(kWhat, "session_id");
  thread.session_id = std::string(session_id);
  thread.parent_thread_id = outside_text(value["parent_thread_id"].string_or(""), kIdBytesMax);
  if (!value["status"].is_string()) return broken(kWhat, "status");
  thread.status = outside_text(value["status"].as_string(), kWordBytesMax);
  thread.agent = read_participant(value["agent"]);
  thread.of_workflow = !value["workflow_run_id"].is_null();
  const Result<std::optional<Timestamp>> archived = read_time(value, kWhat, "archived_at");
  if (!archived) return archived.error();
  thread.archived_at = *archived;
  return thread;
}

Result<MemoryStore> MemoryStore::read(const Value& value) {
  constexpr std::string_view kWhat = "memory store";
  MemoryStore store;
  Result<std::string> id = read_id(value, kWhat, "id");
  if (!id) return id.error();
  store.id = *std::move(id);
  store.name = outside_text(value["name"].string_or(""), kNameBytesMax);
  const Result<std::optional<Timestamp>> archived = read_time(value, kWhat, "archived_at");
  if (!archived) return archived.error();
  store.archived_at = *archived;
  return store;
}

Result<MemoryVersion> MemoryVersion::read(const Value& value, std::string_view store_id) {
  constexpr std::string_view kWhat = "memory version";
  MemoryVersion version;
  Result<std::string> id = read_id(value, kWhat, "id");
  if (!id) return id.error();
  version.id = *std::move(id);
  Result<std::string> memory = read_id(value, kWhat, "memory_id");
  if (!memory) return memory.error();
  version.memory_id = *std::move(memory);
  if (value.has("memory_store_id") && value["memory_store_id"].string_or("") != store_id)
    return broken(kWhat, "memory_store_id");
  version.memory_store_id = std::string(store_id);
  version.operation = outside_text(value["operation"].string_or(""), kWordBytesMax);
  const Value& author = value["created_by"];
  version.author_kind = outside_text(author["type"].string_or(""), kWordBytesMax);
  for (const std::string_view member :
       {"session_id", "api_key_id", "user_id", "service_account_id"}) {
    if (is_valid_id(author[member].string_or(""))) version.author_id = author[member].as_string();
  }
  const Result<std::optional<Timestamp>> created = read_time(value, kWhat, "created_at");
  if (!created) return created.error();
  version.created_at = *created;
  const Result<std::optional<Timestamp>> redacted = read_time(value, kWhat, "redacted_at");
  if (!redacted) return redacted.error();
  version.redacted_at = *redacted;
  Result<std::string> hash = read_sha256(value, kWhat);
  if (!hash) return hash.error();
  version.content_sha256 = *std::move(hash);
  if (value["content_size_bytes"].is_int())
    version.content_size_bytes = value["content_size_bytes"].as_int();
  return version;
}

Value MemoryVersion::to_value() const {
  return Value::map({{"id", id},
                     {"memory_id", memory_id},
                     {"memory_store_id", memory_store_id},
                     {"operation", operation},
                     {"author_kind", text_or_null(author_kind)},
                     {"author_id", text_or_null(author_id)},
                     {"created_at", time_or_null(created_at)},
                     {"redacted_at", time_or_null(redacted_at)},
                     {"content_sha256", text_or_null(content_sha256)},
                     {"content_size_bytes",
                      content_size_bytes ? Value(*content_size_bytes) : Value()}});
}

Result<Memory> Memory::read(const Value& value, std::string_view store_id) {
  constexpr std::string_view kWhat = "memory";
  Memory memory;
  Result<std::string> id = read_id(value, kWhat, "id");
  if (!id) return id.error();
  memory.id = *std::move(id);
  if (value.has("memory_store_id") && value["memory_store_id"].string_or("") != store_id)
    return broken(kWhat, "memory_store_id");
  memory.memory_store_id = std::string(store_id);
  Result<std::string> head = read_id(value, kWhat, "memory_version_id");
  if (!head) return head.error();
  memory.version_id = *std::move(head);
  Result<std::string> hash = read_sha256(value, kWhat);
  if (!hash) return hash.error();
  if (hash->empty()) return broken(kWhat, "content_sha256");
  memory.content_sha256 = *std::move(hash);
  return memory;
}

}  // namespace quell::managed_agents
