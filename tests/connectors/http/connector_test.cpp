// What a declared call sends, and how its answers read.
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "connectors/http/http_connector.h"
#include "orchestrator/declared_actions.h"
#include "tests/support/run_action.h"

namespace quell {
namespace {

constexpr std::string_view kActions = R"(http_actions: 1
actions:
  revoke_key:
    title: revoke one key
    effect: mutate
    method: POST
    path: /v1/keys/{key_id}/revoke
    query: {by: "{who}"}
    inputs:
      key_id: {type: string}
      who: {type: string, default: "quell & co"}
      note: {type: string, default: "a \"leak\""}
      count: {type: int, default: 2}
    json: {note: "{note}", count: "{count}"}
    answers:
      - {status: 200, json: {error: "*"}, means: refused}
      - {status: 200, json: {ok: true}, means: done}
      - {status: 202, means: done}
      - {status: 400, json: {error.code: already_revoked}, means: already}
      - {status: 401, means: denied}
    outputs:
      job: {type: string, from: job.id}
    plane: issuer
    kills: [key]
    repeat: look_first
    look: key_is_dead
  expire_key:
    title: let one key expire
    effect: mutate
    method: PUT
    path: /v1/keys/{key_id}
    inputs: {key_id: {type: string}}
    form: {state: "expired"}
    answers: [{status: 202, means: done}]
    settles: 5m
    plane: issuer
    repeat: look_first
    look: key_is_dead
  key_is_dead:
    title: is the key dead
    effect: read
    method: GET
    path: /v1/keys/{key_id}
    inputs: {key_id: {type: string}}
    answers:
      - {status: 200, json: {key.state: revoked}, means: dead}
      - {status: 200, json: {key.state: active}, means: alive}
    plane: issuer
    proves: [key]
    grade: strong
  token_is_refused:
    title: is the leaked key refused
    effect: probe
    method: GET
    path: /v1/me
    inputs: {leaked: {type: secret}}
    shows: leaked
    answers:
      - {status: 401, means: dead}
      - {status: 200, means: alive}
    plane: issuer
    proves: [key]
  get_key:
    title: read one key
    effect: read
    method: GET
    path: /v1/keys/{key_id}
    inputs: {key_id: {type: string}}
    outputs:
      state: {type: string, from: key.state}
      owner: {type: string, from: key.owner, optional: true}
)";

std::unique_ptr<HttpConnector> connector(HttpAuth auth = HttpAuth::bearer) {
  DeclaredLoad load = load_declared_actions(kActions, false);
  REQUIRE(load.actions);
  const BoundSecret secret{.secret = std::make_shared<const Secret>(std::string("own-credential")),
                           .origins = {"https://keys.example"}};
  HttpConfig config{.base_url = "https://keys.example/api/",
                    .auth = auth,
                    .user = "quell",
                    .header = "X-Api-Key",
                    .secret = secret,
                    .actions = *std::move(load.actions)};
  Result<std::unique_ptr<HttpConnector>> made = HttpConnector::make(std::move(config));
  REQUIRE(made);
  return *std::move(made);
}

Handler answering(int status, std::string body) {
  return [status, body](const HttpRequest&) -> Result<HttpResponse> {
    return json_response(status, body);
  };
}

const Value kKey = Value::map({{"key_id", "k/1 ä"}});

}  // namespace

// Goal: what an incident brings stands in the request as data, each place in its own encoding.
TEST_CASE("a declared call is sent as it was declared") {
  ActionLog log;
  const Result<Outcome> done = run_action(*connector(), "revoke_key", kKey,
                                          answering(200, R"({"ok":true,"job":{"id":"j1"}})"),
                                          {.log = &log});
  REQUIRE(done);
  REQUIRE(log.requests.size() == 1);
  const RecordedRequest& sent = log.requests[0];
  CHECK(sent.line() ==
        "POST https://keys.example/api/v1/keys/k%2F1%20%C3%A4/revoke?by=quell+%26+co");
  CHECK(sent.body == R"({"note":"a \"leak\"","count":2})");
  CHECK(sent.header("authorization") == "Bearer own-credential");
  CHECK(sent.header("content-type") == "application/json");
  CHECK(sent.effect == Effect::mutate);
  CHECK(done->outputs["job"].string_or("") == "j1");
  CHECK(done->outputs["answer"].string_or("") == "done");
}

TEST_CASE("each kind of credential stands where it belongs") {
  const auto sent_with = [](HttpAuth auth) {
    ActionLog log;
    CHECK(run_action(*connector(auth), "get_key", kKey,
                     answering(200, R"({"key":{"state":"active"}})"), {.log = &log}));
    return log.requests.at(0);
  };
  CHECK(sent_with(HttpAuth::basic).header("authorization") ==
        "Basic cXVlbGw6b3duLWNyZWRlbnRpYWw=");
  CHECK(sent_with(HttpAuth::header).header("x-api-key") == "own-credential");
  CHECK_FALSE(sent_with(HttpAuth::none).mentions("own-credential"));
}

// Goal: a leaked secret is shown in place of the connection's own, never beside it.
TEST_CASE("a probe shows the leaked secret alone") {
  ActionLog log;
  const Value params = Value::map({{"leaked", test_secret("leaked-key-0123")}});
  const Result<Outcome> looked = run_action(*connector(HttpAuth::header), "token_is_refused",
                                            params, answering(401, "{}"), {.log = &log});
  REQUIRE(looked);
  CHECK(looked->judgement->verdict == Verdict::proved);
  CHECK(looked->judgement->grade == Grade::weak);
  CHECK(log.requests.at(0).header("authorization") == "Bearer leaked-key-0123");
  CHECK_FALSE(log.requests.at(0).mentions("own-credential"));
}

