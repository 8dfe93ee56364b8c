#pragma once

#include <string_view>
#include <vector>

#include "orchestrator/playbook/calls.h"
#include "orchestrator/playbook/model.h"
#include "orchestrator/playbook/yaml_tree.h"

namespace quell {

/// Reads a whole playbook off its tree and checks it. What is wrong goes to `findings`; the result
/// is worth something only when no error is among them. What its steps use goes to `uses`, unless
/// null; the places in there live as long as `root`.
Playbook read_playbook(const YamlNode& root, std::string_view source, std::string_view file,
                       Callees& callees, Findings& findings, std::vector<UseFact>* uses);

/// `leak` of `folder/leak.yaml`.
std::string_view file_stem(std::string_view file) noexcept;

}  // namespace quell
