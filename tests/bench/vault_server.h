#pragma once

#include <cstddef>
#include <sys/types.h>

namespace quell::bench {

struct ServerOptions {
  std::size_t credentials = 1'000;  // in vaults of 20
  int latency_ms = 0;
  int per_second = 0;  // reads, and as many writes; beyond it 429. 0: no limit
};

/// A process that speaks as much of the platform as the job needs: list vaults and credentials, get
/// and archive a credential. One thread, keep-alive, as fast as it gets, so that what is measured
/// is its client.
struct Server {
  pid_t pid = 0;
  int port = 0;
};
Server start_server(const ServerOptions& options);

/// What the server saw.
struct Seen {
  std::size_t requests = 0;
  std::size_t archives = 0;         // requests to archive
  std::size_t archived_twice = 0;   // of those, for a credential that was archived already
  std::size_t blind_repeats = 0;    // of those, without a read of it in between
  std::size_t refused = 0;          // 429
  std::size_t last_archive_ns = 0;  // of the steady clock, when the last request to archive came
};
Seen ask_server(const Server& server);
void stop_server(const Server& server);

}  // namespace quell::bench
