#pragma once

#include <string_view>

#include "connectors/action.h"
#include "orchestrator/playbook/model.h"
#include "orchestrator/playbook/yaml_tree.h"

namespace quell {

// What does not stop a playbook and is missed at night.

/// Warns where `until`, which stands at `node`, ends before one look of `probe` has to answer.
void warn_short_until(Findings& findings, const YamlNode& node, const Until& until,
                      const ActionSpec& probe);

/// The warning that no drill rehearses the playbook `id`, whose file is `source`; under its id.
Diagnostic no_drill(std::string_view source, std::string_view id);

}  // namespace quell
