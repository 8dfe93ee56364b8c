#pragma once

#include <string_view>

#include "orchestrator/playbook/loader.h"
#include "orchestrator/playbook/model.h"
#include "orchestrator/playbook/yaml_tree.h"

namespace quell {

/// Reads a whole playbook off its tree and checks it. What is wrong goes to `findings`; the result
/// is worth something only when no error is among them.
Playbook read_playbook(const YamlNode& root, std::string_view source, std::string_view file,
                       const ActionCatalog& catalog, Findings& findings);

}  // namespace quell
