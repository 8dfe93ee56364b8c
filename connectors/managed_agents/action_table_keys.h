#pragma once

#include <vector>

#include "connectors/action.h"

namespace quell::managed_agents {

/// The rows of the action table about the organization's API keys.
std::vector<ActionSpec> api_key_actions();

}  // namespace quell::managed_agents
