#pragma once

#include "connectors/oauth/profile.h"
#include "orchestrator/engine/run_state.h"
#include "state/base/value.h"

namespace quell {

/// One action of the connection `connection`, a map.
Value action_document(const std::string& connection, const std::string& kind,
                      const ActionSpec& spec);

/// Every action of `connectors` and every vendor profile, as `GET /api/v1/actions` answers them and
/// `quell actions` tells of them: `actions` with connection and kind, `profiles` with the grade
/// (`rests_on`) of each and of its calls. A map.
Value actions_document(const ConnectorSet& connectors, const IssuerProfiles& profiles);

}  // namespace quell
