#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "orchestrator/engine/run_state.h"
#include "state/journal.h"

namespace quell {

/// Loads the playbook that a run pinned, from its own source and those of the playbooks it calls.
using PlaybookLoader = std::function<Result<std::shared_ptr<const Playbook>>(
    const std::string& source, const std::string& id,
    const std::map<std::string, std::string>& called)>;

/// What a journal comes to.
struct Folded {
  std::map<RunId, RunState> runs{};  // oldest first
  /// Runs whose pinned playbook does not load with the present connections, one sentence each. They
  /// stay in the journal; nothing acts on them here.
  std::vector<std::string> unreadable{};
  RunId last{};  // of all runs, readable or not
};

/// Folds the whole journal. `secrets` may be null for reading commands: inputs then keep their
/// fingerprints only.
Result<Folded> fold_journal(Journal& journal, SecretStore* secrets,
                            const PlaybookLoader& load_playbook, const ConnectorSet& connectors);

}  // namespace quell
