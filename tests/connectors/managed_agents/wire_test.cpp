// What leaves for the platform, header by header, and the table that announces it.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "state/base/json.h"
#include "tests/connectors/managed_agents/script.h"

namespace quell::test {
namespace {

Value credential_params() {
  return Value::map({{"vault_id", "vlt_1"}, {"credential_id", "vcrd_1"}});
}

const std::string kRecord = "/v1/vaults/vlt_1/credentials/vcrd_1";

}  // namespace

// Goal: the default wire form is that of the official client 1.12, and no header more.
// Method: API sheet 0.1, header by header.
TEST_CASE("requests carry the headers of the current API version") {
  Script script;
  script.on("GET " + kRecord, credential_json());
  CHECK(result_of(run(script, "get_credential", credential_params())) == "done");
  REQUIRE(script.log().size() == 1);
  const std::map<std::string, std::string> expected{
      {"accept", "application/json"},
      {"anthropic-version", "2026-10-21"},
      {"anthropic-beta", "managed-agents-2026-04-01"},
      {"authorization", "Bearer " + std::string(kKey)}};
  CHECK(script.log()[0].headers == expected);
  CHECK(script.log()[0].target == kRecord);
}

// Goal: the older family of clients is served by configuration alone.
// Method: the 2023-06-01 form, with a workspace and a second beta value.
TEST_CASE("the older wire form sends X-Api-Key and beta=true") {
  ManagedAgentsConfig config = managed_agents_wire("2023-06-01");
  const ManagedAgentsConfig base = test_config();
  config.base_url = base.base_url + "/";
  config.api_key = base.api_key;
  config.workspace_id = "wrkspc_1";
  config.betas = {"a-1", "managed-agents-2026-04-01"};
  Script script;
  script.on("GET /v1/vaults?include_archived=true&limit=100&beta=true",
            page({vault_json("vlt_1")}));
  script.on("GET /v1/vaults/vlt_1/credentials?include_archived=true&limit=100&beta=true",
            page({credential_json()}));
  const Value params = Value::map({{"include_archived", true}});
  const Result<Outcome> found = run(script, "find_credentials", params, Intent::act, config);
  REQUIRE(found.has_value());
  CHECK(found->outputs["credentials"].as_list().size() == 1);
  const std::map<std::string, std::string>& headers = script.log()[0].headers;
  CHECK(headers.at("x-api-key") == kKey);
  CHECK_FALSE(headers.contains("authorization"));
  CHECK(headers.at("anthropic-version") == "2023-06-01");
  CHECK(headers.at("anthropic-beta") == "a-1,managed-agents-2026-04-01");
  CHECK(headers.at("anthropic-workspace-id") == "wrkspc_1");
}

// Goal: header names of compatible servers are configuration too (API sheet 6).
// Method: another version and beta header.
TEST_CASE("version and beta headers can be renamed") {
  ManagedAgentsConfig config = test_config();
  config.version_header = "zai-version";
  config.beta_header = "zai-beta";
  config.api_version = "2026-05-26";
  config.betas = {"managed-agents-2026-05-26"};
  Script script;
  script.on("GET " + kRecord, credential_json());
  CHECK(run(script, "get_credential", credential_params(), Intent::act, config).has_value());
  CHECK(script.log()[0].headers.at("zai-version") == "2026-05-26");
  CHECK(script.log()[0].headers.at("zai-beta") == "managed-agents-2026-05-26");
  CHECK_FALSE(script.log()[0].headers.contains("anthropic-version"));
}

// Goal: a POST without body has no content type, one with a body has (API sheet 0.1).
// Method: an archive and an interrupt.
TEST_CASE("only a body brings a content type") {
  Script script;
  script.on("GET " + kRecord, credential_json());
  script.on("GET " + kRecord, credential_json({.archived = true}));
  script.on("POST " + kRecord + "/archive", credential_json({.archived = true}));
  CHECK(result_of(run(script, "archive_credential", credential_params())) == "done");
  CHECK_FALSE(script.log()[1].headers.contains("content-type"));
  CHECK(script.log()[1].body.empty());

  Script sessions;
  sessions.on("GET /v1/sessions/sesn_1", session_json({.status = "running"}));
  sessions.on("GET /v1/sessions/sesn_1", session_json({.status = "idle"}));
  sessions.on("GET /v1/sessions/sesn_1", session_json({.status = "terminated", .archived = true}));
  sessions.on("POST /v1/sessions/sesn_1/events", R"({"data":[]})");
  sessions.on("POST /v1/sessions/sesn_1/archive", "{}");
  CHECK(result_of(run(sessions, "stop_session", Value::map({{"session_id", "sesn_1"}}))) == "done");
  CHECK(sessions.log()[1].headers.at("content-type") == "application/json");
  CHECK(sessions.log()[1].body == R"({"events":[{"type":"user.interrupt"}]})");
}

// Goal: an id is one path segment and nothing else, whoever wrote it.
// Method: traversal, separators, controls and encodings as ids; nothing leaves for those refused.
TEST_CASE("hostile ids never bend a path") {
  for (const std::string& id :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"),
        std::string("..\\..\\x"), std::string("a b"), std::string("a\nb"), std::string("a\0b", 3),
        std::string("v\xc3\xa9"), std::string(257, 'a')}) {
    CAPTURE(id);
    Script script;
    const Value params = Value::map({{"vault_id", "vlt_1"}, {"credential_id", id}});
    CHECK(result_of(run(script, "archive_credential", params)) == "invalid");
    CHECK(result_of(run(script, "stop_session", Value::map({{"session_id", id}}))) == "invalid");
    const Value list = Value::map({{"vault_ids", Value::list({Value(id)})}});
    CHECK(result_of(run(script, "blast_radius", list)) == "invalid");
    CHECK(script.log().empty());
  }
  Script script;
  const Value params = Value::map({{"vault_id", "vlt?x=1#%2e"}, {"credential_id", "a..b&c"}});
  CHECK(result_of(run(script, "get_credential", params)) == "gone");
  CHECK(script.log()[0].target == "/v1/vaults/vlt%3Fx%3D1%23%252e/credentials/a..b%26c");
}

