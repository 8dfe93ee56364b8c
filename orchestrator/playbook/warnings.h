#pragma once

#include <string_view>
#include <vector>

#include "connectors/action.h"
#include "orchestrator/playbook/model.h"
#include "orchestrator/playbook/yaml_tree.h"

namespace quell {

// What does not stop a playbook and is missed at night.

/// Warns where `until`, which stands at `node`, ends before one look of `probe` has to answer.
void warn_short_until(Findings& findings, const YamlNode& node, const Until& until,
                      const ActionSpec& probe);

/// A warning for each approval that wants more people than there can be: while no user is
/// configured, one person gives them all.
std::vector<Diagnostic> unreachable_approvals(const Playbook& playbook);

/// The warning that no drill rehearses the playbook `id`, whose file is `source`; under its id.
Diagnostic no_drill(std::string_view source, std::string_view id);

}  // namespace quell