// Goal: no value climbs out of its segment, breaks a line, or names another host.
TEST_CASE("a value that its place cannot hold is not sent") {
  const std::vector<std::string> values{"", "..", ".", "../admin", "a/../b", "a\\..\\b",
                                        "a\r\nX: y", std::string(3000, 'a')};
  for (const std::string& value : values) {
    CAPTURE(value);
    ActionLog log;
    const Result<Outcome> done =
        run_action(*connector(), "revoke_key", Value::map({{"key_id", value}}),
                   answering(200, R"({"ok":true})"), {.log = &log});
    REQUIRE_FALSE(done);
    CHECK(done.error().topic == "bad-input");
    CHECK(log.requests.empty());
  }
}

// Goal: 200 is not success by itself, and what no rule knows is nobody's success.
TEST_CASE("answers read as they were declared") {
  const auto outcome = [](int status, const std::string& body) {
    return run_action(*connector(), "revoke_key", kKey, answering(status, body));
  };
  const auto code = [&](int status, const std::string& body) {
    const Result<Outcome> done = outcome(status, body);
    REQUIRE_FALSE(done);
    return done.error().code;
  };
  CHECK(outcome(202, "")->kind == OutcomeKind::done);
  CHECK(outcome(202, "")->outputs["job"].is_null());
  CHECK(outcome(400, R"({"error":{"code":"already_revoked"}})")->kind == OutcomeKind::already);
  CHECK(code(200, R"({"error":"locked"})") == ErrorCode::conflict);
  CHECK(code(200, R"({"ok":false})") == ErrorCode::unknown);
  CHECK(code(200, "<html>sign in</html>") == ErrorCode::invalid);
  CHECK(code(400, R"({"error":{"code":"bad_id"}})") == ErrorCode::invalid);
  CHECK(code(401, "{}") == ErrorCode::denied);
  CHECK(code(404, "{}") == ErrorCode::gone);
  CHECK(code(302, "") == ErrorCode::invalid);
  CHECK(code(500, "") == ErrorCode::unknown);
  CHECK(code(429, "") == ErrorCode::throttled);
}

TEST_CASE("a probe proves, refutes, or says nothing") {
  const auto verdict = [](int status, const std::string& body) {
    const Result<Outcome> looked =
        run_action(*connector(), "key_is_dead", kKey, answering(status, body));
    return looked ? looked->judgement->verdict : Verdict::unproved;
  };
  CHECK(verdict(200, R"({"key":{"state":"revoked"}})") == Verdict::proved);
  CHECK(verdict(200, R"({"key":{"state":"active"}})") == Verdict::refuted);
  CHECK(verdict(200, R"({"key":{"state":"frozen"}})") == Verdict::unproved);
  CHECK(verdict(404, "{}") == Verdict::unproved);
  CHECK(verdict(403, "{}") == Verdict::unproved);
  CHECK(verdict(503, "") == Verdict::unproved);
}

// Goal: a read that does not hold what was declared fails; it never reads as empty.
TEST_CASE("outputs of a read are there or it fails") {
  const auto read = [](const std::string& body) {
    return run_action(*connector(), "get_key", kKey, answering(200, body));
  };
  const Result<Outcome> good = read(R"({"key":{"state":"active"}})");
  REQUIRE(good);
  CHECK(good->outputs["state"].string_or("") == "active");
  CHECK(good->outputs["owner"].is_null());
  CHECK(read(R"({"key":{}})").error().code == ErrorCode::invalid);
  CHECK(read(R"({"key":{"state":7}})").error().code == ErrorCode::invalid);
  CHECK(read("no json").error().code == ErrorCode::invalid);
}

// Goal: a lost answer is settled by reads alone, and never guessed.
TEST_CASE("a look finds out whether a lost attempt was applied") {
  const auto look = [](std::string_view action, int status, const std::string& body,
                       ActionLog& log) {
    return run_action(*connector(), action, kKey, answering(status, body),
                      {.intent = Intent::look, .log = &log});
  };
  ActionLog log;
  const Result<Outcome> applied = look("revoke_key", 200, R"({"key":{"state":"revoked"}})", log);
  REQUIRE(applied);
  CHECK(applied->kind == OutcomeKind::already);
  CHECK(look("revoke_key", 200, R"({"key":{"state":"active"}})", log).error().code ==
        ErrorCode::conflict);
  CHECK(look("revoke_key", 500, "", log).error().code == ErrorCode::unknown);
  // The system said that its effect may come later: still alive is no answer.
  CHECK(look("expire_key", 200, R"({"key":{"state":"active"}})", log).error().code ==
        ErrorCode::unknown);
  for (const RecordedRequest& sent : log.requests) CHECK(sent.method == "GET");
}

TEST_CASE("a base URL that would carry the credential in clear is refused") {
  const auto made = [](std::string base) {
    return HttpConnector::make({.base_url = std::move(base)}).has_value();
  };
  CHECK(made("https://keys.example"));
  CHECK(made("http://127.0.0.1:8080/api"));
  CHECK_FALSE(made("http://keys.example"));
  CHECK_FALSE(made("https://keys.example/?a=b"));
  CHECK_FALSE(made("keys.example"));
}

}  // namespace quell
