#pragma once

#include <string>

#include "orchestrator/engine/run_state.h"
#include "state/journal.h"

namespace quell {

/// An entry as the exports write it, with its number and hash: a JSON object, no line end.
std::string journal_line(const StoredEntry& stored);

/// Writes `run.json` (the run document as it stands) and `journal.jsonl` (every entry of the run
/// with its number and hash) into
/// `<folder>/<run>/`, files 0600 and durable, and gives that folder.
Result<std::string> write_bundle(const std::string& folder, const RunState& run,
                                 const ConnectorSet& connectors, Journal& journal);

}  // namespace quell
