#pragma once

#include "connectors/managed_agents/reach.h"
#include "state/base/value.h"

namespace quell::managed_agents {

/// The web around what was asked, for pictures: `{nodes, edges}`.
///
/// A node is `{id, kind, name, state, tie, changed}`: `kind` credential, vault, deployment,
/// session, thread, agent, memory_store, file, repository or author (a key or a person); `tie` why it is there: named, holds
/// (it can use what was named), beside (attached beside it, or would take over), steered (it reads
/// what one of those can write), part (belongs to one of those); `changed` when it came up or wrote
/// since.
///
/// An edge is `{from, to, kind, did, reason}`: from whoever acts to what it acts on; `did` is false
/// where it only could; `reason` reads `from reason to`.
Value graph_of(const ReachQuestion& question, const Sight& sight, const Reach& reach);

/// Who can steer whom among the agents within reach: `{agents, relations}`. An agent is
/// `{id, name, named}`, an advisor or inline one under an id made of its kind and name. A relation
/// is
/// `{from, to, writes, invokes, observes, shares_vault}`, each a list of the ids that show it: the
/// stores that `from` writes and `to` reads, the sessions or agents whose roster has `to` work for
/// `from`, those whose sandbox they share, the vaults that both can use.
Value lateral_of(const ReachQuestion& question, const Sight& sight, const Reach& reach);

}  // namespace quell::managed_agents
