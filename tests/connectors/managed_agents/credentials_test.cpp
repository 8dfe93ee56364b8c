// Credentials one by one: read, find, delete, overwrite.
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "state/base/json.h"
#include "tests/connectors/managed_agents/script.h"
#include "tests/support/run_action.h"

namespace quell::test {
namespace {

const std::string kCredential = "/v1/vaults/vlt_1/credentials/vcrd_1";

Value ids() { return Value::map({{"vault_id", "vlt_1"}, {"credential_id", "vcrd_1"}}); }

Value tokens(bool with_refresh) {
  ValueMap params = ids().as_map();
  params["access_token"] = test_secret("new \"access\" token");
  if (with_refresh) params["refresh_token"] = test_secret("new-refresh");
  return Value(std::move(params));
}

}  // namespace

// Goal: a record gives what playbooks use, with times as times.
// Method: one of each type (API sheet 1.2).
TEST_CASE("get_credential reads each type of record") {
  Script script;
  script.on("GET " + kCredential, credential_json());
  Result<Outcome> outcome = run(script, "get_credential", ids());
  REQUIRE(outcome.has_value());
  CHECK(outcome->outputs["mcp_server_url"].as_string() == "https://mcp.example/mcp");
  CHECK(outcome->outputs["client_id"].as_string() == "client-1");
  CHECK(outcome->outputs["token_endpoint"].as_string() == "https://as.example/token");
  CHECK(outcome->outputs["expires_at"].as_timestamp() == *parse_rfc3339("2031-03-04T05:41:00Z"));
  CHECK(outcome->outputs["archived_at"].is_null());
  CHECK(outcome->outputs["has_refresh"].as_bool());

  Script bearer;
  bearer.on("GET " + kCredential, credential_json({.type = "static_bearer", .archived = true}));
  outcome = run(bearer, "get_credential", ids());
  REQUIRE(outcome.has_value());
  CHECK_FALSE(outcome->outputs["has_refresh"].as_bool());
  CHECK(outcome->outputs["client_id"].is_null());
  CHECK(outcome->outputs["archived_at"].is_timestamp());

  Script variable;
  variable.on("GET " + kCredential, credential_json({.type = "environment_variable"}));
  outcome = run(variable, "get_credential", ids());
  REQUIRE(outcome.has_value());
  CHECK(outcome->outputs["mcp_server_url"].as_string().empty());
  CHECK(outcome->outputs["secret_name"].as_string() == "STRIPE_KEY");
}

// Goal: names from outside cannot paint a terminal or a report (threat T33).
// Method: a display name with an escape sequence and a direction override, much too long.
TEST_CASE("hostile names come out escaped and cut") {
  std::string record = credential_json();
  const std::string hostile =
      "\\u001b[31m\\u202eevil" + std::string(5000, 'x');  // escapes of JSON, read by the parser
  record.replace(record.find("Tracker"), 7, hostile);
  Script script;
  script.on("GET " + kCredential, record);
  const Result<Outcome> outcome = run(script, "get_credential", ids());
  REQUIRE(outcome.has_value());
  const std::string name = outcome->outputs["display_name"].as_string();
  CHECK(name.find('\x1b') == std::string::npos);
  CHECK(name.find("\xe2\x80\xae") == std::string::npos);
  CHECK(name.size() < 400);
}

// Goal: a record that is not the one asked for is refused, not used.
// Method: another vault's id, an unknown member kind, a key type without its key.
TEST_CASE("a record that does not fit is refused") {
  for (const std::string& record :
       {credential_json({.vault = "vlt_2"}), credential_json({.id = "vcrd_2"}),
        credential_json({.url = ""}), std::string(R"({"id":"vcrd_1","auth":{"type":7}})")}) {
    Script script;
    script.on("GET " + kCredential, record);
    CHECK(result_of(run(script, "get_credential", ids())) == "invalid");
  }
}

// Goal: the search finds by key as the platform matches it, and says what a metadata filter hid.
// Method: three vaults; the URL in another spelling; metadata that the holder could have changed.
TEST_CASE("find_credentials matches by URL, vault and metadata") {
  const auto furnish = [](Script& script) {
    script.on("GET /v1/vaults", page({vault_json("vlt_1"), vault_json("vlt_2")}));
    script.on("GET /v1/vaults/vlt_1/credentials",
              page({credential_json({.metadata = R"({"team":"billing"})"}),
                    credential_json({.id = "vcrd_2", .url = "https://other.example/mcp"})}));
    script.on("GET /v1/vaults/vlt_2/credentials",
              page({credential_json({.vault = "vlt_2", .id = "vcrd_3"})}));
  };
  const auto found = [](const Result<Outcome>& outcome) {
    std::vector<std::string> names;
    REQUIRE(outcome.has_value());
    for (const Value& credential : outcome->outputs["credentials"].as_list()) {
      names.push_back(credential["id"].as_string());
    }
    return names;
  };
  using Names = std::vector<std::string>;
  Script all;
  furnish(all);
  CHECK(found(run(all, "find_credentials", Value::map({}))) == Names{"vcrd_1", "vcrd_2", "vcrd_3"});
  CHECK(all.lines().front() == "GET /v1/vaults?limit=100");

  Script by_url;
  furnish(by_url);
  const Value url = Value::map({{"mcp_server_url", "HTTPS://MCP.example:443/mcp/"}});
  CHECK(found(run(by_url, "find_credentials", url)) == Names{"vcrd_1", "vcrd_3"});

  Script by_vault;
  furnish(by_vault);
  const Value vault = Value::map({{"vault_ids", Value::list({"vlt_2"})}});
  CHECK(found(run(by_vault, "find_credentials", vault)) == Names{"vcrd_3"});
  CHECK(by_vault.lines() == Names{"GET /v1/vaults/vlt_2/credentials?limit=100"});

  Script by_metadata;
  furnish(by_metadata);
  const Value team = Value::map({{"metadata", Value::map({{"team", "billing"}})}});
  const Result<Outcome> outcome = run(by_metadata, "find_credentials", team);
  CHECK(found(outcome) == Names{"vcrd_1"});
  CHECK(outcome->outputs["left_out_by_metadata"].as_int() == 2);
  CHECK(outcome->outputs["vaults_scanned"].as_int() == 2);

  Script missing;
  missing.on("GET /v1/vaults", page({vault_json("vlt_9")}));
  CHECK(result_of(run(missing, "find_credentials", Value::map({}))) == "gone");
}

// Goal: a delete is done when the record is gone that this very attempt has read.
// Method: every answer to the delete beside every reading after it.
TEST_CASE("delete_credential reads, deletes and looks for what is gone") {
  struct Row {
    int status;
    bool there_after;
    std::string expected;
  };
  for (const Row& row :
       {Row{200, false, "done"}, Row{204, false, "done"}, Row{404, false, "already"},
        Row{409, false, "already"}, Row{200, true, "unknown"}, Row{404, true, "unavailable_here"},
        Row{409, true, "conflict"}, Row{400, true, "invalid"}, Row{403, true, "denied"},
        Row{429, true, "throttled"}, Row{500, true, "unknown"}}) {
    CAPTURE(row.status);
    CAPTURE(row.there_after);
    Script script;
    script.on("GET " + kCredential, credential_json());
    if (row.there_after) {
      script.on("GET " + kCredential, credential_json());
    } else {
      script.on("GET " + kCredential, 404, error_json("not_found_error"));
    }
    script.on("DELETE " + kCredential, row.status, R"({"type":"vault_credential_deleted"})");
    CHECK(result_of(run(script, "delete_credential", ids())) == row.expected);
    CHECK(script.acts().size() == 1);
  }
  Script lost;
  lost.on("GET " + kCredential, credential_json())
      .fails("DELETE " + kCredential, ErrorCode::unknown);
  CHECK(result_of(run(lost, "delete_credential", ids())) == "unknown");
  Script blind;
  blind.on("GET " + kCredential, credential_json());
  blind.fails("GET " + kCredential, ErrorCode::transient);
  blind.on("DELETE " + kCredential, "{}");
  CHECK(result_of(run(blind, "delete_credential", ids())) == "unknown");
}

// Goal: 404 before the act is good news only where the key sees the vault (threat T9).
// Method: the vault visible and not, for the act and for the look after a lost answer.
TEST_CASE("a credential that is gone before the delete") {
  for (const Intent intent : {Intent::act, Intent::look}) {
    Script visible;
    visible.on("GET /v1/vaults/vlt_1", vault_json("vlt_1"));
    CHECK(result_of(run(visible, "delete_credential", ids(), intent)) == "already");
    Script other_workspace;
    CHECK(result_of(run(other_workspace, "delete_credential", ids(), intent)) == "gone");
  }
  Script there;
  there.on("GET " + kCredential, credential_json());
  CHECK(result_of(run(there, "delete_credential", ids(), Intent::look)) == "conflict");
}

// Goal: the update repeats the stored type, and tokens leave only inside its body.
// Method: both tokens, one token, an expiry, a static bearer; bodies as the platform reads them.
TEST_CASE("overwrite_credential composes the update for the stored type") {
  Script both;
  both.on("GET " + kCredential, credential_json()).on("POST " + kCredential, credential_json());
  ValueMap params = tokens(true).as_map();
  params["expires_at"] = *parse_rfc3339("2031-03-04T06:00:00Z");
  Result<Outcome> outcome = run(both, "overwrite_credential", Value(params));
  REQUIRE(outcome.has_value());
  CHECK(outcome->kind == OutcomeKind::done);
  CHECK(outcome->outputs["refresh_overwritten"].as_bool());
  const Result<Value> body = parse_json(both.log()[1].body);
  REQUIRE(body.has_value());
  const Value& auth = (*body)["auth"];
  CHECK(auth["type"].as_string() == "mcp_oauth");
  CHECK(auth["access_token"].as_string() == "new \"access\" token");
  CHECK(auth["expires_at"].as_string() == "2031-03-04T06:00:00.000Z");
  CHECK(auth["refresh"]["refresh_token"].as_string() == "new-refresh");
  CHECK(both.log()[1].target.find("new") == std::string::npos);

  Script access;
  access.on("GET " + kCredential, credential_json()).on("POST " + kCredential, credential_json());
  outcome = run(access, "overwrite_credential", tokens(false));
  REQUIRE(outcome.has_value());
  CHECK_FALSE(outcome->outputs["refresh_overwritten"].as_bool());
  CHECK_FALSE((*parse_json(access.log()[1].body))["auth"].has("refresh"));

  Script bearer;
  bearer.on("GET " + kCredential, credential_json({.type = "static_bearer"}));
  bearer.on("POST " + kCredential, "{}");
  CHECK(result_of(run(bearer, "overwrite_credential", tokens(false))) == "done");
  CHECK(bearer.log()[1].body ==
        R"({"auth":{"type":"static_bearer","token":"new \"access\" token"}})");
}

