// The kill switch, and lifting what a run did.
#include <chrono>
#include <thread>

#include "connectors/redaction.h"
#include "orchestrator/cli/own_state.h"
#include "orchestrator/cli/run_loop.h"
#include "orchestrator/cli/run_text.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/engine/step_walk.h"
#include "orchestrator/kill_switch.h"
#include "orchestrator/owner.h"
#include "orchestrator/owner_api.h"
#include "state/owner_lock.h"

namespace quell::cli {
namespace {

constexpr std::string_view kDisarmHelp =
    R"(quell disarm - switch changes off, at once and until quell arm
usage: quell disarm [--all] --reason TEXT
Without --all nothing that an alert began changes anything; people's runs go on. With --all no run begins a change;
what is in flight is finished or written down as unknown. Works while the daemon, the journal or the network is down:
it is a file beside the journal, read before every change.
Examples    quell disarm --reason "wrong alerts from staging"
            quell disarm --all --reason "stop everything, wrong workspace"
)";
constexpr std::string_view kArmHelp = R"(quell arm - switch changes on again after quell disarm
usage: quell arm --reason TEXT
In strict separation another user than the one who disarmed, with the role approver, has to do it. Who and why are in
the record, and told to others.
Examples    quell arm --reason "routes corrected"
)";
constexpr std::string_view kUndoHelp =
    R"(quell undo - lift what a finished run did and its playbook says how to undo
usage: quell undo RUN --reason TEXT [--yes]
The last thing first: paused deployments run again. What cannot be undone stays, and the record shows both.
Refused while the run is exposed. On a terminal you type how many things are lifted.
In strict separation it takes as many approvers as the run did; each of them asks, within policy's life of an approval.
Exit codes  0 all of it is lifted  1 something is not  2 refused  7 somebody else has to ask as well
Examples    quell undo r17x --reason "all clear from the owner"
)";

struct PolicyOptions {
  std::string run{};
  std::string reason{};
  bool all = false;
  bool yes = false;
};

Status refuse_token(const std::string& reason) {
  if (!looks_like_token(reason)) return ok();
  return make_error(ErrorCode::invalid, "bad-input",
                    "the reason looks as if it held a token, and it would be written down.",
                    "say it without the token");
}

void tell_disarmed(Session& session, bool all, const std::string& who, const std::string& reason) {
  if (session.options().json) {
    session.print_json(
        Value::map({{"disarmed", all ? "all" : "automation"}, {"who", who}, {"reason", reason}}));
  } else {
    session.out().line(all ? "Disarmed: no run begins a change until quell arm."
                           : "Disarmed: no alert changes anything until quell arm.");
  }
}

void tell_armed(Session& session, bool was_off, const std::string& who) {
  if (session.options().json) {
    session.print_json(Value::map({{"disarmed", Value()}, {"who", who}}));
  } else {
    session.out().line(was_off ? "Armed again." : "It was armed already.");
  }
}

/// A word on the kill switch of the quell that --server names.
Result<Value> at_server(Session& session, std::string_view act, ValueMap body) {
  const Result<ApiClient> server = session.owner_of(RunId{});
  if (!server) return server.error();
  return server->post("/api/v1/kill-switch/" + std::string(act), Value(std::move(body)));
}

int disarm(Session& session, const PolicyOptions& options) {
  if (Status clean = refuse_token(options.reason); !clean) return session.fail(clean.error());
  if (!session.options().server.empty()) {
    const Result<Value> off =
        at_server(session, "disarm", {{"all", options.all}, {"reason", options.reason}});
    if (!off) return session.fail(off.error());
    tell_disarmed(session, (*off)["disarmed"].string_or("") == "all", (*off)["who"].string_or(""),
                  options.reason);
    return kExitOk;
  }
  const Config* const config = session.config();
  if (config == nullptr) return kExitNotStarted;
  const Result<KillSwitch> off = quell::disarm(
      kill_switch_path(config->database.value),
      {.people = options.all, .who = Session::who(), .reason = options.reason},
      session.clock().now(), session.random());
  if (!off) return session.fail(off.error());
  tell_disarmed(session, off->people, off->who, off->reason);
  return kExitOk;
}

