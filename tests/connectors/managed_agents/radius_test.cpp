// The blast radius: who can use a credential, and what runs with it.
#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "state/base/json.h"
#include "tests/connectors/managed_agents/script.h"

namespace quell::test {
namespace {

using Names = std::vector<std::string>;

const std::string kLive = "GET /v1/sessions?limit=100";
const std::string kBefore =
    "GET /v1/sessions?created_at%5Blt%5D=2031-03-04T04%3A00%3A00.000Z&limit=100";
const std::string kSince =
    "GET "
    "/v1/sessions?created_at%5Bgte%5D=2031-03-04T04%3A00%3A00.000Z&include_archived=true&limit=100";

Names ids_in(const Result<Outcome>& outcome, std::string_view member) {
  Names names;
  REQUIRE_MESSAGE(outcome.has_value(), result_of(outcome));
  for (const Value& item : outcome->outputs[member].as_list()) {
    names.push_back(item.is_string() ? item.as_string() : item["id"].as_string());
  }
  return names;
}

/// The story of one leak: vcrd_1 in vlt_1; vlt_2 has the same URL; vlt_3 is attached beside on a
/// session; vlt_4 is a bystander.
void furnish_leak(Script& script) {
  script.on("GET /v1/vaults", page({vault_json("vlt_4"), vault_json("vlt_3"), vault_json("vlt_2"),
                                    vault_json("vlt_1")}));
  script.on("GET /v1/vaults/vlt_1/credentials",
            page({credential_json(),
                  credential_json({.id = "vcrd_5", .url = "https://wiki.example/mcp"})}));
  script.on("GET /v1/vaults/vlt_2/credentials",
            page({credential_json(
                {.vault = "vlt_2", .id = "vcrd_2", .url = "https://mcp.example:443/mcp/"})}));
  script.on("GET /v1/vaults/vlt_3/credentials",
            page({credential_json(
                {.vault = "vlt_3", .id = "vcrd_3", .url = "https://mail.example/mcp"})}));
  script.on("GET /v1/vaults/vlt_4/credentials",
            page({credential_json({.vault = "vlt_4",
                                   .id = "vcrd_4",
                                   .url = "https://mail.example/other",
                                   .type = "static_bearer"})}));
  const std::vector<std::string> live{
      session_json({.id = "sesn_1", .status = "running"}),
      session_json({.id = "sesn_2", .status = "idle", .vaults = {"vlt_1", "vlt_3"}}),
      session_json({.id = "sesn_3", .status = "rescheduling"}),
      session_json({.id = "sesn_4", .status = "terminated"}),
      session_json({.id = "sesn_5", .status = "running", .vaults = {"vlt_4"}}),
      session_json({.id = "sesn_6", .status = "running", .vaults = {}})};
  script.on(kLive, page(live));
  script.on(kBefore, page(live));
  // A server that does not heed the window shows one twice.
  script.on(kSince, page({session_json({.id = "sesn_7", .status = "terminated", .archived = true}),
                          session_json({.id = "sesn_1", .status = "running"})}));
  script.on(
      "GET /v1/deployments",
      page({deployment_json({.id = "depl_1"}),
            deployment_json({.id = "depl_2", .status = "paused", .vaults = {"vlt_5", "vlt_1"}}),
            deployment_json({.id = "depl_3", .archived = true}),
            deployment_json({.id = "depl_4", .vaults = {"vlt_4"}})}));
}

Value by_credential() {
  return Value::map({{"credential_ids", Value::list({"vcrd_1"})},
                     {"vault_ids", Value::list({"vlt_1"})},
                     {"since", *parse_rfc3339("2031-03-04T04:00:00Z")}});
}

}  // namespace

// Goal: everything that can use the credential is found, and no bystander.
// Method: the story above, each output.
TEST_CASE("the radius of one credential") {
  Script script;
  furnish_leak(script);
  const Result<Outcome> outcome = run(script, "blast_radius", by_credential());
  CHECK(ids_in(outcome, "vault_ids") == Names{"vlt_1", "vlt_3", "vlt_5"});
  CHECK(ids_in(outcome, "credentials") == Names{"vcrd_1", "vcrd_2"});
  CHECK(ids_in(outcome, "sessions") == Names{"sesn_1", "sesn_2", "sesn_3", "sesn_4", "sesn_7"});
  CHECK(ids_in(outcome, "live_sessions") == Names{"sesn_1", "sesn_2", "sesn_3"});
  CHECK(ids_in(outcome, "deployments") == Names{"depl_1", "depl_2"});
  CHECK(outcome->outputs["live_sessions"].as_list()[1] ==
        Value::map({{"id", "sesn_2"}, {"status", "idle"}}));
  CHECK(outcome->outputs["deployments"].as_list()[1] ==
        Value::map({{"id", "depl_2"}, {"status", "paused"}}));
  CHECK(outcome->outputs["unseen"].as_list().size() == 3);
  CHECK(script.acts().empty());
}

// Goal: archived credentials of a named vault are still known; elsewhere only active ones are read.
// Method: the exact lists that are asked.
TEST_CASE("what a radius asks for") {
  Script script;
  furnish_leak(script);
  CHECK(run(script, "blast_radius", by_credential()).has_value());
  const Names lines = script.lines();
  const auto asked = [&lines](const std::string& line) {
    return std::ranges::find(lines, line) != lines.end();
  };
  CHECK(lines.size() == 8);
  CHECK(asked("GET /v1/vaults?limit=100"));
  CHECK(asked("GET /v1/vaults/vlt_1/credentials?include_archived=true&limit=100"));
  CHECK(asked("GET /v1/vaults/vlt_2/credentials?limit=100"));
  CHECK(asked(kBefore));
  CHECK(asked(kSince));
}

// Goal: without `since` the live ones are found all the same, and the gap is said.
// Method: the same story without it.
TEST_CASE("a radius without since names what it did not list") {
  Script script;
  furnish_leak(script);
  ValueMap params = by_credential().as_map();
  params.erase("since");
  const Result<Outcome> outcome = run(script, "blast_radius", Value(params));
  CHECK(ids_in(outcome, "live_sessions") == Names{"sesn_1", "sesn_2", "sesn_3"});
  CHECK(ids_in(outcome, "sessions") == Names{"sesn_1", "sesn_2", "sesn_3", "sesn_4"});
  CHECK(ids_in(outcome, "unseen").size() == 4);
}

// Goal: each other starting point leads to the same vaults.
// Method: by URL, by vault, by session, by credential alone.
TEST_CASE("a radius starts anywhere") {
  Script url;
  furnish_leak(url);
  Result<Outcome> outcome =
      run(url, "blast_radius", Value::map({{"mcp_server_url", "https://mcp.example/mcp"}}));
  CHECK(ids_in(outcome, "credentials") == Names{"vcrd_1", "vcrd_2"});
  CHECK(ids_in(outcome, "live_sessions") == Names{"sesn_1", "sesn_2", "sesn_3"});

  Script vault;
  furnish_leak(vault);
  outcome = run(vault, "blast_radius", Value::map({{"vault_ids", Value::list({"vlt_1"})}}));
  CHECK(ids_in(outcome, "credentials") == Names{"vcrd_1", "vcrd_5", "vcrd_2"});

  Script session;
  furnish_leak(session);
  session.on("GET /v1/sessions/sesn_2",
             session_json({.id = "sesn_2", .status = "idle", .vaults = {"vlt_1", "vlt_3"}}));
  outcome = run(session, "blast_radius", Value::map({{"session_ids", Value::list({"sesn_2"})}}));
  CHECK(ids_in(outcome, "credentials") == Names{"vcrd_1", "vcrd_5", "vcrd_2", "vcrd_3"});
  CHECK(ids_in(outcome, "live_sessions") == Names{"sesn_1", "sesn_2", "sesn_3"});

  Script credential;
  furnish_leak(credential);
  outcome =
      run(credential, "blast_radius", Value::map({{"credential_ids", Value::list({"vcrd_1"})}}));
  CHECK(ids_in(outcome, "vault_ids") == Names{"vlt_1", "vlt_3", "vlt_5"});
  CHECK(ids_in(outcome, "live_sessions") == Names{"sesn_1", "sesn_2", "sesn_3"});
}

// Goal: a gap in the reading is an error or is said, never silence (threat T9).
// Method: each list fails; a server without deployments; a credential that nobody holds.
TEST_CASE("gaps of a radius") {
  for (const std::string& list :
       {std::string("GET /v1/vaults"), std::string("GET /v1/vaults/vlt_2/credentials"), kBefore,
        kSince, std::string("GET /v1/deployments")}) {
    CAPTURE(list);
    Script script;
    script.on(list, R"({"data":[]})");  // does not say that it is the last page
    furnish_leak(script);
    CHECK(result_of(run(script, "blast_radius", by_credential())) == "invalid");
  }
  for (const int status : {403, 404, 405}) {
    CAPTURE(status);
    Script script;
    script.on("GET /v1/deployments", status, error_json("x"));
    furnish_leak(script);
    const Result<Outcome> outcome = run(script, "blast_radius", by_credential());
    CHECK(ids_in(outcome, "deployments").empty());
    CHECK(to_json(outcome->outputs["unseen"]).find("deployments: ") != std::string::npos);
    REQUIRE(outcome->outputs["closed"].as_list().size() == 1);
    CHECK(outcome->outputs["closed"].as_list()[0]["part"] == Value("deployments"));
  }
  Script stranger;
  furnish_leak(stranger);
  const Value unknown = Value::map({{"credential_ids", Value::list({"vcrd_404"})}});
  CHECK(result_of(run(stranger, "blast_radius", unknown)) == "gone");
  Script partly;
  furnish_leak(partly);
  const Value both = Value::map({{"credential_ids", Value::list({"vcrd_404", "vcrd_1"})}});
  const Result<Outcome> outcome = run(partly, "blast_radius", both);
  REQUIRE(outcome.has_value());
  CHECK(to_json(outcome->outputs["unseen"]).find("vcrd_404") != std::string::npos);
  Script nothing;
  CHECK(result_of(run(nothing, "blast_radius", Value::map({}))) == "invalid");
  CHECK(nothing.log().empty());
}

// Goal: a list that ends with a full page may have lost its cursor; a radius asks no list twice, and
// says so.
// Method: two pages of sessions, the last one full or one short.
TEST_CASE("a radius names a list whose last page was full") {
  for (const std::size_t size : {99U, 100U}) {
    CAPTURE(size);
    std::vector<std::string> sessions;
    for (std::size_t i = 0; i < size; ++i)
      sessions.push_back(session_json({.id = "sesn_x" + std::to_string(i), .vaults = {"vlt_7"}}));
    Script script;
    script.on(kBefore, page(sessions, "second"));
    script.on(kBefore + "&page=second", page(sessions));
    furnish_leak(script);
    const Result<Outcome> outcome = run(script, "blast_radius", by_credential());
    REQUIRE(outcome);
    const bool said = to_json(outcome->outputs["unseen"]).find("was full") != std::string::npos;
    CHECK(said == (size == 100U));
    CHECK(std::ranges::count_if(script.lines(), [](const std::string& line) {
            return line.find("limit=99") != std::string::npos;
          }) == 0);
  }
}

// Goal: a run that begins again after the purge still knows the credential and its sessions.
// Method: the credential is archived already.
TEST_CASE("the radius of an archived credential") {
  Script script;
  script.on("GET /v1/vaults/vlt_1/credentials", page({credential_json({.archived = true})}));
  furnish_leak(script);
  const Result<Outcome> outcome = run(script, "blast_radius", by_credential());
  CHECK(ids_in(outcome, "credentials") == Names{"vcrd_1", "vcrd_2"});
  CHECK(ids_in(outcome, "live_sessions") == Names{"sesn_1", "sesn_2", "sesn_3"});
}

}  // namespace quell::test
