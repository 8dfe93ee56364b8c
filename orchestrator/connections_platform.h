#pragma once

#include <string>

#include "connectors/managed_agents/presets.h"
#include "orchestrator/config.h"
#include "state/base/result.h"

namespace quell {

/// The preset that `settings` of kind managed_agents names; `anthropic` where it names none.
/// Reading the configuration has refused unknown ones.
const ManagedAgentsPreset& preset_of(const ConnectionSettings& settings);

/// Fills what `settings` leaves open from the environment that the preset's own clients read, and
/// then from the preset itself: base URL, key, workspace, region. Error where the preset needs a
/// region and there is none.
Status complete_platform(ConnectionSettings& settings, const ConfigSources& sources);

/// The wire form of complete `settings`: its preset, with every key that is set in its place. The
/// API key is left to the caller.
Result<ManagedAgentsConfig> platform_wire(const ConnectionSettings& settings);

/// Where a person changes `key` of `settings`: "platform.base_url at quell.yaml:5", a variable's
/// name, or a flag.
std::string place_of(const ConnectionSettings& settings, const std::string& key);

}  // namespace quell
