// What receivers are told, and what becomes of their answers.
#include "connectors/shared_signals/shared_signals_connector.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "state/base/bytes.h"
#include "state/base/json.h"
#include "tests/support/run_action.h"

namespace quell::test {
namespace {

/// A P-256 key made for this test.
constexpr std::string_view kKey =
    R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"})";
constexpr std::string_view kFirst = "https://rp.example/events";
constexpr std::string_view kSecond = "https://idp.example/ssf";
const std::string kRevoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const std::string kCompromise =
    "https://schemas.openid.net/secevent/risc/event-type/credential-compromise";

SharedSignalsConfig config() {
  return {.issuer = "https://quell.example/",
          .signing_key = std::make_shared<const Secret>(Secret::copy_of(kKey)),
          .key_id = "q1",
          .receivers = {{.endpoint = std::string(kFirst), .audience = "https://rp.example"}}};
}

std::unique_ptr<SharedSignalsConnector> connector(SharedSignalsConfig made = config()) {
  auto result = SharedSignalsConnector::make(std::move(made));
  REQUIRE(result.has_value());
  return *std::move(result);
}

/// Code and words of the mistake in a changed configuration.
std::string mistake(const std::function<void(SharedSignalsConfig&)>& change) {
  SharedSignalsConfig made = config();
  change(made);
  const auto result = SharedSignalsConnector::make(std::move(made));
  return result ? "none" : result.error().message;
}

Value params(const std::string& subject = "u@example.com") {
  return Value::map({{"subject", subject}, {"incident", "r1abc"}});
}

Handler answers(int status, std::string body = {}) {
  return [status, body](const HttpRequest&) -> Result<HttpResponse> {
    return json_response(status, body);
  };
}

/// One JSON part of the token that was sent.
Value part(const RecordedRequest& request, int index) {
  std::string_view text = request.body;
  for (int i = 0; i < index; ++i) text.remove_prefix(text.find('.') + 1);
  const auto json = base64url_decode(text.substr(0, text.find('.')));
  REQUIRE(json.has_value());
  const auto value = parse_json(*json, {});
  REQUIRE(value.has_value());
  return *value;
}

std::string failure(const Handler& handler, SharedSignalsConfig made = config()) {
  const auto outcome =
      run_action(*connector(std::move(made)), "emit_session_revoked", params(), handler);
  return outcome ? "none"
                 : std::string(to_string(outcome.error().code)) + ": " + describe(outcome.error());
}

}  // namespace

// Goal: the token is the one of the sheet: typ, one event, `sub_id` at the top, no sub and no exp.
TEST_CASE("a receiver gets one signed event by RFC 8935") {
  ActionLog log;
  SharedSignalsConfig made = config();
  made.receivers.front().bearer = std::make_shared<const Secret>(Secret::copy_of("agreed-on-1"));
  const auto outcome = run_action(*connector(std::move(made)), "emit_session_revoked", params(),
                                  answers(202), {.log = &log});
  REQUIRE(outcome.has_value());
  REQUIRE(log.requests.size() == 1);
  const RecordedRequest& sent = log.requests.front();
  CHECK(sent.line() == "POST https://rp.example/events");
  CHECK(sent.header("content-type") == "application/secevent+jwt");
  CHECK(sent.header("accept") == "application/json");
  CHECK(sent.header("authorization") == "Bearer agreed-on-1");
  CHECK(sent.effect == Effect::mutate);
  CHECK(to_json(part(sent, 0)) == R"({"alg":"ES256","kid":"q1","typ":"secevent+jwt"})");
  const Value claims = part(sent, 1);
  const std::string jti = claims["jti"].string_or("");
  CHECK(jti.size() == 32);
  CHECK(to_json(claims) ==
        R"({"aud":"https://rp.example","events":{")" + kRevoked +
            R"(":{"event_timestamp":1930453567,"initiating_entity":"system","reason_admin":{"en":"contained by quell, r1abc"}}},)"
            R"("iat":1930453567,"iss":"https://quell.example/","jti":")" +
            jti + R"(","sub_id":{"email":"u@example.com","format":"email"},"txn":"r1abc"})");
  CHECK(outcome->outputs["receivers"].as_list().front()["jti"].string_or("") == jti);
  CHECK(outcome->outputs["receivers"].as_list().front()["http_status"].as_int() == 202);
}

