#pragma once

#include "state/base/value.h"

namespace quell {

/// The paragraph that the threat model of an agent has to hold: what flows into memory, who can
/// read it, how access is revoked; from the outputs of `survey`. `{"paragraph", "stores": [{"id",
/// "name", "writers", "readers", "credential_ids"}]}`; `paragraph` is null where the stores, the
/// sessions or the deployments are not visible.
Value memory_document(const Value& survey);

}  // namespace quell
