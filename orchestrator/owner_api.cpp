#include "orchestrator/owner_api.h"

#include <array>
#include <chrono>
#include <future>
#include <optional>
#include <utility>

#include "orchestrator/http_client.h"
#include "orchestrator/http_server.h"
#include "state/base/json.h"

namespace quell {
namespace {

constexpr std::string_view kRunsRoot = "/api/v1/runs";
constexpr std::string_view kRunsPath = "/api/v1/runs/";
constexpr std::string_view kAlertsPath = "/api/v1/alerts/";
constexpr std::chrono::seconds kAnswerWait{10};
constexpr std::size_t kWordBytesMax = 4'096;
constexpr std::size_t kStartBytesMax = 16U << 20U;  // playbooks of 1 MiB, escaped, and inputs

struct Word {
  Command::Kind kind;
  std::string_view text;
};

constexpr std::array<Word, 10> kWords{{{Command::Kind::approve, "approve"},
                                       {Command::Kind::deny, "deny"},
                                       {Command::Kind::pause, "pause"},
                                       {Command::Kind::resume, "resume"},
                                       {Command::Kind::abort, "abort"},
                                       {Command::Kind::retry, "retry"},
                                       {Command::Kind::skip, "skip"},
                                       {Command::Kind::note, "note"},
                                       {Command::Kind::done, "done"},
                                       {Command::Kind::undo, "undo"}}};

HttpReply reply(int status, Value body) {
  HttpReply answer;
  answer.status = status;
  answer.headers = {{"content-type", "application/json"}};
  answer.body = to_json(body);
  return answer;
}

HttpReply refusal(int status, const Error& error) {
  return reply(
      status,
      Value::map({{"error", Value::map({{"code", error.topic.empty() ? Value(to_string(error.code))
                                                                     : Value(error.topic)},
                                        {"class", to_string(error.code)},
                                        {"message", describe(error)},
                                        {"hint", error.hint}})}}));
}

/// The command that a call spells, or why it is none.
Result<Command> command_of(const HttpCall& call) {
  const std::string_view target = call.target;
  const Error no_route = make_error(ErrorCode::gone, "no such route");
  if (call.method != "POST" || !target.starts_with(kRunsPath)) return no_route;
  const std::string_view rest = target.substr(kRunsPath.size());
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return no_route;
  const std::optional<RunId> run = parse_run_id(rest.substr(0, slash));
  Command command;
  bool found = false;
  for (const Word& word : kWords) {
    if (word.text != rest.substr(slash + 1)) continue;
    command.kind = word.kind;
    found = true;
  }
  if (!run || !found) return no_route;
  const Result<Value> body =
      parse_json(call.body, {.bytes_max = 64U << 10U, .depth_max = 4, .nodes_max = 100});
  if (!body || !body->is_map())
    return make_error(ErrorCode::invalid, "the body is not a JSON object");
  command.run = *run;
  for (const auto& [name, member] : body->as_map()) {
    if (name == "fields" || name == "attachments") continue;
    if (name == "break_glass") {
      command.break_glass = member.bool_or(false);
      continue;
    }
    if (!member.is_string() || member.as_string().size() > kWordBytesMax)
      return make_error(ErrorCode::invalid, "a member is not a short text");
    if (name == "who")
      command.who = member.as_string();
    else if (name == "digest")
      command.digest = member.as_string();
    else if (name == "target")
      command.target = member.as_string();
    else if (name == "reason")
      command.reason = member.as_string();
    else
      return make_error(ErrorCode::invalid, "an unknown member");
  }
  if (const Value& fields = (*body)["fields"]; fields.is_map()) {
    for (const auto& [name, text] : fields.as_map())
      command.fields.emplace(name, text.string_or(""));
  }
  for (const Value& file : (*body)["attachments"].list_or_empty()) {
    command.attachments.push_back({.name = file["name"].string_or(""),
                                   .sha256 = file["sha256"].string_or(""),
                                   .bytes = file["bytes"].int_or(0)});
  }
  return command;
}

/// The run that a call to `/api/v1/runs` asks for, or why it asks for none.
Result<StartCommand> start_of(const HttpCall& call) {
  const Result<Value> body =
      parse_json(call.body, {.bytes_max = kStartBytesMax, .depth_max = 4, .nodes_max = 1'000});
  if (!body || !body->is_map())
    return make_error(ErrorCode::invalid, "the body is not a JSON object");
  StartCommand command;
  command.playbook_source = (*body)["source"].string_or("");
  command.playbook_id = (*body)["playbook"].string_or("");
  if (const Value& called = (*body)["called"]; called.is_map()) {
    for (const auto& [id, source] : called.as_map())
      command.called.emplace(id, source.string_or(""));
  }
  command.who = (*body)["who"].string_or("");
  command.dry_run = (*body)["dry_run"].bool_or(false);
  command.send_probes = (*body)["probes"].bool_or(true);
  command.approved_in_advance = (*body)["approved_in_advance"].bool_or(false);
  command.join = (*body)["join"].bool_or(false);
  const Value& texts = (*body)["inputs"];
  const Value& secrets = (*body)["secrets"];
  if (texts.is_map()) {
    for (const auto& [name, value] : texts.as_map())
      command.texts.emplace(name, value.string_or(""));
  }
  if (secrets.is_map()) {
    for (const auto& [name, value] : secrets.as_map()) {
      command.secrets.emplace(name,
                              std::make_shared<const Secret>(Secret::copy_of(value.string_or(""))));
    }
  }
  return command;
}

int status_of(const Error& error) {
  return error.code == ErrorCode::gone        ? 404
         : error.code == ErrorCode::conflict  ? 409
         : error.code == ErrorCode::throttled ? 429
                                              : 400;
}

}  // namespace

std::string_view to_string(Command::Kind kind) noexcept {
  for (const Word& word : kWords) {
    if (word.kind == kind) return word.text;
  }
  return "";
}

namespace {

/// Runs `submit` with a callback and waits for what it is called with.
template <typename Answer>
std::optional<Answer> ask_engine(const std::function<void(std::function<void(Answer)>)>& submit) {
  auto answer = std::make_shared<std::promise<Answer>>();
  std::future<Answer> waiting = answer->get_future();
  submit([answer](Answer given) { answer->set_value(std::move(given)); });
  if (waiting.wait_for(kAnswerWait) != std::future_status::ready) return std::nullopt;
  return waiting.get();
}

HttpReply no_answer_yet() {
  return refusal(503, make_error(ErrorCode::unknown,
                                 "the engine has not answered yet; look before you send it again"));
}

HttpReply begin_run(Engine& engine, const HttpCall& call) {
  Result<StartCommand> command = start_of(call);
  if (!command) return refusal(400, command.error());
  const std::optional<Result<RunId>> run =
      ask_engine<Result<RunId>>([&](std::function<void(Result<RunId>)> done) {
        command->done = std::move(done);
        engine.submit(std::move(*command));
      });
  if (!run) return no_answer_yet();
  if (!*run) return refusal(status_of(run->error()), run->error());
  return reply(200, Value::map({{"run", to_string(**run)}}));
}

HttpReply carry_out(Engine& engine, const HttpCall& call) {
  Result<Command> command = command_of(call);
  if (!command) return refusal(status_of(command.error()), command.error());
  const std::optional<Status> status = ask_engine<Status>([&](std::function<void(Status)> done) {
    command->done = std::move(done);
    engine.submit(std::move(*command));
  });
  if (!status) return no_answer_yet();
  if (!*status) return refusal(status_of(status->error()), status->error());
  return reply(200, Value::map({{"ok", true}}));
}

/// The word on an alert that a call spells: `/api/v1/alerts/a3f0c1d2e4b5/dismiss`.
Result<AlertCommand> alert_command_of(const HttpCall& call) {
  const std::string_view rest = std::string_view(call.target).substr(kAlertsPath.size());
  const std::size_t slash = rest.find('/');
  const std::string_view word =
      slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  if (word != "replay" && word != "dismiss") return make_error(ErrorCode::gone, "no such route");
  const Result<Value> body =
      parse_json(call.body, {.bytes_max = 16U << 10U, .depth_max = 2, .nodes_max = 10});
  if (!body || !body->is_map())
    return make_error(ErrorCode::invalid, "the body is not a JSON object");
  const std::int64_t seq = (*body)["seq"].int_or(0);
  if (seq <= 0) return make_error(ErrorCode::invalid, "seq is the number of an entry");
  return AlertCommand{
      .kind = word == "replay" ? AlertCommand::Kind::replay : AlertCommand::Kind::dismiss,
      .id = std::string(rest.substr(0, slash)),
      .seq = static_cast<std::uint64_t>(seq),
      .who = (*body)["who"].string_or(""),
      .reason = (*body)["reason"].string_or("").substr(0, kWordBytesMax)};
}

HttpReply carry_out_on_alert(Engine& engine, const AlertOffice& office, const HttpCall& call) {
  const Result<AlertCommand> command = alert_command_of(call);
  if (!command) return refusal(status_of(command.error()), command.error());
  if (!office) {
    return refusal(409, make_error(ErrorCode::conflict, "alert",
                                   "the process that owns the state takes no alerts.",
                                   "start quell serve once it has ended"));
  }
  auto filed = std::make_shared<FiledAlert>();
  const std::optional<Status> status = ask_engine<Status>([&](std::function<void(Status)> done) {
    engine.submit(Errand{.work = [office, filed, command = *command]() -> Status {
                           Result<FiledAlert> outcome = office(command);
                           if (!outcome) return outcome.error();
                           *filed = *std::move(outcome);
                           return ok();
                         },
                         .done = std::move(done)});
  });
  if (!status) return no_answer_yet();
  if (!*status) return refusal(status_of(status->error()), status->error());
  return reply(200, Value::map({{"id", filed->id},
                                {"run", filed->run ? Value(to_string(*filed->run)) : Value()},
                                {"joined", filed->joined},
                                {"why", filed->why}}));
}

}  // namespace

OwnerApi::OwnerApi(Engine& engine) : engine_(engine) {}
OwnerApi::~OwnerApi() = default;

Result<std::unique_ptr<OwnerApi>> OwnerApi::serve(const std::string& socket_path, Engine& engine) {
  std::unique_ptr<OwnerApi> api(new OwnerApi(engine));
  HttpServerOptions options;
  options.unix_socket = socket_path;
  options.body_bytes_max = kStartBytesMax;
  Result<std::unique_ptr<HttpServer>> server =
      HttpServer::start(options, [self = api.get()](const HttpCall& call) {
        if (call.method == "POST" && call.target == kRunsRoot)
          return begin_run(self->engine_, call);
        if (call.method == "POST" && call.target.starts_with(kAlertsPath)) {
          AlertOffice office;
          {
            const std::lock_guard lock(self->mutex_);
            office = self->office_;
          }
          return carry_out_on_alert(self->engine_, office, call);
        }
        return carry_out(self->engine_, call);
      });
  if (!server) return server.error();
  api->server_ = std::move(*server);
  return api;
}

void OwnerApi::open_alerts(AlertOffice office) {
  const std::lock_guard lock(mutex_);
  office_ = std::move(office);
}

namespace {

/// The body of a 200, or the Error that the owner gave.
Result<Value> call_owner(const std::string& socket_path, const std::string& target, Value body) {
  std::string text = to_json(body);
  const Result<HttpReply> answer = call_unix_socket(socket_path, "POST", target, text);
  wipe(text);
  if (!answer) return answer.error();
  const Result<Value> parsed = parse_json(answer->body);
  if (answer->status == 200 && parsed) return *parsed;
  const Value error = parsed ? (*parsed)["error"] : Value();
  return make_error(
      error_code_from_string(error["class"].string_or("")).value_or(ErrorCode::internal),
      error["code"].string_or("state"),
      error["message"].string_or("the owner answered " + std::to_string(answer->status)),
      error["hint"].string_or(""));
}

}  // namespace

Status send_command(const std::string& socket_path, const Command& command) {
  ValueMap body{{"who", command.who}};
  if (!command.digest.empty()) body["digest"] = command.digest;
  if (!command.target.empty()) body["target"] = command.target;
  if (!command.reason.empty()) body["reason"] = command.reason;
  if (command.break_glass) body["break_glass"] = true;
  ValueMap fields;
  for (const auto& [name, text] : command.fields) fields.emplace(name, text);
  if (!fields.empty()) body["fields"] = Value(std::move(fields));
  ValueList attachments;
  for (const Attachment& file : command.attachments) {
    attachments.push_back(
        Value::map({{"name", file.name}, {"sha256", file.sha256}, {"bytes", file.bytes}}));
  }
  if (!attachments.empty()) body["attachments"] = Value(std::move(attachments));
  const std::string target =
      std::string(kRunsPath) + to_string(command.run) + "/" + std::string(to_string(command.kind));
  const Result<Value> answer = call_owner(socket_path, target, Value(std::move(body)));
  return answer ? ok() : Status(answer.error());
}

Result<RunId> send_start(const std::string& socket_path, const StartCommand& command) {
  ValueMap texts;
  for (const auto& [name, value] : command.texts) texts.emplace(name, value);
  ValueMap called;
  for (const auto& [id, source] : command.called) called.emplace(id, source);
  ValueMap secrets;
  // The socket is the owner's and ours alone (0600): the one place where a secret leaves as text.
  for (const auto& [name, secret] : command.secrets) secrets.emplace(name, secret->reveal());
  const Result<Value> answer =
      call_owner(socket_path, std::string(kRunsRoot),
                 Value::map({{"source", command.playbook_source},
                             {"playbook", command.playbook_id},
                             {"called", Value(std::move(called))},
                             {"who", command.who},
                             {"dry_run", command.dry_run},
                             {"probes", command.send_probes},
                             {"approved_in_advance", command.approved_in_advance},
                             {"join", command.join},
                             {"inputs", Value(std::move(texts))},
                             {"secrets", Value(std::move(secrets))}}));
  if (!answer) return answer.error();
  const std::optional<RunId> run = parse_run_id((*answer)["run"].string_or(""));
  if (!run) return make_error(ErrorCode::internal, "the owner named no run");
  return *run;
}

Result<FiledAlert> send_alert_command(const std::string& socket_path, const AlertCommand& command) {
  const bool replays = command.kind == AlertCommand::Kind::replay;
  const Result<Value> answer = call_owner(
      socket_path, std::string(kAlertsPath) + command.id + (replays ? "/replay" : "/dismiss"),
      Value::map({{"seq", static_cast<std::int64_t>(command.seq)},
                  {"who", command.who},
                  {"reason", command.reason}}));
  if (!answer) return answer.error();
  return FiledAlert{.id = command.id,
                    .run = parse_run_id((*answer)["run"].string_or("")),
                    .joined = (*answer)["joined"].bool_or(false),
                    .why = (*answer)["why"].string_or("")};
}

}  // namespace quell
