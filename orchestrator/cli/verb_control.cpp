#include <algorithm>
#include <filesystem>
#include <fstream>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "connectors/redaction.h"
#include "orchestrator/cli/run_loop.h"
#include "orchestrator/cli/run_text.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/owner.h"
#include "state/base/sha256.h"
#include "state/owner_lock.h"
#include "state/private_file.h"

namespace quell::cli {
namespace {

constexpr std::string_view kApproveHelp = R"(quell approve - allow the plan that a run waits with
usage: quell approve RUN [--digest DIGEST] [--break-glass --reason TEXT]
On a terminal you type how many requests cannot be undone. Elsewhere --digest names the plan that you looked at.
--break-glass approves at once, past strict separation and every floor, by a role of policy.break_glass; the report says so.
Exit codes  0 approved  2 refused
Examples    quell approve r17x
            quell approve r17x --digest 9f2c41d07b6e
)";
constexpr std::string_view kDenyHelp =
    R"(quell deny - refuse the plan that a run waits with; the run ends aborted
usage: quell deny RUN [--reason TEXT]
Exit codes  0 denied  2 refused
Examples    quell deny r17x --reason "wrong vault"
)";
constexpr std::string_view kPauseHelp =
    R"(quell pause - begin no new step or attempt until somebody says resume
usage: quell pause RUN [STEP[/ITEM]] [--reason TEXT]
Examples    quell pause r17x
            quell pause r17x stop/sesn_01HQ --reason "the team needs it for five minutes"
            quell resume r17x
)";
constexpr std::string_view kAbortHelp =
    R"(quell abort - end a run for good; what was sent stays sent and is reported
usage: quell abort RUN --reason TEXT
On a terminal you type the run's id.
Examples    quell abort r17x --reason "wrong credential"
)";
constexpr std::string_view kRetryHelp =
    R"(quell retry - send a held step or item again, although it may have been applied
usage: quell retry RUN STEP[/ITEM] [--reason TEXT] [--break-glass]
A failed item may be sent again as long as its step goes on.
--break-glass lets this one attempt pass policy.protected, by a role of policy.break_glass and with a reason.
Examples    quell retry r17x revoke_grant
            quell retry r17x purge --break-glass --reason "the owner agreed, call of 03:20"
)";
constexpr std::string_view kSkipHelp =
    R"(quell skip - go on without a step or item that is held or has not begun; the run is incomplete at best
usage: quell skip RUN STEP[/ITEM] --reason TEXT
Examples    quell skip r17x revoke_grant --reason "the vendor confirmed by phone"
)";
constexpr std::string_view kNoteHelp = R"(quell note - write a sentence into the record of a run
usage: quell note RUN TEXT [--on STEP[/ITEM]]
Examples    quell note r17x "vendor called, ticket 4711"
            quell note r17x "batch job of the billing team" --on stop/sesn_01HQ
)";

constexpr std::string_view kDoneHelp =
    R"(quell done - say that you did what a run asked for by hand
usage: quell done RUN [STEP] [-i FIELD=VALUE]... [--attach FILE]... [--note TEXT]
STEP may be left out where the run waits for one thing only; quell show says what it asks and which fields it wants.
--attach keeps a copy of a file beside the evidence of the run; the record holds its name and SHA-256.
Exit codes  0 recorded  2 refused
Examples    quell done r17x
            quell done r17x rotate_key -i ticket=OPS-42 --attach screenshot.png
)";

struct ControlOptions {
  std::string run{};
  std::string target{};
  std::string reason{};
  std::string digest{};
  std::vector<std::string> fields{};
  std::vector<std::string> files{};
  bool break_glass = false;
};

constexpr std::size_t kAttachmentBytesMax = 64U << 20U;
constexpr std::size_t kAttachmentsMax = 20;

int send(Session& session, Command command, const std::string& done) {
  const Config* const config = session.config();
  if (config == nullptr) return kExitNotStarted;
  if (command.run.number == 0)
    return session.fail(
        make_error(ErrorCode::invalid, "run",
                   "that is no run id; commands that change something want the full one.",
                   "for instance r17x"));
  const Result<ApiClient> owner = session.owner_of(command.run);
  if (!owner) return session.fail(owner.error());
  command.who = Session::who();
  if (Status sent = owner->send(command); !sent) return session.fail(sent.error());
  if (session.options().json) {
    session.print_json(
        Value::map({{"run", to_string(command.run)}, {"done", done}, {"who", command.who}}));
  } else {
    session.out().line(to_string(command.run) + " " + done + " by " + command.who + " at " +
                       format_clock_time(session.clock().now(), session.clock().now()) + ".");
  }
  return kExitOk;
}

