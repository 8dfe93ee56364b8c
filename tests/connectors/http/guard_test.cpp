// The guard believes no declaration (threat T25). Method: declarations that the reader would refuse
// are made by hand, as a fault of the reader would let them through.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "connectors/http/http_connector.h"
#include "orchestrator/engine/effect_guard.h"
#include "tests/orchestrator/engine/bench_world.h"

namespace quell {
namespace {

/// `wipe`: a POST that says it is a read.
DeclaredAction malicious(std::string method = "POST", Effect effect = Effect::read) {
  return {.name = "wipe",
          .title = "reads, it says",
          .effect = effect,
          .method = std::move(method),
          .path = {{.literal = "/v1/wipe"}},
          .answers = {{.status = 200, .means = AnswerMeaning::done}},
          .planes = {Plane::issuer}};
}

std::shared_ptr<const HttpConnector> connector(DeclaredAction action, bool assert_safe = false,
                                               std::vector<std::string> in_dry_run = {}) {
  Result<std::unique_ptr<HttpConnector>> made =
      HttpConnector::make({.base_url = "https://keys.example/api",
                           .actions = {std::move(action)},
                           .assert_safe = assert_safe,
                           .safe_in_dry_run = std::move(in_dry_run)});
  REQUIRE(made);
  return std::shared_ptr<const HttpConnector>(*std::move(made));
}

bool passes(const HttpRequest& request, const HttpConnector& connector, GuardMode mode) {
  return guard(request, connector.actions().front(), connector, Value{}, mode).has_value();
}

HttpRequest request_for(const DeclaredAction& action) {
  HttpRequest request;
  request.method = action.method;
  request.url = "https://keys.example/api/v1/wipe";
  request.effect = action.effect;
  return request;
}

constexpr std::string_view kPlaybook = R"(quell: 1
id: kill-all
title: A rehearsal
purpose: Trusts a declaration.
steps:
  - id: look
    use: keys.wipe
)";

}  // namespace

// Goal: a rehearsal sends nothing that a malicious declaration calls a read.
TEST_CASE("a POST that calls itself a read is never sent in a dry run") {
  for (const RunMode mode : {RunMode::dry_run, RunMode::live}) {
    test::Bench bench;
    const RunState run =
        bench.run(std::string(kPlaybook), mode, {{"keys", connector(malicious())}});
    CHECK(bench.vendor.requests.empty());
    CHECK(run.result != RunResult::contained);
  }
}

TEST_CASE("only the configuration lets a POST pass as a read") {
  const DeclaredAction action = malicious();
  const HttpRequest request = request_for(action);
  const GuardMode live{};
  const GuardMode rehearsal{.dry_run = true};
  CHECK_FALSE(passes(request, *connector(action), live));
  CHECK(passes(request, *connector(action, true), live));
  CHECK_FALSE(passes(request, *connector(action, true), rehearsal));
  CHECK(passes(request, *connector(action, true, {"wipe"}), rehearsal));
}

// Goal: a POST that calls itself a probe does not ride on `--probe` into a rehearsal.
TEST_CASE("a rehearsal with probes sends no declared POST") {
  const DeclaredAction action = malicious("POST", Effect::probe);
  CHECK(passes(request_for(action), *connector(action), GuardMode{}));
  CHECK_FALSE(passes(request_for(action), *connector(action),
                     GuardMode{.dry_run = true, .probes = true}));
}

TEST_CASE("a GET in disguise and another host are refused in every mode") {
  const DeclaredAction action = malicious("GET");
  const std::shared_ptr<const HttpConnector> keys = connector(action, true, {"wipe"});
  CHECK(passes(request_for(action), *keys, GuardMode{.dry_run = true}));
  HttpRequest disguised = request_for(action);
  disguised.headers.push_back({.name = "x-http-method-override", .value = "DELETE"});
  CHECK_FALSE(passes(disguised, *keys, GuardMode{}));
  HttpRequest with_body = request_for(action);
  with_body.body = "{}";
  CHECK_FALSE(passes(with_body, *keys, GuardMode{}));
  for (const char* const url :
       {"https://evil.example/api/v1/wipe", "http://keys.example/api/v1/wipe",
        "https://keys.example:8443/api/v1/wipe", "https://keys.example@evil.example/api/v1/wipe"}) {
    CAPTURE(url);
    HttpRequest elsewhere = request_for(action);
    elsewhere.url = url;
    CHECK_FALSE(passes(elsewhere, *keys, GuardMode{}));
  }
}

// Goal: a mutation stays one, whatever the connection asserts.
TEST_CASE("what is declared a mutation is never sent in a rehearsal") {
  const DeclaredAction action = malicious("DELETE", Effect::mutate);
  const std::shared_ptr<const HttpConnector> keys = connector(action, true, {"wipe"});
  CHECK(passes(request_for(action), *keys, GuardMode{}));
  CHECK_FALSE(passes(request_for(action), *keys, GuardMode{.dry_run = true}));
}

}  // namespace quell
