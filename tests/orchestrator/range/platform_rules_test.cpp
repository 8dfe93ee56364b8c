// The state rules that decide a revocation: API sheet section 2.
#include <array>
#include <chrono>

#include <fmt/format.h>

#include "tests/orchestrator/range/world_client.h"

namespace quell::range {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::string_view kInterrupting = R"({"events":[{"type":"user.interrupt"}]})";
constexpr std::string_view kMessage =
    R"({"events":[{"type":"user.message","content":[{"type":"text","text":"Go"}]}]})";

std::string bearer(std::string_view url) {
  return fmt::format(R"({{"auth":{{"type":"static_bearer","mcp_server_url":"{}","token":"t"}}}})",
                     url);
}

}  // namespace

// Goal: archiving keeps the record and frees its key; deleting leaves nothing.
TEST_CASE("credentials: archive and delete") {
  WorldClient client;
  const Reply archived = client.post(client.credential() + "/archive");
  CHECK(archived.status == 200);
  CHECK(archived.body["archived_at"].is_string());
  CHECK(archived.body["auth"]["mcp_server_url"].is_string());
  CHECK(client.get(client.credential()).body["archived_at"].is_string());
  CHECK(client.post(client.credential() + "/archive").status == 200);
  CHECK(client.post(client.credential(), R"({"display_name":"x"})").status == 400);
  CHECK(client.post(client.credential() + "/mcp_oauth_validate").status == 400);
  CHECK(client.post(client.vault() + "/credentials", bearer("http://mcp.range.test/mcp")).status ==
        200);

  const Reply deleted = client.erase(client.credential());
  CHECK(deleted.status == 200);
  CHECK(deleted.body["type"].as_string() == "vault_credential_deleted");
  CHECK(client.get(client.credential()).status == 404);
  CHECK(client.erase(client.credential()).status == 404);
}

// Goal: the key is unique among a vault's active credentials, after normalisation; 20 fit.
TEST_CASE("credentials: key and number") {
  WorldClient client;
  const std::string vault =
      "/v1/vaults/" + client.post("/v1/vaults", R"({"display_name":"x"})").id() + "/credentials";
  CHECK(client.post(vault, bearer("https://a.example.com/mcp")).status == 200);
  const Reply twin = client.post(vault, bearer("HTTPS://A.example.com:443/mcp/"));
  CHECK(twin.status == 409);
  CHECK(twin.header("x-should-retry") == "false");
  CHECK(client.post(vault, bearer("https://a.example.com/other")).status == 200);
  for (int made = 2; made < 20; ++made) {
    REQUIRE(client.post(vault, bearer(fmt::format("https://a{}.example.com/mcp", made))).status ==
            200);
  }
  CHECK(client.post(vault, bearer("https://z.example.com/mcp")).status == 400);
}