Command command_for(const ControlOptions& options, Command::Kind kind) {
  Command command;
  command.kind = kind;
  command.run = parse_run_id(options.run).value_or(RunId{});
  command.reason = options.reason;
  command.target = options.target;
  command.break_glass = options.break_glass;
  return command;
}

/// Past a guard of the policy nobody goes without saying why.
Status check_break_glass(const ControlOptions& options) {
  if (!options.break_glass || !options.reason.empty()) return ok();
  return make_error(ErrorCode::invalid, "usage", "--break-glass needs a reason.",
                    "add --reason TEXT");
}

int approve(Session& session, const ControlOptions& options) {
  if (Status reasoned = check_break_glass(options); !reasoned)
    return session.fail(reasoned.error());
  Command command = command_for(options, Command::Kind::approve);
  command.digest = options.digest;
  if (command.run.number == 0) return send(session, command, "");
  if (!command.digest.empty()) return send(session, std::move(command), "approved");
  if (!session.can_prompt()) {
    return session.fail(make_error(ErrorCode::invalid, "approval",
                                   "nobody is here to type the count.",
                                   "quell approve " + options.run + " --digest DIGEST"));
  }
  const std::unique_ptr<StateReader> reader = session.open_reader();
  if (!reader) return kExitNotStarted;
  const Result<RunState> named = reader->fold_named(options.run);
  if (!named) return session.fail(named.error());
  const RunState& run = *named;
  const ApprovalState* const approval = pending_approval(run);
  if (approval == nullptr || run.finished()) {
    return session.fail(make_error(ErrorCode::conflict, "approval",
                                   options.run + " waits for no approval.",
                                   "quell show " + options.run));
  }
  const std::int64_t count = irreversible_left(run, reader->connectors());
  session.err().line(to_string(run.id) + "  " + run.playbook->id + "  started by " + run.who);
  session.err().line("  " + counted(count, "request") +
                     " cannot be undone. All of them: quell show " + options.run);
  if (!approval->why.empty()) session.err().line("  " + approval->why);
  session.err().write("Approve plan " + run.digest.substr(0, 12) + " as " + Session::who() +
                      "? Type " + std::to_string(count) + ", the irreversible requests: ");
  session.err().flush();
  if (typed_word() != std::to_string(count)) {
    return session.fail(make_error(ErrorCode::denied, "approval",
                                   "not confirmed; nothing was approved.",
                                   "type the count that the prompt names"));
  }
  command.digest = run.digest;
  return send(session, std::move(command), "approved");
}

int abort(Session& session, const ControlOptions& options) {
  Command command = command_for(options, Command::Kind::abort);
  if (command.run.number > 0 && session.can_prompt()) {
    session.err().write("Abort " + options.run + " for good? Type its id: ");
    session.err().flush();
    if (typed_word() != options.run) {
      return session.fail(make_error(ErrorCode::denied, "approval",
                                     "not confirmed; the run goes on.", "type the run's id"));
    }
  }
  return send(session, std::move(command), "aborted");
}

/// Copies `path` beside the evidence of `run`, where a bundle of it will lie.
Result<Attachment> attach(Session& session, const std::string& path, RunId run) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return make_error(ErrorCode::invalid, "bad-input", path + ": no such file.", "--attach FILE");
  std::string bytes(kAttachmentBytesMax + 1, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  if (bytes.size() > kAttachmentBytesMax) {
    return make_error(ErrorCode::invalid, "bad-input",
                      fmt::format("{} has more than {} MiB.", path, kAttachmentBytesMax >> 20U),
                      "attach a smaller file, or name its place with --note");
  }
  Attachment attachment{.name = std::filesystem::path(path).filename().string(),
                        .sha256 = sha256_hex(bytes),
                        .bytes = static_cast<std::int64_t>(bytes.size())};
  const std::string& database = session.config()->database.value;
  const std::string folder =
      evidence_folder(run.drill ? drills_database(database) : database, run.drill) + "/" +
      to_string(run) + "/attached";
  if (Status made = make_private_folder(folder); !made) return made.error();
  const Status kept =
      create_private_file(folder + "/" + attachment.sha256, bytes, session.random());
  if (!kept && kept.error().code != ErrorCode::conflict) return kept.error();
  return attachment;
}

