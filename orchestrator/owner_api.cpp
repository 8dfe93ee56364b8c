#include "orchestrator/owner_api.h"

#include <array>
#include <chrono>
#include <future>
#include <optional>
#include <utility>

#include "orchestrator/http_server.h"
#include "state/base/json.h"

namespace quell {
namespace {

constexpr std::string_view kRunsPath = "/api/v1/runs/";
constexpr std::chrono::seconds kAnswerWait{10};
constexpr std::size_t kWordBytesMax = 4'096;

struct Word {
  Command::Kind kind;
  std::string_view text;
};

constexpr std::array<Word, 8> kWords{{{Command::Kind::approve, "approve"},
                                      {Command::Kind::deny, "deny"},
                                      {Command::Kind::pause, "pause"},
                                      {Command::Kind::resume, "resume"},
                                      {Command::Kind::abort, "abort"},
                                      {Command::Kind::retry, "retry"},
                                      {Command::Kind::skip, "skip"},
                                      {Command::Kind::note, "note"}}};

HttpReply reply(int status, Value body) {
  HttpReply answer;
  answer.status = status;
  answer.headers = {{"content-type", "application/json"}};
  answer.body = to_json(body);
  return answer;
}

HttpReply refusal(int status, const Error& error) {
  return reply(status, Value::map({{"error", Value::map({{"code", error.topic.empty() ? Value(to_string(error.code)) : Value(error.topic)},
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
  const Result<Value> body = parse_json(call.body, {.bytes_max = 64U << 10U, .depth_max = 4, .nodes_max = 100});
  if (!body || !body->is_map()) return make_error(ErrorCode::invalid, "the body is not a JSON object");
  command.run = *run;
  for (const auto& [name, member] : body->as_map()) {
    if (!member.is_string() || member.as_string().size() > kWordBytesMax) return make_error(ErrorCode::invalid, "a member is not a short text");
    if (name == "who") command.who = member.as_string();
    else if (name == "digest") command.digest = member.as_string();
    else if (name == "step") command.step = member.as_string();
    else if (name == "item") command.item = member.as_string();
    else if (name == "reason") command.reason = member.as_string();
    else return make_error(ErrorCode::invalid, "an unknown member");
  }
  return command;
}

int status_of(const Error& error) {
  return error.code == ErrorCode::gone ? 404 : error.code == ErrorCode::conflict ? 409 : error.code == ErrorCode::throttled ? 429 : 400;
}

}  // namespace

std::string_view to_string(Command::Kind kind) noexcept {
  for (const Word& word : kWords) {
    if (word.kind == kind) return word.text;
  }
  return "";
}

OwnerApi::OwnerApi() = default;
OwnerApi::~OwnerApi() = default;

Result<std::unique_ptr<OwnerApi>> OwnerApi::serve(const std::string& socket_path, Engine& engine) {
  std::unique_ptr<OwnerApi> api(new OwnerApi());
  HttpServerOptions options;
  options.unix_socket = socket_path;
  Result<std::unique_ptr<HttpServer>> server = HttpServer::start(options, [&engine](const HttpCall& call) {
    Result<Command> command = command_of(call);
    if (!command) return refusal(status_of(command.error()), command.error());
    auto answer = std::make_shared<std::promise<Status>>();
    std::future<Status> waiting = answer->get_future();
    command->done = [answer](Status status) { answer->set_value(std::move(status)); };
    engine.submit(std::move(*command));
    if (waiting.wait_for(kAnswerWait) != std::future_status::ready) {
      return refusal(503, make_error(ErrorCode::unknown, "the engine has not answered yet; look before you send it again"));
    }
    const Status status = waiting.get();
    if (!status) return refusal(status_of(status.error()), status.error());
    return reply(200, Value::map({{"ok", true}}));
  });
  if (!server) return server.error();
  api->server_ = std::move(*server);
  return api;
}

Status send_command(const std::string& socket_path, const Command& command) {
  ValueMap body{{"who", command.who}};
  if (!command.digest.empty()) body["digest"] = command.digest;
  if (!command.step.empty()) body["step"] = command.step;
  if (!command.item.empty()) body["item"] = command.item;
  if (!command.reason.empty()) body["reason"] = command.reason;
  const std::string target = std::string(kRunsPath) + to_string(command.run) + "/" + std::string(to_string(command.kind));
  const Result<HttpReply> answer = call_unix_socket(socket_path, "POST", target, to_json(Value(std::move(body))));
  if (!answer) return answer.error();
  if (answer->status == 200) return ok();
  const Result<Value> parsed = parse_json(answer->body);
  const Value error = parsed ? (*parsed)["error"] : Value();
  return make_error(error_code_from_string(error["class"].string_or("")).value_or(ErrorCode::internal), error["code"].string_or("state"),
                    error["message"].string_or("the owner answered " + std::to_string(answer->status)), error["hint"].string_or(""));
}

}  // namespace quell