// Goal: what an update may change, and what it may not (API sheet section 1.2).
// Method: one row per body, against the seeded mcp_oauth credential.
TEST_CASE("credentials: updates") {
  struct Row {
    std::string_view body;
    int status;
  };
  constexpr std::array kRows = {
      Row{R"({"display_name":"renamed"})", 200},
      Row{R"({"auth":{"type":"mcp_oauth","access_token":"new"}})", 200},
      Row{R"({"auth":{"type":"mcp_oauth","access_token":null,"expires_at":null}})", 200},
      Row{R"({"auth":{"type":"mcp_oauth","expires_at":"2032-01-01T00:00:00Z"}})", 200},
      Row{R"({"auth":{"type":"mcp_oauth","expires_at":"2001-01-01T00:00:00Z"}})", 400},
      Row{R"({"auth":{"type":"mcp_oauth","refresh":{"refresh_token":"dead"}}})", 200},
      Row{R"({"auth":{"type":"mcp_oauth","refresh":{"refresh_token":""}}})", 400},
      Row{R"({"auth":{"type":"mcp_oauth","refresh":{"scope":""}}})", 200},
      Row{R"({"auth":{"type":"mcp_oauth","refresh":null}})", 200},
      Row{R"({"auth":{"access_token":"new"}})", 400},
      Row{R"({"auth":{"type":"static_bearer","token":"new"}})", 400},
      Row{R"({"auth":{"type":"mcp_oauth","mcp_server_url":"https://other.example/mcp"}})", 400},
      Row{R"({"auth":{"type":"mcp_oauth","refresh":{"client_id":"other"}}})", 400},
      Row{R"({"auth":{"type":"mcp_oauth","refresh":{"token_endpoint":"https://x.example/t"}}})",
          400},
      Row{R"({"auth":{"type":"mcp_oauth","refresh":{"resource":"https://x.example/"}}})", 400},
      Row{R"({"auth":{"type":"mcp_oauth","refresh":{"token_endpoint_auth":{"type":"none"}}}})",
          400},
      Row{R"({"auth":{"type":"mcp_oauth","refresh":{"token_endpoint_auth":)"
          R"({"type":"client_secret_post","client_secret":"s"}}}})",
          200},
  };
  for (const Row& row : kRows) {
    CAPTURE(row.body);
    WorldClient client;
    CHECK(client.post(client.credential(), row.body).status == row.status);
  }
  WorldClient client;
  REQUIRE(client
              .post(client.credential(), R"({"auth":{"type":"mcp_oauth","refresh":)"
                                         R"({"token_endpoint_auth":{"type":)"
                                         R"("client_secret_post","client_secret":"s"}}}})")
              .status == 200);
  // The stored method stays even when the other one is named.
  CHECK(client.get(client.credential())
            .body["auth"]["refresh"]["token_endpoint_auth"]["type"]
            .as_string() == "client_secret_basic");
}

// Goal: the other two credential types are created and read back as the sheet shows them.
TEST_CASE("credentials: static and environment") {
  WorldClient client;
  const std::string vault = client.vault() + "/credentials";
  const Reply variable = client.post(
      vault, R"({"auth":{"type":"environment_variable","secret_name":"KEY","secret_value":"v",)"
             R"("networking":{"type":"limited","allowed_hosts":["*.example.com"]},)"
             R"("injection_location":{"header":true}}})");
  REQUIRE(variable.status == 200);
  CHECK(variable.body["auth"]["injection_location"] ==
        Value::map({{"header", true}, {"body", false}}));
  CHECK(variable.body["auth"]["networking"]["type"].as_string() == "limited");
  CHECK(client
            .post(vault + "/" + variable.id(),
                  R"({"auth":{"type":"environment_variable","injection_location":)"
                  R"({"header":false}}})")
            .status == 400);
  CHECK(client
            .post(vault, R"({"auth":{"type":"environment_variable","secret_name":"K2",)"
                         R"("secret_value":"v","networking":{"type":"limited",)"
                         R"("allowed_hosts":["https://x.example"]}}})")
            .status == 400);
  const Reply fixed = client.post(vault, bearer("https://b.example.com/mcp"));
  CHECK(keys_of(fixed.body["auth"]) == std::vector<std::string>{"mcp_server_url", "type"});
  CHECK(client.post(vault + "/" + fixed.id() + "/mcp_oauth_validate").status == 400);
  CHECK(client.post(vault, R"({"auth":{"type":"carrier_pigeon"}})").status == 400);
}

// Goal: archiving a vault purges all its credentials, refuses writes, and leaves sessions running.
TEST_CASE("vaults: archive cascades") {
  WorldClient client;
  CHECK(client.post(client.vault() + "/archive").body["archived_at"].is_string());
  CHECK(client.get(client.credential()).body["archived_at"].is_string());
  CHECK(client.post(client.vault() + "/credentials", bearer("https://c.example.com/mcp")).status ==
        400);
  CHECK(client.post(client.vault(), R"({"display_name":"y"})").status == 400);
  CHECK(client.sessions("running").size() == 3);
  const Value session = client.get("/v1/sessions/" + client.sessions("idle").front()).body;
  const std::string body =
      fmt::format(R"({{"agent":"{}","environment_id":"{}","vault_ids":["{}"]}})",
                  session["agent"]["id"].as_string(), session["environment_id"].as_string(),
                  client.world->leaked().vault_id);
  CHECK(client.post("/v1/sessions", body).status == 400);

  CHECK(client.erase(client.vault()).body["type"].as_string() == "vault_deleted");
  CHECK(client.get(client.credential()).status == 404);
}

// Goal: a running session cannot be archived or deleted; an interrupt takes time, ends as a normal
// end of turn, and does not stick.
TEST_CASE("sessions: interrupt, then archive") {
  WorldClient client;
  const std::string session = "/v1/sessions/" + client.sessions("running").front();
  const Reply refused = client.post(session + "/archive");
  CHECK(refused.status == 400);
  CHECK(refused.error_type() == "invalid_request_error");
  CHECK(client.erase(session).status == 400);

  const Reply echo = client.post(session + "/events", kInterrupting);
  REQUIRE(echo.status == 200);
  const Value sent = echo.body["data"].as_list().front();
  CHECK(sent["type"].as_string() == "user.interrupt");
  CHECK(sent["processed_at"].is_null());
  CHECK(sent["session_thread_id"].is_null());
  CHECK(client.get(session).body["status"].as_string() == "running");
  client.wait(milliseconds{400});
  CHECK(client.get(session).body["status"].as_string() == "idle");
  const Value idle = client.get(session + "/events?types[]=session.status_idle&order=desc")
                         .body["data"]
                         .as_list()
                         .front();
  CHECK(idle["stop_reason"]["type"].as_string() == "end_turn");
  CHECK(client.get(session + "/events?types[]=user.interrupt")
            .body["data"]
            .as_list()
            .front()["processed_at"]
            .is_string());

  CHECK(client.post(session + "/events", kMessage).status == 200);
  CHECK(client.post(session + "/archive").status == 400);
  client.post(session + "/events", kInterrupting);
  client.wait(seconds{1});
  const Reply archived = client.post(session + "/archive");
  CHECK(archived.body["status"].as_string() == "terminated");
  CHECK(archived.body["archived_at"].is_string());
  CHECK(client.post(session + "/archive").status == 200);
  const Reply late = client.post(session + "/events", kMessage);
  CHECK(late.status == 409);
  CHECK(late.error_type() == "invalid_request_error");
  client.wait(minutes{1});
  CHECK(client.get(session).body["status"].as_string() == "terminated");
}

// Goal: a session's vaults are fixed; other updates work.
TEST_CASE("sessions: updates") {
  WorldClient client;
  const std::string session = "/v1/sessions/" + client.sessions("running").front();
  CHECK(client.post(session, R"({"vault_ids":[]})").status == 400);
  CHECK(client.post(session, R"({"title":"new","metadata":{"a":"b"}})").body["title"].as_string() ==
        "new");
  CHECK(client.post(session, R"({"agent":{"tools":[],"mcp_servers":[]}})").status == 400);
  const std::string idle = "/v1/sessions/" + client.sessions("idle").front();
  CHECK(client.post(idle, R"({"agent":{"tools":[],"mcp_servers":[]}})").status == 200);
}

// Goal: threads are listed, read, interrupted one by one, and archived only while idle.
TEST_CASE("threads") {
  WorldClient client;
  const std::string session = "/v1/sessions/" + client.sessions("running").front();
  const Value thread = client.get(session + "/threads").body["data"].as_list().front();
  const std::string path = session + "/threads/" + thread["id"].as_string();
  CHECK(thread["parent_thread_id"].is_null());
  CHECK(client.get(path).body["status"].as_string() == "running");
  CHECK(client.get(session + "/threads?statuses[]=idle").body["data"].as_list().empty());
  CHECK(client.post(path + "/archive").status == 400);
  CHECK(client
            .post(session + "/events", R"({"events":[{"type":"user.interrupt",)"
                                       R"("session_thread_id":"sthr_none"}]})")
            .status == 404);
  CHECK(client
            .post(session + "/events",
                  fmt::format(
                      R"({{"events":[{{"type":"user.interrupt","session_thread_id":"{}"}}]}})",
                      thread["id"].as_string()))
            .status == 200);
  client.wait(seconds{1});
  CHECK(client.post(path + "/archive").body["status"].as_string() == "terminated");
  CHECK(client.get(session + "/threads/sthr_none").status == 404);
}

// Goal: pausing stops the schedule and nothing else; archiving is the full stop.
TEST_CASE("deployments: pause, run by hand, archive") {
  WorldClient client;
  const std::string hourly = client.deployment("Hourly triage");
  const Reply paused = client.post(hourly + "/pause");
  CHECK(paused.body["status"].as_string() == "paused");
  CHECK(paused.body["paused_reason"] == Value::map({{"type", "manual"}}));
  CHECK(client.post(hourly + "/pause").status == 200);
  client.wait(minutes{90});
  CHECK(client.get("/v1/deployment_runs?trigger_type=schedule").body["data"].as_list().empty());
  const Reply run = client.post(hourly + "/run");
  CHECK(run.body["session_id"].is_string());
  CHECK(run.body["error"].is_null());
  CHECK(client.post(hourly + "/unpause").body["paused_reason"].is_null());
  client.wait(minutes{61});
  CHECK(client.get("/v1/deployment_runs?trigger_type=schedule").body["data"].as_list().size() == 1);
  CHECK(client.post(hourly, R"({"vault_ids":[]})").body["vault_ids"].as_list().empty());
  CHECK(client.post(hourly, R"({"schedule":{"type":"cron","expression":"x","timezone":"UTC"}})")
            .status == 400);

  const Reply archived = client.post(hourly + "/archive");
  CHECK(archived.body["status"].as_string() == "active");
  CHECK(archived.body["archived_at"].is_string());
  CHECK(client.post(hourly + "/run").status == 400);
  CHECK(client.post(hourly + "/pause").status == 400);
  client.wait(minutes{130});
  CHECK(client.get("/v1/deployment_runs?trigger_type=schedule").body["data"].as_list().size() == 1);
}

// Goal: the schedule starts a session when due, and an archived vault makes the next run fail and
// pauses the deployment.
TEST_CASE("deployments: schedule") {
  WorldClient client;
  const std::string hourly = client.deployment("Hourly triage");
  client.wait(minutes{3});
  const Value runs = client.get("/v1/deployment_runs").body["data"];
  REQUIRE(runs.as_list().size() == 1);
  const Value run = runs.as_list().front();
  CHECK(run["trigger_context"]["type"].as_string() == "schedule");
  CHECK(client.get("/v1/sessions/" + run["session_id"].as_string()).body["status"].as_string() ==
        "running");
  CHECK(client.get(hourly).body["schedule"]["last_run_at"].is_string());

  REQUIRE(client.post(client.vault() + "/archive").status == 200);
  client.wait(minutes{60});
  const Value failed =
      client.get("/v1/deployment_runs?has_error=true").body["data"].as_list().front();
  CHECK(failed["error"]["type"].as_string() == "vault_archived_error");
  CHECK(failed["session_id"].is_null());
  CHECK(client.get(hourly).body["paused_reason"]["error"]["type"].as_string() ==
        "vault_archived_error");
}

// Goal: an archived agent takes its deployments along and leaves sessions alone.
TEST_CASE("agents: archive") {
  WorldClient client;
  const std::string agent =
      client.get("/v1/sessions/" + client.sessions("idle").front()).body["agent"]["id"].as_string();
  CHECK(client.post("/v1/agents/" + agent + "/archive").body["archived_at"].is_string());
  CHECK(client.deployment("Hourly triage").empty());
  CHECK(client.sessions("running").size() == 3);
  CHECK(client
            .post("/v1/agents", R"({"name":"x","model":"claude-opus-5-5","mcp_servers":)"
                                R"([{"type":"url","name":"t","url":"https://t.example/mcp"}]})")
            .status == 400);
}

}  // namespace quell::range
