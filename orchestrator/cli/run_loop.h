#pragma once

#include <optional>
#include <string>

#include "orchestrator/cli/session.h"
#include "orchestrator/engine/engine.h"
#include "orchestrator/rehearsal.h"

namespace quell::cli {

/// SIGINT and SIGTERM end a run the orderly way: nothing new starts, what is in flight is settled,
/// the run stays resumable. A second one leaves at once. Installed once, for as long as the process
/// lives.
class StopSignals {
 public:
  StopSignals();
  /// The signal that came, or 0.
  static int received() noexcept;
};

struct LoopOptions {
  bool follow_json = false;  // a JSON line per entry on stdout
  bool watch = false;        // stay for the regrowth watch
  bool prompt_for_approval = false;
  bool wait_while_held = false;  // for `retry` or `skip` from another terminal
};

/// Prints each entry of the run as it becomes durable: run lines on stdout (stderr with --json),
/// JSON lines where asked for.
class EntryPrinter {
 public:
  EntryPrinter(Session& session, const LoopOptions& options)
      : session_(session), options_(options) {}
  void set_connectors(const ConnectorSet& connectors) { connectors_ = &connectors; }
  void operator()(const RunState& run, const Entry& entry);

 private:
  Session& session_;
  const LoopOptions& options_;
  const ConnectorSet* connectors_ = nullptr;
};

/// Drives `engine` until `run` has its result (and its watch, if any), is held, or a signal stops
/// it. Gives the exit code.
int run_to_end(Session& session, Engine& engine, RunId run, const ConnectorSet& connectors,
               const Clock& clock, const LoopOptions& options);

/// A plan made by this process with the session's configuration; a signal stops it.
Result<Rehearsal> rehearse_here(Session& session, const ConnectorSet& connectors,
                                std::shared_ptr<const Playbook> playbook, Value inputs);

}  // namespace quell::cli
