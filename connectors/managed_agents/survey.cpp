// Everything that a key sees, each list once and in pages of the maximum size, so that whoever asks
// many questions reads once (API sheet 2.6).
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "connectors/managed_agents/calls.h"
#include "connectors/managed_agents/inventory.h"
#include "connectors/url.h"

namespace quell::managed_agents {
namespace {

struct Inventory {
  std::vector<Vault> vaults{};
  std::vector<Credential> credentials{};
  std::vector<Session> sessions{};
  std::vector<Deployment> deployments{};
  std::vector<MemoryStore> stores{};
  ValueList closed{};
};

/// Reads one list. A part that this server lacks, or closes to this key, is named and counts as not
/// seen at all; what else fails ends the survey, since half a list would pass for a whole one
/// (threat T9).
template <typename Record>
Task<Status> read_part(Io& io, Api api, ListCall call, std::string part,
                       std::vector<Record>& records, ValueList& closed) {
  Status listed = co_await read_list(io, api, std::move(call));
  if (listed) co_return ok();
  const ErrorCode code = listed.error().code;
  if (code != ErrorCode::unavailable_here && code != ErrorCode::denied) co_return listed;
  records.clear();
  closed.push_back(Value::map({{"part", part}, {"why", listed.error().message}}));
  co_return ok();
}

ValueList texts_of(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

void put_mounts(const Holdings& holdings, ValueMap& into) {
  ValueList reads;
  ValueList writes;
  for (const Mount& mount : holdings.stores)
    (mount.writes ? writes : reads).emplace_back(mount.memory_store_id);
  into["reads"] = Value(std::move(reads));
  into["writes"] = Value(std::move(writes));
}

ValueList sessions_of(const std::vector<Session>& sessions) {
  ValueList list;
  for (const Session& session : sessions) {
    if (session.is_stopped()) continue;
    ValueMap one{{"id", session.id},
                 {"status", session.status},
                 {"name", text_or_null(session.title)},
                 {"deployment_id", text_or_null(session.deployment_id)},
                 {"created_at", time_or_null(session.created_at)},
                 {"vault_ids", texts_of(session.vault_ids)}};
    put_mounts(session.holdings, one);
    list.emplace_back(std::move(one));
  }
  return list;
}

ValueList deployments_of(const std::vector<Deployment>& deployments) {
  ValueList list;
  for (const Deployment& deployment : deployments) {
    if (deployment.archived_at) continue;
    ValueMap one{{"id", deployment.id},
                 {"status", deployment.status},
                 {"name", text_or_null(deployment.name)},
                 {"deployment_id", Value()},
                 {"created_at", time_or_null(deployment.created_at)},
                 {"updated_at", time_or_null(deployment.updated_at)},
                 {"vault_ids", texts_of(deployment.vault_ids)}};
    put_mounts(deployment.holdings, one);
    list.emplace_back(std::move(one));
  }
  return list;
}

/// Each MCP server once, with the token endpoint of the first record that names one.
ValueList servers_of(const std::vector<Credential>& credentials) {
  std::vector<const Credential*> servers;
  for (const Credential& credential : credentials) {
    if (credential.mcp_server_url.empty()) continue;
    const auto same = std::ranges::find_if(servers, [&credential](const Credential* known) {
      return same_mcp_url(known->mcp_server_url, credential.mcp_server_url);
    });
    if (same == servers.end())
      servers.push_back(&credential);
    else if ((*same)->token_endpoint.empty() && !credential.token_endpoint.empty())
      *same = &credential;
  }
  ValueList list;
  for (const Credential* server : servers) {
    list.push_back(Value::map({{"mcp_server_url", server->mcp_server_url},
                               {"token_endpoint", text_or_null(server->token_endpoint)},
                               {"client_id", text_or_null(server->client_id)}}));
  }
  return list;
}

Value outputs_of(Inventory& inventory) {
  ValueList vaults;
  for (const Vault& vault : inventory.vaults)
    vaults.push_back(
        Value::map({{"id", vault.id}, {"display_name", text_or_null(vault.display_name)}}));
  ValueList credentials;
  for (const Credential& credential : inventory.credentials)
    credentials.push_back(credential.to_value());
  ValueList stores;
  for (const MemoryStore& store : inventory.stores) {
    if (store.archived_at) continue;
    stores.push_back(Value::map({{"id", store.id}, {"name", text_or_null(store.name)}}));
  }
  return Value::map({{"vaults", Value(std::move(vaults))},
                     {"credentials", Value(std::move(credentials))},
                     {"mcp_servers", Value(servers_of(inventory.credentials))},
                     {"sessions", Value(sessions_of(inventory.sessions))},
                     {"deployments", Value(deployments_of(inventory.deployments))},
                     {"memory_stores", Value(std::move(stores))},
                     {"closed", Value(std::move(inventory.closed))}});
}

}  // namespace

ActionTask survey(Io& io, Api api, Value /*params*/) {
  Inventory seen;
  ListCall call = vault_list(api, false, seen.vaults);
  const Status vaults = co_await read_list(io, api, std::move(call));
  if (!vaults) co_return vaults.error();
  CredentialScan scan;
  scan.vault_ids.emplace();
  for (const Vault& vault : seen.vaults) scan.vault_ids->push_back(vault.id);
  Result<CredentialInventory> credentials = co_await scan_credentials(io, api, std::move(scan));
  if (!credentials) co_return credentials.error();
  seen.credentials = std::move(credentials->credentials);
  std::erase_if(seen.credentials,
                [](const Credential& credential) { return credential.archived_at.has_value(); });
  // One after the other: where one list is closed, those beside it in a batch would fail alike.
  call = session_list(api, {.archived_too = false}, seen.sessions);
  Status read =
      co_await read_part(io, api, std::move(call), "sessions", seen.sessions, seen.closed);
  if (!read) co_return read.error();
  call = deployment_list(api, seen.deployments);
  read = co_await read_part(io, api, std::move(call), "deployments", seen.deployments, seen.closed);
  if (!read) co_return read.error();
  call = memory_store_list(api, seen.stores);
  read = co_await read_part(io, api, std::move(call), "memory stores", seen.stores, seen.closed);
  if (!read) co_return read.error();
  Outcome out;
  out.outputs = outputs_of(seen);
  co_return out;
}

}  // namespace quell::managed_agents
