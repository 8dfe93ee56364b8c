#pragma once

#include <cstddef>
#include <string>

namespace quell::bench {

struct FloorOptions {
  int port = 0;
  std::size_t credentials = 1'000;
  std::size_t in_flight = 64;
  std::string database{};  // empty: nothing is written down
  int per_second = 0;      // paced; 0: as fast as it goes
};

/// The least that does the job: each credential read, archived and read back over one libcurl multi
/// handle; with a database, every archive is written down before it leaves and its outcome before
/// the next step, one commit per turn. No language, no checks, no proofs.
void run_floor(const FloorOptions& options);

}  // namespace quell::bench
