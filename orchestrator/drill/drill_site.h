#pragma once

#include <functional>
#include <memory>
#include <string>

#include "orchestrator/drill/scenario.h"
#include "orchestrator/engine/engine.h"
#include "orchestrator/engine/policy.h"
#include "orchestrator/playbook_library.h"
#include "orchestrator/range/world.h"
#include "state/base/random.h"

namespace quell {

/// The people of a drill, by what they may do.
inline constexpr std::string_view kDrillResponder = "the drill";
inline constexpr std::string_view kDrillApprover = "the drill's approver";
inline constexpr std::string_view kDrillAdmin = "the drill's admin";

/// Where the hosts of the world are reached. Nothing listens there: the transport is in process.
range::WorldOptions world_options(const Scenario& scenario, std::uint64_t seed, Timestamp start);

/// The connections of a drill, with the keys of its world.
Result<ConnectorSet> drill_connectors(
    const range::World& world, Random& random,
    const std::function<std::string(const Secret&)>& fingerprint);

/// What the platform of the scenario allows, for the engine's pace.
std::map<std::string, OriginLimits, std::less<>> drill_limits(const Scenario& scenario);

/// Nobody approves alone where the scenario turns on that; else the defaults.
Policy drill_policy(const Scenario& scenario);

/// The scenario's playbook: beside its folder, else a shipped one.
Result<PlaybookFile> playbook_of(const Scenario& scenario);

/// The playbook's inputs as the scenario gives them.
Result<Value> scenario_inputs(const Scenario& scenario, const Playbook& playbook,
                              range::World& world, Timestamp now, SecretStore& secrets);

}  // namespace quell