// Goal: refusals read as the command line promises, and quote nothing from outside.
// Method: 401, 403, 404 with a hostile body.
TEST_CASE("errors name the key's fingerprint, the record and a remedy") {
  Script refused;
  refused.on("GET " + kRecord, 401, "<script>\x1b[31m" + std::string(kKey));
  Result<Outcome> outcome = run(refused, "get_credential", credential_params());
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().code == ErrorCode::denied);
  CHECK(outcome.error().message == "the platform refused the key fp:77aa01bc (401).");
  CHECK(outcome.error().hint == "set ANTHROPIC_API_KEY, or platform.api_key at quell.yaml:6");

  Script forbidden;
  forbidden.on("GET " + kRecord, 403, error_json("permission_error"));
  outcome = run(forbidden, "get_credential", credential_params());
  CHECK(outcome.error().message == "the key fp:77aa01bc may not do this to vcrd_1 in vlt_1 (403).");

  Script gone;
  outcome = run(gone, "get_credential", credential_params());
  CHECK(outcome.error().code == ErrorCode::gone);
  CHECK(outcome.error().message == "vlt_1 has no credential vcrd_1 (404).");
  CHECK(outcome.error().hint == "compare both ids, and whether the key belongs to their workspace");
  CHECK(gone.log().size() == 2);  // looked again before it says so
}

