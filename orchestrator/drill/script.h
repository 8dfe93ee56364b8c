#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "orchestrator/drill/scenario.h"
#include "state/model/entry.h"

namespace quell {

/// One thing that a scenario has happen at a time. Points into the scenario.
struct ScriptedDeed {
  Timestamp due{};
  std::variant<const ScriptedAct*, const ScriptedFault*, const Inject*> what{};
};

/// What `scenario` has happen after `moment`, which was at `at`: acts, faults, injects.
std::vector<ScriptedDeed> deeds_after(const Scenario& scenario, std::string_view moment,
                                      Timestamp at);

/// The moment of a scenario (Moment::on) that `entry` of a run is, if any.
std::optional<std::string> moment_of(const Entry& entry);

/// Does an act or a fault in `world`; an inject is the players' to hear, and returned.
const Inject* carry_out(range::World& world, const ScriptedDeed& deed, Timestamp now);

}  // namespace quell
