#pragma once

#include <map>
#include <string>
#include <vector>

#include "orchestrator/range/world.h"
#include "tests/sim/dice.h"
#include "tests/sim/site.h"

namespace quell::sim {

/// A playbook that a seed plays, with its inputs as literals.
struct DrawnPlaybook {
  std::string id{};
  std::string source{};
  std::map<std::string, std::string> texts{};    // inputs by name
  std::map<std::string, std::string> secrets{};  // likewise
};

/// One of those that come with quell, for the world's own incident.
DrawnPlaybook shipped_playbook(const std::string& id, range::World& world, Dice& dice,
                               Timestamp now);

/// One made up from the whole language, over everything that `site` holds.
DrawnPlaybook generated_playbook(Site& site, Dice& dice);

}  // namespace quell::sim
