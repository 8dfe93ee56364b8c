#include <memory>
#include <utility>

#include "connectors/redaction.h"
#include "orchestrator/api/problem.h"
#include "orchestrator/api/run_routes.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

/// Free text goes into the record for ever: a token in it is refused (threat T40).
Status check_free_text(const std::string& text) {
  if (!looks_like_token(text)) return ok();
  return make_error(
      ErrorCode::invalid, "bad-input",
      "the text looks as if it held a token, and it would be written into the record.",
      "say it without the token");
}

}  // namespace

Error only_dry_runs(const Actor& actor) {
  return make_error(ErrorCode::denied, "role", actor.who + " may start dry runs only.",
                    "send dry_run: true, or ask a responder");
}

namespace {

HttpReply begin(EngineDoor& engine, RunBoard& board, const ApiCall& call) {
  StartCommand command = start_command_of(call);
  if (Status clean = check_free_text(command.reason); !clean) return problem_reply(clean.error());
  if (!command.dry_run && !call.actor.may(Right::start)) {
    return problem_reply(only_dry_runs(call.actor));
  }
  if (!command.request_key.empty()) {
    const Result<std::optional<RunId>> begun = board.begun_by(command.request_key);
    if (!begun) return problem_reply(begun.error());
    if (*begun) return json_reply(200, Value::map({{"run", to_string(**begun)}}));
  }
  const Result<RunId> run = engine.begin(std::move(command));
  if (!run) return problem_reply(run.error());
  return json_reply(200, Value::map({{"run", to_string(*run)}}));
}

/// The command that a call spells.
Result<Command> command_of(Command::Kind kind, const ApiCall& call) {
  const std::optional<RunId> run = parse_run_id(call.path_or("run"));
  if (!run) return no_such_run(call.path_or("run"));
  Command command;
  command.kind = kind;
  command.run = *run;
  command.who = call.actor.who;
  command.from = call.actor.from;
  command.vested = call.actor.vested;
  command.digest = call.body["digest"].string_or("");
  command.target = call.body["target"].string_or("");
  command.reason = call.body["reason"].string_or("");
  command.break_glass = call.body["break_glass"].bool_or(false);
  if (command.break_glass && command.reason.empty()) {
    return make_error(ErrorCode::invalid, "usage", "break-glass needs a reason.",
                      "say why in reason");
  }
  if (Status clean = check_free_text(command.reason); !clean) return clean.error();
  if (const Value& fields = call.body["fields"]; fields.is_map()) {
    for (const auto& [name, text] : fields.as_map()) {
      if (Status clean = check_free_text(text.string_or("")); !clean) return clean.error();
      command.fields.emplace(name, text.string_or(""));
    }
  }
  for (const Value& file : call.body["attachments"].list_or_empty()) {
    command.attachments.push_back({.name = file["name"].string_or(""),
                                   .sha256 = file["sha256"].string_or(""),
                                   .bytes = file["bytes"].int_or(0)});
  }
  return command;
}

HttpReply carry_out(EngineDoor& engine, Command::Kind kind, const ApiCall& call) {
  Result<Command> command = command_of(kind, call);
  if (!command) return problem_reply(command.error());
  if (Status done = engine.carry_out(*std::move(command)); !done)
    return problem_reply(done.error());
  return json_reply(200, Value::map({{"ok", true}}));
}

constexpr ApiField kTarget{.name = "target", .about = "STEP or STEP/ITEM"};
constexpr ApiField kReason{.name = "reason", .about = "Why, in words for the record"};
constexpr ApiField kBreakGlass{.name = "break_glass",
                               .about = "Past separation and protection, by a role that may",
                               .kind = ApiField::Kind::boolean};

ApiField required(ApiField field) {
  field.required = true;
  return field;
}

}  // namespace

StartCommand start_command_of(const ApiCall& call) {
  StartCommand command;
  command.playbook_source = call.body["source"].string_or("");
  command.playbook_id = call.body["playbook"].string_or("");
  const auto texts = [&](std::string_view name) -> const ValueMap& {
    static const ValueMap kNone;
    return call.body[name].is_map() ? call.body[name].as_map() : kNone;
  };
  for (const auto& [id, source] : texts("called")) command.called.emplace(id, source.string_or(""));
  for (const auto& [name, text] : texts("inputs")) command.texts.emplace(name, text.string_or(""));
  for (const auto& [name, text] : texts("secrets")) {
    command.secrets.emplace(name,
                            std::make_shared<const Secret>(Secret::copy_of(text.string_or(""))));
  }
  command.dry_run = call.body["dry_run"].bool_or(false);
  command.send_probes = call.body["probes"].bool_or(true);
  command.approved_in_advance = call.body["approved_in_advance"].bool_or(false);
  command.join = call.body["join"].bool_or(false);
  command.reason = call.body["reason"].string_or("");
  command.who = call.actor.who;
  command.from = call.actor.from;
  if (const std::string_view key = call.http.header("idempotency-key"); !key.empty())
    command.request_key = sha256_hex(call.actor.who + '\n' + std::string(key));
  return command;
}

