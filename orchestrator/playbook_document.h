#pragma once

#include <string>

#include "orchestrator/config.h"
#include "orchestrator/engine/run_state.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell {

/// The playbooks that a run can be started of, as `GET /api/v1/playbooks` lists them: id, title,
/// purpose and SHA-256 of each, or what is wrong with it. A map.
Value playbooks_document(const Config& config, const ConnectorSet& connectors);

/// One of them whole: inputs, steps in the order of the file (outer ones first), source, and the
/// sources of those that it calls. Errors: `gone` for an id that playbook_ids() does not list; a
/// playbook that does not load comes with its first mistake, and with its source.
Result<Value> playbook_document(const std::string& id, const Config& config,
                                const ConnectorSet& connectors);

}  // namespace quell
