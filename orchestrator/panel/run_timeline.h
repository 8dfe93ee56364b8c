#pragma once

#include "orchestrator/engine/claims.h"
#include "orchestrator/engine/run_state.h"
#include "orchestrator/panel/html.h"

namespace quell::panel {

/// One row a step that began, on one axis of time from the start of the run to `now` or its end.
/// The pictures stretch, so no text in them is ever scaled; each row says the same in words.
Markup timeline(const RunState& run, const std::vector<Claim>& claims, Timestamp now);

}  // namespace quell::panel
