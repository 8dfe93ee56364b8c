#include <doctest/doctest.h>

#include "tests/connectors/transport/exchange.h"
#include "tests/support/run_action.h"
#include "tests/support/scripted_transport.h"

// The doubles that other tests stand on behave as the real ones do.
namespace quell {
namespace {

/// Sends, waits and keeps, each once.
class SampleConnector final : public Connector {
 public:
  std::span<const ActionSpec> actions() const override { return actions_; }
  Value predict(const ActionSpec&, const Inputs&) const override { return {}; }
  Value pins() const override { return {}; }
  std::string base_url() const override { return "https://a.example"; }

  Task<Result<Outcome>> perform(const ActionSpec&, Inputs inputs, Io& io) const override {
    const Timestamp began = io.now();
    HttpRequest request = request_to(inputs.params["url"].string_or(""), "POST", Effect::mutate);
    request.headers.push_back({.name = "X-Token", .value = SecretText("t ")});
    request.headers.back().value.append(bound("the token", {"https://a.example"}),
                                        SecretEncoding::raw);
    const Result<HttpResponse> answer = co_await io.send(std::move(request));
    if (!answer) co_return answer.error();
    co_await io.wait(Duration{1'500});
    std::string name = "minted";
    Secret secret = Secret::copy_of(answer->body);
    const Result<SecretValue> kept = co_await io.keep(std::move(name), std::move(secret));
    Outcome outcome;
    outcome.outputs = Value::map({{"kept", Value(*kept)}, {"took", Value(io.now() - began)}});
    co_return outcome;
  }

 private:
  std::vector<ActionSpec> actions_{ActionSpec{.name = "act"}};
};

TEST_CASE("run_action drives an action to its end and records what it asked for") {
  const SampleConnector connector;
  ActionLog log;
  const auto handler = [](const HttpRequest&) -> Result<HttpResponse> {
    return json_response(200, "a minted token");
  };
  RunActionOptions options;
  options.log = &log;
  const Result<Outcome> outcome =
      run_action(connector, "act", Value::map({{"url", "https://a.example/x"}}), handler, options);
  REQUIRE(outcome);
  CHECK(outcome->outputs["took"] == Value(Duration{1'500}));
  CHECK(outcome->outputs["kept"] == test_secret("a minted token"));
  CHECK(log.lines() == std::vector<std::string>{"POST https://a.example/x"});
  CHECK(log.requests.front().header("x-token") == "t the token");
  CHECK(log.requests.front().mentions("the token"));
  CHECK(log.kept == std::vector<std::string>{"minted"});
  CHECK(log.waits == std::vector<Duration>{Duration{1'500}});

  const Result<Outcome> elsewhere =
      run_action(connector, "act", Value::map({{"url", "https://b.example/x"}}), handler, options);
  REQUIRE(!elsewhere);
  CHECK(elsewhere.error().topic == "egress");
  CHECK(log.requests.size() == 1);
}

TEST_CASE("ScriptedTransport plays its script") {
  ManualClock clock(*parse_rfc3339("2031-03-04T05:06:07Z"));
  ScriptedTransport http(clock);
  http.expect("GET", "/a").replies(200, "{\"n\":1}", {{"x-b", "c"}}).from_loopback();
  http.expect("GET", "/a").replies(404, "{}");
  http.expect("POST", "/lost").drops_after_send();
  http.expect("GET", "/lost").drops_after_send();
  http.expect("POST", "/down").refuses_connection();
  http.expect("POST", "/slow?x=1").hangs();
  http.expect("DELETE", "/never").replies(200, "{}");
  Ticket ticket = 0;
  const auto send = [&](const char* method, const char* path, Effect effect) {
    HttpRequest request = request_to(std::string("https://a.example") + path, method, effect);
    request.headers.push_back({.name = "X-Token", .value = ""});
    request.headers.back().value.append(bound("the token", {"https://a.example"}),
                                        SecretEncoding::raw);
    http.start(++ticket, std::move(request));
    std::vector<Completion> done = http.poll(clock.now());
    REQUIRE(done.size() == 1);
    CHECK(done.front().ticket == ticket);
    return std::move(done.front().answer);
  };
  const auto code = [&](const char* method, const char* path, Effect effect) {
    return to_string(send(method, path, effect).error().code);
  };
  const Result<HttpResponse> first = send("GET", "/a?q", Effect::read);
  REQUIRE(first);
  CHECK(first->body == "{\"n\":1}");
  CHECK(first->header("x-b") == "c");
  CHECK(first->from_loopback);
  CHECK(send("GET", "/a", Effect::read)->status == 404);
  CHECK(code("GET", "/a", Effect::read) == "internal");
  CHECK(code("POST", "/lost", Effect::mutate) == "unknown");
  CHECK(code("GET", "/lost", Effect::read) == "transient");
  CHECK(code("POST", "/down", Effect::mutate) == "transient");

  http.start(77, request_to("https://a.example/slow?x=1", "POST", Effect::mutate));
  CHECK(http.poll(clock.now()).empty());
  CHECK(http.next_timeout() == clock.now() + Duration{20'000});
  clock.advance_to(http.next_timeout());
  const std::vector<Completion> late = http.poll(clock.now());
  REQUIRE(late.size() == 1);
  CHECK(late.front().ticket == 77);
  CHECK(late.front().answer.error().code == ErrorCode::unknown);

  HttpRequest elsewhere = request_to("https://b.example/never", "DELETE", Effect::mutate);
  elsewhere.body.append(bound("the token", {"https://a.example"}), SecretEncoding::raw);
  http.start(78, std::move(elsewhere));
  CHECK(http.poll(clock.now()).front().answer.error().topic == "egress");
  CHECK(http.unmet() == std::vector<std::string>{"DELETE /never"});
  CHECK(http.log().size() == 6);
  CHECK(http.log().front().header("x-token") == "[secret]");
}

}  // namespace
}  // namespace quell