int arm(Session& session, const PolicyOptions& options) {
  if (Status clean = refuse_token(options.reason); !clean) return session.fail(clean.error());
  if (!session.options().server.empty()) {
    const Result<Value> on = at_server(session, "arm", {{"reason", options.reason}});
    if (!on) return session.fail(on.error());
    tell_armed(session, !(*on)["was"].is_null(), (*on)["who"].string_or(""));
    return kExitOk;
  }
  const Config* const config = session.config();
  if (config == nullptr) return kExitNotStarted;
  const std::string path = kill_switch_path(config->database.value);
  const KillSwitch how{.who = Session::who(), .reason = options.reason};
  const Result<Policy> policy = policy_in_force(session);
  if (!policy) return session.fail(policy.error());
  if (Status may = may_arm(read_kill_switch(path), how, *policy); !may)
    return session.fail(may.error());
  const Result<KillSwitch> was =
      quell::arm(path, how, session.clock().now(), session.random());
  if (!was) return session.fail(was.error());
  tell_armed(session, was->automation || was->people, how.who);
  return kExitOk;
}

std::int64_t liftable(const RunState& run) {
  std::int64_t count = 0;
  for (const auto& [id, state] : run.steps) {
    for (const ItemState& item : state.items) count += is_liftable(run, id, item) ? 1 : 0;
  }
  return count;
}

int tell_undone(Session& session, const RunState& run) {
  if (!run.undo.asked_by.empty()) {
    const auto asked = static_cast<std::int64_t>(run.undo.asked_by.size());
    if (session.options().json) {
      session.print_json(Value::map(
          {{"run", to_string(run.id)}, {"asked", asked}, {"need", run.undo.need}}));
    } else {
      session.out().line(std::to_string(asked) + " of " + std::to_string(run.undo.need) +
                         " people asked to lift what " + to_string(run.id) + " did, until " +
                         format_clock_time(run.undo.until, session.clock().now()) + ".");
      session.next("another approver: quell undo " + to_string(run.id) + " --reason TEXT");
    }
    return kExitNotFinished;
  }
  std::int64_t lifted = 0;
  ValueList failed;
  for_each_step(run, run.playbook->steps, [&](const Step& step) {
    const auto state = run.steps.find(step.id);
    if (state == run.steps.end()) return;
    for (const ItemState& item : state->second.items) {
      lifted += item.undo == ItemState::Undo::done ? 1 : 0;
      if (item.undo == ItemState::Undo::failed)
        failed.emplace_back(step.id + (item.key.empty() ? "" : "/" + item.key));
    }
  });
  if (session.options().json) {
    session.print_json(
        Value::map({{"run", to_string(run.id)}, {"lifted", lifted}, {"failed", Value(failed)}}));
  } else {
    session.out().line(counted(lifted, "thing") + " of " + to_string(run.id) + " lifted.");
    for (const Value& name : failed) session.out().line("  not lifted  " + name.as_string());
    if (!failed.empty()) session.next("quell undo " + to_string(run.id) + " tries them again");
  }
  return failed.empty() ? kExitOk : kExitNo;
}

/// On a terminal the person types how many things are lifted.
Status confirm_undo(Session& session, const PolicyOptions& options, const RunState& run) {
  const std::int64_t count = liftable(run);
  if (options.yes || count == 0) return ok();
  if (!session.can_prompt()) {
    return make_error(ErrorCode::invalid, "approval", "nobody is here to confirm what is lifted.",
                      "add --yes, or run it from a terminal");
  }
  session.err().write("Lift what " + options.run + " did? Type " + std::to_string(count) +
                      ", the things that are lifted: ");
  session.err().flush();
  if (typed_word() == std::to_string(count)) return ok();
  return make_error(ErrorCode::denied, "approval", "not confirmed; nothing was lifted.",
                    "type the count that the prompt names");
}