TEST_CASE("a compromise says what kind of credential, in the connection's form of subject") {
  ActionLog log;
  SharedSignalsConfig made = config();
  made.subject_format = SubjectFormat::iss_sub;
  made.subject_issuer = "https://idp.example";
  const auto sender = connector(std::move(made));
  REQUIRE(run_action(*sender, "emit_credential_compromise", params("u-1"), answers(202),
                     {.log = &log})
              .has_value());
  const Value claims = part(log.requests.front(), 1);
  CHECK(claims["events"][kCompromise]["credential_type"].string_or("") == "app");
  CHECK(to_json(claims["sub_id"]) ==
        R"({"format":"iss_sub","iss":"https://idp.example","sub":"u-1"})");
  ValueMap odd = params().as_map();
  odd.emplace("credential_type", "A b");
  CHECK_FALSE(run_action(*sender, "emit_credential_compromise", Value(odd), answers(202)));
  CHECK_FALSE(run_action(*sender, "emit_credential_compromise", params(std::string(513, 'x')),
                         answers(202)));
}

// Goal: whoever repeats an emission whose answer was lost tells nobody twice.
TEST_CASE("the same event has the same id, whenever it is sent, and every other another") {
  const auto id_of = [](const std::string& action, const Value& with, Timestamp at,
                        SharedSignalsConfig made = config()) {
    ActionLog log;
    REQUIRE(run_action(*connector(std::move(made)), action, with, answers(202),
                       {.start = at, .log = &log})
                .has_value());
    return part(log.requests.front(), 1)["jti"].string_or("");
  };
  const Timestamp early{std::chrono::hours{24}};
  const Timestamp late{std::chrono::hours{48}};
  const std::string first = id_of("emit_session_revoked", params(), early);
  CHECK(id_of("emit_session_revoked", params(), late) == first);
  CHECK(id_of("emit_credential_compromise", params(), early) != first);
  CHECK(id_of("emit_session_revoked", params("other@example.com"), early) != first);
  ValueMap other = params().as_map();
  other["incident"] = "r1abd";
  CHECK(id_of("emit_session_revoked", Value(other), early) != first);
  SharedSignalsConfig elsewhere = config();
  elsewhere.receivers.front().audience = "https://other.example";
  CHECK(id_of("emit_session_revoked", params(), early, std::move(elsewhere)) != first);
  // What a plan predicts is what is sent.
  const Inputs inputs{.params = params()};
  const auto sender = connector();
  const Value predicted = sender->predict(shared_signals_actions().front(), inputs);
  CHECK(predicted["receivers"].as_list().front()["jti"].string_or("") == first);
  CHECK(predicted["receivers"].as_list().front()["http_status"].is_null());
}

TEST_CASE("what an answer means") {
  CHECK(failure(answers(202)) == "none");
  CHECK(failure(answers(400, R"({"err":"invalid_audience","description":"SECRET-WORDS"})")) ==
        "invalid: the receiver at https://rp.example: the event was refused: invalid_audience "
        "(400)");
  CHECK(failure(answers(400, R"({"err":"<script>"})")) ==
        "invalid: the receiver at https://rp.example: the event was refused (400)");
  CHECK(failure(answers(400, "no JSON")) ==
        "invalid: the receiver at https://rp.example: the event was refused (400)");
  CHECK(failure(answers(401)).starts_with("denied: "));
  CHECK(failure(answers(429)).starts_with("throttled: "));
  CHECK(failure(answers(500)).starts_with("unknown: "));
  CHECK(failure(answers(302)).starts_with("invalid: "));
  CHECK(failure(answers(200)).starts_with("invalid: "));
  CHECK(failure([](const HttpRequest&) -> Result<HttpResponse> {
          return make_error(ErrorCode::unknown, "the line dropped");
        }) == "unknown: the line dropped");
}

// Goal: one receiver that fails hides neither that others were told nor that a repetition may help.
TEST_CASE("all receivers are told, and the worst answer counts") {
  SharedSignalsConfig made = config();
  made.receivers.push_back({.endpoint = std::string(kSecond), .audience = "https://idp.example"});
  ActionLog log;
  const Handler one_fails = [](const HttpRequest& request) -> Result<HttpResponse> {
    return json_response(request.url == kFirst ? 400 : 503, "{}");
  };
  const auto outcome = run_action(*connector(made), "emit_session_revoked", params(), one_fails,
                                  {.log = &log});
  CHECK(log.lines() == std::vector<std::string>{"POST https://rp.example/events",
                                                "POST https://idp.example/ssf"});
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().code == ErrorCode::unknown);
  CHECK(describe(outcome.error()).starts_with("0 of 2 receivers took it"));
  CHECK(part(log.requests[0], 1)["jti"].string_or("") !=
        part(log.requests[1], 1)["jti"].string_or(""));
}

