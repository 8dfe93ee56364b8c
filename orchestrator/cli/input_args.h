#pragma once

#include <functional>
#include <string>
#include <vector>

#include "orchestrator/cli/session.h"
#include "orchestrator/playbook/model.h"

namespace quell::cli {

/// The typed inputs that `-i NAME=VALUE` arguments give `playbook`: text, `@FILE`, `@-` (stdin) or a secret reference. A plain value for a secret
/// input, and text that looks like a token, are refused without being shown (threat T40); so is a reference that a connection uses (threat T3).
Result<Value> read_inputs(Session& session, const Playbook& playbook, const std::vector<std::string>& arguments,
                          const std::function<std::string(const Secret&)>& fingerprint);

/// The inputs of a playbook as `quell run PLAYBOOK --help` lists them.
std::string inputs_help(const Playbook& playbook);

}  // namespace quell::cli
