// Verdicts: what proves, what refutes, and what must stay unproved (threat T9).
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/connectors/managed_agents/script.h"

namespace quell::test {
namespace {

const std::string kReadCredential = "GET /v1/vaults/vlt_1/credentials/vcrd_1";

Value asked_for(bool was_read = false) {
  ValueMap params{{"vault_id", "vlt_1"}, {"credential_id", "vcrd_1"}};
  if (was_read) params["was_read"] = true;
  return Value(std::move(params));
}

Value url_in(const std::vector<std::string>& vaults) {
  ValueList list;
  for (const std::string& vault : vaults) list.emplace_back(vault);
  return Value::map({{"mcp_server_url", "https://mcp.example/mcp"}, {"vault_ids", Value(list)}});
}

Value since_in(const std::vector<std::string>& vaults) {
  ValueList list;
  for (const std::string& vault : vaults) list.emplace_back(vault);
  return Value::map(
      {{"vault_ids", Value(list)}, {"since", *parse_rfc3339("2031-03-04T05:00:00.700Z")}});
}

std::string proof_of(const Result<Outcome>& outcome) {
  return outcome && outcome->judgement ? outcome->judgement->proof : std::string{};
}

}  // namespace

// Goal: only the record's own archived_at proves the purge strongly.
// Method: archived, active, 404 never read, 404 after it was read, a 404 of the vault too.
TEST_CASE("credential_is_archived") {
  Script archived;
  archived.on(kReadCredential, credential_json({.archived = true}));
  Result<Outcome> outcome = run(archived, "credential_is_archived", asked_for());
  CHECK(verdict_of(outcome) == "proved strong");
  CHECK(proof_of(outcome) == "archived_at read back");

  Script active;
  active.on(kReadCredential, credential_json());
  outcome = run(active, "credential_is_archived", asked_for());
  CHECK(verdict_of(outcome) == "refuted strong");
  CHECK(proof_of(outcome) == "vcrd_1 in vlt_1 is active");

  Script absent;
  absent.on("GET /v1/vaults/vlt_1", vault_json("vlt_1"));
  outcome = run(absent, "credential_is_archived", asked_for());
  CHECK(verdict_of(outcome) == "unproved none");
  CHECK_FALSE(outcome->outputs["found"].as_bool());

  Script deleted;
  deleted.on("GET /v1/vaults/vlt_1/credentials", page({credential_json({.id = "vcrd_2"})}));
  CHECK(verdict_of(run(deleted, "credential_is_archived", asked_for(true))) == "proved weak");
  Script other_workspace;
  CHECK(verdict_of(run(other_workspace, "credential_is_archived", asked_for(true))) == "unproved none");
  Script contradictory;
  contradictory.on("GET /v1/vaults/vlt_1/credentials", page({credential_json()}));
  CHECK(verdict_of(run(contradictory, "credential_is_archived", asked_for(true))) == "unproved none");
  Script cut;
  cut.on("GET /v1/vaults/vlt_1/credentials", R"({"data":[]})");
  CHECK(verdict_of(run(cut, "credential_is_archived", asked_for(true))) == "invalid");
}

// Goal: failures of the look are errors, never verdicts.
// Method: every refusal at each single-record probe.
TEST_CASE("a look that fails proves nothing") {
  for (const Refusal& row : std::vector<Refusal>{{401, "denied"},
                                                 {403, "denied"},
                                                 {429, "throttled"},
                                                 {500, "transient"},
                                                 {503, "transient"},
                                                 {302, "invalid"},
                                                 {200, "invalid"}}) {
    const int status = row.status;
    const std::string& expected = row.expected;
    CAPTURE(status);
    Script script;
    script.on(kReadCredential, status, "<html>");
    script.on("GET /v1/deployments/depl_1", status, "<html>");
    script.on("GET /v1/sessions/sesn_1", status, "<html>");
    CHECK(verdict_of(run(script, "credential_is_archived", asked_for())) == expected);
    CHECK(verdict_of(run(script, "deployment_is_paused",
                         Value::map({{"deployment_id", "depl_1"}}))) == expected);
    CHECK(verdict_of(run(script, "session_is_stopped", Value::map({{"session_id", "sesn_1"}}))) ==
          expected);
  }
}

// Goal: absence of an active credential counts only beside an archived one for the same URL.
// Method: each combination in the vaults of scope; the scan names itself complete.
TEST_CASE("no_active_credential") {
  const std::string list_1 = "GET /v1/vaults/vlt_1/credentials";
  const std::string list_2 = "GET /v1/vaults/vlt_2/credentials";
  const CredentialShape archived{.archived = true};
  const CredentialShape elsewhere{.id = "vcrd_8", .url = "https://other.example/mcp"};
  const CredentialShape second{.vault = "vlt_2", .id = "vcrd_2", .url = "https://MCP.example/mcp/"};

  Script proved;
  proved.on(list_1, page({credential_json(archived), credential_json(elsewhere)}));
  Result<Outcome> outcome = run(proved, "no_active_credential", url_in({"vlt_1"}));
  CHECK(verdict_of(outcome) == "proved strong");
  CHECK(proved.lines() == std::vector<std::string>{list_1 + "?include_archived=true&limit=100"});
  CHECK(outcome->outputs["archived_seen"].as_int() == 1);

  Script takes_over;
  takes_over.on(list_1, page({credential_json(archived)}));
  takes_over.on(list_2, page({credential_json(second)}));
  outcome = run(takes_over, "no_active_credential", url_in({"vlt_1", "vlt_2"}));
  CHECK(verdict_of(outcome) == "refuted strong");
  CHECK(proof_of(outcome) == "active for this URL: vcrd_2 in vlt_2");
  CHECK(outcome->outputs["active"].as_list().size() == 1);

  Script active;
  active.on(list_1, page({credential_json()}));
  CHECK(verdict_of(run(active, "no_active_credential", url_in({"vlt_1"}))) == "refuted strong");

  Script nothing_known;
  nothing_known.on(list_1, page({credential_json(elsewhere)}));
  CHECK(verdict_of(run(nothing_known, "no_active_credential", url_in({"vlt_1"}))) ==
        "unproved none");
  Script empty_scope;
  CHECK(verdict_of(run(empty_scope, "no_active_credential", url_in({}))) == "unproved none");
}

// Goal: a key of another workspace and a broken chain never prove an absence (threat T9).
// Method: empty lists; 404 for the vault; a page without next_page, without data, with a cursor
// that comes twice, with a record that cannot be read.
TEST_CASE("no_active_credential under a wrong key or a broken chain") {
  const Value everywhere = Value::map({{"mcp_server_url", "https://mcp.example/mcp"}});
  Script empty;
  empty.on("GET /v1/vaults", page({}));
  CHECK(verdict_of(run(empty, "no_active_credential", everywhere)) == "unproved none");
  Script blind;
  CHECK(verdict_of(run(blind, "no_active_credential", url_in({"vlt_1"}))) == "gone");
  CHECK(verdict_of(run(blind, "no_active_credential", everywhere)) == "unavailable_here");

  const std::string known = credential_json({.archived = true});
  for (const std::string& body :
       {R"({"data":[)" + known + "]}", std::string(R"({"next_page":null})"),
        R"({"data":[)" + known + R"(],"next_page":7})",
        R"({"data":[)" + known + R"(,{"id":"vcrd_2"}],"next_page":null})",
        R"({"data":[)" + known + R"(,null],"next_page":null})", page({known}, "again"),
        std::string("<html>"), std::string("[]"), std::string()}) {
    CAPTURE(body);
    Script script;
    script.on("GET /v1/vaults/vlt_1/credentials", body);
    CHECK(verdict_of(run(script, "no_active_credential", url_in({"vlt_1"}))) == "invalid");
  }
  Script no_url;
  CHECK(verdict_of(run(no_url, "no_active_credential", Value::map({{"mcp_server_url", ""}}))) ==
        "invalid");
}

// Goal: metadata and names protect nothing (threat T44).
// Method: an active credential that calls itself archived, protected and out of scope.
TEST_CASE("hostile metadata has no effect on a verdict") {
  Script script;
  script.on("GET /v1/vaults/vlt_1/credentials",
            page({credential_json({.id = "vcrd_9", .archived = true}),
                  credential_json({.metadata = R"({"archived_at":"2031-01-01T00:00:00Z",)"
                                               R"("quell":"protected","status":"archived"})"})}));
  CHECK(verdict_of(run(script, "no_active_credential", url_in({"vlt_1"}))) == "refuted strong");
}

// Goal: the schedule's state is read as the platform means it.
// Method: every status, with and without archived_at.
TEST_CASE("deployment_is_paused") {
  struct Row {
    DeploymentShape shape;
    std::string expected;
  };
  for (const Row& row : {Row{{.status = "paused"}, "proved strong"},
                         Row{{.status = "active", .archived = true}, "proved strong"},
                         Row{{.status = "paused", .archived = true}, "proved strong"},
                         Row{{.status = "active"}, "refuted strong"},
                         Row{{.status = "draining"}, "unproved none"}}) {
    CAPTURE(row.shape.status);
    Script script;
    script.on("GET /v1/deployments/depl_1", deployment_json(row.shape));
    CHECK(verdict_of(run(script, "deployment_is_paused",
                         Value::map({{"deployment_id", "depl_1"}}))) == row.expected);
  }
  Script gone;
  CHECK(verdict_of(run(gone, "deployment_is_paused", Value::map({{"deployment_id", "depl_1"}}))) ==
        "unproved none");
}

// Goal: idle is not stopped, since an interrupt is not sticky.
// Method: every status, with and without archived_at.
TEST_CASE("session_is_stopped") {
  struct Row {
    SessionShape shape;
    std::string expected;
  };
  for (const Row& row :
       {Row{{.status = "terminated"}, "proved strong"},
        Row{{.status = "terminated", .archived = true}, "proved strong"},
        Row{{.status = "idle", .archived = true}, "proved strong"},
        Row{{.status = "idle"}, "unproved none"}, Row{{.status = "running"}, "refuted strong"},
        Row{{.status = "rescheduling"}, "refuted strong"},
        Row{{.status = "hibernating"}, "unproved none"}}) {
    CAPTURE(row.shape.status);
    Script script;
    script.on("GET /v1/sessions/sesn_1", session_json(row.shape));
    CHECK(verdict_of(run(script, "session_is_stopped", Value::map({{"session_id", "sesn_1"}}))) ==
          row.expected);
  }
  Script gone;
  CHECK(verdict_of(run(gone, "session_is_stopped", Value::map({{"session_id", "sesn_1"}}))) ==
        "unproved none");
}

// Goal: nothing that names a vault of scope or starts an agent of scope may start by itself; a list
// that this key may not read, or that loses its end, is no proof (threat T9).
// Method: one deployment per row; then a refused and a missing list, of a server that is declared to
// lack it and of one that is not, and a strange key.
TEST_CASE("no_active_deployment") {
  const std::string list = "GET /v1/deployments";
  const Value scope = Value::map({{"vault_ids", Value::list({"vlt_1", "vlt_2"})}});
  struct Row {
    DeploymentShape shape;
    std::string expected;
  };
  for (const Row& row :
       {Row{{.status = "active"}, "refuted strong"},
        Row{{.status = "a_new_word"}, "refuted strong"},
        Row{{.status = "active", .vaults = {"vlt_7", "vlt_2"}}, "refuted strong"},
        Row{{.status = "active", .vaults = {"vlt_7"}}, "proved strong"},
        Row{{.status = "paused"}, "proved strong"},
        Row{{.status = "active", .archived = true}, "proved strong"}}) {
    CAPTURE(row.shape.status);
    Script script;
    script.on("GET /v1/vaults/vlt_1", vault_json("vlt_1"));
    script.on(list, page({deployment_json(row.shape)}));
    CHECK(verdict_of(run(script, "no_active_deployment", scope)) == row.expected);
  }
  Script by_agent;
  by_agent.on("GET /v1/agents/agent_1", R"({"id":"agent_1"})");
  by_agent.on(list, page({R"({"id":"depl_1","status":"active","vault_ids":[],)"
                          R"("agent":{"id":"agent_1"},"archived_at":null})"}));
  const Value agent = Value::map({{"agent_ids", Value::list({"agent_1"})}});
  CHECK(verdict_of(run(by_agent, "no_active_deployment", agent)) == "refuted strong");

  for (const auto& [status, expected] :
       std::vector<std::pair<int, std::string>>{{403, "denied"}, {404, "unproved none"},
                                                {405, "unproved none"}}) {
    CAPTURE(status);
    Script closed;
    closed.on("GET /v1/vaults/vlt_1", vault_json("vlt_1")).on(list, status, error_json("x"));
    CHECK(verdict_of(run(closed, "no_active_deployment", scope)) == expected);
    ManagedAgentsConfig declared = test_config();
    declared.may_lack = {"deployments"};
    Script lacking;
    lacking.on("GET /v1/vaults/vlt_1", vault_json("vlt_1")).on(list, status, error_json("x"));
    CHECK(verdict_of(run(lacking, "no_active_deployment", scope, Intent::act, declared)) ==
          "proved weak");
  }
  Script blind;
  blind.on(list, page({}));
  CHECK(verdict_of(run(blind, "no_active_deployment", scope)) == "unproved none");
  Script nothing;
  CHECK(verdict_of(run(nothing, "no_active_deployment", Value::map({}))) == "invalid");
}

// Goal: what was made or changed since counts wherever it works; what does not say when counts too.
// Method: one deployment per row, without a vault; a key that sees no agent at all.
TEST_CASE("no_active_deployment since") {
  const std::string before = "2031-03-04T04:59:59Z";
  const std::string later = "2031-03-04T05:00:01Z";
  const Value since = Value::map({{"since", *parse_rfc3339("2031-03-04T05:00:00.700Z")}});
  struct Row {
    std::string created_at;
    std::string updated_at;
    std::string status;
    std::string expected;
  };
  for (const Row& row : {Row{later, later, "active", "refuted strong"},
                         Row{"2031-03-04T05:00:00Z", "", "active", "refuted strong"},
                         Row{before, later, "active", "refuted strong"},
                         Row{"", "", "active", "refuted strong"},
                         Row{later, later, "paused", "proved strong"},
                         Row{before, before, "active", "proved strong"},
                         Row{before, "", "active", "proved strong"}}) {
    CAPTURE(row.created_at);
    CAPTURE(row.updated_at);
    Script script;
    script.on("GET /v1/agents", page({R"({"id":"agent_1","name":"Clerk"})"}));
    script.on("GET /v1/deployments", page({deployment_json({.status = row.status,
                                                            .vaults = {},
                                                            .created_at = row.created_at,
                                                            .updated_at = row.updated_at})}));
    CHECK(verdict_of(run(script, "no_active_deployment", since)) == row.expected);
  }
  Script blind;
  blind.on("GET /v1/agents", page({})).on("GET /v1/deployments", page({}));
  CHECK(verdict_of(run(blind, "no_active_deployment", since)) == "unproved none");
}

// Goal: a list from which absence is read and whose later page lost its cursor proves nothing.
// Method: two pages, the last one full; asked again one shorter it says "last" or names the next.
TEST_CASE("a list that is cut off behind its first page") {
  for (const bool cut : {true, false}) {
    CAPTURE(cut);
    std::vector<std::string> full;
    for (int i = 0; i < 100; ++i)
      full.push_back(session_json({.id = "sesn_" + std::to_string(i), .vaults = {"vlt_7"}}));
    const std::string from = "GET /v1/sessions?created_at%5Bgte%5D=2031-03-04T04%3A50%3A00.000Z";
    Script script;
    script.on("GET /v1/vaults/vlt_1", vault_json("vlt_1"));
    script.on(from + "&limit=100", page(full, "second"));
    script.on(from + "&limit=100&page=second", page(full));
    full.pop_back();
    script.on(from + "&limit=99&page=second",
              cut ? page(full) : page(full, std::optional<std::string>("third")));
    CHECK(verdict_of(run(script, "no_new_session", since_in({"vlt_1"}))) ==
          (cut ? "invalid" : "proved strong"));
  }
}

// Goal: a session is not missed because the platform's clock is behind ours.
// Method: its answers are dated half a minute, and then an hour, before our time.
TEST_CASE("no_new_session by the platform's clock") {
  const auto verdict_at = [](const std::string& date, const std::string& created_at) {
    Script script;
    script.on("GET /v1/vaults/vlt_1", vault_json("vlt_1"));
    script.on("GET /v1/sessions", [=]() -> Result<HttpResponse> {
      HttpResponse response;
      response.status = 200;
      response.headers = {{"content-type", "application/json"}, {"date", date}};
      response.body = page({session_json({.status = "running", .created_at = created_at})});
      return response;
    });
    return verdict_of(run(script, "no_new_session", since_in({"vlt_1"})));
  };
  // Ours says 2031-03-05T05:06:07Z; since is the day before, 05:00:00.700.
  CHECK(verdict_at("Wed, 05 Mar 2031 05:06:07 GMT", "2031-03-04T04:59:50Z") == "proved strong");
  CHECK(verdict_at("Wed, 05 Mar 2031 05:05:37 GMT", "2031-03-04T04:59:50Z") == "refuted strong");
  CHECK(verdict_at("Wed, 05 Mar 2031 05:05:37 GMT", "2031-03-04T04:59:20Z") == "proved strong");
  CHECK(verdict_at("Wed, 05 Mar 2031 04:06:07 GMT", "2031-03-04T04:59:50Z") == "unproved none");
  CHECK(verdict_at("Wed, 05 Mar 2031 09:06:07 GMT", "2031-03-04T04:59:50Z") == "proved strong");
}

// Goal: refuted only by a session started since that names a vault of scope and still runs.
// Method: one session per row, beside the boundary in time, scope and state.
TEST_CASE("no_new_session") {
  const std::string list = "GET /v1/sessions";
  struct Row {
    SessionShape shape;
    std::string expected;
  };
  const std::string later = "2031-03-04T05:01:00Z";
  for (const Row& row :
       {Row{{.status = "running", .created_at = later}, "refuted strong"},
        Row{{.status = "rescheduling", .created_at = later}, "refuted strong"},
        Row{{.status = "running", .vaults = {"vlt_7", "vlt_2"}, .created_at = later},
            "refuted strong"},
        Row{{.status = "running", .created_at = "2031-03-04T05:00:00Z"}, "refuted strong"},
        Row{{.status = "running", .created_at = "2031-03-04T04:59:59Z"}, "proved strong"},
        Row{{.status = "running", .vaults = {"vlt_7"}, .created_at = later}, "proved strong"},
        Row{{.status = "running", .vaults = {}, .created_at = later}, "proved strong"},
        Row{{.status = "terminated", .created_at = later}, "proved strong"},
        Row{{.status = "idle", .created_at = later}, "proved weak"}}) {
    CAPTURE(row.shape.status);
    CAPTURE(row.shape.created_at);
    Script script;
    script.on("GET /v1/vaults/vlt_1", vault_json("vlt_1", true));
    script.on(list, page({session_json(row.shape)}));
    CHECK(verdict_of(run(script, "no_new_session", since_in({"vlt_2", "vlt_1"}))) == row.expected);
    CHECK(script.lines().back() ==
          list + "?created_at%5Bgte%5D=2031-03-04T04%3A50%3A00.000Z&limit=100");
  }
}

// Goal: a session without a vault is found too, by its time or by what started it; who came after
// `before` is not the question.
// Method: one session per row, for the whole workspace and for a deployment's; a platform whose
// clock is ahead; a key that sees no agent at all.
TEST_CASE("no_new_session everywhere") {
  const Value everywhere = Value::map({{"everywhere", true},
                                       {"since", *parse_rfc3339("2031-03-04T05:00:00Z")},
                                       {"before", *parse_rfc3339("2031-03-04T05:10:00Z")}});
  const auto verdict_at = [&](const std::string& created_at, const std::string& date = {}) {
    Script script;
    script.on("GET /v1/agents", page({R"({"id":"agent_1","name":"Clerk"})"}));
    script.on("GET /v1/sessions", [=]() -> Result<HttpResponse> {
      HttpResponse response;
      response.status = 200;
      response.headers = {{"content-type", "application/json"}, {"date", date}};
      response.body = page(
          {session_json({.status = "running", .vaults = {}, .created_at = created_at})});
      return response;
    });
    return verdict_of(run(script, "no_new_session", everywhere));
  };
  CHECK(verdict_at("2031-03-04T04:59:59Z") == "proved strong");
  CHECK(verdict_at("2031-03-04T05:00:00Z") == "refuted strong");
  CHECK(verdict_at("2031-03-04T05:09:59Z") == "refuted strong");
  CHECK(verdict_at("2031-03-04T05:10:00Z") == "proved strong");
  // Ours says 2031-03-05T05:06:07Z.
  CHECK(verdict_at("2031-03-04T05:10:20Z", "Wed, 05 Mar 2031 05:06:37 GMT") == "refuted strong");

  Script blind;
  blind.on("GET /v1/agents", page({})).on("GET /v1/sessions", page({}));
  CHECK(verdict_of(run(blind, "no_new_session", everywhere)) == "unproved none");

  const Value started = Value::map({{"deployment_ids", Value::list({"depl_1"})},
                                    {"since", *parse_rfc3339("2031-03-04T05:00:00Z")}});
  for (const auto& [deployment, expected] :
       {std::pair<std::string, std::string>{"depl_1", "refuted strong"},
        {"depl_2", "proved strong"}}) {
    Script script;
    script.on("GET /v1/deployments/depl_1", deployment_json({}));
    script.on("GET /v1/sessions",
              page({R"({"id":"sesn_1","status":"running","vault_ids":[],"deployment_id":")" +
                    deployment + R"(","created_at":"2031-03-04T05:01:00Z","archived_at":null})"}));
    CHECK(verdict_of(run(script, "no_new_session", started)) == expected);
  }
}

// Goal: an empty list of sessions proves nothing under a key that does not see the vaults.
// Method: the vaults answer 404; a broken chain; a session without vault_ids; missing inputs.
TEST_CASE("no_new_session under a wrong key or a broken chain") {
  Script blind;
  blind.on("GET /v1/sessions", page({}));
  CHECK(verdict_of(run(blind, "no_new_session", since_in({"vlt_1", "vlt_2"}))) == "unproved none");
  Script one_of_two;
  one_of_two.on("GET /v1/vaults/vlt_2", vault_json("vlt_2")).on("GET /v1/sessions", page({}));
  CHECK(verdict_of(run(one_of_two, "no_new_session", since_in({"vlt_1", "vlt_2"}))) ==
        "proved strong");
  for (const std::string& body :
       {std::string(R"({"data":[]})"), std::string(R"({"next_page":null})"),
        std::string(R"({"data":[{"id":"sesn_1","status":"running"}],"next_page":null})"),
        std::string(R"({"data":[{"id":"sesn_1","vault_ids":["vlt_1"]}],"next_page":null})")}) {
    CAPTURE(body);
    Script script;
    script.on("GET /v1/vaults/vlt_1", vault_json("vlt_1")).on("GET /v1/sessions", body);
    CHECK(verdict_of(run(script, "no_new_session", since_in({"vlt_1"}))) == "invalid");
  }
  Script nothing;
  CHECK(verdict_of(run(nothing, "no_new_session", since_in({}))) == "invalid");
}

}  // namespace quell::test
