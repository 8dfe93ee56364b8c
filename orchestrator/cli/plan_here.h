#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/cli/session.h"
#include "orchestrator/playbook_library.h"
#include "orchestrator/rehearsal.h"
#include "state/keys.h"

namespace quell::cli {

/// A rehearsal over the configured connections, and what it was made with.
struct PlanHere {
  std::unique_ptr<KeyRing> keys{};
  ConnectorSet connectors{};
  std::shared_ptr<const Playbook> playbook{};
  Rehearsal rehearsal{};
};

/// Reads what the playbook `file` would meet with `inputs` (`NAME=VALUE`) and sends nothing else.
/// Errors have been told when it gives nothing; `exit` is theirs: 2 where nothing was asked of
/// anybody, 5 where a read failed.
std::optional<PlanHere> plan_here(Session& session, const PlaybookFile& file,
                                  const std::vector<std::string>& inputs, int& exit);

}  // namespace quell::cli