// Goal: the table keeps the names, inputs and outputs that playbooks rely on.
// Method: the design's table, row by row.
TEST_CASE("the action table is the promised one") {
  struct Row {
    std::string name;
    Effect effect;
    bool probe;
    std::vector<std::string> inputs;
    std::vector<std::string> outputs;
  };
  const std::vector<Row> rows{
      {"get_credential",
       Effect::read,
       false,
       {"vault_id", "credential_id"},
       {"id", "vault_id", "type", "mcp_server_url", "client_id", "token_endpoint", "expires_at",
        "archived_at", "has_refresh"}},
      {"find_credentials",
       Effect::read,
       false,
       {"mcp_server_url?", "vault_ids?", "metadata?", "include_archived?"},
       {"credentials", "vaults"}},
      {"blast_radius",
       Effect::read,
       false,
       {"vault_ids?", "credential_ids?", "session_ids?", "mcp_server_url?", "since?"},
       {"vault_ids", "credentials", "sessions", "live_sessions", "deployments", "unseen"}},
      {"credential_is_archived", Effect::read, true, {"vault_id", "credential_id"}, {}},
      {"credentials_are_archived",
       Effect::read,
       true,
       {"vault_id", "credential_ids"},
       {"vault_id", "archived", "active", "missing"}},
      {"no_active_credential", Effect::read, true, {"mcp_server_url", "vault_ids?"}, {}},
      {"deployment_is_paused", Effect::read, true, {"deployment_id"}, {}},
      {"session_is_stopped", Effect::read, true, {"session_id"}, {}},
      {"no_active_deployment", Effect::read, true, {"vault_ids?", "agent_ids?", "since?"}, {}},
      {"no_new_session",
       Effect::read,
       true,
       {"vault_ids?", "agent_ids?", "deployment_ids?", "everywhere?", "since", "before?"},
       {}},
      {"archive_credential",
       Effect::mutate,
       false,
       {"vault_id", "credential_id"},
       {"id", "archived_at"}},
      {"archive_credentials",
       Effect::mutate,
       false,
       {"vault_id", "credential_ids", "whole_vault?"},
       {"vault_id", "archived", "already", "by"}},
      {"find_vaults",
       Effect::read,
       false,
       {"metadata_key", "metadata_value"},
       {"vault_ids", "vaults_scanned", "without_key"}},
      {"delete_credential", Effect::mutate, false, {"vault_id", "credential_id"}, {}},
      {"validate_credential",
       Effect::mutate,
       false,
       {"vault_id", "credential_id"},
       {"credential_id", "vault_id", "validated_at", "has_refresh_token", "status", "mcp_probe",
        "refresh", "refresh_answer"}},
      {"overwrite_credential",
       Effect::mutate,
       false,
       {"vault_id", "credential_id", "access_token", "refresh_token?"},
       {}},
      {"archive_vault", Effect::mutate, false, {"vault_id"}, {}},
      {"pause_deployment", Effect::mutate, false, {"deployment_id"}, {}},
      {"unpause_deployment", Effect::mutate, false, {"deployment_id"}, {}},
      {"archive_deployment", Effect::mutate, false, {"deployment_id"}, {}},
      {"stop_session", Effect::mutate, false, {"session_id"}, {}},
      {"get_session_tools", Effect::read, false, {"session_id"}, {"mcp_server_urls", "tools"}},
      {"detach_mcp_server", Effect::mutate, false, {"session_id", "mcp_server_url"}, {}},
      {"set_session_tools", Effect::mutate, false, {"session_id", "tools"}, {}},
      {"find_memory_versions",
       Effect::read,
       false,
       {"memory_store_ids?", "session_ids?", "api_key_ids?", "since?"},
       {"versions", "memories", "to_redact", "memory_store_ids", "poisoned_sha256", "unseen"}},
      {"memory_is_clean",
       Effect::read,
       true,
       {"memory_store_id", "memory_id", "poisoned_sha256?", "good_sha256?", "session_ids?",
        "api_key_ids?", "since?"},
       {}},
      {"no_poisoned_memory",
       Effect::read,
       true,
       {"memory_store_ids", "poisoned_sha256?", "session_ids?", "api_key_ids?", "since?"},
       {}},
      {"memory_version_is_redacted",
       Effect::read,
       true,
       {"memory_store_id", "memory_version_id"},
       {}},
      {"memory_store_is_archived", Effect::read, true, {"memory_store_id"}, {}},
      {"restore_memory",
       Effect::mutate,
       false,
       {"memory_store_id", "memory_id", "version_id", "head_sha256?"},
       {"memory_version_id", "content_sha256"}},
      {"delete_memory",
       Effect::mutate,
       false,
       {"memory_store_id", "memory_id", "head_sha256?"},
       {"deleted"}},
      {"redact_memory_version",
       Effect::mutate,
       false,
       {"memory_store_id", "memory_version_id"},
       {"redacted_at"}},
      {"archive_memory_store", Effect::mutate, false, {"memory_store_id"}, {"archived_at"}},
      {"survey",
       Effect::read,
       false,
       {},
       {"vaults", "credentials", "mcp_servers", "sessions", "deployments", "memory_stores",
        "closed"}},
      {"collect_evidence",
       Effect::read,
       false,
       {"session_ids?", "memory_store_ids?", "vault_ids?", "credential_ids?", "deployment_ids?",
        "since?"},
       {"whole", "files", "gaps"}},
      {"list_api_keys", Effect::read, false, {"status?", "workspace_id?"}, {"api_keys"}},
      {"deactivate_api_key", Effect::mutate, false, {"api_key_id"}, {"id", "status"}},
      {"activate_api_key", Effect::mutate, false, {"api_key_id"}, {"id", "status"}},
      {"archive_api_key", Effect::mutate, false, {"api_key_id"}, {"id", "status"}},
      {"api_key_is_inactive", Effect::read, true, {"api_key_id"}, {"id", "status"}},
      {"probe_api_key", Effect::probe, false, {"api_key"}, {"answer", "http_status"}},
      {"api_key_is_dead", Effect::probe, true, {"api_key", "worked_before?"}, {"answer"}}};
  CHECK(managed_agents_actions().size() == rows.size());
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const ActionSpec& spec = spec_of(row.name);
    CHECK(spec.effect == row.effect);
    CHECK(spec.is_probe == row.probe);
    CHECK(spec.proves.empty() == !(row.probe || row.name == "validate_credential"));
    std::set<std::string> required;
    for (const ParamSpec& input : spec.inputs) {
      CHECK(input.type.nullable == !input.required);
      if (input.required) required.insert(input.name);
    }
    for (const std::string& input : row.inputs) {
      const bool optional = input.ends_with('?');
      const std::string name = optional ? input.substr(0, input.size() - 1) : input;
      REQUIRE(spec.find_input(name) != nullptr);
      CHECK(required.erase(name) == (optional ? 0 : 1));
    }
    CHECK(required.empty());
    for (const std::string& output : row.outputs) CHECK(spec.outputs.find(output) != nullptr);
    CHECK(spec.requests.empty() == (spec.effect == Effect::read));
    if (spec.effect == Effect::mutate) CHECK(spec.can_look == (spec.name != "validate_credential"));
    for (const std::string& proof : spec.proofs) {
      const ActionSpec& probe = spec_of(proof);
      const bool judges = std::ranges::any_of(spec.kills, [&probe](Kill kill) {
        return std::ranges::find(probe.proves, kill) != probe.proves.end();
      });
      CHECK_MESSAGE(judges, proof);
    }
  }
}

