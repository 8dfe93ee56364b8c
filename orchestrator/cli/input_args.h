#pragma once

#include <map>
#include <string>
#include <vector>

#include "orchestrator/cli/session.h"
#include "orchestrator/playbook/model.h"

namespace quell::cli {

/// What `-i NAME=VALUE` arguments hand over, before anything is typed: texts and secrets by input
/// name.
struct GivenInputs {
  std::map<std::string, std::string> texts{};
  std::map<std::string, SecretPtr> secrets{};
};

/// Reads `-i NAME=VALUE` arguments for `playbook`: text, `@FILE`, `@-` (stdin) or a secret
/// reference. A plain value for a secret input, and text that looks like a token, are refused
/// without being shown (threat T40); so is a reference that a connection uses (threat T3).
Result<GivenInputs> read_inputs(Session& session, const Playbook& playbook,
                                const std::vector<std::string>& arguments);

/// The inputs of a playbook as `quell run PLAYBOOK --help` lists them.
std::string inputs_help(const Playbook& playbook);

}  // namespace quell::cli
