// What the platform's answers look like, against the examples of API sheet section 1.
#include "tests/orchestrator/range/world_client.h"

namespace quell::range {
namespace {

using Names = std::vector<std::string>;

}  // namespace

// Goal: a client that demands every field of the sheet's examples gets it.
// Method: one object of each kind of the seeded world; its members are compared by name.
TEST_CASE("objects carry every field of the sheet") {
  WorldClient client;
  CHECK(keys_of(client.get(client.vault()).body) ==
        Names{"archived_at", "created_at", "display_name", "id", "metadata", "type", "updated_at"});
  const Value credential = client.get(client.credential()).body;
  CHECK(keys_of(credential) == Names{"archived_at", "auth", "created_at", "display_name", "id",
                                     "metadata", "type", "updated_at", "vault_id"});
  CHECK(keys_of(credential["auth"]) == Names{"expires_at", "mcp_server_url", "refresh", "type"});
  CHECK(keys_of(credential["auth"]["refresh"]) ==
        Names{"client_id", "resource", "scope", "token_endpoint", "token_endpoint_auth"});
  CHECK(credential["auth"]["refresh"]["token_endpoint_auth"] ==
        Value::map({{"type", "client_secret_basic"}}));

  const std::string running = client.sessions("running").front();
  const Value session = client.get("/v1/sessions/" + running).body;
  CHECK(keys_of(session) == Names{"agent", "archived_at", "budget", "created_at", "deployment_id",
                                  "environment_id", "id", "metadata", "outcome_evaluations",
                                  "resources", "stats", "status", "title", "type", "updated_at",
                                  "usage", "vault_ids"});
  CHECK(keys_of(session["agent"]) == Names{"description", "execution_identity", "id", "mcp_servers",
                                           "model", "multiagent", "name", "skills", "system",
                                           "tools", "type", "version"});
  CHECK(session["budget"].is_null());
  const Value thread =
      client.get("/v1/sessions/" + running + "/threads").body["data"].as_list().front();
  CHECK(keys_of(thread) == Names{"agent", "archived_at", "created_at", "id", "parent_thread_id",
                                 "session_id", "stats", "status", "type", "updated_at", "usage",
                                 "workflow_run_id"});

  const std::string deployment = client.deployment("Hourly triage");
  const Value value = client.get(deployment).body;
  CHECK(keys_of(value) == Names{"agent", "archived_at", "budget", "created_at", "description",
                                "environment_id", "id", "initial_events", "metadata", "name",
                                "paused_reason", "resources", "schedule", "status", "type",
                                "updated_at", "vault_ids"});
  CHECK(keys_of(value["schedule"]) ==
        Names{"expression", "last_run_at", "timezone", "type", "upcoming_runs_at"});
  const Value run = client.post(deployment + "/run").body;
  CHECK(keys_of(run) == Names{"agent", "created_at", "deployment_id", "error", "id", "session_id",
                              "trigger_context", "type"});
  CHECK(run["trigger_context"] == Value::map({{"type", "manual"}}));
  const Value agent = client.get("/v1/agents").body["data"].as_list().front();
  CHECK(keys_of(agent) == Names{"archived_at", "created_at", "description", "execution_identity",
                                "id", "mcp_servers", "metadata", "model", "multiagent", "name",
                                "skills", "system", "tools", "type", "updated_at", "version"});
  const Value environment = client.get("/v1/environments").body["data"].as_list().front();
  CHECK(keys_of(environment) == Names{"archived_at", "config", "created_at", "description", "id",
                                      "metadata", "name", "type", "updated_at"});
}

// Goal: ids and times look like the real ones, and write-only secrets never come back.
TEST_CASE("ids have their prefixes and answers hold no secret") {
  WorldClient client;
  const Leaked& leaked = client.world->leaked();
  CHECK(leaked.vault_id.starts_with("vlt_01"));
  CHECK(leaked.credential_id.starts_with("vcrd_01"));
  CHECK(client.sessions("idle").front().starts_with("sesn_01"));
  std::string said;
  for (const std::string& path : {client.credential(), client.vault() + "/credentials",
                                  client.credential() + "/mcp_oauth_validate"}) {
    said += path.ends_with("validate") ? client.post(path).raw.body : client.get(path).raw.body;
  }
  for (const std::string& secret :
       {leaked.access_token, leaked.refresh_token, client.world->keys().client_secret}) {
    CHECK(said.find(secret) == std::string::npos);
  }
  CHECK(parse_rfc3339(client.get(client.vault()).body["created_at"].as_string()).has_value());
}

// Goal: refusals use the error envelope, and every answer names its request and the range (T10).
TEST_CASE("errors and headers") {
  WorldClient client;
  const Reply missing = client.get("/v1/vaults/vlt_none");
  CHECK(missing.status == 404);
  CHECK(missing.body["type"].as_string() == "error");
  CHECK(missing.error_type() == "not_found_error");
  CHECK(missing.body["request_id"].as_string() == missing.header("request-id"));
  CHECK(missing.header("request-id").starts_with("req_"));
  for (const Host host : {Host::platform, Host::issuer, Host::mcp_server, Host::control}) {
    const Reply any = client.send({.host = host, .method = "GET", .target = "/nowhere"});
    CHECK(any.header("x-quell-range") == "1");
    CHECK_FALSE(any.header("request-id").empty());
  }
}

// Goal: credentials, version and beta header are checked as in API sheet sections 0.1 and 7.
// Method: one table of headers with the status they must meet.
TEST_CASE("admission by headers") {
  WorldClient client;
  const std::string key = client.world->keys().api_key;
  const std::pair<std::string, std::string> bearer{"authorization", "Bearer " + key};
  const std::pair<std::string, std::string> beta{"anthropic-beta", "managed-agents-2026-04-01"};
  const std::pair<std::string, std::string> version{"anthropic-version", "2026-10-21"};
  struct Row {
    std::vector<std::pair<std::string, std::string>> headers;
    std::string query;
    int status;
  };
  const std::vector<Row> rows = {
      {{bearer, version, beta}, "", 200},
      {{{"x-api-key", key}, {"anthropic-version", "2023-06-01"}, beta}, "?beta=true", 200},
      {{bearer, version, {"anthropic-beta", "other-1, managed-agents-2026-04-01"}}, "", 200},
      {{{"authorization", "Bearer wrong"}, version, beta}, "", 401},
      {{{"authorization", "Basic " + key}, version, beta}, "", 401},
      {{{"authorization", "Bearer " + client.world->keys().admin_key}, version, beta}, "", 401},
      {{version, beta}, "", 401},
      {{bearer, beta}, "", 400},
      {{bearer, {"anthropic-version", "2019-01-01"}, beta}, "", 400},
      {{bearer, version}, "", 400},
      {{bearer, version, {"anthropic-beta", "agent-memory-2026-07-22"}}, "", 400},
      {{bearer, version, beta}, "?colour=red", 400},
      {{bearer, version, beta}, "?limit=5&limit=6", 400},
  };
  for (const Row& row : rows) {
    CAPTURE(row.query);
    CAPTURE(row.headers.size());
    const Reply reply = client.send({.host = Host::platform,
                                     .method = "GET",
                                     .target = "/v1/vaults" + row.query,
                                     .headers = row.headers});
    CHECK(reply.status == row.status);
    if (reply.status == 401) CHECK(reply.error_type() == "authentication_error");
  }
}

// Goal: bodies are read strictly; calls without one work with none and with `{}`.
TEST_CASE("bodies") {
  WorldClient client;
  CHECK(client.post("/v1/vaults", "{").status == 400);
  CHECK(client.post("/v1/vaults", "[]").status == 400);
  CHECK(client.post("/v1/vaults", R"({"display_name":""})").status == 400);
  CHECK(client.post("/v1/vaults", R"({"display_name":"x","colour":"red"})").status == 400);
  CHECK(client.post("/v1/vaults", R"({"display_name":"x","metadata":{"a":1}})").status == 400);
  const Reply vault = client.post("/v1/vaults", R"({"display_name":"x","metadata":{"a":"1"}})");
  REQUIRE(vault.status == 200);
  CHECK(client.post("/v1/vaults/" + vault.id(), R"({"metadata":{"a":null,"b":"2"}})")
            .body["metadata"] == Value::map({{"b", "2"}}));
  CHECK(client.post("/v1/vaults/" + vault.id() + "/archive", "{}").status == 200);
  Request form = client.request("POST", "/v1/vaults", "display_name=x");
  form.headers.emplace_back("content-type", "application/x-www-form-urlencoded");
  CHECK(client.send(form).status == 400);
}

}  // namespace quell::range
