#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "orchestrator/cli/session.h"
#include "orchestrator/drill/scenario.h"
#include "orchestrator/owner.h"
#include "orchestrator/range/front.h"
#include "state/model/ids.h"

namespace quell::cli {

/// What people play a drill on: a folder of its own with a configuration whose connections lead to
/// a range on sockets, and `quell serve` over it, a process of its own. Nothing of the real
/// configuration but the playbooks beside the scenario is used (threat T42).
class PlaySite {
 public:
  /// Makes the folder `<folder>/<name>` and waits until the panel answers. `front` outlives it.
  static Result<std::unique_ptr<PlaySite>> open(Session& session, const Scenario& scenario,
                                                range::SocketFront& front,
                                                const std::string& folder, RunId name);
  /// Ends the process.
  ~PlaySite();
  PlaySite(const PlaySite&) = delete;
  PlaySite& operator=(const PlaySite&) = delete;

  const std::string& config_file() const noexcept { return config_file_; }
  /// `http://127.0.0.1:NNNN`
  const std::string& panel() const noexcept { return panel_; }
  /// With which the first player signs in, for one use.
  const std::string& set_up_link() const noexcept { return set_up_link_; }
  /// The players' journal, for reading.
  StateReader& state() noexcept { return *state_; }
  /// Has the process gone by itself?
  bool is_gone();
  /// Ends it without a warning, as a power cut does.
  void kill();
  /// Another process, at the same addresses, takes up what the last one left.
  Status start_again();
  /// Puts it where players see it: into the inbox of the panel. False: only the terminal tells it.
  bool deliver(const Inject& inject);
  /// The drill's approver says yes to the plan `digest`, in a process of its own.
  void approve(RunId run, const std::string& digest);

 private:
  explicit PlaySite(Session& session) : session_(session) {}
  Status write_files(const Scenario& scenario, range::SocketFront& front);
  Status start(const std::string& log);
  Result<pid_t> spawn(std::vector<std::string> arguments, const std::string& output) const;

  Session& session_;
  std::string folder_{};
  std::string config_file_{};
  std::string panel_{};
  std::string hooks_{};
  std::string set_up_link_{};
  std::string hook_secret_{};
  pid_t serve_ = 0;
  std::vector<pid_t> helpers_{};  // that approve
  std::unique_ptr<StateReader> state_{};
};

}  // namespace quell::cli
