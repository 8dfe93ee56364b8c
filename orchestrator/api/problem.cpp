#include "orchestrator/api/problem.h"

#include <chrono>

#include "state/base/json.h"

namespace quell {
namespace {

constexpr std::string_view kTypePrefix = "urn:quell:problem:";

std::string_view title_of(int status) noexcept {
  switch (status) {
    case 400:
      return "the request cannot be read";
    case 401:
      return "nobody is signed in";
    case 403:
      return "this caller may not do that";
    case 404:
      return "there is no such thing";
    case 405:
      return "no such method here";
    case 409:
      return "its state forbids it now";
    case 421:
      return "this is not that host";
    case 422:
      return "a value is wrong";
    case 429:
      return "too much at once";
    case 503:
      return "no answer yet";
    default:
      return "a fault of quell";
  }
}

}  // namespace

HttpReply json_reply(int status, const Value& body) {
  HttpReply reply;
  reply.status = status;
  reply.headers = {{"content-type", "application/json"}};
  reply.body = to_json(body);
  return reply;
}

int status_of(const Error& error) noexcept {
  switch (error.code) {
    case ErrorCode::invalid:
      return 422;
    case ErrorCode::denied:
      return 403;
    case ErrorCode::gone:
      return 404;
    case ErrorCode::conflict:
    case ErrorCode::unavailable_here:
      return 409;
    case ErrorCode::throttled:
      return 429;
    case ErrorCode::transient:
    case ErrorCode::unknown:
      return 503;
    case ErrorCode::corrupt:
    case ErrorCode::internal:
      break;
  }
  return 500;
}

HttpReply problem_reply(int status, const Error& error) {
  const std::string topic = error.topic.empty() ? std::string(to_string(error.code)) : error.topic;
  HttpReply reply = json_reply(status, Value::map({{"type", std::string(kTypePrefix) + topic},
                                                   {"title", title_of(status)},
                                                   {"status", status},
                                                   {"detail", describe(error)},
                                                   {"hint", error.hint},
                                                   {"class", to_string(error.code)}}));
  reply.headers = {{"content-type", "application/problem+json"}};
  if (error.retry_after) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*error.retry_after);
    reply.headers.emplace_back("retry-after", std::to_string(seconds.count()));
  }
  return reply;
}

Error error_of_problem(int status, const Value& document) {
  std::string topic = document["type"].string_or("");
  topic = topic.starts_with(kTypePrefix) ? topic.substr(kTypePrefix.size()) : "state";
  return make_error(
      error_code_from_string(document["class"].string_or("")).value_or(ErrorCode::internal),
      std::move(topic),
      document["detail"].string_or("quell answered " + std::to_string(status) + "."),
      document["hint"].string_or(""));
}

}  // namespace quell