std::vector<ApiField> start_fields() {
  return {
      required({.name = "source", .about = "The playbook as YAML", .bytes_max = 1U << 20U}),
      required({.name = "playbook", .about = "Its id"}),
      {.name = "called",
       .about = "Sources of the playbooks that it calls, by id",
       .kind = ApiField::Kind::texts,
       .bytes_max = 1U << 20U},
      {.name = "inputs",
       .about = "Inputs as typed on a command line",
       .kind = ApiField::Kind::texts,
       .bytes_max = 64U << 10U},
      {.name = "secrets",
       .about = "Secret inputs",
       .kind = ApiField::Kind::texts,
       .bytes_max = 64U << 10U},
      {.name = "dry_run",
       .about = "Reads only, the rest predicted",
       .kind = ApiField::Kind::boolean},
      {.name = "probes", .about = "A dry run sends its probes", .kind = ApiField::Kind::boolean},
      {.name = "approved_in_advance",
       .about = "The approval while no user exists",
       .kind = ApiField::Kind::boolean},
      {.name = "join",
       .about = "Give the run that holds the lock instead of refusing",
       .kind = ApiField::Kind::boolean},
      {.name = "reason", .about = "Why it is asked for again after somebody denied it"}};
}

std::vector<ApiRoute> run_command_routes(EngineDoor& engine, RunBoard& board) {
  std::vector<ApiRoute> routes;
  routes.push_back(
      {.method = "POST",
       .path = "/api/v1/runs",
       .operation = "startRun",
       .summary = "Begin a run; live ones take the right to start",
       .right = Right::act,
       .body = start_fields(),
       .body_bytes_max = kStartBytesMax,
       .answer = "The id of the run",
       .handle = [&engine, &board](const ApiCall& call) { return begin(engine, board, call); }});
  const auto add = [&](Command::Kind kind, Right right, std::string_view path,
                       std::string_view operation, std::string_view summary,
                       std::vector<ApiField> body) {
    routes.push_back(
        {.method = "POST",
         .path = path,
         .operation = operation,
         .summary = summary,
         .right = right,
         .body = std::move(body),
         .answer = "It is in the journal",
         .handle = [&engine, kind](const ApiCall& call) { return carry_out(engine, kind, call); }});
  };
  add(Command::Kind::approve, Right::approve, "/api/v1/runs/{run}/approve", "approveRun",
      "Approve exactly the plan of that digest",
      {required({.name = "digest", .about = "At least 8 hex digits of the plan's digest"}), kReason,
       kBreakGlass});
  add(Command::Kind::deny, Right::approve, "/api/v1/runs/{run}/deny", "denyRun",
      "Deny the plan that waits", {kReason});
  add(Command::Kind::pause, Right::act, "/api/v1/runs/{run}/pause", "pauseRun",
      "Begin nothing new in a run, a step or an item", {kTarget, kReason});
  add(Command::Kind::resume, Right::act, "/api/v1/runs/{run}/resume", "resumeRun",
      "Go on with what was paused", {kTarget, kReason});
  add(Command::Kind::abort, Right::start, "/api/v1/runs/{run}/abort", "abortRun",
      "End a run; what is revoked stays revoked", {required(kReason)});
  add(Command::Kind::retry, Right::act, "/api/v1/runs/{run}/retry", "retryItem",
      "Try a held or failed item again", {required(kTarget), kReason, kBreakGlass});
  add(Command::Kind::skip, Right::act, "/api/v1/runs/{run}/skip", "skipItem",
      "Leave an item out; it stays unproved", {required(kTarget), required(kReason)});
  add(Command::Kind::note, Right::act, "/api/v1/runs/{run}/note", "noteOnRun",
      "Write a sentence into the record", {kTarget, required(kReason)});
  add(Command::Kind::done, Right::act, "/api/v1/runs/{run}/done", "manualStepDone",
      "Say that a manual step is done",
      {kTarget,
       kReason,
       {.name = "fields", .about = "What the step asks for", .kind = ApiField::Kind::texts},
       {.name = "attachments",
        .about = "Name, SHA-256 and size of files that lie beside the evidence",
        .kind = ApiField::Kind::list}});
  add(Command::Kind::undo, Right::start, "/api/v1/runs/{run}/undo", "undoRun",
      "Lift what can be lifted of a finished run; begins when enough people asked",
      {required(kReason)});
  return routes;
}

}  // namespace quell