// Goal: a plan and a dry run get outputs of the declared types, and none claims a death.
// Method: predict every action.
TEST_CASE("predictions have the declared shape") {
  const std::unique_ptr<ManagedAgentsConnector> connector = make_connector();
  Inputs inputs;
  inputs.params = Value::map({{"vault_id", "vlt_1"},
                              {"credential_id", "vcrd_1"},
                              {"session_id", "sesn_1"},
                              {"deployment_id", "depl_1"}});
  for (const ActionSpec& spec : connector->actions()) {
    CAPTURE(spec.name);
    const Value predicted = connector->predict(spec, inputs);
    CHECK_MESSAGE(mismatch(spec.outputs, predicted).empty(), mismatch(spec.outputs, predicted));
  }
  Inputs archive;
  archive.params = credential_params();
  CHECK(connector->predict(spec_of("archive_credential"), archive)["id"].as_string() == "vcrd_1");
  const Value validated = connector->predict(spec_of("validate_credential"), archive);
  CHECK(validated["refresh_answer"].as_string() == "inconclusive");
  Inputs pause;
  pause.params = Value::map({{"deployment_id", "depl_1"}});
  CHECK(connector->predict(spec_of("pause_deployment"), pause)["status"].as_string() == "paused");
}

// Goal: a run's pins tell one platform and account from another, and hold no secret.
// Method: pins of a configured connection.
TEST_CASE("pins name the platform, the workspace and the key's fingerprint") {
  ManagedAgentsConfig config = test_config();
  config.workspace_id = "wrkspc_1";
  const std::unique_ptr<ManagedAgentsConnector> connector = make_connector(config);
  const std::string pins = to_json(connector->pins());
  CHECK(pins.find(kKey) == std::string::npos);
  CHECK(connector->pins()["base_url"].as_string() == kBase);
  CHECK(connector->pins()["account"].as_string() == "wrkspc_1");
  CHECK(connector->pins()["key"].as_string() == config.key_fingerprint);
  CHECK(connector->pins()["kind"].as_string() == "managed_agents");
  CHECK(connector->base_url() == kBase + "/v1");
}