// Goal: nothing is written where the record cannot take it, and no secret stands in an error.
// Method: archived, another type, no refresh block, text where a secret belongs.
TEST_CASE("overwrite_credential refuses what has no place in the record") {
  const auto refused = [](const std::string& record, Value params) {
    Script script;
    script.on("GET " + kCredential, record);
    const Result<Outcome> outcome = run(script, "overwrite_credential", std::move(params));
    CHECK(script.acts().empty());
    REQUIRE_FALSE(outcome.has_value());
    CHECK(describe(outcome.error()).find("new") == std::string::npos);
    return result_of(outcome);
  };
  CHECK(refused(credential_json({.archived = true}), tokens(true)) == "conflict");
  CHECK(refused(credential_json({.type = "environment_variable"}), tokens(false)) == "invalid");
  CHECK(refused(credential_json({.type = "static_bearer"}), tokens(true)) == "invalid");
  CHECK(refused(credential_json({.refresh = false}), tokens(true)) == "conflict");
  ValueMap text = ids().as_map();
  text["access_token"] = "new in clear";
  CHECK(refused(credential_json(), Value(text)) == "invalid");
}

// Goal: a lost overwrite is never guessed at: secrets are write-only.
// Method: the lost answer, the look, refusals, a reading that fails after 200.
TEST_CASE("an overwrite cannot be looked up") {
  Script lost;
  lost.on("GET " + kCredential, credential_json()).fails("POST " + kCredential, ErrorCode::unknown);
  CHECK(result_of(run(lost, "overwrite_credential", tokens(true))) == "unknown");
  Script look;
  look.on("GET " + kCredential, credential_json());
  CHECK(result_of(run(look, "overwrite_credential", tokens(true), Intent::look)) == "unknown");
  CHECK(spec_of("overwrite_credential").repeat == Repeat::never);
  Script blind;
  blind.on("GET " + kCredential, credential_json()).on("POST " + kCredential, "{}");
  blind.fails("GET " + kCredential, ErrorCode::transient);
  CHECK(result_of(run(blind, "overwrite_credential", tokens(true))) == "unknown");
  for (const Refusal& row : std::vector<Refusal>{
           {400, "invalid"}, {409, "conflict"}, {404, "unavailable_here"}, {500, "unknown"}}) {
    const int status = row.status;
    const std::string& expected = row.expected;
    CAPTURE(status);
    Script script;
    script.on("GET " + kCredential, credential_json());
    script.on("POST " + kCredential, status, error_json("x"));
    CHECK(result_of(run(script, "overwrite_credential", tokens(true))) == expected);
  }
  Script archived;
  archived.on("GET " + kCredential, credential_json());
  archived.on("GET " + kCredential, credential_json({.archived = true}));
  archived.on("POST " + kCredential, 400, error_json("invalid_request_error"));
  CHECK(result_of(run(archived, "overwrite_credential", tokens(true))) == "conflict");
}

}  // namespace quell::test
