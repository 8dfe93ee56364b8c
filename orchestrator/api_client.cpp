#include "orchestrator/api_client.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "connectors/url.h"
#include "orchestrator/api/problem.h"
#include "orchestrator/owner_api.h"
#include "orchestrator/report/spool.h"
#include "state/base/json.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

constexpr std::string_view kRuns = "/api/v1/runs";
constexpr std::string_view kAlerts = "/api/v1/alerts/";
constexpr std::string_view kPlans = "/api/v1/plans";
/// A plan is looked for this often, for ten minutes at most.
constexpr std::chrono::milliseconds kPlanLookEvery{200};
constexpr int kPlanLooksMax = 3'000;

}  // namespace

ApiClient ApiClient::at_socket(std::string path, std::string who) {
  return ApiClient([path = std::move(path), who = std::move(who)](const HttpQuestion& question) {
    HttpQuestion signed_question = question;
    signed_question.headers.emplace_back(std::string(kWhoHeader), who);
    Result<HttpReply> reply = call_unix_socket(path, signed_question);
    wipe(signed_question.body);
    return reply;
  });
}

ApiClient ApiClient::in_process(Api& api, Actor actor) {
  return ApiClient([&api, actor = std::move(actor)](
                       const HttpQuestion& question) -> Result<HttpReply> {
    HttpReply reply = api.answer({.method = question.method,
                                  .target = question.target,
                                  .headers = {{"content-type", "application/json"}},
                                  .body = question.body},
                                 actor);
    if (!reply.more || !question.take) return reply;
    while (const std::optional<std::string> piece = reply.more()) {
      if (!question.take(*piece)) break;
    }
    return reply;
  });
}

Result<ApiClient> ApiClient::at_server(const std::string& url,
                                       std::shared_ptr<const Secret> token) {
  const Result<Url> parsed = parse_url(url);
  const bool is_safe = parsed && (parsed->scheme == "https" || is_loopback_host(parsed->host));
  if (!is_safe) {
    return make_error(ErrorCode::invalid, "server",
                      "--server takes an https URL, or http on loopback.",
                      "for instance --server https://quell.example:8440");
  }
  return ApiClient([origin = parsed->origin(), token = std::move(token)](
                       const HttpQuestion& question) {
    return call_origin(origin, *token, question);
  });
}

Result<Value> ApiClient::call(const std::string& method, const std::string& target,
                              std::string body) const {
  HttpQuestion question{.method = method, .target = target, .body = std::move(body)};
  const Result<HttpReply> answer = exchange_(question);
  wipe(question.body);
  if (!answer) return answer.error();
  // A page of the journal ends with an entry, however large that is.
  Result<Value> document =
      parse_json(answer->body, {.bytes_max = 64U << 20U, .nodes_max = 2'000'000});
  if (answer->status == 200 && document) return document;
  return error_of_problem(answer->status, document ? *document : Value());
}

Status ApiClient::download(const std::string& target, const ByteSink& sink) const {
  Sha256 hash;
  Status taken = ok();
  const Result<HttpReply> answer = exchange_(
      {.method = "GET", .target = target, .take = [&](std::string_view piece) {
         hash.update(piece);
         taken = sink(piece);
         return static_cast<bool>(taken);
       }});
  if (!taken) return taken;
  if (!answer) return answer.error();
  if (answer->status != 200) {
    const Result<Value> document = parse_json(answer->body);
    return error_of_problem(answer->status, document ? *document : Value());
  }
  const std::string whole = repr_digest(hash.hex());
  // Among headers of any spelling: nothing else looks like a digest of these very bytes.
  const bool is_whole =
      std::any_of(answer->headers.begin(), answer->headers.end(),
                  [&](const auto& header) { return header.second == whole; });
  if (is_whole) return ok();
  return make_error(ErrorCode::transient, "server", "not all of it arrived.",
                    "try again; compare quell --version here and there");
}

Result<Value> ApiClient::get(const std::string& target) const { return call("GET", target, ""); }

Result<Value> ApiClient::post(const std::string& target, const Value& body) const {
  return call("POST", target, body.is_null() ? std::string() : to_json(body));
}

Status ApiClient::send(const Command& command) const {
  ValueMap body;
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
  const Result<Value> answer = post(std::string(kRuns) + "/" + to_string(command.run) + "/" +
                                        std::string(to_string(command.kind)),
                                    Value(std::move(body)));
  return answer ? ok() : Status(answer.error());
}

