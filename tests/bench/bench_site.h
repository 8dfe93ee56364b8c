#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <sys/types.h>
#include <vector>

#include "vault_server.h"

namespace quell::bench {

using Clock = std::chrono::steady_clock;

/// A folder of its own for each measurement, with a configuration, a key and a playbook that
/// archives every credential; it goes with this.
class Site {
 public:
  /// `limits` is YAML for the connection, with a comma in front. With `approves` the run waits for
  /// an approval first.
  Site(const Server& server, std::size_t in_flight, const std::string& limits, bool approves);
  ~Site();
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  /// A database that is not quell's.
  std::string database() const { return (folder_ / "floor.db").string(); }
  const std::filesystem::path& folder() const { return folder_; }
  /// What the last process wrote to stdout.
  std::string output() const;

 private:
  void write(const std::string& name, const std::string& text);

  std::filesystem::path folder_;
};

/// Starts a program in the folder of `site`; ended by wait_for().
pid_t start_program(const std::string& program, const Site& site,
                    const std::vector<std::string>& arguments);

struct Ended {
  double seconds = 0;
  int exit = 0;
  long peak_kib = 0;
  double user = 0;  // seconds of the processor
  double system = 0;
};
Ended wait_for(pid_t pid, Clock::time_point start);

double seconds_since(Clock::time_point start);

}  // namespace quell::bench
