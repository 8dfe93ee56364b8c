#include <optional>
#include <unistd.h>
#include <utility>

#include "connectors/redaction.h"
#include "orchestrator/cli/follow.h"
#include "orchestrator/cli/input_args.h"
#include "orchestrator/cli/notify_service.h"
#include "orchestrator/cli/own_state.h"
#include "orchestrator/cli/run_loop.h"
#include "orchestrator/cli/run_text.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/engine/run_inputs.h"
#include "orchestrator/engine/step_walk.h"
#include "orchestrator/playbook_library.h"

namespace quell::cli {
namespace {

constexpr std::string_view kRunHelp = R"(quell run - run a playbook, and prove what it did
usage: quell run PLAYBOOK [-i NAME=VALUE ...] [options]
Inputs      -i NAME=VALUE    text, @FILE, @- (stdin), secret://env/NAME or file/PATH;
                             a list: a,b or '["a", "b"]'
Careful     --dry-run        send reads only, predict the rest
            --probe          with --dry-run: also probe with the leaked token
            --plan DIGEST    refuse to start unless the plan is the one that was seen
            --yes            no start prompt; the approval while no user exists
            --join           go on with the run that holds the same lock, if there is one
            --reason TEXT    why it is asked for again after somebody denied it
Elsewhere   --connect C.KEY=VALUE   override a connection setting
Afterwards  --watch, --no-watch     stay for the regrowth watch, or leave
Output      --json [--follow]       one document, or a line per event
Exit codes  0 contained  2 not started  3 incomplete  4 exposed  5 failed
            6 aborted  7 held for a decision  130, 143 stopped, resumable
Examples    quell run leaked-mcp-oauth -i vault_id=vlt_01HQ ... --dry-run
            pbpaste | quell run leaked-mcp-oauth ... -i leaked_token=@-
)";

/// Of a plan's digest, so that nobody takes another plan for it.
constexpr std::size_t kDigestDigitsMin = 8;

struct RunOptions {
  std::string playbook{};
  std::vector<std::string> inputs{};
  bool dry_run = false;
  bool probe = false;
  bool yes = false;
  bool join = false;
  bool follow = false;
  bool watch = false;
  bool no_watch = false;
  std::string digest{};
  std::string reason{};
};

/// What comes first in a list of steps, those of called playbooks included.
enum class First : std::uint8_t { neither, approval, mutation };

// Calls are at most kCallDepthMax deep.
// NOLINTNEXTLINE(misc-no-recursion)
First first_of(const std::vector<Step>& steps, const ConnectorSet& connectors) {
  First first = First::neither;
  for_each_step(steps, [&](const Step& step) {
    if (first != First::neither) return;
    if (std::holds_alternative<ApproveStep>(step.kind)) first = First::approval;
    if (const auto* const call = std::get_if<CallStep>(&step.kind)) {
      first = first_of(call->callee->steps, connectors);
    }
    const auto* const use = std::get_if<UseStep>(&step.kind);
    const ActionSpec* const spec =
        use == nullptr ? nullptr : find_action(connectors, use->connection, use->action);
    if (spec != nullptr && spec->effect == Effect::mutate) first = First::mutation;
  });
  return first;
}

bool has_approval_first(const Playbook& playbook, const ConnectorSet& connectors) {
  return first_of(playbook.steps, connectors) != First::mutation;
}

/// The start prompt of a playbook without an approval before its first mutation: the person types
/// how many requests cannot be undone.
enum class Confirmation : std::uint8_t { not_asked, typed, refused };

Result<Confirmation> confirmed(Session& session, const RunOptions& options,
                               const ConnectorSet& connectors,
                               const std::shared_ptr<const Playbook>& playbook,
                               const Value& inputs) {
  if (options.yes || options.dry_run || has_approval_first(*playbook, connectors))
    return Confirmation::not_asked;
  if (!session.can_prompt()) {
    return make_error(ErrorCode::invalid, "approval",
                      "nobody is here to confirm what cannot be undone.",
                      "add --yes, or run it from a terminal");
  }
  const Result<Rehearsal> rehearsal = rehearse_here(session, connectors, playbook, inputs);
  if (!rehearsal) return rehearsal.error();
  session.err().write(plan_text(session.err(), rehearsal->plan, false));
  session.err().write("Run it? Type " + std::to_string(rehearsal->plan.irreversible) +
                      ", the irreversible requests: ");
  session.err().flush();
  return typed_word() == std::to_string(rehearsal->plan.irreversible) ? Confirmation::typed
                                                                      : Confirmation::refused;
}

Status check_digest(Session& session, const RunOptions& options, const ConnectorSet& connectors,
                    const std::shared_ptr<const Playbook>& playbook, const Value& inputs) {
  if (options.digest.empty()) return ok();
  const Result<Rehearsal> rehearsal = rehearse_here(session, connectors, playbook, inputs);
  if (!rehearsal) return rehearsal.error();
  if (rehearsal->plan.digest.starts_with(options.digest)) return ok();
  return make_error(ErrorCode::conflict, "approval",
                    "the plan is now " + rehearsal->plan.digest.substr(0, 12) + ".",
                    "look again: quell plan " + playbook->id);
}

/// Another process owns the state: it begins the run, and this one follows it. Its connections are
/// the ones that count.
int run_at_owner(Session& session, const RunOptions& options, const PlaybookFile& file) {
  if (!session.options().connect.empty()) {
    return session.fail(
        make_error(ErrorCode::invalid, "locked",
                   "another process owns the state, and --connect cannot change its connections.",
                   "wait until it ends, or leave --connect out"));
  }
  const std::unique_ptr<StateReader> reader = session.open_reader();
  if (!reader) return kExitNotStarted;
  const Result<std::shared_ptr<const Playbook>> playbook =
      load_checked(file, reader->connectors(), others_beside(file, *session.config()));
  if (!playbook) return session.fail(playbook.error());
  const Result<GivenInputs> given = read_inputs(session, **playbook, options.inputs);
  if (!given) return session.fail(given.error());
  if (!options.yes && !options.dry_run && !has_approval_first(**playbook, reader->connectors())) {
    return session.fail(make_error(ErrorCode::invalid, "approval",
                                   "nobody is here to confirm what cannot be undone.",
                                   "add --yes"));
  }
  const Result<ApiClient> owner = session.owner_of(RunId{});
  if (!owner) return session.fail(owner.error());
  const StartCommand command{.playbook_source = file.source,
                             .playbook_id = (*playbook)->id,
                             .called = (*playbook)->called,
                             .texts = given->texts,
                             .secrets = given->secrets,
                             .dry_run = options.dry_run,
                             .send_probes = !options.dry_run || options.probe,
                             .approved_in_advance = options.yes,
                             .join = options.join,
                             .reason = options.reason,
                             .who = Session::who()};
  const Result<RunId> id = options.digest.empty()
                               ? owner->start(command)
                               : owner->start_as_planned(command, options.digest);
  if (!id) return session.fail(id.error());
  return follow_run(session, *reader, *id, options.follow);
}

/// Goes on with the run that holds the lock instead of beginning another.
int join(Session& session, Engine& engine, RunId holder, const ConnectorSet& connectors,
         const LoopOptions& loop) {
  session.warn("joining " + to_string(holder) + ", which began to change the same thing");
  if (Status taken = engine.take_up(holder, Session::who()); !taken)
    return session.fail(taken.error());
  return run_to_end(session, engine, holder, connectors, session.clock(), loop);
}

int run(Session& session, const RunOptions& options) {
  const StopSignals signals;
  const Config* const config = session.config();
  if (config == nullptr) return kExitNotStarted;
  const Result<PlaybookFile> file = find_playbook(options.playbook, *config);
  if (!file) return session.fail(file.error());
  if (file->distrust) session.warn(describe(*file->distrust));
  if (!options.digest.empty() && options.digest.size() < kDigestDigitsMin)
    return session.fail(make_error(ErrorCode::invalid, "usage",
                                   "--plan takes at least 8 digits of the plan's digest.",
                                   "quell plan " + options.playbook + " shows it"));
  if (looks_like_token(options.reason))
    return session.fail(make_error(ErrorCode::invalid, "bad-input",
                                   "the reason looks as if it held a token, and it would be "
                                   "written into the record.",
                                   "say it without the token"));
  if (!session.options().server.empty()) return run_at_owner(session, options, *file);
  LoopOptions loop{.follow_json = options.follow,
                   .watch = options.watch || (!options.no_watch && session.out().is_terminal() &&
                                              !session.options().json),
                   .prompt_for_approval = session.can_prompt() && !options.yes};
  EntryPrinter printer(session, loop);
  std::optional<NotifyService> notifications;  // outlives the owner: nobody waits for its end
  const Result<OwnedState> state =
      own_state(session, [&](const RunState& run_now, const Entry& entry) {
        printer(run_now, entry);
        if (notifications) notifications->wake();
      });
  if (!state && state.error().topic == "locked") return run_at_owner(session, options, *file);
  if (!state) return session.fail(state.error());
  const ConnectorSet& connectors = state->owner->connectors();
  Engine& engine = state->engine();
  const Result<std::shared_ptr<const Playbook>> playbook =
      load_checked(*file, connectors, others_beside(*file, *config));
  if (!playbook) return session.fail(playbook.error());
  const Result<GivenInputs> given = read_inputs(session, **playbook, options.inputs);
  if (!given) return session.fail(given.error());
  const Result<Value> inputs =
      inputs_from_texts(**playbook, given->texts, given->secrets, state->fingerprint);
  if (!inputs) return session.fail(inputs.error());
  for (const auto& [id, sentence] : engine.unreadable()) session.warn(sentence);
  for (const auto& [id, other] : engine.runs()) {
    session.warn(to_string(id) + (other.finished() ? " is watched by nobody" : " is unfinished") +
                 ": quell resume " + to_string(id));
  }
  printer.set_connectors(connectors);
  const JournalLeave leave(notifications);
  if (!options.dry_run) notifications.emplace(session);
  if (!options.dry_run) {
    if (const auto holder = engine.lock_holder(**playbook, *inputs)) {
      if (options.join) return join(session, engine, *holder, connectors, loop);
      if (!engine.gives_way(*holder)) return session.fail(engine.locked_by(*holder));
    }
  }
  if (Status same = check_digest(session, options, connectors, *playbook, *inputs); !same)
    return session.fail(same.error());
  const Result<Confirmation> go = confirmed(session, options, connectors, *playbook, *inputs);
  if (!go) return session.fail(go.error());
  if (*go == Confirmation::refused)
    return session.fail(make_error(ErrorCode::denied, "approval",
                                   "not confirmed; nothing was started.",
                                   "type the count that the prompt names"));
  const Result<RunId> id = engine.start({.playbook = *playbook,
                                         .inputs = *inputs,
                                         .mode = options.dry_run ? RunMode::dry_run : RunMode::live,
                                         .send_probes = !options.dry_run || options.probe,
                                         .who = Session::who(),
                                         .approved_in_advance = options.yes,
                                         .confirmed = *go == Confirmation::typed,
                                         .reason = options.reason});
  if (!id) return session.fail(id.error());
  return run_to_end(session, engine, *id, connectors, session.clock(), loop);
}

void tell_inputs(Session& session, const RunOptions& options) {
  if (options.playbook.empty() || session.config() == nullptr) return;
  const std::optional<ConnectorSet> connectors = session.bare_connectors();
  const Result<PlaybookFile> file = find_playbook(options.playbook, *session.config());
  if (!connectors || !file) return;
  const Result<std::shared_ptr<const Playbook>> playbook =
      load_checked(*file, *connectors, others_beside(*file, *session.config()));
  if (playbook) session.out().write(inputs_help(**playbook));
}

struct ResumeOptions {
  std::string run{};
  std::string target{};
  bool follow = false;
  bool yes = false;
};

constexpr std::string_view kResumeHelp =
    R"(quell resume - go on with a run that was cut off, or that somebody paused
usage: quell resume [RUN] [STEP[/ITEM]] [--yes] [--json [--follow]]
What was in doubt is looked at, never blindly repeated. Without RUN the one unfinished run is taken.
With STEP or ITEM only that, which somebody paused, goes on. A contained run whose watch was cut off is watched on.
--yes goes on although the state was last used on another machine, or the clock stands before its last entry.
Exit codes  as of quell run; 2 when there is nothing to resume
Examples    quell resume r17x
)";

