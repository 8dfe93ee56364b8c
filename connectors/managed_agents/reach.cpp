#include "connectors/managed_agents/reach.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "connectors/url.h"

namespace quell::managed_agents {
namespace {

bool names_any(const std::vector<std::string>& ids, const Ids& wanted) {
  return std::ranges::any_of(ids, [&wanted](const std::string& id) { return wanted.contains(id); });
}

bool same_url_as_any(const Credential& credential, const std::vector<std::string>& urls) {
  return !credential.mcp_server_url.empty() &&
         std::ranges::any_of(urls, [&credential](const std::string& url) {
           return same_mcp_url(credential.mcp_server_url, url);
         });
}

bool has_participant(const std::vector<Participant>& roster, const Ids& agents) {
  return std::ranges::any_of(
      roster, [&agents](const Participant& entry) { return agents.contains(entry.id); });
}

/// Runs an agent in question, itself or through its roster: the filter of the platform's own list
/// does not cover the latter (API sheet 2.6).
bool runs_any(const Session& session, const Ids& agents) {
  return agents.contains(session.agent_id) || has_participant(session.roster, agents);
}

bool starts_any(const Deployment& deployment, const Ids& agents, const Sight& sight) {
  if (agents.contains(deployment.agent_id)) return true;
  const auto agent = sight.agents.find(deployment.agent_id);
  return agent != sight.agents.end() && has_participant(agent->second.roster, agents);
}

/// The credentials in question and their vaults; then others that answer for the same URL.
void match_credentials(const ReachQuestion& question, const Sight& sight, Reach& reach) {
  const bool whole_vaults = question.credential_ids.empty() && question.mcp_server_url.empty();
  std::vector<std::string> urls;
  if (!question.mcp_server_url.empty()) urls.push_back(question.mcp_server_url);
  const Ids start = reach.primary;
  std::set<const Credential*> targets;
  for (const Credential& credential : sight.credentials) {
    const bool active = !credential.archived_at.has_value();
    const bool by_id = question.credential_ids.contains(credential.id);
    const bool by_url = active && !question.mcp_server_url.empty() &&
                        same_mcp_url(credential.mcp_server_url, question.mcp_server_url);
    const bool by_vault = active && whole_vaults && start.contains(credential.vault_id);
    if (!by_id && !by_url && !by_vault) continue;
    targets.insert(&credential);
    reach.primary.insert(credential.vault_id);
    if (!credential.mcp_server_url.empty() && !same_url_as_any(credential, urls))
      urls.push_back(credential.mcp_server_url);
  }
  reach.vault_ids = reach.primary;
  for (const Credential& credential : sight.credentials) {
    // The first vault of a session that has the URL wins, so another one takes over when it is
    // archived (API sheet 2.2). It is named; its vault is in reach only where it is attached
    // beside.
    const bool takes_over = !credential.archived_at && same_url_as_any(credential, urls);
    if (targets.contains(&credential) || takes_over) reach.credentials.push_back(&credential);
  }
}

/// What runs, or may start, with a vault or agent in question, and the vaults attached beside it.
void match_uses(const ReachQuestion& question, const Sight& sight, Reach& reach) {
  const auto beside = [&reach](const std::vector<std::string>& ids) {
    reach.vault_ids.insert(ids.begin(), ids.end());
  };
  for (const auto& [id, session] : sight.sessions) {
    if (!question.session_ids.contains(id) && !names_any(session.vault_ids, reach.primary) &&
        !runs_any(session, question.agent_ids))
      continue;
    reach.sessions.push_back(&session);
    if (!session.is_stopped()) beside(session.vault_ids);
  }
  for (const Deployment& deployment : sight.deployments) {
    if (deployment.archived_at) continue;
    if (!names_any(deployment.vault_ids, reach.primary) &&
        !starts_any(deployment, question.agent_ids, sight))
      continue;
    reach.deployments.push_back(&deployment);
    beside(deployment.vault_ids);
  }
}

/// Adds to `stores` what `holdings` can write.
bool spread(const Holdings& holdings, Ids& stores) {
  bool grew = false;
  for (const Mount& mount : holdings.stores)
    grew |= mount.writes && stores.insert(mount.memory_store_id).second;
  return grew;
}

/// Memory carries what one session writes to all that mount the store, and on from there.
void match_steered(const ReachQuestion& question, const Sight& sight, Reach& reach) {
  reach.memory_store_ids = question.memory_store_ids;
  std::set<const void*> seen;
  for (const Session* session : reach.sessions) {
    seen.insert(session);
    spread(session->holdings, reach.memory_store_ids);
  }
  for (const Deployment* deployment : reach.deployments) {
    seen.insert(deployment);
    spread(deployment->holdings, reach.memory_store_ids);
  }
  bool grew = true;
  while (grew) {
    grew = false;
    for (const auto& [id, session] : sight.sessions) {
      if (!mounts_any(session.holdings, reach.memory_store_ids)) continue;
      if (!seen.insert(&session).second) continue;
      reach.steered_sessions.push_back(&session);
      grew |= spread(session.holdings, reach.memory_store_ids);
    }
    for (const Deployment& deployment : sight.deployments) {
      if (deployment.archived_at || !mounts_any(deployment.holdings, reach.memory_store_ids))
        continue;
      if (!seen.insert(&deployment).second) continue;
      reach.steered_deployments.push_back(&deployment);
      grew |= spread(deployment.holdings, reach.memory_store_ids);
    }
  }
}

}  // namespace

bool mounts_any(const Holdings& holdings, const Ids& stores) {
  return std::ranges::any_of(holdings.stores, [&stores](const Mount& mount) {
    return stores.contains(mount.memory_store_id);
  });
}

Reach match_reach(const ReachQuestion& question, Sight& sight) {
  Reach reach;
  reach.primary = question.vault_ids;
  for (const std::string& id : question.session_ids) {
    const Session& session = sight.sessions.at(id);
    reach.primary.insert(session.vault_ids.begin(), session.vault_ids.end());
  }
  // Whoever steers an agent may have had what its sessions could use.
  for (const auto& [id, session] : sight.sessions) {
    if (runs_any(session, question.agent_ids))
      reach.primary.insert(session.vault_ids.begin(), session.vault_ids.end());
  }
  for (const Deployment& deployment : sight.deployments) {
    if (!deployment.archived_at && starts_any(deployment, question.agent_ids, sight))
      reach.primary.insert(deployment.vault_ids.begin(), deployment.vault_ids.end());
  }
  Ids open;
  for (const Vault& vault : sight.vaults) open.insert(vault.id);
  for (const std::string& id : reach.primary) {
    if (open.contains(id) || question.vault_ids.contains(id)) continue;
    sight.unseen.push_back(fmt::format("{}: archived, deleted or of another workspace", id));
  }
  match_credentials(question, sight, reach);
  match_uses(question, sight, reach);
  match_steered(question, sight, reach);
  return reach;
}

}  // namespace quell::managed_agents
