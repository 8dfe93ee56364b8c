#pragma once

#include <string>
#include <utility>
#include <vector>

namespace quell {

/// Style sheet and script of the panel, as (file name, text); they are part of the program.
const std::vector<std::pair<std::string, std::string>>& panel_assets();

}  // namespace quell