/// Another process owns the state: it lifts, and this one watches.
int undo_at_owner(Session& session, const PolicyOptions& options, RunId id) {
  const std::unique_ptr<StateReader> reader = session.open_reader();
  if (!reader) return kExitNotStarted;
  Result<RunState> known = reader->fold_named(to_string(id));
  if (!known) return session.fail(known.error());
  RunState& run = *known;
  if (Status confirmed = confirm_undo(session, options, run); !confirmed)
    return session.fail(confirmed.error());
  const Result<ApiClient> owner = session.owner_of(id);
  if (!owner) return session.fail(owner.error());
  const Status sent = owner->send({.kind = Command::Kind::undo,
                                   .run = id,
                                   .who = Session::who(),
                                   .reason = options.reason});
  if (!sent) return session.fail(sent.error());
  const LoopOptions loop;
  EntryPrinter printer(session, loop);
  printer.set_connectors(reader->connectors());
  constexpr std::chrono::milliseconds kLookEvery{200};
  std::uint64_t seen = run.last_seq;
  for (bool is_first = true; is_first || is_undoing(run); is_first = false) {
    if (!is_first) std::this_thread::sleep_for(kLookEvery);
    if (StopSignals::received() != 0) return kExitInterrupted;
    const Status read = reader->journal().read_some(
        seen,
        [&](const EntryLabel& label) {
          seen = label.seq;
          return label.run == id;
        },
        [&](const StoredEntry& stored) {
          apply(run, stored.entry, reader->connectors());
          printer(run, stored.entry);
          return ok();
        });
    if (!read) return session.fail(read.error());
  }
  return tell_undone(session, run);
}

int undo(Session& session, const PolicyOptions& options) {
  const StopSignals signals;
  const Config* const config = session.config();
  if (config == nullptr) return kExitNotStarted;
  if (Status clean = refuse_token(options.reason); !clean) return session.fail(clean.error());
  const Result<RunId> id = run_id_of(options.run);
  if (!id) return session.fail(id.error());
  if (!session.options().server.empty()) return undo_at_owner(session, options, *id);
  const LoopOptions loop;
  EntryPrinter printer(session, loop);
  const Result<OwnedState> state = own_state(
      session, [&printer](const RunState& run, const Entry& entry) { printer(run, entry); });
  if (!state && state.error().topic == "locked") return undo_at_owner(session, options, *id);
  if (!state) return session.fail(state.error());
  Engine& engine = state->engine();
  printer.set_connectors(state->owner->connectors());
  if (Status known = engine.recall(*id); !known) return session.fail(known.error());
  if (Status confirmed = confirm_undo(session, options, *engine.find(*id)); !confirmed)
    return session.fail(confirmed.error());
  const Status begun =
      engine.undo({.run = *id, .who = Session::who(), .reason = options.reason});
  if (!begun) return session.fail(begun.error());
  while (engine.is_undoing(*id) && StopSignals::received() == 0) {
    constexpr Duration kTurn{500};
    if (Status turned = engine.turn(session.clock().now() + kTurn); !turned)
      return session.fail(turned.error(), kExitNotFinished);
  }
  return tell_undone(session, *engine.find(*id));
}

}  // namespace

Verb disarm_verb() {
  auto options = std::make_shared<PolicyOptions>();
  return {.name = "disarm",
          .help = kDisarmHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_flag("--all", options->all);
                app.add_option("--reason", options->reason)->required();
              },
          .run = [options](Session& session) { return disarm(session, *options); }};
}

Verb arm_verb() {
  auto options = std::make_shared<PolicyOptions>();
  return {.name = "arm",
          .help = kArmHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("--reason", options->reason)->required();
              },
          .run = [options](Session& session) { return arm(session, *options); }};
}

Verb undo_verb() {
  auto options = std::make_shared<PolicyOptions>();
  return {.name = "undo",
          .help = kUndoHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("run", options->run)->required();
                app.add_option("--reason", options->reason)->required();
                app.add_flag("-y,--yes", options->yes);
              },
          .run = [options](Session& session) { return undo(session, *options); }};
}

}  // namespace quell::cli