namespace {

Value body_of(const StartCommand& command) {
  ValueMap texts;
  for (const auto& [name, value] : command.texts) texts.emplace(name, value);
  ValueMap called;
  for (const auto& [id, source] : command.called) called.emplace(id, source);
  ValueMap secrets;
  // To the owner's own socket, or over TLS to the server that the person named: the one place where
  // a secret leaves as text.
  for (const auto& [name, secret] : command.secrets) secrets.emplace(name, secret->reveal());
  return Value::map({{"source", command.playbook_source},
                     {"playbook", command.playbook_id},
                     {"called", Value(std::move(called))},
                     {"dry_run", command.dry_run},
                     {"probes", command.send_probes},
                     {"approved_in_advance", command.approved_in_advance},
                     {"join", command.join},
                     {"reason", command.reason},
                     {"inputs", Value(std::move(texts))},
                     {"secrets", Value(std::move(secrets))}});
}

Result<RunId> run_in(const Value& document) {
  const std::optional<RunId> run = parse_run_id(document["run"].string_or(""));
  if (!run) return make_error(ErrorCode::internal, "the owner named no run");
  return *run;
}

Error error_of_plan(const Value& error) {
  return make_error(
      error_code_from_string(error["class"].string_or("")).value_or(ErrorCode::conflict),
      error["type"].string_or("plan"), error["detail"].string_or("there is no plan."),
      error["hint"].string_or(""));
}

Error changed_plan(const StartCommand& command, const Value& document) {
  return make_error(
      ErrorCode::conflict, "approval",
      "the plan is now " + document["plan"]["digest"].string_or("").substr(0, 12) + ".",
      "look again: quell plan " + command.playbook_id);
}

}  // namespace

Result<RunId> ApiClient::start(const StartCommand& command) const {
  const Result<Value> answer = post(std::string(kRuns), body_of(command));
  return answer ? run_in(*answer) : Result<RunId>(answer.error());
}

Result<Value> ApiClient::settled_plan(const std::string& target,
                                      const std::function<bool()>& should_stop) const {
  for (int look = 0; look < kPlanLooksMax; ++look) {
    if (should_stop()) {
      return make_error(ErrorCode::invalid, "stopped", "stopped by a signal; nothing was changed.",
                        "");
    }
    Result<Value> document = get(target);
    if (!document) return document;
    const std::string& state = (*document)["state"].string_or("");
    if (state == "failed") {
      return error_of_plan((*document)["error"]);
    }
    if (state != "computing" && state != "starting") return document;
    std::this_thread::sleep_for(kPlanLookEvery);
  }
  return make_error(ErrorCode::transient, "plan", "the plan takes longer than ten minutes.",
                    "leave --plan out, or look why: quell plan");
}

Result<std::string> ApiClient::ask_plan(const StartCommand& command) const {
  const Result<Value> asked = post(std::string(kPlans), body_of(command));
  if (!asked) return asked.error();
  return (*asked)["id"].string_or("");
}

Result<Value> ApiClient::plan(const std::string& id,
                              const std::function<bool()>& should_stop) const {
  const Result<Value> planned = settled_plan(std::string(kPlans) + "/" + id, should_stop);
  if (!planned) return planned.error();
  return (*planned)["plan"];
}

Result<RunId> ApiClient::start_as_planned(const StartCommand& command,
                                          const std::string& digest) const {
  const auto never = [] { return false; };
  const Result<std::string> asked = ask_plan(command);
  if (!asked) return asked.error();
  const std::string target = std::string(kPlans) + "/" + *asked;
  const Result<Value> planned = settled_plan(target, never);
  if (!planned) return planned.error();
  if (!(*planned)["plan"]["digest"].string_or("").starts_with(digest))
    return changed_plan(command, *planned);
  const Result<Value> begun =
      post(target + "/start",
           Value::map({{"dry_run", command.dry_run}, {"reason", command.reason}}));
  if (!begun) return begun.error();
  const Result<Value> started = settled_plan(target, never);
  if (!started) return started.error();
  if ((*started)["changed"].bool_or(false)) return changed_plan(command, *started);
  if ((*started)["error"].is_map()) return error_of_plan((*started)["error"]);
  return run_in(*started);
}

Result<Value> ApiClient::radius(const std::vector<std::string>& start, const std::string& since,
                                const std::string& connection) const {
  ValueList words;
  for (const std::string& word : start) words.emplace_back(word);
  ValueMap question{{"start", Value(std::move(words))}};
  if (!since.empty()) question["since"] = since;
  if (!connection.empty()) question["connection"] = connection;
  const Result<Value> asked = post("/api/v1/radius", Value(std::move(question)));
  if (!asked) return asked.error();
  Result<Value> answer =
      settled_plan("/api/v1/radius/" + std::string((*asked)["id"].string_or("")),
                   [] { return false; });
  if (!answer) return answer;
  return (*answer)["radius"];
}

Result<FiledAlert> ApiClient::send(const AlertCommand& command) const {
  const bool replays = command.kind == AlertCommand::Kind::replay;
  const Result<Value> answer =
      post(std::string(kAlerts) + command.id + (replays ? "/replay" : "/dismiss"),
           replays ? Value() : Value::map({{"reason", command.reason}}));
  if (!answer) return answer.error();
  return FiledAlert{.id = command.id,
                    .run = parse_run_id((*answer)["run"].string_or("")),
                    .joined = (*answer)["joined"].bool_or(false),
                    .why = (*answer)["why"].string_or("")};
}

}  // namespace quell
