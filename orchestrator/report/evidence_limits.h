#pragma once

#include <cstdint>

namespace quell {

/// How much of the disk evidence may take (threat T47).
struct EvidenceLimits {
  std::uint64_t run_bytes_max = std::uint64_t{4} << 30U;
  /// So much of the disk stays free for everything else, the journal first.
  std::uint64_t free_bytes_min = std::uint64_t{256} << 20U;
};

}  // namespace quell