// Goal: a configuration that could smuggle a header or a query does not load.
// Method: one mistake at a time.
TEST_CASE("mistakes of the configuration are named") {
  const auto refused = [](const std::function<void(ManagedAgentsConfig&)>& spoil) {
    ManagedAgentsConfig config = test_config();
    spoil(config);
    const auto made = ManagedAgentsConnector::make(config);
    return !made && made.error().code == ErrorCode::invalid;
  };
  CHECK(refused([](ManagedAgentsConfig& c) { c.base_url = "ftp://x"; }));
  CHECK(refused([](ManagedAgentsConfig& c) { c.base_url = ""; }));
  CHECK(refused([](ManagedAgentsConfig& c) { c.base_url = "https://x/?a=b"; }));
  CHECK(refused([](ManagedAgentsConfig& c) { c.version_header = "a b"; }));
  CHECK(refused([](ManagedAgentsConfig& c) { c.workspace_header = ""; }));
  CHECK(refused([](ManagedAgentsConfig& c) { c.api_version = "1\r\nx: y"; }));
  CHECK(refused([](ManagedAgentsConfig& c) { c.extra_query = "beta=true#x"; }));
  CHECK(refused([](ManagedAgentsConfig& c) { c.betas = {"a b"}; }));
  CHECK(refused([](ManagedAgentsConfig& c) { c.base_path = "v1"; }));
  CHECK(refused([](ManagedAgentsConfig& c) { c.base_path = "/v1/"; }));
  CHECK(refused([](ManagedAgentsConfig& c) { c.base_path = "/v1?x"; }));
  CHECK(refused([](ManagedAgentsConfig& c) { c.needs_workspace = true; }));
  CHECK(refused([](ManagedAgentsConfig& c) { c.resources["vaults"].extra_query = "a b"; }));
  CHECK(refused([](ManagedAgentsConfig& c) { c.page_limit = 1; }));
  CHECK(refused([](ManagedAgentsConfig& c) { c.sessions_page_limit = 5000; }));
  CHECK_FALSE(refused([](ManagedAgentsConfig& c) { c.base_url = "http://127.0.0.1:8080/api"; }));
}

// Goal: the key goes to the platform's own origin and nowhere else (threat T2).
// Method: the driver refuses a secret bound elsewhere, as the transport does.
TEST_CASE("a key without origins is bound to the base URL's") {
  Script script;
  script.on("GET " + kRecord, credential_json());
  CHECK(run(script, "get_credential", credential_params()).has_value());
  ManagedAgentsConfig config = test_config();
  config.api_key.origins = {"https://elsewhere.example"};
  const Result<Outcome> outcome =
      run(script, "get_credential", credential_params(), Intent::act, config);
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().topic == "egress");
  CHECK(script.log().size() == 1);
}

}  // namespace quell::test
