#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/io.h"
#include "connectors/managed_agents/api.h"
#include "connectors/managed_agents/records.h"
#include "connectors/task.h"
#include "state/base/result.h"
#include "state/base/value.h"

// Scans. The platform filters neither sessions nor deployments by vault and lists no credentials
// across vaults (API sheet 1.2, 1.3, 2.6), so inventories are read whole and matched here.
namespace quell::managed_agents {

/// Most ids that one parameter may list.
inline constexpr std::size_t kIdsMax = 10'000;

/// An optional list of ids; nothing when it is absent or null. Repeated ids count once.
Result<std::optional<std::vector<std::string>>> ids_param(const Value& params,
                                                          std::string_view name);

/// Most credentials that one call names in one vault; the platform holds 20 active ones (API sheet
/// 2.2), compatible servers may hold more.
inline constexpr std::size_t kNamedCredentialsMax = 1'000;

/// A mandatory list of at least one and at most kNamedCredentialsMax ids, sorted, each once: what
/// names nothing would be archived, or proved to be so, by having nothing to look at.
Result<std::vector<std::string>> some_ids_param(const Value& params, std::string_view name);

struct CredentialScan {
  std::optional<std::vector<std::string>> vault_ids{};  // nothing: every vault
  bool include_archived = false;  // as whoever reads an absence off it asks: ends are confirmed
  /// Among these vaults archived credentials are listed whatever `include_archived` says.
  std::vector<std::string> archived_too{};
};

struct CredentialInventory {
  std::vector<Credential> credentials{};
  std::size_t vaults_scanned = 0;
};

/// All credentials of the vaults, complete or an error.
Task<Result<CredentialInventory>> scan_credentials(Io& io, Api api, CredentialScan scan);

/// What a vault says of some of its credentials.
struct VaultStanding {
  std::vector<Credential> named{};     // of those that were asked for
  std::vector<std::string> missing{};  // asked for, neither listed nor there by id
  bool is_complete = false;            // the vault's list was read to its end
  bool others_active = false;          // it shows active ones that were not asked for
};

/// `ids` as the whole list of their vault shows them; one that it lacks is asked for by itself.
/// `gone` where the vault itself is not there for this key.
Task<Result<VaultStanding>> read_standing(Io& io, Api api, std::string vault_id,
                                          std::vector<std::string> ids);

/// The list of all vaults.
ListCall vault_list(const Api& api, bool include_archived, std::vector<Vault>& vaults);

/// Which sessions a list shows: created at or after `since` and before `before`, where given.
struct SessionWindow {
  std::optional<Timestamp> since{};
  std::optional<Timestamp> before{};
  bool archived_too = true;
};

ListCall session_list(const Api& api, const SessionWindow& window, std::vector<Session>& sessions);

/// The list of deployments that are not archived.
ListCall deployment_list(const Api& api, std::vector<Deployment>& deployments);

/// The list of all agents, archived ones too: their sessions go on (API sheet 2.1).
ListCall agent_list(const Api& api, std::vector<Agent>& agents);

/// The list of all memory stores, archived ones too: what is in them can still be read.
ListCall memory_store_list(const Api& api, std::vector<MemoryStore>& stores);

/// The versions written in a store at or after `since`, or all that it still keeps.
ListCall memory_version_list(const Api& api, const std::string& store_id,
                             const std::optional<Timestamp>& since,
                             std::vector<MemoryVersion>& versions);

/// What a store holds now, without the contents.
ListCall memory_list(const Api& api, const std::string& store_id, std::vector<Memory>& memories);

/// The threads of a session but its primary one.
ListCall thread_list(const Api& api, const std::string& session_id, std::vector<Thread>& threads);

}  // namespace quell::managed_agents
