#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/findings.h"

namespace quell::sim {

/// How one seed went.
struct Incident {
  std::vector<Violation> violations{};
  std::string head{};  // hash of the last entry, in hex
  std::size_t entries = 0;
  int processes = 0;
  std::vector<std::string> results{};  // of each run, in order
};

/// Plays the incident of `seed`: the same seed is the same journal, byte for byte. `trace` sees
/// every entry and request in order; empty for none.
Incident play(std::uint64_t seed, std::function<void(std::string_view)> trace);

}  // namespace quell::sim
