#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "connectors/http/declaration.h"
#include "orchestrator/playbook/diagnostics.h"
#include "orchestrator/playbook/yaml_tree.h"
#include "state/base/result.h"

namespace quell {

/// Reads `actions:` of a connection of kind http (docs/issuers.md, "Your own systems"), a map from
/// names to calls; every mistake becomes a finding. Bounds: 64 actions, 16 inputs and 16 outputs
/// each, and those of call_reader.h. `asserts_safe`: the configuration says that the connection's
/// POSTs of effect read change nothing (threat T25).
DeclaredActions read_declared_actions(Findings& findings, const YamlNode& node, bool asserts_safe);

struct DeclaredLoad {
  std::optional<DeclaredActions> actions{};  // only when no diagnostic is an error
  std::vector<Diagnostic> diagnostics{};     // sorted by line and column
};

/// Reads a file of them under the file rules of playbooks: `http_actions: 1` and `actions:`, at
/// most 64 KiB.
DeclaredLoad load_declared_actions(std::string_view source, bool asserts_safe);

}  // namespace quell