void tell_cut_off(Session& session, const RunState& run) {
  std::vector<std::vector<std::string>> rows;
  std::string doubt;
  std::string waiting;
  for_each_step(run, run.playbook->steps, [&](const Step& step) {
    const auto found = run.steps.find(step.id);
    if (found == run.steps.end() || found->second.phase == StepState::Phase::idle) {
      if (!std::holds_alternative<ParallelStep>(step.kind))
        waiting += (waiting.empty() ? "" : ", ") + step.id;
      return;
    }
    for (const ItemState& item : found->second.items) {
      if (item.in_doubt || item.request_left)
        doubt += (doubt.empty() ? "" : ", ") + step.id + (item.key.empty() ? "" : "/" + item.key) +
                 ": sent, answer never seen";
    }
  });
  Stream& err = session.err();
  err.line("quell: " + to_string(run.id) + " was cut off at " +
           format_clock_time(run.now, session.clock().now()) + ", " +
           format_duration(session.clock().now() - run.now) + " ago. Nothing recorded is lost.");
  if (!doubt.empty()) err.line("  in doubt       " + doubt);
  if (run.held) {
    err.line("  held           waits here; in another terminal: quell retry " + to_string(run.id) +
             " STEP, or quell skip");
  }
  if (!waiting.empty()) err.line("  not started    " + waiting);
}

