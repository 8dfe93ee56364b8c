#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "state/base/secret.h"

namespace quell {

/// Appends to a buffer that may hold a secret. A std::string that grows in place frees its shorter
/// copy as it is; this one wipes it first.
inline void append_wiping(std::string& out, std::string_view piece) {
  const std::size_t needed = out.size() + piece.size();
  if (needed > out.capacity()) {
    std::string larger;
    larger.reserve(std::max(needed, 2 * out.capacity()));
    larger += out;
    std::swap(out, larger);
    wipe(larger);
  }
  out += piece;
}

}  // namespace quell
