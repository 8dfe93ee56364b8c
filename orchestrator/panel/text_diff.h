#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quell::panel {

/// A line that only one of two texts has.
struct DiffLine {
  enum class Kind : std::uint8_t { removed, added };
  Kind kind = Kind::added;
  std::size_t number = 0;  // in its own text, from 1
  std::string text{};
};

/// The lines in which `after` differs from `before`, in their order, a longest common subsequence
/// left out. Beyond 4,000,000 pairs of lines the middle of both counts as changed whole.
std::vector<DiffLine> diff_lines(std::string_view before, std::string_view after);

}  // namespace quell::panel
