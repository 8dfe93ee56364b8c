#pragma once

#include "connectors/connector.h"
#include "orchestrator/engine/run_state.h"
#include "state/base/value.h"

// A look that may get tokens leaves a doubt from its request to its answer: what it got in between
// may be alive, and nobody holds it. Where its process dies the doubt stays (threat T11).
namespace quell {

/// The look that `body` (request_sent) names is about to change something.
void doubt_look(const RunState& run, ItemState& item, const Value& body,
                const ConnectorSet& connectors);

/// The look that `body` (probe_finished) names has its answer.
void settle_look(const RunState& run, ItemState& item, const Value& body);

/// The process that looked is gone.
void cut_looks_off(RunState& run);

}  // namespace quell
