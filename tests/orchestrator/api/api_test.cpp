// The table that every front answers from: who may call what, what a body may hold, what happens
// once.
#include "orchestrator/api/api.h"

#include <set>
#include <string>

#include <doctest/doctest.h>

#include "orchestrator/api/problem.h"
#include "state/base/json.h"

namespace quell::test {
namespace {

Actor actor_with(std::initializer_list<Right> rights) {
  Actor actor{.who = "mara", .from = "socket"};
  for (const Right right : rights) actor.grant(right);
  return actor;
}

HttpCall call_of(std::string method, std::string target, std::string body = {}) {
  HttpCall call{.method = std::move(method), .target = std::move(target), .body = std::move(body)};
  if (!call.body.empty()) call.headers.emplace_back("content-type", "application/json");
  return call;
}

/// A door with one lamp behind it.
struct House {
  ManualClock clock{*parse_rfc3339("2031-03-04T05:06:07Z")};
  int switched = 0;
  int answer_status = 200;
  std::vector<std::string> refused{};
  Api api{{.clock = clock, .on_refusal = [this](const Actor&, const ApiRoute& route) {
             refused.emplace_back(route.operation);
           }}};

  House() {
    std::vector<ApiRoute> routes;
    routes.push_back({.method = "POST",
                      .path = "/api/v1/lamps/{lamp}/switch",
                      .operation = "switchLamp",
                      .summary = "Switch a lamp",
                      .right = Right::act,
                      .body = {{.name = "on",
                                .about = "On or off",
                                .kind = ApiField::Kind::boolean,
                                .required = true},
                               {.name = "why", .about = "A reason", .bytes_max = 10}},
                      .answer = "The lamp",
                      .handle = [this](const ApiCall& call) {
                        ++switched;
                        return json_reply(answer_status, Value::map({{"lamp", call.path_or("lamp")},
                                                                     {"times", switched}}));
                      }});
    routes.push_back({.method = "GET",
                      .path = "/api/v1/lamps",
                      .operation = "listLamps",
                      .summary = "Lamps",
                      .query = {{.name = "limit", .kind = ApiField::Kind::integer}},
                      .answer = "The lamps",
                      .handle = [](const ApiCall& call) {
                        const Result<std::uint64_t> limit = call.number("limit", 10, 100);
                        return limit ? json_reply(200, Value::map({{"limit", *limit}}))
                                     : problem_reply(limit.error());
                      }});
    api.add(std::move(routes));
  }
};

Value document(const HttpReply& reply) {
  const Result<Value> parsed = parse_json(reply.body);
  REQUIRE(parsed);
  return *parsed;
}

TEST_CASE("a call without the right of its route is refused and told of, whatever it says") {
  House house;
  const HttpReply reply = house.api.answer(
      call_of("POST", "/api/v1/lamps/hall/switch", "{\"nonsense\":1}"), actor_with({Right::read}));
  CHECK(reply.status == 403);
  CHECK(document(reply)["type"].string_or("") == "urn:quell:problem:role");
  CHECK(house.switched == 0);
  CHECK(house.refused == std::vector<std::string>{"switchLamp"});
}

TEST_CASE("what is not there is 404, another method 405 with those that there are") {
  House house;
  const Actor actor = actor_with({Right::read, Right::act});
  CHECK(house.api.answer(call_of("GET", "/api/v1/attic"), actor).status == 404);
  CHECK(house.api.answer(call_of("GET", "/api/v1/lamps/a/b/switch"), actor).status == 404);
  CHECK(house.api.answer(call_of("GET", "/api/v1/lamps/%zz"), actor).status == 404);
  const HttpReply other = house.api.answer(call_of("DELETE", "/api/v1/lamps"), actor);
  CHECK(other.status == 405);
  CHECK(other.headers.back() == std::pair<std::string, std::string>("allow", "GET"));
}

TEST_CASE("a body holds what its route declares and nothing else") {
  House house;
  const Actor actor = actor_with({Right::act});
  const auto post = [&](const std::string& body) {
    return house.api.answer(call_of("POST", "/api/v1/lamps/hall/switch", body), actor).status;
  };
  CHECK(post("{\"on\":true}") == 200);
  CHECK(post("{\"on\":true,\"why\":\"dark\"}") == 200);
  for (const char* bad : {"", "{}", "[]", "{", "{\"on\":1}", "{\"on\":null}",
                          "{\"on\":true,\"off\":true}", "{\"on\":true,\"why\":\"much too long\"}",
                          "{\"on\":true,\"why\":[]}", "{\"on\":true,\"on\":true}"}) {
    CAPTURE(bad);
    CHECK(post(bad) == 422);
  }
  HttpCall form = call_of("POST", "/api/v1/lamps/hall/switch", "on=true");
  form.headers = {{"content-type", "application/x-www-form-urlencoded"}};
  CHECK(house.api.answer(form, actor).status == 422);
  CHECK(house.switched == 2);
}

TEST_CASE("a query holds names that its route declares, and whole numbers in their bounds") {
  House house;
  const Actor actor = actor_with({Right::read});
  const auto get = [&](const std::string& query) {
    return house.api.answer(call_of("GET", "/api/v1/lamps" + query), actor).status;
  };
  CHECK(get("") == 200);
  CHECK(get("?limit=100") == 200);
  for (const char* bad : {"?limit=101", "?limit=-1", "?limit=", "?limit=1&limit=2", "?size=1",
                          "?limit=1%00", "?limit=%4", "?limit=99999999999999999999999"}) {
    CAPTURE(bad);
    CHECK(get(bad) == 422);
  }
}

TEST_CASE("an idempotency key makes a call happen once, for that caller and that body") {
  House house;
  const Actor mara = actor_with({Right::act});
  Actor olek = mara;
  olek.who = "olek";
  const auto post = [&](const Actor& actor, const std::string& key, const std::string& body) {
    HttpCall call = call_of("POST", "/api/v1/lamps/hall/switch", body);
    call.headers.emplace_back("idempotency-key", key);
    return house.api.answer(call, actor);
  };
  const HttpReply first = post(mara, "k1", "{\"on\":true}");
  CHECK(post(mara, "k1", "{\"on\":true}").body == first.body);
  CHECK(house.switched == 1);
  CHECK(post(mara, "k1", "{\"on\":false}").status == 422);
  CHECK(house.switched == 1);
  CHECK(post(olek, "k1", "{\"on\":true}").status == 200);
  CHECK(house.switched == 2);
  CHECK(post(mara, std::string(201, 'k'), "{\"on\":true}").status == 422);

  house.clock.advance(std::chrono::hours{25});
  CHECK(post(mara, "k1", "{\"on\":true}").body != first.body);
  CHECK(house.switched == 3);
}

TEST_CASE("what failed for a reason of ours may be sent again with the same key") {
  House house;
  const Actor actor = actor_with({Right::act});
  HttpCall call = call_of("POST", "/api/v1/lamps/hall/switch", "{\"on\":true}");
  call.headers.emplace_back("idempotency-key", "k");
  house.answer_status = 503;
  CHECK(house.api.answer(call, actor).status == 503);
  house.answer_status = 200;
  CHECK(house.api.answer(call, actor).status == 200);
  CHECK(house.switched == 2);
}

TEST_CASE("an error travels as problem details and comes out as it went in") {
  Error error = make_error(ErrorCode::conflict, "locked", "r15v is at work.", "quell follow r15v");
  const HttpReply reply = problem_reply(error);
  CHECK(reply.status == 409);
  CHECK(reply.headers.front().second == "application/problem+json");
  const Error back = error_of_problem(reply.status, document(reply));
  CHECK(back.code == error.code);
  CHECK(back.topic == error.topic);
  CHECK(back.message == error.message);
  CHECK(back.hint == error.hint);

  error.code = ErrorCode::throttled;
  error.retry_after = std::chrono::milliseconds{1'200};
  const HttpReply later = problem_reply(error);
  CHECK(later.status == 429);
  CHECK(later.headers.back() == std::pair<std::string, std::string>("retry-after", "2"));
}

}  // namespace
}  // namespace quell::test
