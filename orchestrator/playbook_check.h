#pragma once

#include <string>
#include <vector>

#include "orchestrator/api/api_route.h"
#include "orchestrator/engine/run_state.h"
#include "orchestrator/playbook/diagnostics.h"

namespace quell {

/// One finding as `quell check --json` tells it, and the finding that such a document spells.
Value diagnostic_document(const Diagnostic& diagnostic);
Diagnostic diagnostic_of_document(const Value& document);

/// `/api/v1/playbooks/check`: what `quell check` says of a text that nobody has to have written to a
/// file yet. Nothing is kept and nothing runs. `connectors` outlives the routes.
std::vector<ApiRoute> playbook_check_routes(const ConnectorSet& connectors);

}  // namespace quell