int done(Session& session, const ControlOptions& options) {
  if (session.config() == nullptr) return kExitNotStarted;
  Command command = command_for(options, Command::Kind::done);
  for (const std::string& field : options.fields) {
    const std::size_t equals = field.find('=');
    if (equals == std::string::npos || equals == 0) {
      return session.fail(make_error(ErrorCode::invalid, "bad-input", "-i takes FIELD=VALUE.",
                                     "for instance -i ticket=OPS-42"));
    }
    command.fields[field.substr(0, equals)] = field.substr(equals + 1);
  }
  if (options.files.size() > kAttachmentsMax) {
    return session.fail(make_error(ErrorCode::invalid, "bad-input",
                                   fmt::format("more than {} files.", kAttachmentsMax),
                                   "attach an archive of them"));
  }
  if (command.run.number > 0) {
    for (const std::string& path : options.files) {
      Result<Attachment> attachment = attach(session, path, command.run);
      if (!attachment) return session.fail(attachment.error());
      command.attachments.push_back(*std::move(attachment));
    }
  }
  return send(session, std::move(command), "told that it is done");
}

Verb control_verb(std::string_view name, std::string_view help, Command::Kind kind,
                  std::string done, bool needs_reason) {
  auto options = std::make_shared<ControlOptions>();
  return {.name = name,
          .help = help,
          .is_remote = true,
          .declare =
              [options, kind, needs_reason](CLI::App& app) {
                app.add_option("run", options->run)->required();
                if (kind != Command::Kind::deny) {
                  CLI::Option* const target = app.add_option("step", options->target);
                  if (kind != Command::Kind::pause) target->required();
                }
                if (kind == Command::Kind::retry)
                  app.add_flag("--break-glass", options->break_glass);
                CLI::Option* const reason = app.add_option("--reason", options->reason);
                if (needs_reason) reason->required();
              },
          .run =
              [options, kind, done](Session& session) {
                if (Status reasoned = check_break_glass(*options); !reasoned)
                  return session.fail(reasoned.error());
                return send(session, command_for(*options, kind), done);
              }};
}

}  // namespace

Verb approve_verb() {
  auto options = std::make_shared<ControlOptions>();
  return {.name = "approve",
          .help = kApproveHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("run", options->run)->required();
                app.add_option("--digest", options->digest);
                app.add_flag("--break-glass", options->break_glass);
                app.add_option("--reason", options->reason);
              },
          .run = [options](Session& session) { return approve(session, *options); }};
}

Verb done_verb() {
  auto options = std::make_shared<ControlOptions>();
  return {.name = "done",
          .help = kDoneHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("run", options->run)->required();
                app.add_option("step", options->target);
                app.add_option("-i,--input", options->fields)->allow_extra_args(false);
                app.add_option("--attach", options->files)->allow_extra_args(false);
                app.add_option("--note", options->reason);
              },
          .run = [options](Session& session) { return done(session, *options); }};
}

Verb deny_verb() { return control_verb("deny", kDenyHelp, Command::Kind::deny, "denied", false); }
Verb pause_verb() {
  return control_verb("pause", kPauseHelp, Command::Kind::pause, "paused", false);
}
Verb retry_verb() {
  return control_verb("retry", kRetryHelp, Command::Kind::retry, "told to try again", false);
}
Verb skip_verb() {
  return control_verb("skip", kSkipHelp, Command::Kind::skip, "told to skip", true);
}

Verb abort_verb() {
  auto options = std::make_shared<ControlOptions>();
  return {.name = "abort",
          .help = kAbortHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("run", options->run)->required();
                app.add_option("--reason", options->reason)->required();
              },
          .run = [options](Session& session) { return abort(session, *options); }};
}

Verb note_verb() {
  auto options = std::make_shared<ControlOptions>();
  return {.name = "note",
          .help = kNoteHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("run", options->run)->required();
                app.add_option("text", options->reason)->required();
                app.add_option("--on", options->target);
              },
          .run =
              [options](Session& session) {
                return send(session, command_for(*options, Command::Kind::note), "noted");
              }};
}

}  // namespace quell::cli
