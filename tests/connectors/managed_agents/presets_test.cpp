// The servers known by name, each as the exact requests that it gets (API sheet 0.1, 5 and 6).
#include "connectors/managed_agents/presets.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/connectors/managed_agents/script.h"

namespace quell::test {
namespace {

using Headers = std::map<std::string, std::string>;

const std::string kBearer = "Bearer " + std::string(kKey);

/// The preset `name` with a test's base URL and key. What stands behind the real host stays.
ManagedAgentsConfig preset_config(std::string_view name) {
  const ManagedAgentsPreset* const preset = find_preset(name);
  REQUIRE(preset != nullptr);
  const ManagedAgentsConfig base = test_config();
  ManagedAgentsConfig config = preset->wire;
  const std::size_t host = config.base_url.find("//") + 2;
  const std::size_t path = config.base_url.find('/', host);
  config.base_url = kBase + (path == std::string::npos ? "" : config.base_url.substr(path));
  config.api_key = base.api_key;
  config.key_fingerprint = base.key_fingerprint;
  config.key_named_at = base.key_named_at;
  return config;
}

/// A list without items in either style.
std::string empty_page(const ManagedAgentsConfig& config) {
  return config.pagination == Pagination::next_page
             ? page({})
             : R"({"data":[],"has_more":false,"first_id":null,"last_id":null})";
}

/// The requests of an archive and of a blast radius, as the server read them.
std::vector<Seen> requests_of(const ManagedAgentsConfig& config, const std::string& root) {
  Script script;
  const std::string credential = root + "/vaults/vlt_1/credentials/vcrd_1";
  script.on("GET " + credential, credential_json());
  script.on("GET " + credential, credential_json({.archived = true}));
  script.on("POST " + credential + "/archive", credential_json({.archived = true}));
  for (const char* const list :
       {"/vaults", "/sessions", "/deployments", "/vaults/vlt_1/credentials"}) {
    script.on("GET " + root + list, empty_page(config));
  }
  const Value named = Value::map({{"vault_id", "vlt_1"}, {"credential_id", "vcrd_1"}});
  CHECK(result_of(run(script, "archive_credential", named, Intent::act, config)) == "done");
  const Value radius = Value::map({{"vault_ids", Value::list({"vlt_1"})}});
  CHECK(result_of(run(script, "blast_radius", radius, Intent::act, config)) == "done");
  return script.log();
}

const Seen& seen(const std::vector<Seen>& log, const std::string& line) {
  for (const Seen& request : log) {
    if (request.line() == line) return request;
  }
  std::string all;
  for (const Seen& request : log) all += request.line() + "\n";
  FAIL("no " << line << " among\n" << all);
  return log.front();
}

}  // namespace

// Goal: each preset speaks exactly what its server's documents ask for, header by header.
// Method: one object, one change and one list of each resource, read off the transport.
TEST_CASE("requests of each preset, byte by byte") {
  struct Row {
    std::string name;
    std::string root;  // behind the host
    Headers headers;   // of vaults and sessions
    Headers of_deployments;
    std::string query;  // of vaults and sessions
    std::string query_of_deployments;
  };
  const Headers current{{"accept", "application/json"},
                        {"authorization", kBearer},
                        {"anthropic-version", "2026-10-21"},
                        {"anthropic-beta", "managed-agents-2026-04-01"}};
  const Headers older{{"accept", "application/json"},
                      {"x-api-key", std::string(kKey)},
                      {"anthropic-version", "2023-06-01"},
                      {"anthropic-beta", "managed-agents-2026-04-01"}};
  const Headers zhipu{{"accept", "application/json"},
                      {"authorization", kBearer},
                      {"zai-version", "2026-05-26"},
                      {"zai-beta", "managed-agents-2026-05-26"}};
  const Headers qoder{{"accept", "application/json"}, {"authorization", kBearer}};
  Headers aws = older;
  aws["anthropic-workspace-id"] = "wrkspc_1";
  const std::vector<Row> rows{
      {"anthropic", "/v1", current, current, "", ""},
      {"open-managed-agents", "/v1", older, older, "beta=true", ""},
      {"zhipu", "/api/agent/managed/v1", zhipu, zhipu, "", ""},
      {"qoder", "/api/v1/cloud", qoder, qoder, "", ""},
      {"aws", "/v1", aws, aws, "beta=true", "beta=true"},
  };
  CHECK(managed_agents_presets().size() == rows.size());
  for (const Row& row : rows) {
    CAPTURE(row.name);
    ManagedAgentsConfig config = preset_config(row.name);
    if (row.name == "aws") config.workspace_id = "wrkspc_1";
    const std::vector<Seen> log = requests_of(config, row.root);
    const auto with = [](const std::string& query, const std::string& more) {
      return more.empty() ? query : query + (query.empty() ? "?" : "&") + more;
    };
    const std::string credential = row.root + "/vaults/vlt_1/credentials/vcrd_1";
    const Seen& read = seen(log, "GET " + credential + with("", row.query));
    CHECK(read.headers == row.headers);
    const Seen& archive = seen(log, "POST " + credential + "/archive" + with("", row.query));
    CHECK(archive.headers == row.headers);
    CHECK(archive.body.empty());
    CHECK(seen(log, "GET " + row.root + "/sessions" + with("?limit=100", row.query)).headers ==
          row.headers);
    CHECK(
        seen(log, "GET " + row.root + "/deployments" + with("?limit=100", row.query_of_deployments))
            .headers == row.of_deployments);
  }
}

// Goal: hosts of the presets are those of the sheet, and only the first-party API and AWS read keys
// from the environment.
TEST_CASE("where each preset's requests and key go") {
  const auto base = [](std::string_view name) { return find_preset(name)->wire.base_url; };
  CHECK(base("anthropic") == "https://api.anthropic.com");
  CHECK(base("open-managed-agents") == "http://localhost:38080");
  CHECK(base("zhipu") == "https://agent-api.bigmodel.cn/api/agent/managed");
  CHECK(base("qoder") == "https://api.qoder.com/api/v1/cloud");
  CHECK(base("aws") == "https://aws-external-anthropic.{region}.api.aws");
  CHECK(find_preset("anthropic")->wire.key_variable == "ANTHROPIC_API_KEY");
  CHECK(find_preset("aws")->wire.key_variable == "ANTHROPIC_AWS_API_KEY");
  for (const char* const name : {"open-managed-agents", "zhipu", "qoder"}) {
    CHECK(find_preset(name)->wire.key_variable.empty());
    CHECK(find_preset(name)->base_url_variable.empty());
  }
  CHECK(find_preset("Zhipu") == nullptr);
  CHECK(find_preset("aws")->needs_region());
}

// Goal: every part of a preset can be changed by itself, also per resource.
TEST_CASE("a resource can differ from the rest") {
  ManagedAgentsConfig config = preset_config("qoder");
  config.workspace_id = "ws_7";
  config.betas = {"a-1"};
  config.resources["sessions"] = {
      .api_version = "2027-01-01", .betas = std::vector<std::string>{}, .extra_query = "x=1"};
  const std::vector<Seen> log = requests_of(config, "/api/v1/cloud");
  const Headers& vaults = seen(log, "GET /api/v1/cloud/vaults?limit=100").headers;
  CHECK(vaults.at("x-qoder-beta") == "a-1");
  CHECK(vaults.at("qoder-workspace-id") == "ws_7");
  CHECK_FALSE(vaults.contains("anthropic-version"));
  const Headers& sessions = seen(log, "GET /api/v1/cloud/sessions?limit=100&x=1").headers;
  CHECK(sessions.at("anthropic-version") == "2027-01-01");
  CHECK_FALSE(sessions.contains("x-qoder-beta"));
}

// Goal: lists that go on by the last id are read to their end or not at all (threat T9).
// Method: three pages; then each way in which such a page can fail to say whether another follows.
TEST_CASE("after_id lists are followed to has_more false") {
  const ManagedAgentsConfig config = preset_config("qoder");
  const std::string list = "GET /api/v1/cloud/vaults/vlt_1/credentials";
  const Value params = Value::map({{"vault_ids", Value::list({"vlt_1"})}});
  const auto id_page = [](const std::string& id, const std::string& end) {
    return R"({"data":[)" + credential_json({.id = id}) + "]," + end + "}";
  };
  Script script;
  script.on(list + "?limit=100", id_page("vcrd_1", R"("has_more":true,"last_id":"vcrd 1")"));
  script.on(list + "?limit=100&after_id=vcrd%201",
            id_page("vcrd_2", R"("has_more":true,"last_id":"vcrd_2")"));
  script.on(list + "?limit=100&after_id=vcrd_2", id_page("vcrd_3", R"("has_more":false)"));
  const Result<Outcome> found = run(script, "find_credentials", params, Intent::act, config);
  REQUIRE(found.has_value());
  CHECK(found->outputs["credentials"].as_list().size() == 3);
  for (const std::string& end :
       {std::string(R"("next_page":null)"), std::string(R"("has_more":null)"),
        std::string(R"("has_more":"false")"), std::string(R"("has_more":true)"),
        std::string(R"("has_more":true,"last_id":"")"),
        std::string(R"("has_more":true,"last_id":7)")}) {
    CAPTURE(end);
    Script broken;
    broken.on(list, id_page("vcrd_1", end));
    CHECK(result_of(run(broken, "find_credentials", params, Intent::act, config)) == "invalid");
  }
  Script circle;
  circle.on(list, id_page("vcrd_1", R"("has_more":true,"last_id":"vcrd_1")"));
  CHECK(result_of(run(circle, "find_credentials", params, Intent::act, config)) == "invalid");
  CHECK(circle.log().size() == 2);
}

// Goal: what a server lacks is said as such, with its plane, and stops nothing else.
// Method: the AWS routes that its table leaves out, refused with each status that it may use.
TEST_CASE("calls that a server lacks are not refusals of the key") {
  ManagedAgentsConfig config = preset_config("aws");
  config.workspace_id = "wrkspc_1";
  for (const int status : {403, 404, 405}) {
    CAPTURE(status);
    const std::string code = std::to_string(status);
    Script script;
    const std::string credential = "/v1/vaults/vlt_1/credentials/vcrd_1";
    script.on("GET /v1/vaults", page({vault_json("vlt_1")}));
    script.on("GET /v1/sessions", page({session_json({.status = "running"})}));
    script.on("GET /v1/deployments", status, error_json("permission_error"));
    script.on("GET /v1/deployments/depl_1", status, error_json("permission_error"));
    script.on("GET /v1/vaults/vlt_1/credentials", page({credential_json()}));
    script.on("GET " + credential, credential_json());
    script.on("POST " + credential + "/mcp_oauth_validate", status, "{}");

    const Value radius = Value::map({{"vault_ids", Value::list({"vlt_1"})}});
    const Result<Outcome> reach = run(script, "blast_radius", radius, Intent::act, config);
    REQUIRE(reach.has_value());
    CHECK(reach->outputs["live_sessions"].as_list().size() == 1);
    std::string unseen;
    for (const Value& sentence : reach->outputs["unseen"].as_list()) {
      unseen += sentence.as_string() + "\n";
    }
    CHECK(unseen.find("platform.example does not offer deployments (" + code +
                      "): nothing is done or proved there in the runtime plane.") !=
          std::string::npos);

    const Result<Outcome> paused = run(
        script, "pause_deployment", Value::map({{"deployment_id", "depl_1"}}), Intent::act, config);
    CHECK(result_of(paused) == "unavailable_here");

    const Value named = Value::map({{"vault_id", "vlt_1"}, {"credential_id", "vcrd_1"}});
    const Result<Outcome> validated =
        run(script, "validate_credential", named, Intent::act, config);
    REQUIRE_FALSE(validated.has_value());
    CHECK(validated.error().code == ErrorCode::unavailable_here);
    CHECK(validated.error().message == "platform.example does not offer to validate credentials (" +
                                           code +
                                           "): nothing is done or proved there in the holder "
                                           "plane.");
  }
  // The same key refused where all servers have the call is the key's fault.
  Script refused;
  refused.on("GET /v1/vaults/vlt_1/credentials/vcrd_1", 403, error_json("permission_error"));
  const Value named = Value::map({{"vault_id", "vlt_1"}, {"credential_id", "vcrd_1"}});
  CHECK(result_of(run(refused, "get_credential", named, Intent::act, config)) == "denied");
}

// Goal: a remedy names the setting to change, and never a variable that is not read.
TEST_CASE("remedies name the place of the setting") {
  const Value named = Value::map({{"vault_id", "vlt_1"}, {"credential_id", "vcrd_1"}});
  const std::string credential = "GET /api/agent/managed/v1/vaults/vlt_1/credentials/vcrd_1";
  ManagedAgentsConfig config = preset_config("zhipu");
  config.base_url_named_at = "platform.base_url at quell.yaml:5";
  const auto remedy = [&](const std::function<void(Script&)>& furnish) {
    Script script;
    furnish(script);
    const Result<Outcome> outcome = run(script, "get_credential", named, Intent::act, config);
    REQUIRE_FALSE(outcome.has_value());
    return outcome.error().hint;
  };
  CHECK(remedy([&](Script& s) { s.on(credential, 401, "{}"); }) ==
        "set platform.api_key at quell.yaml:6");
  CHECK(remedy([&](Script& s) { s.fails(credential, ErrorCode::transient); }) ==
        "compare platform.base_url at quell.yaml:5");
  CHECK(remedy([&](Script& s) { s.on(credential, "<html>"); }) ==
        "compare platform.base_url at quell.yaml:5: a proxy or login page may stand before the "
        "platform");
  CHECK(remedy([&](Script& s) { s.on(credential, 400, "{}"); }) ==
        "compare platform.base_url at quell.yaml:5, api_version and headers with the server's");
}

}  // namespace quell::test