/// Lets a paused step or item go on, in the process that works on its run.
int resume_part(Session& session, const ResumeOptions& options) {
  const Result<ApiClient> owner = session.owner_of(RunId{});
  if (!owner) return session.fail(owner.error());
  const Status sent = owner->send({.kind = Command::Kind::resume,
                                   .run = parse_run_id(options.run).value_or(RunId{}),
                                   .who = Session::who(),
                                   .target = options.target});
  if (!sent) return session.fail(sent.error());
  session.out().line(options.target + " of " + options.run + " goes on.");
  return kExitOk;
}

/// Lets a run go on in the process that owns its state.
int resume_at_owner(Session& session, const ResumeOptions& options) {
  const Result<RunId> id = run_id_of(options.run);
  if (!id) return session.fail(id.error());
  const Result<ApiClient> owner = session.owner_of(*id);
  if (!owner) return session.fail(owner.error());
  const Status sent =
      owner->send({.kind = Command::Kind::resume, .run = *id, .who = Session::who()});
  if (!sent) return session.fail(sent.error());
  session.out().line(options.run + " goes on in the process that owns it.");
  return kExitOk;
}

int resume(Session& session, const ResumeOptions& options) {
  const StopSignals signals;
  const Config* const config = session.config();
  if (config == nullptr) return kExitNotStarted;
  if (!options.target.empty()) return resume_part(session, options);
  if (!session.options().server.empty()) return resume_at_owner(session, options);
  const LoopOptions loop{.follow_json = options.follow,
                         .watch = session.out().is_terminal() && !session.options().json,
                         .prompt_for_approval = session.can_prompt(),
                         .wait_while_held = true};
  EntryPrinter printer(session, loop);
  std::optional<NotifyService> notifications;  // outlives the owner: nobody waits for its end
  const Result<OwnedState> state =
      own_state(session, [&](const RunState& run_now, const Entry& entry) {
        printer(run_now, entry);
        if (notifications) notifications->wake();
      });
  // Another process is at work: the run may be one that somebody paused.
  if (!state && state.error().topic == "locked" && !options.run.empty())
    return resume_at_owner(session, options);
  if (!state) return session.fail(state.error());
  const JournalLeave leave(notifications);
  notifications.emplace(session);
  Engine& engine = state->engine();
  printer.set_connectors(state->owner->connectors());
  std::optional<RunId> chosen;
  if (!options.run.empty()) {
    const Result<RunId> id = run_id_of(options.run);
    if (!id) return session.fail(id.error());
    if (Status known = engine.recall(*id); !known) return session.fail(known.error());
    chosen = *id;
  } else {
    for (const auto& [id, known] : engine.runs()) {
      if (chosen)
        return session.fail(make_error(ErrorCode::invalid, "run",
                                       "more than one run is unfinished.",
                                       "quell runs, then quell resume RUN"));
      chosen = id;
    }
    if (!chosen)
      return session.fail(make_error(ErrorCode::invalid, "run", "no run is unfinished.",
                                     "quell runs lists them all"));
  }
  if (!engine.find(*chosen)->finished()) tell_cut_off(session, *engine.find(*chosen));
  if (Status taken = engine.take_up(*chosen, Session::who(), options.yes); !taken)
    return session.fail(taken.error());
  return run_to_end(session, engine, *chosen, state->owner->connectors(), session.clock(), loop);
}

}  // namespace

