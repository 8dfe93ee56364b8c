#pragma once

#include <memory>
#include <string_view>

#include "orchestrator/cli/session.h"
#include "orchestrator/owner.h"

namespace quell::cli {

/// Does the person mean the journal of drills? By `--drills`, or by the run's id.
bool means_drill(bool drills, std::string_view run);

/// The state for that, open for reading; errors have been told when it gives null.
std::unique_ptr<StateReader> open_record(Session& session, bool drills);

}  // namespace quell::cli
