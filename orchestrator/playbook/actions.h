#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "connectors/action.h"
#include "orchestrator/playbook/loader.h"
#include "orchestrator/playbook/values.h"
#include "orchestrator/playbook/yaml_tree.h"

namespace quell {

/// An action as a playbook names it; `spec` lives in the catalog.
struct ActionRef {
  std::string connection{};
  std::string action{};
  const ActionSpec* spec = nullptr;

  std::string name() const { return connection + "." + action; }
};

/// Looks actions up and checks what is handed to them.
class Actions {
 public:
  Actions(Findings& findings, const ActionCatalog& catalog, const PlaybookScope& scope,
          Values& values)
      : findings_(findings), catalog_(catalog), scope_(scope), values_(values) {}

  /// The action that a scalar `connection.action` names; else an error that suggests the nearest.
  std::optional<ActionRef> find(const YamlNode& node, std::string_view key);
  /// The inputs under `with` (null when the key is missing; then errors stand at `use`): unknown
  /// ones, missing ones, types.
  ValueTemplate inputs(const ActionRef& action, const YamlNode* with, const YamlNode& use,
                       const Locals& locals) {
    return inputs(action.name(), action.spec->inputs, with, use, locals);
  }
  /// As above for anything that takes `inputs` and is called `name`.
  ValueTemplate inputs(const std::string& name, const std::vector<ParamSpec>& inputs,
                       const YamlNode* with, const YamlNode& use, const Locals& locals);

 private:
  std::string proposal(const std::string& name, const ParamSpec& input) const;

  Findings& findings_;
  const ActionCatalog& catalog_;
  const PlaybookScope& scope_;
  Values& values_;
};

}  // namespace quell
