#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/playbook/model.h"
#include "orchestrator/playbook/steps.h"

namespace quell {

/// The load errors of language section 9 that an author may override, as `settings.accept` names
/// them.
const std::vector<std::string>& overrides();

/// Rules that concern the order and the whole of a playbook: the purge waits for the issuer, a
/// rotation is no revocation, evidence comes before deletion, every claim has a probe. `accept` is
/// the node of `settings.accept`, or null.
void check_rules(Findings& findings, const std::vector<UseFact>& uses, const YamlNode* accept,
                 Playbook& playbook);

}  // namespace quell
