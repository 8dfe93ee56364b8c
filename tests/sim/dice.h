#pragma once

#include <cstdint>
#include <vector>

#include "state/base/clock.h"
#include "state/base/random.h"

namespace quell::sim {

/// What a seed comes to, one throw after the other. Each part of a simulation has dice of its own,
/// so that a throw more in one does not change what the others do.
class Dice {
 public:
  Dice(std::uint64_t seed, std::uint64_t part) : random_(seed * kPartsMax + part) {}

  bool chance(int percent) { return between(1, 100) <= percent; }
  int between(int least, int most) {
    return least + static_cast<int>(random_.below(static_cast<std::uint64_t>(most - least) + 1));
  }
  Duration span(Duration least, Duration most) {
    return least + Duration(static_cast<std::int64_t>(
                       random_.below(static_cast<std::uint64_t>((most - least).count()) + 1)));
  }
  template <typename T>
  const T& pick(const std::vector<T>& from) {
    return from[random_.below(from.size())];
  }

 private:
  static constexpr std::uint64_t kPartsMax = 16;
  SeededRandom random_;
};

}  // namespace quell::sim
