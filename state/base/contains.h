#pragma once

#include <algorithm>
#include <vector>

namespace quell {

template <typename T>
bool contains(const std::vector<T>& all, const T& one) {
  return std::ranges::find(all, one) != all.end();
}

}  // namespace quell
