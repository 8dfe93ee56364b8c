// Calls that are data: how their answers are read is written once for all of them.
#include "connectors/declared_call.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "connectors/words.h"
#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell {
namespace {

constexpr Duration kThrottledDefault{2'000};
constexpr JsonLimits kBodyLimits{.bytes_max = 256U << 10, .depth_max = 32, .nodes_max = 20'000};

constexpr Words<Certainty, 5> kCertainties{{{Certainty::tried, "tried"},
                                            {Certainty::source_read, "source_read"},
                                            {Certainty::vendor_text, "vendor_text"},
                                            {Certainty::copied_text, "copied_text"},
                                            {Certainty::unsure, "unsure"}}};
constexpr Words<AnswerMeaning, 8> kMeanings{{{AnswerMeaning::done, "done"},
                                             {AnswerMeaning::already, "already"},
                                             {AnswerMeaning::unsupported, "unsupported"},
                                             {AnswerMeaning::refused, "refused"},
                                             {AnswerMeaning::denied, "denied"},
                                             {AnswerMeaning::throttled, "throttled"},
                                             {AnswerMeaning::dead, "dead"},
                                             {AnswerMeaning::alive, "alive"}}};

bool has_member(const Value& body, std::string_view path) {
  const std::size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return body.has(path);
  return member_at(body, path.substr(0, dot)).has(path.substr(dot + 1));
}

bool fits(const AnswerRule& rule, const HttpResponse& response, const Value& body) {
  if (rule.status != response.status) return false;
  return std::ranges::all_of(rule.json, [&body](const auto& member) {
    if (member.second == "*") return has_member(body, member.first);
    const Value& value = member_at(body, member.first);
    if (value.is_string()) return value.as_string() == member.second;
    if (value.is_bool()) return (value.as_bool() ? "true" : "false") == member.second;
    return value.is_int() && std::to_string(value.as_int()) == member.second;
  });
}

Error asks_to_wait(const HttpResponse& response, std::string_view subject, Timestamp now) {
  Error error = make_error(ErrorCode::throttled, "throttled",
                           fmt::format("{}: asks to wait ({})", subject, response.status),
                           "quell repeats it by itself");
  error.retry_after = retry_after(response, now).value_or(kThrottledDefault);
  return error;
}

std::string_view trim_front(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

}  // namespace

std::string_view to_string(Certainty certainty) noexcept {
  return word_of(kCertainties, certainty);
}
std::string_view to_string(AnswerMeaning meaning) noexcept { return word_of(kMeanings, meaning); }

template <>
std::optional<Certainty> declared_word<Certainty>(std::string_view text) noexcept {
  return find_word(kCertainties, text);
}
template <>
std::optional<AnswerMeaning> declared_word<AnswerMeaning>(std::string_view text) noexcept {
  return find_word(kMeanings, text);
}

bool asks_other_method(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 4> kOverrides{
      "X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override", "X-Override-Method"};
  return std::ranges::any_of(
      kOverrides, [name](std::string_view one) { return equal_ignoring_case(one, name); });
}

bool is_reserved_header(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 8> kOurs{
      "Authorization", "Content-Type",      "Content-Length", "Host",
      "Cookie",        "Transfer-Encoding", "Connection",     "Proxy-Authorization"};
  return asks_other_method(name) || std::ranges::any_of(kOurs, [name](std::string_view one) {
           return equal_ignoring_case(one, name);
         });
}

const Value& member_at(const Value& body, std::string_view path) noexcept {
  const Value* at = &body;
  while (true) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    at = &(*at)[path.substr(0, dot)];
    if (dot == path.size()) return *at;
    path.remove_prefix(dot + 1);
  }
}

Result<AnswerMeaning> read_answer(const std::vector<AnswerRule>& rules,
                                  const HttpResponse& response, const Value& body,
                                  std::string_view subject, const AnswerReading& reading) {
  const int status = response.status;
  if (is_html(response)) {
    return make_error(ErrorCode::invalid, "invalid",
                      fmt::format("{}: a page where an answer belongs ({})", subject, status),
                      "compare the declared URL with the system's own page");
  }
  for (const AnswerRule& rule : rules) {
    if (!fits(rule, response, body)) continue;
    if (rule.means == AnswerMeaning::throttled)
      return asks_to_wait(response, subject, reading.now);
    if (rule.means != AnswerMeaning::denied) return rule.means;
    return make_error(ErrorCode::denied, "denied",
                      fmt::format("{}: our own credential was refused ({})", subject, status),
                      "compare what its entry in quell.yaml signs in with and the other side's "
                      "own record");
  }
  if (status >= 200 && status < 300) {
    const bool changes = reading.effect == Effect::mutate;
    return make_error(
        changes ? ErrorCode::unknown : ErrorCode::invalid, changes ? "unknown" : "invalid",
        fmt::format("{}: an answer that no declared rule knows ({})", subject, status),
        changes ? "whether it took effect is for the probes to say"
                : "add it under answers: of the declaration");
  }
  if (status == 503) return asks_to_wait(response, subject, reading.now);
  return classify(response, reading.effect, subject, reading.where);
}

Value answer_body(const HttpResponse& response) {
  Result<Value> parsed = parse_json(response.body, kBodyLimits);
  return parsed ? *std::move(parsed) : Value{};
}

bool is_html(const HttpResponse& response) {
  const std::string_view type = trim_front(response.header("content-type"));
  if (starts_with_ignoring_case(type, "text/html") ||
      starts_with_ignoring_case(type, "application/xhtml"))
    return true;
  const std::string_view body = trim_front(response.body);
  return starts_with_ignoring_case(body, "<!doctype html") ||
         starts_with_ignoring_case(body, "<html");
}

std::string body_encoded(const std::string& text, BodyKind kind) {
  if (kind == BodyKind::form) return form_encode(text);
  const std::string json = to_json(Value(text));
  return json.substr(1, json.size() - 2);
}

}  // namespace quell
