#include "connectors/classify.h"

#include <doctest/doctest.h>

#include "connectors/action.h"
#include "connectors/connector.h"

namespace quell {
namespace {

HttpResponse response(int status, std::vector<std::pair<std::string, std::string>> headers = {}) {
  HttpResponse made(status, "canary-in-the-body");
  made.headers = std::move(headers);
  return made;
}

// Goal: the table of playbook-language section 6, row by row, for what reads and what changes.
// Failures without an answer are the transport's rows: see curl_failures_test.cpp.
TEST_CASE("each status has one class") {
  struct Row {
    int status;
    ErrorCode read;
    ErrorCode mutate;
    NotFound where = NotFound::object;
    bool retry_after = false;
  };
  using enum ErrorCode;
  const Row rows[] = {
      {429, throttled, throttled},
      {429, throttled, throttled, NotFound::collection, true},
      {503, throttled, throttled, NotFound::object, true},
      {503, transient, unknown},
      {500, transient, unknown},
      {502, transient, unknown},
      {504, transient, unknown},
      {529, transient, unknown},
      {599, transient, unknown, NotFound::object, true},
      {501, unavailable_here, unavailable_here},
      {501, unavailable_here, unavailable_here, NotFound::object, true},
      {401, denied, denied},
      {403, denied, denied},
      {404, gone, gone},
      {404, unavailable_here, unavailable_here, NotFound::collection},
      {405, unavailable_here, unavailable_here},
      {409, conflict, conflict},
      {400, invalid, invalid},
      {402, invalid, invalid},
      {406, invalid, invalid},
      {408, invalid, invalid},
      {410, invalid, invalid},
      {413, invalid, invalid},
      {422, invalid, invalid},
      {451, invalid, invalid},
      {301, invalid, invalid},
      {302, invalid, invalid},
      {307, invalid, invalid},
      {399, invalid, invalid},
      {200, invalid, invalid},  // html where JSON belongs
      {204, invalid, invalid},
      {0, invalid, invalid},
  };
  for (const Row& row : rows) {
    CAPTURE(row.status);
    CAPTURE(row.retry_after);
    HttpResponse answer = response(row.status);
    if (row.retry_after) answer.headers.emplace_back("retry-after", "7");
    for (const Effect effect : {Effect::read, Effect::probe, Effect::mutate, Effect::notify}) {
      const bool changes = effect == Effect::mutate || effect == Effect::notify;
      const Error error = classify(answer, effect, "vcrd_01QX at api.example", row.where);
      CHECK(to_string(error.code) == to_string(changes ? row.mutate : row.read));
      CHECK(error.message.starts_with("vcrd_01QX at api.example: "));
      CHECK(error.message.ends_with("(" + std::to_string(row.status) + ")"));
      CHECK(error.message.find("canary") == std::string::npos);
      CHECK(error.retry_after.has_value() == (row.retry_after && error.code == throttled));
    }
  }
}

// Goal: a wait named by a server is understood in both forms and never longer than a day (T13).
TEST_CASE("Retry-After") {
  const Timestamp now = *parse_rfc3339("2031-03-04T05:06:07Z");
  const auto read = [&](const std::string& text) {
    const std::optional<Duration> wait = retry_after(response(429, {{"retry-after", text}}), now);
    return wait ? wait->count() : -1;
  };
  CHECK(read("0") == 0);
  CHECK(read("120") == 120'000);
  CHECK(read("86401") == 86'400'000);
  CHECK(read("9999999") == 86'400'000);
  CHECK(read("99999999999999999999999999") == 86'400'000);
  CHECK(read("Tue, 04 Mar 2031 05:06:37 GMT") == 30'000);
  CHECK(read("Tue, 04 Mar 2031 05:06:00 GMT") == 0);
  CHECK(read("Tue, 04 Mar 2036 05:06:00 GMT") == 86'400'000);
  for (const std::string text :
       {"", "-1", "+1", "1.5", " 5", "5s", "soon", "Tue, 04 Xyz 2031 05:06:37 GMT",
        "Tue, 99 Mar 2031 05:06:37 GMT", "Tue, 04 Mar 2031 05:06:37 CET"}) {
    CAPTURE(text);
    CHECK(read(text) == -1);
  }
  CHECK(!retry_after(response(429), now));
}

TEST_CASE("an action without a clock reads a date by the server's own") {
  const char* const due = "Tue, 04 Mar 2031 05:06:37 GMT";
  const Error both =
      classify(response(429, {{"date", "Tue, 04 Mar 2031 05:06:27 GMT"}, {"retry-after", due}}),
               Effect::read, "x");
  CHECK(both.retry_after == Duration{10'000});
  CHECK(!classify(response(429, {{"retry-after", due}}), Effect::read, "x").retry_after);
}

TEST_CASE("headers are found by their lower-case name, the first one first") {
  const HttpResponse answer = response(200, {{"a", "1"}, {"b", "2"}, {"a", "3"}});
  CHECK(answer.header("a") == "1");
  CHECK(answer.header("c").empty());
  CHECK(answer.header_all("a") == std::vector<std::string_view>{"1", "3"});
}

TEST_CASE("actions and their inputs are found by name") {
  std::vector<ActionSpec> actions(2);
  actions[0].name = "get";
  actions[1].name = "revoke";
  actions[1].inputs.push_back(ParamSpec{.name = "token"});
  CHECK(find_action(actions, "revoke") == &actions[1]);
  CHECK(find_action(actions, "rev") == nullptr);
  CHECK(actions[1].find_input("token") == &actions[1].inputs[0]);
  CHECK(actions[1].find_input("tok") == nullptr);
}

}  // namespace
}  // namespace quell