Verb run_verb() {
  auto options = std::make_shared<RunOptions>();
  return {.name = "run",
          .help = kRunHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("playbook", options->playbook)->required();
                app.add_option("-i,--input", options->inputs)->allow_extra_args(false);
                CLI::Option* const dry = app.add_flag("--dry-run", options->dry_run);
                app.add_flag("--probe", options->probe)->needs(dry);
                app.add_flag("-y,--yes", options->yes);
                app.add_flag("--join", options->join)->excludes(dry);
                app.add_option("--plan", options->digest);
                app.add_option("--reason", options->reason);
                app.add_flag("--follow", options->follow);
                CLI::Option* const watch = app.add_flag("--watch", options->watch);
                app.add_flag("--no-watch", options->no_watch)->excludes(watch);
              },
          .run = [options](Session& session) { return run(session, *options); },
          .more_help = [options](Session& session) { tell_inputs(session, *options); }};
}

Verb resume_verb() {
  auto options = std::make_shared<ResumeOptions>();
  return {.name = "resume",
          .help = kResumeHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("run", options->run);
                app.add_option("step", options->target);
                app.add_flag("--follow", options->follow);
                app.add_flag("-y,--yes", options->yes);
              },
          .run = [options](Session& session) { return resume(session, *options); }};
}

}  // namespace quell::cli