// Goal: nothing is sent by a look, and a look never claims to have settled anything.
TEST_CASE("a look sends nothing") {
  ActionLog log;
  const auto outcome = run_action(*connector(), "emit_session_revoked", params(), answers(202),
                                  {.intent = Intent::look, .log = &log});
  CHECK(log.requests.empty());
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().code == ErrorCode::unknown);
}

// Goal: an emission is never anything less than an irreversible, wide change (T49).
TEST_CASE("the action table keeps its promises") {
  REQUIRE(shared_signals_actions().size() == 2);
  for (const ActionSpec& spec : shared_signals_actions()) {
    CAPTURE(spec.name);
    CHECK(spec.effect == Effect::mutate);
    CHECK(spec.irreversible);
    CHECK(spec.wide);
    CHECK(spec.kills.empty());
    CHECK(spec.repeat == Repeat::safe);
  }
}

TEST_CASE("a configuration that could tell nobody anything is refused") {
  CHECK(mistake([](SharedSignalsConfig& made) { made.issuer.clear(); }) == "there is no issuer");
  CHECK(mistake([](SharedSignalsConfig& made) { made.key_id.clear(); }) == "there is no key_id");
  CHECK(mistake([](SharedSignalsConfig& made) { made.receivers.clear(); }) ==
        "there are 1 to 16 receivers");
  CHECK(mistake([](SharedSignalsConfig& made) {
          made.receivers.front().endpoint = "http://rp.example/events";
        }) == "a receiver's endpoint is an https URL");
  CHECK(mistake([](SharedSignalsConfig& made) { made.receivers.front().audience.clear(); }) ==
        "a receiver has no audience");
  CHECK(mistake([](SharedSignalsConfig& made) {
          made.receivers.push_back(made.receivers.front());
        }) == "two receivers have one audience");
  CHECK(mistake([](SharedSignalsConfig& made) {
          made.subject_format = SubjectFormat::iss_sub;
        }) == "subject_format iss_sub needs the issuer of the subjects");
  CHECK(mistake([](SharedSignalsConfig& made) {
          made.signing_key = std::make_shared<const Secret>(Secret::copy_of("no key"));
        }) != "none");
  SharedSignalsConfig loopback = config();
  loopback.loopback_http = true;
  loopback.receivers.front().endpoint = "http://127.0.0.1:9/events";
  CHECK(connector(std::move(loopback))->pins()["kind"].string_or("") == "shared_signals");
}

}  // namespace quell::test
