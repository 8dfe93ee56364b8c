#include "orchestrator/panel/text_diff.h"

#include <algorithm>
#include <cstdint>

namespace quell::panel {
namespace {

constexpr std::size_t kPairsMax = 4'000'000;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

}  // namespace

std::vector<DiffLine> diff_lines(std::string_view before, std::string_view after) {
  const std::vector<std::string_view> a = lines_of(before);
  const std::vector<std::string_view> b = lines_of(after);
  std::size_t head = 0;
  while (head < a.size() && head < b.size() && a[head] == b[head]) ++head;
  std::size_t tail = 0;
  while (tail < a.size() - head && tail < b.size() - head &&
         a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) {
    ++tail;
  }
  const std::size_t rows = a.size() - head - tail;
  const std::size_t columns = b.size() - head - tail;
  // longest[i][j]: of what both have from line i and j on.
  const bool is_small = rows == 0 || columns <= kPairsMax / rows;
  std::vector<std::uint32_t> longest(is_small ? (rows + 1) * (columns + 1) : 0);
  const auto at = [&](std::size_t i, std::size_t j) -> std::uint32_t& {
    return longest[i * (columns + 1) + j];
  };
  if (is_small) {
    for (std::size_t i = rows; i-- > 0;) {
      for (std::size_t j = columns; j-- > 0;) {
        at(i, j) = a[head + i] == b[head + j] ? at(i + 1, j + 1) + 1
                                              : std::max(at(i + 1, j), at(i, j + 1));
      }
    }
  }
  std::vector<DiffLine> lines;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < rows || j < columns) {
    if (is_small && i < rows && j < columns && a[head + i] == b[head + j]) {
      ++i;
      ++j;
    } else if (i < rows && (j == columns || !is_small || at(i + 1, j) >= at(i, j + 1))) {
      lines.push_back({.kind = DiffLine::Kind::removed,
                       .number = head + i + 1,
                       .text = std::string(a[head + i])});
      ++i;
    } else {
      lines.push_back({.kind = DiffLine::Kind::added,
                       .number = head + j + 1,
                       .text = std::string(b[head + j])});
      ++j;
    }
  }
  return lines;
}

}  // namespace quell::panel
