#pragma once

#include "orchestrator/playbook/loader.h"
#include "state/base/value.h"

namespace quell {

/// A JSON Schema (draft 2020-12) of the playbook language with the actions of `catalog`, for the
/// completion and the red lines of an editor. It knows keys, words and shapes; references, types
/// and order are for load_playbook() alone.
Value playbook_schema(const ActionCatalog& catalog);

}  // namespace quell
