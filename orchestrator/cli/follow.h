#pragma once

#include "orchestrator/cli/session.h"

namespace quell::cli {

/// Shows a run that another process drives until it has its result, from the journal alone; gives
/// the run's exit code, or 130 when a signal ended the looking. With --json one document at the
/// end, or a line per event where `event_lines`.
int follow_run(Session& session, StateReader& reader, RunId id, bool event_lines);

}  // namespace quell::cli
