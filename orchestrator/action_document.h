#pragma once

#include "connectors/oauth/profile.h"
#include "orchestrator/engine/run_state.h"
#include "state/base/value.h"

namespace quell {

/// Every action of `connectors` and every vendor profile, as `GET /api/v1/actions` answers them and
/// `quell actions` tells of them: `actions` with connection and kind, `profiles` with the grade
/// (`rests_on`) of each and of its calls. A map.
Value actions_document(const ConnectorSet& connectors, const IssuerProfiles& profiles);

}  // namespace quell
