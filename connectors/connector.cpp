#include "connectors/connector.h"

namespace quell {

const ActionSpec* find_action(std::span<const ActionSpec> actions, std::string_view name) noexcept {
  for (const ActionSpec& action : actions) {
    if (action.name == name) return &action;
  }
  return nullptr;
}

}  // namespace quell
