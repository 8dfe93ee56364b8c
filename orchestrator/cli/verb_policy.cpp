// The kill switch, and lifting what a run did.
#include <unistd.h>

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
usage: quell arm [--reason TEXT]
In strict separation another user than the one who disarmed, with the role approver, has to do it.
Examples    quell arm --reason "routes corrected"
)";
constexpr std::string_view kUndoHelp =
    R"(quell undo - lift what a finished run did and its playbook says how to undo
usage: quell undo RUN --reason TEXT [--yes]
The last thing first: paused deployments run again. What cannot be undone stays, and the record shows both.
Refused while the run is exposed. On a terminal you type how many things are lifted.
Exit codes  0 all of it is lifted  1 something is not  2 refused
Examples    quell undo r17x --reason "all clear from the owner"
)";

struct PolicyOptions {
  std::string run{};
  std::string reason{};
  bool all = false;
  bool yes = false;
};

Status check_reason(const std::string& reason) {
  if (!looks_like_token(reason)) return ok();
  return make_error(ErrorCode::invalid, "bad-input",
                    "the reason looks as if it held a token, and it would be written down.",
                    "say it without the token");
}

int disarm(Session& session, const PolicyOptions& options) {
  const Config* const config = session.config();
  if (config == nullptr) return kExitNotStarted;
  if (Status clean = check_reason(options.reason); !clean) return session.fail(clean.error());
  const std::string path = kill_switch_path(config->database.value);
  const KillSwitch how{.automation = true,
                       .people = options.all || read_kill_switch(path).people,
                       .who = Session::who(),
                       .reason = options.reason};
  if (Status off = quell::disarm(path, how, session.clock().now(), session.random()); !off)
    return session.fail(off.error());
  if (session.options().json) {
    session.print_json(Value::map({{"disarmed", how.people ? "all" : "automation"},
                                   {"who", how.who},
                                   {"reason", how.reason}}));
  } else {
    session.out().line(how.people ? "Disarmed: no run begins a change until quell arm."
                                  : "Disarmed: no alert changes anything until quell arm.");
  }
  return kExitOk;
}

int arm(Session& session, const PolicyOptions& options) {
  const Config* const config = session.config();
  if (config == nullptr) return kExitNotStarted;
  if (Status clean = check_reason(options.reason); !clean) return session.fail(clean.error());
  const std::string path = kill_switch_path(config->database.value);
  const KillSwitch now = read_kill_switch(path);
  const Result<Policy> policy = policy_in_force(session);
  if (!policy) return session.fail(policy.error());
  if (policy->strict && now.automation &&
      (policy->is_same_person(now.who, Session::who()) ||
       !policy->has_role(Session::who(), {"approver"}))) {
    return session.fail(make_error(ErrorCode::denied, "approval",
                                   now.who + " disarmed it, and policy.separation is strict: an "
                                             "approver who is somebody else has to arm.",
                                   "ask one of the users with that role"));
  }
  if (Status on = quell::arm(path); !on) return session.fail(on.error());
  if (session.options().json) {
    session.print_json(Value::map({{"disarmed", Value()}, {"who", Session::who()}}));
  } else {
    session.out().line(now.automation ? "Armed again." : "It was armed already.");
  }
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

int undo(Session& session, const PolicyOptions& options) {
  const StopSignals signals;
  const Config* const config = session.config();
  if (config == nullptr) return kExitNotStarted;
  if (Status clean = check_reason(options.reason); !clean) return session.fail(clean.error());
  const LoopOptions loop;
  EntryPrinter printer(session, loop);
  const Result<OwnedState> state = own_state(
      session, [&printer](const RunState& run, const Entry& entry) { printer(run, entry); });
  if (!state) return session.fail(state.error());
  Engine& engine = state->engine();
  printer.set_connectors(state->owner->connectors());
  const Result<RunId> id = run_id_of(options.run);
  if (!id) return session.fail(id.error());
  if (Status known = engine.recall(*id); !known) return session.fail(known.error());
  const std::int64_t count = liftable(*engine.find(*id));
  if (!options.yes && count > 0) {
    if (!session.can_prompt()) {
      return session.fail(make_error(ErrorCode::invalid, "approval",
                                     "nobody is here to confirm what is lifted.",
                                     "add --yes, or run it from a terminal"));
    }
    session.err().write("Lift what " + options.run + " did? Type " + std::to_string(count) +
                        ", the things that are lifted: ");
    session.err().flush();
    if (typed_word() != std::to_string(count)) {
      return session.fail(make_error(ErrorCode::denied, "approval",
                                     "not confirmed; nothing was lifted.",
                                     "type the count that the prompt names"));
    }
  }
  if (Status begun = engine.undo(*id, Session::who(), options.reason); !begun)
    return session.fail(begun.error());
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
          .declare = [options](CLI::App& app) { app.add_option("--reason", options->reason); },
          .run = [options](Session& session) { return arm(session, *options); }};
}

Verb undo_verb() {
  auto options = std::make_shared<PolicyOptions>();
  return {.name = "undo",
          .help = kUndoHelp,
          .declare =
              [options](CLI::App& app) {
                app.add_option("run", options->run)->required();
                app.add_option("--reason", options->reason)->required();
                app.add_flag("-y,--yes", options->yes);
              },
          .run = [options](Session& session) { return undo(session, *options); }};
}

}  // namespace quell::cli
