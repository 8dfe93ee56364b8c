#include "connectors/managed_agents/inventory.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "state/base/bytes.h"

namespace quell::managed_agents {
namespace {

constexpr std::string_view kIncludeArchived = "include_archived=true";
constexpr std::string_view kBasicView = "view=basic";

/// Puts each record of a list at the end of `records`.
template <typename Record>
std::function<Status(const Value&)> taking(std::vector<Record>& records) {
  return [&records](const Value& item) -> Status {
    Result<Record> record = Record::read(item);
    if (!record) return record.error();
    records.push_back(*std::move(record));
    return ok();
  };
}

/// Likewise records that say which store they are of.
template <typename Record>
std::function<Status(const Value&)> taking(std::vector<Record>& records, std::string store_id) {
  return [&records, store = std::move(store_id)](const Value& item) -> Status {
    Result<Record> record = Record::read(item, store);
    if (!record) return record.error();
    records.push_back(*std::move(record));
    return ok();
  };
}

ListCall credential_list(const Api& api, const std::string& vault_id, bool include_archived,
                         std::vector<Credential>& credentials) {
  ListCall call;
  call.what = "the list of credentials of " + outside_text(vault_id);
  call.path = vault_subject(vault_id).path + "/credentials";
  if (include_archived) call.query = kIncludeArchived;
  call.limit = api.config().page_limit;
  call.held_by = vault_subject(vault_id);
  call.take = [&credentials, vault_id](const Value& item) -> Status {
    Result<Credential> credential = Credential::read(item, vault_id);
    if (!credential) return credential.error();
    credentials.push_back(std::move(*credential));
    return ok();
  };
  return call;
}

}  // namespace

Result<std::optional<std::vector<std::string>>> ids_param(const Value& params,
                                                          std::string_view name) {
  const Value& given = params[name];
  if (given.is_null()) return std::optional<std::vector<std::string>>{};
  if (!given.is_list() || given.as_list().size() > kIdsMax) {
    return make_error(ErrorCode::invalid, "bad-input",
                      fmt::format("{} is no list of at most {} ids.", name, kIdsMax),
                      "for instance [vlt_01HQ]");
  }
  std::vector<std::string> ids;
  for (const Value& id : given.as_list()) {
    if (!id.is_string() || !is_valid_id(id.as_string())) {
      return make_error(
          ErrorCode::invalid, "bad-input",
          fmt::format("{} holds \"{}\", which is no id.", name, outside_text(id.string_or(""), 64)),
          fmt::format("up to {} visible ASCII characters without slashes", kIdBytesMax));
    }
    ids.push_back(id.as_string());
  }
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return std::optional<std::vector<std::string>>(std::move(ids));
}

Result<std::vector<std::string>> some_ids_param(const Value& params, std::string_view name) {
  Result<std::optional<std::vector<std::string>>> ids = ids_param(params, name);
  if (!ids) return ids.error();
  if (!*ids || (*ids)->empty() || (*ids)->size() > kNamedCredentialsMax) {
    return make_error(ErrorCode::invalid, "bad-input",
                      fmt::format("{} names {} ids.", name, *ids ? (*ids)->size() : 0),
                      fmt::format("at least one and at most {}", kNamedCredentialsMax));
  }
  return std::move(**ids);
}

ListCall vault_list(const Api& api, bool include_archived, std::vector<Vault>& vaults) {
  ListCall call;
  call.what = "the list of vaults";
  call.path = "/vaults";
  if (include_archived) call.query = kIncludeArchived;
  call.limit = api.config().page_limit;
  call.take = taking(vaults);
  return call;
}

ListCall session_list(const Api& api, const SessionWindow& window, std::vector<Session>& sessions) {
  ListCall call;
  call.what = "the list of sessions";
  call.path = "/sessions";
  const auto filter = [&call](std::string_view name, const std::string& value) {
    call.query += (call.query.empty() ? "" : "&") + std::string(name) + "=" + value;
  };
  // Ranges in brackets, percent-encoded, as the official client sends them (API sheet 0.2).
  if (window.since) filter("created_at%5Bgte%5D", percent_encode(format_rfc3339(*window.since)));
  if (window.before) filter("created_at%5Blt%5D", percent_encode(format_rfc3339(*window.before)));
  if (window.archived_too) filter("include_archived", "true");
  call.limit = api.config().sessions_page_limit;
  call.take = taking(sessions);
  return call;
}

ListCall deployment_list(const Api& api, std::vector<Deployment>& deployments) {
  ListCall call;
  call.what = "the list of deployments";
  call.path = "/deployments";
  call.limit = api.config().page_limit;
  call.take = taking(deployments);
  return call;
}

ListCall agent_list(const Api& api, std::vector<Agent>& agents) {
  ListCall call;
  call.what = "the list of agents";
  call.path = "/agents";
  call.query = kIncludeArchived;
  call.limit = api.config().page_limit;
  call.take = taking(agents);
  return call;
}

ListCall memory_store_list(const Api& api, std::vector<MemoryStore>& stores) {
  ListCall call;
  call.what = "the list of memory stores";
  call.path = "/memory_stores";
  call.query = kIncludeArchived;
  call.limit = api.config().page_limit;
  call.take = taking(stores);
  return call;
}

ListCall memory_version_list(const Api& api, const std::string& store_id,
                             const std::optional<Timestamp>& since,
                             std::vector<MemoryVersion>& versions) {
  ListCall call;
  call.held_by = memory_store_subject(store_id);
  call.what = "the list of memory versions of " + outside_text(store_id);
  call.path = call.held_by.path + "/memory_versions";
  if (since) call.query = "created_at%5Bgte%5D=" + percent_encode(format_rfc3339(*since));
  call.limit = api.config().page_limit;
  call.take = taking(versions, store_id);
  return call;
}

ListCall memory_list(const Api& api, const std::string& store_id, std::vector<Memory>& memories) {
  ListCall call;
  call.held_by = memory_store_subject(store_id);
  call.what = "the list of memories of " + outside_text(store_id);
  call.path = call.held_by.path + "/memories";
  call.query = kBasicView;
  call.limit = api.config().page_limit;
  call.take = taking(memories, store_id);
  return call;
}

ListCall thread_list(const Api& api, const std::string& session_id, std::vector<Thread>& threads) {
  ListCall call;
  call.held_by = session_subject(session_id);
  call.what = "the list of threads of " + outside_text(session_id);
  call.path = call.held_by.path + "/threads";
  call.limit = api.config().page_limit;
  call.take = [&threads, session_id](const Value& item) -> Status {
    Result<Thread> thread = Thread::read(item, session_id);
    if (!thread) return thread.error();
    if (!thread->parent_thread_id.empty()) threads.push_back(*std::move(thread));
    return ok();
  };
  return call;
}

Task<Result<CredentialInventory>> scan_credentials(Io& io, Api api, CredentialScan scan) {
  std::vector<std::string> vault_ids;
  if (scan.vault_ids) {
    vault_ids = std::move(*scan.vault_ids);
  } else {
    std::vector<Vault> vaults;
    ListCall call = vault_list(api, scan.include_archived, vaults);
    call.confirms_end = scan.include_archived;
    const Status listed = co_await read_list(io, api, std::move(call));
    if (!listed) co_return listed.error();
    for (Vault& vault : vaults) vault_ids.push_back(std::move(vault.id));
    vault_ids.insert(vault_ids.end(), scan.archived_too.begin(), scan.archived_too.end());
    // A vault made meanwhile shifts the pages: one may come twice.
    std::ranges::sort(vault_ids);
    vault_ids.erase(std::unique(vault_ids.begin(), vault_ids.end()), vault_ids.end());
  }
  CredentialInventory inventory;
  inventory.vaults_scanned = vault_ids.size();
  std::vector<ListCall> calls;
  calls.reserve(vault_ids.size());
  for (const std::string& vault_id : vault_ids) {
    const bool archived_too =
        scan.include_archived ||
        std::ranges::find(scan.archived_too, vault_id) != scan.archived_too.end();
    calls.push_back(credential_list(api, vault_id, archived_too, inventory.credentials));
    calls.back().confirms_end = scan.include_archived;
  }
  const std::vector<Status> results = co_await read_lists(io, api, std::move(calls));
  for (const Status& result : results) {
    if (!result) co_return result.error();
  }
  // Likewise credentials; of two copies the one that was still active counts.
  const auto order = [](const Credential& a, const Credential& b) {
    if (a.vault_id != b.vault_id) return a.vault_id < b.vault_id;
    if (a.id != b.id) return a.id < b.id;
    return !a.archived_at.has_value() && b.archived_at.has_value();
  };
  const auto same = [](const Credential& a, const Credential& b) {
    return a.vault_id == b.vault_id && a.id == b.id;
  };
  std::ranges::sort(inventory.credentials, order);
  inventory.credentials.erase(
      std::unique(inventory.credentials.begin(), inventory.credentials.end(), same),
      inventory.credentials.end());
  co_return std::move(inventory);
}

Task<Result<VaultStanding>> read_standing(Io& io, Api api, std::string vault_id,
                                          std::vector<std::string> ids) {
  CredentialScan scan;
  scan.vault_ids = std::vector<std::string>{vault_id};
  scan.include_archived = true;
  const Result<CredentialInventory> listed = co_await scan_credentials(io, api, std::move(scan));
  if (!listed) {
    if (listed.error().code != ErrorCode::gone) co_return listed.error();
    // A 404 on the list is the vault's own, or that of a server that lists no archived vault.
    Subject vault = vault_subject(vault_id);
    const Result<Value> seen = co_await fetch(io, api, std::move(vault));
    if (!seen) co_return seen.error();
  }
  VaultStanding standing;
  standing.is_complete = listed.has_value();
  if (listed) {
    for (const Credential& credential : listed->credentials) {
      if (std::ranges::binary_search(ids, credential.id)) {
        standing.named.push_back(credential);
      } else if (!credential.archived_at) {
        standing.others_active = true;
      }
    }
  }
  const std::size_t seen_in_list = standing.named.size();
  for (const std::string& id : ids) {
    const auto end = standing.named.begin() + static_cast<std::ptrdiff_t>(seen_in_list);
    const auto is_it = [&id](const Credential& credential) { return credential.id == id; };
    if (std::any_of(standing.named.begin(), end, is_it)) continue;
    Subject subject = credential_subject(vault_id, id);
    const Result<Value> object = co_await fetch(io, api.alone(), std::move(subject));
    if (!object && object.error().code == ErrorCode::gone) {
      standing.missing.push_back(id);
      continue;
    }
    if (!object) co_return object.error();
    Result<Credential> credential = Credential::read(*object, vault_id);
    if (!credential) co_return credential.error();
    standing.named.push_back(std::move(*credential));
  }
  co_return std::move(standing);
}

}  // namespace quell::managed_agents
