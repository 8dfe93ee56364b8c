#include "connectors/action.h"

namespace quell {

const ParamSpec* ActionSpec::find_input(std::string_view input) const noexcept {
  for (const ParamSpec& spec : inputs) {
    if (spec.name == input) return &spec;
  }
  return nullptr;
}

}  // namespace quell
