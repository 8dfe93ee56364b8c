#include "tests/support/run_action.h"

#include <algorithm>
#include <cctype>
#include <memory>
#include <variant>

#include "connectors/url.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

constexpr int kOperationsMax = 100'000;
constexpr std::size_t kFingerprintDigits = 32;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool may_leave(const HttpRequest& request) {
  const std::string origin = origin_of(request.url);
  return request.body.may_go_to(origin) &&
         std::all_of(request.headers.begin(), request.headers.end(),
                     [&](const HttpHeader& header) { return header.value.may_go_to(origin); });
}

Result<HttpResponse> answer(const HttpRequest& request, const Handler& handler, ActionLog& log) {
  if (!may_leave(request)) {
    return make_error(ErrorCode::invalid, "egress",
                      "a secret may not be sent to " + origin_of(request.url), "");
  }
  log.requests.push_back(record(request));
  return handler(request);
}

}  // namespace

std::string RecordedRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

bool RecordedRequest::mentions(std::string_view text) const {
  const auto holds = [&](const std::string& where) {
    return where.find(text) != std::string::npos;
  };
  return holds(url) || holds(body) ||
         std::any_of(headers.begin(), headers.end(),
                     [&](const auto& header) { return holds(header.second); });
}

RecordedRequest record(const HttpRequest& request) {
  RecordedRequest seen;
  seen.method = request.method;
  seen.url = request.url;
  for (const HttpHeader& header : request.headers) {
    seen.headers.emplace_back(lower(header.name), std::string(header.value.render().reveal()));
  }
  seen.body = std::string(request.body.render().reveal());
  seen.effect = request.effect;
  seen.trust = request.trust;
  return seen;
}

HttpResponse json_response(int status, std::string body,
                           std::vector<std::pair<std::string, std::string>> headers) {
  HttpResponse response(status, std::move(body));
  response.headers = std::move(headers);
  if (response.header("content-type").empty()) {
    response.headers.emplace_back("content-type", "application/json");
  }
  return response;
}

std::vector<std::string> ActionLog::lines() const {
  std::vector<std::string> out;
  for (const RecordedRequest& request : requests) out.push_back(request.line());
  return out;
}

Result<Outcome> run_action(const Connector& connector, std::string_view action, Value params,
                           const Handler& handler, RunActionOptions options) {
  const ActionSpec* const spec = find_action(connector.actions(), action);
  QUELL_ASSERT(spec != nullptr);
  ManualClock own_clock(options.start);
  ManualClock& clock = options.clock != nullptr ? *options.clock : own_clock;
  ActionLog own_log;
  ActionLog& log = options.log != nullptr ? *options.log : own_log;

  Io io;
  io.set_now(clock.now());
  Inputs inputs;
  inputs.params = std::move(params);
  inputs.intent = options.intent;
  inputs.baseline = std::move(options.baseline);
  Task<Result<Outcome>> task = connector.perform(*spec, std::move(inputs), io);
  task.resume();
  for (int operations = 0; !task.done(); ++operations) {
    QUELL_ASSERT(operations < kOperationsMax);
    IoOp operation = io.take();
    QUELL_ASSERT(!std::holds_alternative<std::monostate>(operation));
    if (auto* const send = std::get_if<SendOp>(&operation)) {
      Answers answers;
      for (const HttpRequest& request : send->requests) {
        answers.push_back(answer(request, handler, log));
      }
      io.resume_sent(std::move(answers), clock.now());
    } else if (const auto* const wait = std::get_if<WaitOp>(&operation)) {
      log.waits.push_back(wait->delay);
      clock.advance(wait->delay);
      io.resume_waited(clock.now());
    } else if (auto* const keep = std::get_if<KeepOp>(&operation)) {
      log.kept.push_back(keep->name);
      std::string fingerprint = test_fingerprint(keep->secret.reveal());
      SecretValue kept;
      kept.secret = std::make_shared<const Secret>(std::move(keep->secret));
      kept.fingerprint = std::move(fingerprint);
      io.resume_kept(std::move(kept), clock.now());
    } else if (auto* const more = std::get_if<FileOp>(&operation)) {
      Result<EvidenceFile> filed = options.file ? options.file(std::move(*more))
                                                : make_error(ErrorCode::transient, "room",
                                                             "no evidence is kept here.", "");
      io.resume_filed(std::move(filed), clock.now());
    }
  }
  return task.take();
}

std::string test_fingerprint(std::string_view secret) {
  return sha256_hex(secret).substr(0, kFingerprintDigits);
}

Value test_secret(std::string text) {
  SecretValue value;
  value.fingerprint = test_fingerprint(text);
  value.secret = std::make_shared<const Secret>(std::move(text));
  return value;
}

}  // namespace quell
