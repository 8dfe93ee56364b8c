// One look at everything: each list once, and what is closed is said and never taken for empty.
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/connectors/managed_agents/script.h"

namespace quell::test {
namespace {

void furnish_lists(Script& script) {
  script.on("GET /v1/vaults", page({vault_json("vlt_1"), vault_json("vlt_2")}));
  script.on("GET /v1/vaults/vlt_1/credentials",
            page({credential_json(), credential_json({.id = "vcrd_9", .archived = true})}));
  script.on("GET /v1/vaults/vlt_2/credentials",
            page({credential_json({.vault = "vlt_2",
                                   .id = "vcrd_2",
                                   .url = "https://mcp.example:443/mcp/"})}));
  script.on("GET /v1/deployments",
            page({deployment_json({.created_at = "2031-03-04T04:00:00Z",
                                   .updated_at = "2031-03-04T05:00:00Z"}),
                  deployment_json({.id = "depl_2", .archived = true}),
                  deployment_json({.id = "depl_3"})}));
}

}  // namespace

TEST_CASE("a survey reads each list once and leaves out what is over") {
  Script script;
  furnish_lists(script);
  script.on("GET /v1/sessions", page({session_json({}), session_json({.id = "sesn_2",
                                                                      .status = "terminated"})}));
  script.on("GET /v1/memory_stores", page({}));
  const Result<Outcome> outcome = run(script, "survey", Value(ValueMap{}));
  REQUIRE_MESSAGE(outcome.has_value(), result_of(outcome));
  const Value& seen = outcome->outputs;
  CHECK(seen["vaults"].as_list().size() == 2);
  CHECK(seen["credentials"].as_list().size() == 2);
  CHECK(seen["sessions"].as_list().size() == 1);
  REQUIRE(seen["deployments"].as_list().size() == 2);
  const Value& dated = seen["deployments"].as_list()[0];
  CHECK(format_rfc3339(dated["created_at"].as_timestamp()) == "2031-03-04T04:00:00.000Z");
  CHECK(format_rfc3339(dated["updated_at"].as_timestamp()) == "2031-03-04T05:00:00.000Z");
  CHECK(seen["deployments"].as_list()[1]["created_at"].is_null());
  CHECK(seen["closed"].as_list().empty());
  // The same server however it is spelled.
  CHECK(seen["mcp_servers"].as_list().size() == 1);
  CHECK(script.log().size() == 4 + 2);
}

// Goal: a part that is closed is named, an empty list is not made of it, and the rest goes on.
TEST_CASE("a list that is refused is closed, and one that breaks ends the survey") {
  for (const int status : {403, 405}) {
    Script script;
    furnish_lists(script);
    script.on("GET /v1/sessions", status, error_json("permission_error"));
    script.on("GET /v1/memory_stores", status, error_json("permission_error"));
    const Result<Outcome> outcome = run(script, "survey", Value(ValueMap{}));
    REQUIRE_MESSAGE(outcome.has_value(), result_of(outcome));
    const ValueList& closed = outcome->outputs["closed"].as_list();
    REQUIRE(closed.size() == 2);
    CHECK(closed[0]["part"].as_string() == "sessions");
    CHECK(closed[1]["part"].as_string() == "memory stores");
    CHECK(outcome->outputs["deployments"].as_list().size() == 2);
  }
  Script broken;
  furnish_lists(broken);
  broken.on("GET /v1/sessions", R"({"data":[]})");
  broken.on("GET /v1/memory_stores", page({}));
  CHECK(result_of(run(broken, "survey", Value(ValueMap{}))) == "invalid");
  Script refused;
  refused.on("GET /v1/vaults", 401, error_json("authentication_error"));
  CHECK(result_of(run(refused, "survey", Value(ValueMap{}))) == "denied");
}

}  // namespace quell::test
