#include "orchestrator/cli/run_loop.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <poll.h>
#include <unistd.h>
#include <utility>

#include "orchestrator/cli/run_text.h"
#include "orchestrator/engine/expansion.h"
#include "orchestrator/engine/step_walk.h"

namespace quell::cli {
namespace {

constexpr Duration kRedrawEvery{200};
constexpr Duration kQuietWait{1'000};
constexpr Duration kPipeHeartbeat{30'000};
/// A process that is told to end has ten seconds: what is not settled by then is written down as
/// unknown.
constexpr Duration kSettleMax{7'000};

std::atomic<int> received_signal{0};
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void on_stop_signal(int signal) {
  int none = 0;
  if (!received_signal.compare_exchange_strong(none, signal)) _exit(128 + signal);
}

/// A line from the keyboard if one is there, without waiting.
std::optional<std::string> typed_line() {
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  if (poll(&input, 1, 0) != 1) return std::nullopt;
  std::array<char, 256> buffer{};
  const ssize_t got = read(STDIN_FILENO, buffer.data(), buffer.size() - 1);
  if (got <= 0) return std::string();
  std::string line(buffer.data(), static_cast<std::size_t>(got));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  return line;
}

/// Asks the person at the terminal for the approval that the run waits for; at most once per
/// request.
class ApprovalPrompt {
 public:
  ApprovalPrompt(Session& session, Engine& engine, RunId run, const ConnectorSet& connectors)
      : session_(session), engine_(engine), run_(run), connectors_(connectors) {}

  void turn() {
    const RunState& run = *engine_.find(run_);
    const ApprovalState* const approval = pending_approval(run);
    if (approval == nullptr) {
      asked_ = false;
      return;
    }
    if (!asked_) {
      asked_ = true;
      count_ = irreversible_left(run, connectors_);
      session_.err().clear_live();
      if (!approval->why.empty()) session_.err().line(approval->why);
      session_.err().write("Approve plan " + approval->digest.substr(0, 12) + " as " +
                           Session::who() + "? Type " + std::to_string(count_) +
                           ", the irreversible requests: ");
      session_.err().flush();
      return;
    }
    const std::optional<std::string> line = typed_line();
    if (!line) return;
    Command command{.run = run_, .who = Session::who()};
    if (*line == std::to_string(count_)) {
      command.kind = Command::Kind::approve;
      command.digest = approval->digest;
    } else {
      command.kind = Command::Kind::deny;
      command.reason = "not confirmed at the terminal";
    }
    engine_.submit(std::move(command));
  }

  bool is_asking() const { return asked_ && pending_approval(*engine_.find(run_)) != nullptr; }

 private:
  Session& session_;
  Engine& engine_;
  RunId run_;
  const ConnectorSet& connectors_;
  bool asked_ = false;
  std::int64_t count_ = 0;
};

int told_held(Session& session, const RunState& run, const ConnectorSet& connectors) {
  const std::string id = to_string(run.id);
  std::string step = "STEP";
  for (const auto& [name, state] : run.steps) {
    for (const ItemState& item : state.items) {
      if (item.phase == ItemState::Phase::held)
        step = item.key.empty() ? name : name + "/" + item.key;
    }
  }
  if (session.options().json) {
    session.print_json(run_document(run, connectors));
  } else {
    session.out().line(id + " holds at " + step + ": it may or may not have been applied.");
    session.next("quell resume " + id + ", then repeat it: quell retry " + id + " " + step);
    session.next("or accept it: quell skip " + id + " " + step + " --reason \"...\"");
  }
  return kExitNotFinished;
}

/// Why a run broke off: the error of the first step that it did not go on after.
const Error* cause_of(const RunState& run) {
  const Error* cause = nullptr;
  for_each_step(run, run.playbook->steps, [&](const Step& step) {
    const auto state = run.steps.find(step.id);
    if (cause == nullptr && state != run.steps.end() &&
        state->second.outcome == OutcomeKind::failed && !state->second.failed_onward &&
        state->second.error)
      cause = &*state->second.error;
  });
  return cause;
}

/// The journal of run `id` could not be written: the run is held where it stands, and what the
/// journal knows of it is whole.
Error held_by(const Error& fault, RunId id, std::int64_t mutations) {
  std::string sentence = describe(fault);
  if (sentence.ends_with('.')) sentence.pop_back();
  Error error = fault;
  error.cause = nullptr;
  error.message =
      sentence + "; " + to_string(id) + " is held after " + counted(mutations, "mutation") + ".";
  const std::string resume = "quell resume " + to_string(id) + "; no request is lost";
  if (error.hint.ends_with("quell resume")) {
    error.hint.replace(error.hint.rfind("quell resume"), std::string::npos, resume);
  } else {
    error.hint += (error.hint.empty() ? "" : ", then ") + resume;
  }
  return error;
}

/// Runs that other processes began here go on until they end: this process owns the state as long
/// as it works.
Status finish_other_runs(Session& session, Engine& engine, const RunState& own,
                         const Clock& clock) {
  bool told = false;
  while (own.finished() && engine.has_work() && StopSignals::received() == 0) {
    if (!told && !session.options().quiet)
      session.err().line("quell: another run goes on in this process; Ctrl-C leaves it resumable");
    told = true;
    if (Status turned = engine.turn(clock.now() + kQuietWait); !turned) return turned;
  }
  return engine.wind_up();
}

}  // namespace

StopSignals::StopSignals() {
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  struct sigaction ignored {};
  ignored.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignored, nullptr);
}

int StopSignals::received() noexcept { return received_signal.load(); }

void EntryPrinter::operator()(const RunState& run, const Entry& entry) {
  if (connectors_ == nullptr) return;
  const bool json = session_.options().json;
  if (json && options_.follow_json) {
    session_.print_json(Value::map({{"t", Value(entry.at)},
                                    {"run", to_string(entry.run)},
                                    {"event", to_string(entry.kind)},
                                    {"body", entry.body}}));
    return;
  }
  Stream& stream = json ? session_.err() : session_.out();
  if (session_.options().quiet && json) return;
  const std::string line = stream.is_terminal() ? line_for_person(stream, run, entry, *connectors_)
                                                : line_for_pipe(run, entry, *connectors_);
  if (line.empty()) return;
  session_.err().clear_live();
  stream.line(line);
}

int run_to_end(Session& session, Engine& engine, RunId id, const ConnectorSet& connectors,
               const Clock& clock, const LoopOptions& options) {
  ApprovalPrompt prompt(session, engine, id, connectors);
  Timestamp heartbeat = clock.now() + kPipeHeartbeat;
  std::optional<Timestamp> stopping_since;
  std::string obstacle;
  bool told = false;
  while (true) {
    const RunState& run = *engine.find(id);
    if (StopSignals::received() != 0 && !stopping_since) {
      engine.stop_starting();
      stopping_since = clock.now();
    }
    if (stopping_since &&
        (!engine.has_changes_in_flight() || clock.now() > *stopping_since + kSettleMax))
      break;
    if (run.finished() && !told) {
      told = true;
      session.err().clear_live();
      if (!session.options().json) {
        session.out().write(closing_text(session.out(), run, connectors, clock.now()));
        session.out().flush();
      }
      const bool watched = options.watch && run.mode == RunMode::live && run.playbook->watch &&
                           run.result != RunResult::aborted;
      if (!watched && !run.is_watched()) {
        const bool did_nothing = run.result == RunResult::failed && run.requests.mutate == 0;
        if (run.mode == RunMode::live && run.playbook->watch && !did_nothing)
          session.next("nobody watches for regrowth: quell run ... --watch stays for it");
        break;
      }
      if (!run.is_watched()) {
        if (const Status watching = engine.watch(id); !watching)
          return session.fail(watching.error(), kExitFailed);
      }
      session.next("watching until " + format_clock_time(run.watch.until, clock.now()) +
                   "; Ctrl-C ends the watch, not the verdict");
    }
    if (told && run.watch.finished) break;
    if (run.held && !run.finished() && !options.wait_while_held) {
      // Other branches of the run go on before it is left.
      if (!engine.has_changes_in_flight()) {
        if (const Status wound_up = engine.wind_up(); !wound_up)
          return session.fail(held_by(wound_up.error(), id, run.requests.mutate), kExitNotFinished);
        return told_held(session, run, connectors);
      }
    }
    const bool live = session.err().is_terminal() && !session.options().quiet && !run.finished() &&
                      !prompt.is_asking();
    if (live) session.err().show_live(live_text(session.err(), run, clock.now()));
    const bool asking = options.prompt_for_approval && pending_approval(run) != nullptr;
    const std::int64_t mutations = run.requests.mutate;  // durable so far
    const Status turned = engine.turn(clock.now() + (live || asking ? kRedrawEvery : kQuietWait));
    if (!turned) {
      session.err().clear_live();
      return session.fail(held_by(turned.error(), id, mutations), kExitNotFinished);
    }
    if (options.prompt_for_approval) prompt.turn();
    if (const std::string why = engine.obstacle(run); why != obstacle) {
      obstacle = why;
      if (!why.empty()) session.err().line(to_string(id) + " begins no change: " + why);
    }
    if (!live && !session.options().quiet && pending_approval(run) != nullptr &&
        clock.now() >= heartbeat) {
      heartbeat = clock.now() + kPipeHeartbeat;
      session.err().line(to_string(id) + " waits for approval: quell approve " + to_string(id));
    }
  }
  session.err().clear_live();
  const RunState& run = *engine.find(id);
  if (stopping_since) {
    if (const Status wound_up = engine.wind_up(); !wound_up)
      return session.fail(held_by(wound_up.error(), id, run.requests.mutate), kExitNotFinished);
  }
  if (const Status others = finish_other_runs(session, engine, run, clock); !others)
    return session.fail(others.error(), kExitNotFinished);
  if (!run.finished()) {
    if (session.options().json) session.print_json(run_document(run, connectors));
    session.err().line(to_string(id) + " is stopped and resumable: quell resume " + to_string(id));
    return StopSignals::received() == SIGTERM ? kExitTerminated : kExitInterrupted;
  }
  if (run.is_watched() && StopSignals::received() == SIGTERM) {
    session.err().line("the watch of " + to_string(id) + " is cut off: quell resume " +
                       to_string(id) + " goes on with it");
    return exit_code(*run.result);
  }
  if (run.is_watched()) {
    if (const Status ended = engine.end_watch(id, Session::who()); !ended)
      return session.fail(held_by(ended.error(), id, run.requests.mutate), kExitNotFinished);
  }
  // The result is in the journal and stands; whoever owns the state next erases what is left.
  if (const Status closed = engine.close(id); !closed)
    session.warn("the sealed secrets of " + to_string(id) +
                 " are not erased yet: " + describe(closed.error()));
  const int exit = exit_code(*run.result);
  // A run that broke off may have left ways in that its last looks found.
  const bool broke_off = run.result == RunResult::failed || run.result == RunResult::exposed;
  const Error* const cause = broke_off ? cause_of(run) : nullptr;
  if (session.options().json) {
    ValueMap document = run_document(run, connectors).as_map();
    if (cause != nullptr) document.emplace("error", session.error_document(*cause, exit));
    session.print_json(Value(std::move(document)));
  } else if (cause != nullptr) {
    session.tell(*cause);
  }
  return exit;
}

Result<Rehearsal> rehearse_here(Session& session, const ConnectorSet& connectors,
                                std::shared_ptr<const Playbook> playbook, Value inputs) {
  const Result<std::unique_ptr<HttpTransport>> transport = session.make_transport(session.clock());
  if (!transport) return transport.error();
  return rehearse({.clock = session.clock(),
                   .transport = **transport,
                   .connectors = connectors,
                   .limits = origin_limits(*session.config()),
                   .who = Session::who(),
                   .should_stop = [] { return StopSignals::received() != 0; }},
                  std::move(playbook), std::move(inputs));
}

}  // namespace quell::cli
