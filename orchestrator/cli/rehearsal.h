#pragma once

#include <memory>
#include <vector>

#include "orchestrator/cli/session.h"
#include "orchestrator/engine/engine.h"
#include "orchestrator/report/run_document.h"

namespace quell::cli {

/// A dry run that leaves no trace: reads alone, nothing journalled, and what it would send gathered
/// into a plan.
struct Rehearsal {
  RunState state{};
  Plan plan{};
  Duration took{};
};

Result<Rehearsal> rehearse(Session& session, const ConnectorSet& connectors,
                           std::shared_ptr<const Playbook> playbook, Value inputs);

}  // namespace quell::cli
