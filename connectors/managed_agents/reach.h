#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "connectors/managed_agents/records.h"
#include "state/base/clock.h"

// Who can use a credential, what runs with it, and what that can steer: matched here out of whole
// inventories, since the platform filters by little (API sheet 2.6).
namespace quell::managed_agents {

using Ids = std::set<std::string, std::less<>>;

/// Where a blast radius starts.
struct ReachQuestion {
  Ids vault_ids{};
  Ids credential_ids{};
  Ids session_ids{};
  Ids memory_store_ids{};
  Ids agent_ids{};
  std::string mcp_server_url{};
  std::optional<Timestamp> since{};
  bool deep = false;  // rosters, threads and memory versions too
};

/// Everything that was read, before it is matched.
struct Sight {
  std::vector<Vault> vaults{};  // not archived
  std::map<std::string, Session, std::less<>> sessions{};
  std::vector<Deployment> deployments{};
  std::vector<Credential> credentials{};
  // Read for a deep question alone.
  std::map<std::string, Agent, std::less<>> agents{};
  std::map<std::string, MemoryStore, std::less<>> stores{};
  std::vector<MemoryVersion> versions{};  // written since, in stores within reach
  std::vector<Thread> threads{};          // other than primary ones
  std::vector<std::string> unseen{};      // sentences
  ValueList closed{};                     // parts that this server or key does not show, and why
};

/// What of it is within reach; it points into the sight.
struct Reach {
  Ids primary{};    // vaults that were named or hold what was named
  Ids vault_ids{};  // and those attached beside
  std::vector<const Credential*> credentials{};
  std::vector<const Session*> sessions{};        // that hold what the question names
  std::vector<const Deployment*> deployments{};  // likewise
  // Whoever can write what another reads can tell it what to do. These hold nothing themselves.
  Ids memory_store_ids{};  // that one of the above, or below, can write, or that were named
  std::vector<const Session*> steered_sessions{};
  std::vector<const Deployment*> steered_deployments{};
};

/// `question` answered out of `sight`, whose `unseen` grows where it names what is not there.
Reach match_reach(const ReachQuestion& question, Sight& sight);

bool mounts_any(const Holdings& holdings, const Ids& stores);

}  // namespace quell::managed_agents
