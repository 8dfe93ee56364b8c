// Changes by one request: archive, pause, unpause; one table for what all of them share.
#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/connectors/managed_agents/script.h"

namespace quell::test {
namespace {

/// One action with its object before and after.
struct Kind {
  std::string action;
  Value params;
  std::string object;  // path
  std::string verb;
  std::string before;
  std::string after;
};

std::vector<Kind> kinds() {
  const Value credential = Value::map({{"vault_id", "vlt_1"}, {"credential_id", "vcrd_1"}});
  const Value vault = Value::map({{"vault_id", "vlt_1"}});
  const Value deployment = Value::map({{"deployment_id", "depl_1"}});
  const std::string depl = "/v1/deployments/depl_1";
  return {{"archive_credential", credential, "/v1/vaults/vlt_1/credentials/vcrd_1", "archive",
           credential_json(), credential_json({.archived = true})},
          {"archive_vault", vault, "/v1/vaults/vlt_1", "archive", vault_json("vlt_1"),
           vault_json("vlt_1", true)},
          {"pause_deployment", deployment, depl, "pause", deployment_json({.status = "active"}),
           deployment_json({.status = "paused"})},
          {"unpause_deployment", deployment, depl, "unpause", deployment_json({.status = "paused"}),
           deployment_json({.status = "active"})},
          {"archive_deployment", deployment, depl, "archive", deployment_json({.status = "active"}),
           deployment_json({.status = "active", .archived = true})}};
}

using Lines = std::vector<std::string>;

}  // namespace

// Goal: read, act once, read back; done only when the reading shows it.
// Method: the three requests of each kind, in order.
TEST_CASE("a change reads, acts and reads back") {
  for (const Kind& kind : kinds()) {
    CAPTURE(kind.action);
    Script script;
    script.on("GET " + kind.object, kind.before).on("GET " + kind.object, kind.after);
    script.on("POST " + kind.object + "/" + kind.verb, "{}");
    CHECK(result_of(run(script, kind.action, kind.params)) == "done");
    CHECK(script.lines() == Lines{"GET " + kind.object, "POST " + kind.object + "/" + kind.verb,
                                  "GET " + kind.object});
  }
}

// Goal: an answer that is the record and shows the change is not asked for again; any other is.
// Method: the record changed; then unchanged, of another id, broken, and no record.
TEST_CASE("an answer that shows the change is not read back") {
  for (const Kind& kind : kinds()) {
    CAPTURE(kind.action);
    Script shown;
    shown.on("GET " + kind.object, kind.before);
    shown.on("POST " + kind.object + "/" + kind.verb, kind.after);
    CHECK(result_of(run(shown, kind.action, kind.params)) == "done");
    CHECK(shown.log().size() == 2);
    std::string other = kind.after;
    other.replace(other.find("_1\""), 3, "_9\"");
    for (const std::string& body : {kind.before, other, std::string("[]"), std::string("<html>"),
                                    std::string(R"({"archived_at":"2031-03-04T05:06:00Z"})")}) {
      CAPTURE(body);
      Script script;
      script.on("GET " + kind.object, kind.before).on("GET " + kind.object, kind.after);
      script.on("POST " + kind.object + "/" + kind.verb, body);
      CHECK(result_of(run(script, kind.action, kind.params)) == "done");
      CHECK(script.log().size() == 3);
    }
  }
}

// Goal: what is so already is left alone; whether a second archive is accepted is not documented.
// Method: the object reads applied before anything is sent; look and act agree.
TEST_CASE("a change that is there already sends nothing") {
  for (const Kind& kind : kinds()) {
    for (const Intent intent : {Intent::act, Intent::look}) {
      CAPTURE(kind.action);
      Script script;
      script.on("GET " + kind.object, kind.after);
      CHECK(result_of(run(script, kind.action, kind.params, intent)) == "already");
      CHECK(script.acts().empty());
    }
  }
}

// Goal: a lost answer is settled by a look that only reads.
// Method: the line breaks after the request; then the look finds it applied, or surely not.
TEST_CASE("a lost answer is unknown, and a look settles it") {
  for (const Kind& kind : kinds()) {
    CAPTURE(kind.action);
    Script script;
    script.on("GET " + kind.object, kind.before);
    script.fails("POST " + kind.object + "/" + kind.verb, ErrorCode::unknown);
    CHECK(result_of(run(script, kind.action, kind.params)) == "unknown");
    CHECK(script.log().size() == 2);  // and no second try

    Script applied;
    applied.on("GET " + kind.object, kind.after);
    CHECK(result_of(run(applied, kind.action, kind.params, Intent::look)) == "already");
    Script untouched;
    untouched.on("GET " + kind.object, kind.before);
    CHECK(result_of(run(untouched, kind.action, kind.params, Intent::look)) == "conflict");
    Script blind;
    blind.fails("GET " + kind.object, ErrorCode::transient);
    CHECK(result_of(run(blind, kind.action, kind.params, Intent::look)) == "transient");
  }
}

// Goal: every refusal ends in the class that the engine can act on.
// Method: the language's table of answers, with the object unchanged or changed by somebody else.
TEST_CASE("refusals are read back before they are named") {
  struct Row {
    int status;
    bool applied_after;
    std::string expected;
    std::size_t requests;
  };
  const std::vector<Row> rows{{400, false, "invalid", 3},   {400, true, "already", 3},
                              {409, false, "conflict", 3},  {409, true, "already", 3},
                              {422, false, "invalid", 3},   {302, false, "invalid", 3},
                              {401, false, "denied", 2},    {403, false, "denied", 2},
                              {429, false, "throttled", 2}, {500, false, "unknown", 2},
                              {529, false, "unknown", 2},   {404, false, "unavailable_here", 3},
                              {404, true, "already", 3},    {405, false, "unavailable_here", 2}};
  for (const Kind& kind : kinds()) {
    for (const Row& row : rows) {
      CAPTURE(kind.action);
      CAPTURE(row.status);
      CAPTURE(row.applied_after);
      Script script;
      script.on("GET " + kind.object, kind.before);
      script.on("GET " + kind.object, row.applied_after ? kind.after : kind.before);
      script.on("POST " + kind.object + "/" + kind.verb, row.status, error_json("x"));
      CHECK(result_of(run(script, kind.action, kind.params)) == row.expected);
      CHECK(script.log().size() == row.requests);
      CHECK(script.acts().size() == 1);
    }
  }
}

// Goal: the platform's own wait reaches the scheduler.
// Method: 429 with Retry-After.
TEST_CASE("a throttled change says how long to wait") {
  const Kind kind = kinds().front();
  Script script;
  script.on("GET " + kind.object, kind.before);
  script.on("POST " + kind.object + "/archive", [] {
    HttpResponse response(429, error_json("rate_limit_error"));
    response.headers.emplace_back("retry-after", "7");
    return Result<HttpResponse>(std::move(response));
  });
  const Result<Outcome> outcome = run(script, kind.action, kind.params);
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().retry_after == Duration{7'000});
}

// Goal: an object that is not there is `gone` only after a second look, and nothing is sent to it.
// Method: 404 always; 404 once; 404 on the act with the object gone too.
TEST_CASE("gone needs two looks") {
  for (const Kind& kind : kinds()) {
    CAPTURE(kind.action);
    Script absent;
    CHECK(result_of(run(absent, kind.action, kind.params)) == "gone");
    CHECK(absent.log().size() == 2);
    CHECK(absent.acts().empty());

    Script flicker;
    flicker.on("GET " + kind.object, 404, error_json("not_found_error"));
    flicker.on("GET " + kind.object, kind.after);
    CHECK(result_of(run(flicker, kind.action, kind.params)) == "already");

    Script meanwhile;
    meanwhile.on("GET " + kind.object, kind.before);
    meanwhile.on("GET " + kind.object, 404, error_json("not_found_error"));
    CHECK(result_of(run(meanwhile, kind.action, kind.params)) == "gone");
  }
}

// Goal: an accepted change that nobody saw is doubt, not success and not failure.
// Method: 200 and then: reads unchanged, cannot be read, reads broken, html instead of an answer.
TEST_CASE("200 is not success until it reads back") {
  for (const Kind& kind : kinds()) {
    CAPTURE(kind.action);
    const std::string act = "POST " + kind.object + "/" + kind.verb;
    const std::string get = "GET " + kind.object;
    Script lying;
    lying.on(get, kind.before).on(act, "{}");
    CHECK(result_of(run(lying, kind.action, kind.params)) == "unknown");
    Script blind;
    blind.on(get, kind.before).on(act, "{}").fails(get, ErrorCode::transient);
    CHECK(result_of(run(blind, kind.action, kind.params)) == "unknown");
    Script garbled;
    garbled.on(get, kind.before).on(act, "{}").on(get, "<html>login</html>");
    CHECK(result_of(run(garbled, kind.action, kind.params)) == "unknown");
    Script html;
    html.on(get, kind.before).on(act, "<html>hello</html>").on(get, kind.after);
    CHECK(result_of(run(html, kind.action, kind.params)) == "done");
  }
}

// Goal: answers that are no record of the subject change nothing and prove nothing.
// Method: html, a list, another id, an archived_at that is no time, each as the first reading.
TEST_CASE("a reading that is not the record stops the change") {
  for (const Kind& kind : kinds()) {
    for (const std::string& body : {std::string("<html>"), std::string("[]"), std::string("{}"),
                                    std::string("{\"id\":7}"), std::string("{\"id\":\"other\"}")}) {
      CAPTURE(kind.action);
      CAPTURE(body);
      Script script;
      script.on("GET " + kind.object, body);
      CHECK(result_of(run(script, kind.action, kind.params)) == "invalid");
      CHECK(script.acts().empty());
    }
  }
  std::string odd = credential_json({.archived = true});
  odd.replace(odd.find("2031-03-04T05:06:00Z"), 20, "yes, since yesterday");
  Script script;
  script.on("GET /v1/vaults/vlt_1/credentials/vcrd_1", odd);
  CHECK(result_of(run(script, "archive_credential", kinds().front().params)) == "invalid");
}

// Goal: a deployment's special states (API sheet 1.9, 2.5) are read right.
// Method: an archived deployment reads `active`; its schedule is off, and no unpause can lift that.
TEST_CASE("an archived deployment is off for good") {
  const Value params = Value::map({{"deployment_id", "depl_1"}});
  Script pause;
  pause.on("GET /v1/deployments/depl_1", deployment_json({.status = "active", .archived = true}));
  CHECK(result_of(run(pause, "pause_deployment", params)) == "already");
  Script unpause;
  unpause.on("GET /v1/deployments/depl_1", deployment_json({.status = "active", .archived = true}));
  const Result<Outcome> outcome = run(unpause, "unpause_deployment", params);
  CHECK(result_of(outcome) == "conflict");
  CHECK(outcome.error().message == "depl_1 is archived, and no archive can be lifted.");
  CHECK(unpause.acts().empty());
  Script archive;
  archive.on("GET /v1/deployments/depl_1", deployment_json({.status = "paused"}));
  archive.on("GET /v1/deployments/depl_1", deployment_json({.status = "active", .archived = true}));
  archive.on("POST /v1/deployments/depl_1/archive", "{}");
  CHECK(result_of(run(archive, "archive_deployment", params)) == "done");
}

}  // namespace quell::test
