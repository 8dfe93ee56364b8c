#pragma once

#include "orchestrator/drill/scenario.h"
#include "orchestrator/playbook/yaml_tree.h"

namespace quell {

/// Reads a scenario file whose YAML is `root`; mistakes become findings with their place. With
/// `playbook` its inputs and steps are known too.
Scenario read_scenario(const YamlNode& root, const Playbook* playbook, Findings& findings);

}  // namespace quell
