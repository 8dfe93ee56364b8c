#include "orchestrator/cli/follow.h"

#include <chrono>
#include <thread>

#include "orchestrator/cli/run_loop.h"
#include "orchestrator/cli/run_text.h"

namespace quell::cli {
namespace {

constexpr std::chrono::milliseconds kLookEvery{200};

}  // namespace

int follow_run(Session& session, StateReader& reader, RunId id, bool event_lines) {
  const Result<RunState> known = reader.fold_named(to_string(id));
  if (!known) return session.fail(known.error());
  const LoopOptions loop{.follow_json = event_lines};
  EntryPrinter printer(session, loop);
  printer.set_connectors(reader.connectors());
  RunState run;
  std::uint64_t seen = 0;
  while (StopSignals::received() == 0) {
    const auto is_asked = [&](const EntryLabel& label) {
      seen = label.seq;
      return label.run == id;
    };
    const Status read = reader.journal().read_some(seen, is_asked, [&](const StoredEntry& stored) {
      if (stored.entry.kind == EntryKind::run_started) {
        run = begin_run(stored.entry, known->playbook, known->inputs);
        run.digest = plan_digest(run, reader.connectors());
      } else if (run.playbook) {
        apply(run, stored.entry, reader.connectors());
      }
      if (run.playbook) printer(run, stored.entry);
      return ok();
    });
    if (!read) return session.fail(read.error());
    if (run.finished()) break;
    if (run.held && !run.finished()) {
      session.err().line(to_string(id) + " is held for a decision: quell show " + to_string(id));
      return kExitNotFinished;
    }
    std::this_thread::sleep_for(kLookEvery);
  }
  if (!run.finished()) return kExitInterrupted;
  if (!session.options().json) {
    session.out().write(
        closing_text(session.out(), run, reader.connectors(), session.clock().now()));
  } else {
    session.print_json(run_document(run, reader.connectors()));
  }
  return exit_code(*run.result);
}

}  // namespace quell::cli
