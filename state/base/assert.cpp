#include "state/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace quell {

void assertion_failed(const char* condition, const char* file, int line) noexcept {
  // Literals only: nothing from memory that could hold a secret is printed.
  std::fprintf(stderr, "quell: invariant broken: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace quell
