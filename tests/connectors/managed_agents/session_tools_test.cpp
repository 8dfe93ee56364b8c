// Taking an MCP server from an idle session and giving it back (API sheet 2.4).
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "state/base/json.h"
#include "tests/connectors/managed_agents/script.h"

namespace quell::test {
namespace {

using Lines = std::vector<std::string>;

const std::string kSession = "/v1/sessions/sesn_1";
const std::string kTracker = R"({"type":"url","name":"tracker","url":"https://mcp.example/mcp"})";
const std::string kWiki = R"({"type":"url","name":"wiki","url":"https://wiki.example/mcp"})";
const std::string kTrackerTools =
    R"({"type":"mcp_toolset","mcp_server_name":"tracker","configs":[{"name":"a"}]})";
const std::string kWikiTools = R"({"type":"mcp_toolset","mcp_server_name":"wiki","configs":[]})";
const std::string kShell = R"({"type":"agent_toolset_20260401","configs":[]})";

std::string session(const std::string& servers, const std::string& tools,
                    const std::string& status = "idle") {
  std::string record = session_json({.status = status});
  record.insert(1, R"("agent":{"id":"agent_1","mcp_servers":[)" + servers + R"(],"tools":[)" +
                       tools + "]},");
  return record;
}

std::string whole(const std::string& status = "idle") {
  return session(kTracker + "," + kWiki, kShell + "," + kTrackerTools + "," + kWikiTools, status);
}
std::string rest() { return session(kWiki, kShell + "," + kWikiTools); }

Value params() {
  return Value::map({{"session_id", "sesn_1"}, {"mcp_server_url", "https://MCP.example:443/mcp/"}});
}

}  // namespace

// Goal: the server goes with its toolset and nothing else does; what was there comes back exactly.
// Method: the bodies of both requests.
TEST_CASE("an MCP server is detached and given back") {
  Script read;
  read.on("GET " + kSession, whole());
  const Result<Outcome> before =
      run(read, "get_session_tools", Value::map({{"session_id", "sesn_1"}}));
  CHECK(before->outputs["mcp_server_urls"] ==
        Value::list({"https://mcp.example/mcp", "https://wiki.example/mcp"}));

  Script detach;
  detach.on("GET " + kSession, whole());
  detach.on("GET " + kSession, rest());
  detach.on("POST " + kSession, rest());
  CHECK(result_of(run(detach, "detach_mcp_server", params())) == "done");
  const Result<Value> sent = parse_json(detach.log()[1].body);
  REQUIRE(sent);
  CHECK((*sent)["agent"]["tools"] == (*parse_json(rest()))["agent"]["tools"]);
  CHECK((*sent)["agent"]["mcp_servers"] == (*parse_json(rest()))["agent"]["mcp_servers"]);

  Script undo;
  undo.on("GET " + kSession, rest());
  undo.on("GET " + kSession, whole());
  undo.on("POST " + kSession, whole());
  const Value back =
      Value::map({{"session_id", "sesn_1"}, {"tools", before->outputs["tools"].as_string()}});
  CHECK(result_of(run(undo, "set_session_tools", back)) == "done");
  const Result<Value> restored = parse_json(undo.log()[1].body);
  REQUIRE(restored);
  CHECK((*restored)["agent"]["tools"] == (*parse_json(whole()))["agent"]["tools"]);
  CHECK((*restored)["agent"]["mcp_servers"] == (*parse_json(whole()))["agent"]["mcp_servers"]);
}

// Goal: what is so already is left alone, a look sends nothing, and a running or stopped session is
// no place to change.
// Method: each state.
TEST_CASE("tools are changed only where that is possible and needed") {
  for (const Intent intent : {Intent::act, Intent::look}) {
    Script script;
    script.on("GET " + kSession, rest());
    CHECK(result_of(run(script, "detach_mcp_server", params(), intent)) == "already");
    CHECK(script.acts().empty());
  }
  for (const char* const status : {"running", "rescheduling", "terminated"}) {
    Script script;
    script.on("GET " + kSession, whole(status));
    CHECK(result_of(run(script, "detach_mcp_server", params())) == "conflict");
    CHECK(script.acts().empty());
  }
  Script look;
  look.on("GET " + kSession, whole());
  CHECK(result_of(run(look, "detach_mcp_server", params(), Intent::look)) == "conflict");
  Script broken;
  broken.on("GET " + kSession, session_json({}));
  CHECK(result_of(run(broken, "detach_mcp_server", params())) == "invalid");
  const Value nonsense = Value::map({{"session_id", "sesn_1"}, {"tools", "[]"}});
  CHECK(result_of(run(broken, "set_session_tools", nonsense)) == "invalid");
}

// Goal: a session that starts again between the look and the change is a conflict, and an accepted
// change that does not read back is unknown.
// Method: a refusal beside a running record; an unchanged one.
TEST_CASE("a change of tools is read back") {
  Script race;
  race.on("GET " + kSession, whole());
  race.on("GET " + kSession, whole("running"));
  race.on("POST " + kSession, 400, error_json("invalid_request_error"));
  const Result<Outcome> refused = run(race, "detach_mcp_server", params());
  CHECK(result_of(refused) == "conflict");
  CHECK(refused.error().message == "sesn_1 runs again.");
  Script unchanged;
  unchanged.on("GET " + kSession, whole());
  unchanged.on("POST " + kSession, whole());
  CHECK(result_of(run(unchanged, "detach_mcp_server", params())) == "unknown");
}

}  // namespace quell::test
