// Which server a connection speaks to, from the configuration to the connector.
#include <map>
#include <string>

#include <doctest/doctest.h>

#include "orchestrator/config.h"
#include "orchestrator/connections_platform.h"
#include "process.h"

namespace quell::test {
namespace {

using Variables = std::map<std::string, std::string>;

Result<Config> load(const Folder& folder, const std::string& platform,
                    const Variables& variables = {},
                    std::vector<std::pair<std::string, std::string>> connect = {}) {
  ConfigSources sources;
  sources.explicit_file = folder.write(
      "quell.yaml", "connections:\n  platform: {kind: managed_agents, " + platform + "}\n");
  sources.connect = std::move(connect);
  sources.environment = [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  return load_config(sources);
}

ManagedAgentsConfig wire(const std::string& platform, const Variables& variables = {},
                         std::vector<std::pair<std::string, std::string>> connect = {}) {
  const Folder folder;
  const Result<Config> config = load(folder, platform, variables, std::move(connect));
  REQUIRE_MESSAGE(config.has_value(), (config ? std::string() : describe(config.error())));
  Result<ManagedAgentsConfig> read = platform_wire(config->connections.at("platform"));
  REQUIRE(read.has_value());
  return std::move(*read);
}

/// The sentence and remedy of a configuration that does not load.
std::string refused(const std::string& platform, const Variables& variables = {},
                    std::vector<std::pair<std::string, std::string>> connect = {}) {
  const Folder folder;
  const Result<Config> config = load(folder, platform, variables, std::move(connect));
  REQUIRE_FALSE(config.has_value());
  return describe(config.error()) + " | " + config.error().hint;
}

}  // namespace

TEST_CASE("each preset by its name, and the older family by its version") {
  CHECK(wire("api_key: secret://env/K").base_url == "https://api.anthropic.com");
  CHECK(wire("api_key: secret://env/K").extra_query.empty());
  const ManagedAgentsConfig older = wire("api_version: \"2023-06-01\", api_key: secret://env/K");
  CHECK(older.key_header == KeyHeader::x_api_key);
  CHECK(older.extra_query == "beta=true");
  CHECK(wire("preset: zhipu").version_header == "zai-version");
  CHECK(wire("preset: qoder").base_path.empty());
  CHECK(wire("preset: open-managed-agents").base_url == "http://localhost:38080");
  const ManagedAgentsConfig aws =
      wire("preset: aws, region: eu-west-1, workspace_id: wrkspc_1, api_key: secret://env/K");
  CHECK(aws.base_url == "https://aws-external-anthropic.eu-west-1.api.aws");
  CHECK(aws.workspace_id == "wrkspc_1");
  CHECK(aws.needs_workspace);
}

// Goal: every key of a preset can be changed alone, in the file, per resource, and by a flag.
TEST_CASE("keys beside a preset") {
  const ManagedAgentsConfig config = wire(
      "preset: qoder, base_url: \"https://api.qoder.com.cn/api/v1/cloud/\", base_path: /v2, "
      "api_version: \"2027-01-01\", version_header: qoder-version, beta: \"a-1, b-2\", "
      "key_header: x_api_key, query: x=1, pagination: next_page, page_limit: \"50\", "
      "sessions_page_limit: \"20\", absent_next_page: ends, may_lack: \"deployments\", "
      "workspace_header: w, workspace_id: ws_1, sessions: {query: none, beta: none}, "
      "deployments: {api_version: \"2026-01-01\"}");
  CHECK(config.base_url == "https://api.qoder.com.cn/api/v1/cloud");
  CHECK(config.base_path == "/v2");
  CHECK(config.api_version == "2027-01-01");
  CHECK(config.version_header == "qoder-version");
  CHECK(config.betas == std::vector<std::string>{"a-1", "b-2"});
  CHECK(config.key_header == KeyHeader::x_api_key);
  CHECK(config.extra_query == "x=1");
  CHECK(config.pagination == Pagination::next_page);
  CHECK(config.page_limit == 50);
  CHECK(config.sessions_page_limit == 20);
  CHECK(config.absent_next_page_ends);
  CHECK(config.may_lack == std::vector<std::string>{"deployments"});
  CHECK(config.workspace_header == "w");
  CHECK(config.resources.at("sessions").extra_query == "");
  CHECK(config.resources.at("sessions").betas->empty());
  CHECK(config.resources.at("deployments").api_version == "2026-01-01");
  const ManagedAgentsConfig flagged =
      wire("preset: zhipu", {}, {{"platform.deployments.query", "y=2"}, {"platform.beta", "none"}});
  CHECK(flagged.resources.at("deployments").extra_query == "y=2");
  CHECK(flagged.betas.empty());
  CHECK(check_config(config).has_value());
}

// Goal: the environment serves the clients that read it, and one vendor's key never goes to
// another.
TEST_CASE("variables of the first-party API and of AWS") {
  const Variables variables{
      {"ANTHROPIC_API_KEY", "a"},     {"ANTHROPIC_BASE_URL", "http://127.0.0.1:9"},
      {"ANTHROPIC_AWS_API_KEY", "b"}, {"ANTHROPIC_AWS_WORKSPACE_ID", "wrkspc_env"},
      {"AWS_REGION", "us-east-1"},    {"AWS_DEFAULT_REGION", "us-west-2"}};
  CHECK(wire("preset: anthropic", variables).base_url == "http://127.0.0.1:9");
  const ManagedAgentsConfig aws = wire("preset: aws", variables);
  CHECK(aws.base_url == "https://aws-external-anthropic.us-east-1.api.aws");
  CHECK(aws.workspace_id == "wrkspc_env");
  const auto key_of = [&](const std::string& platform) {
    const Folder folder;
    const Result<Config> config = load(folder, platform, variables);
    REQUIRE(config.has_value());
    const auto& values = config->connections.at("platform").values;
    const auto found = values.find("api_key");
    return found == values.end() ? std::string() : found->second.value;
  };
  CHECK(key_of("base_url: \"https://api.anthropic.com\"") == "secret://env/ANTHROPIC_API_KEY");
  CHECK(key_of("preset: aws") == "secret://env/ANTHROPIC_AWS_API_KEY");
  for (const char* const preset : {"zhipu", "qoder", "open-managed-agents"}) {
    CHECK(key_of(std::string("preset: ") + preset).empty());
  }
}

TEST_CASE("presets that cannot be used are named at their place") {
  CHECK(refused("preset: zhippu")
            .ends_with("/quell.yaml:2:44: unknown preset \"zhippu\". | did you mean \"zhipu\"?"));
  CHECK(has(refused("preset: zhippu, regoin: x, quary: y"), "and 2 more."));
  CHECK(has(refused("preset: something"), "known presets: anthropic, open-managed-agents, zhipu"));
  CHECK(has(refused("preset: aws"), "needs a region"));
  CHECK(has(refused("preset: aws, region: \"a.evil.example/\""), "needs a region"));
  CHECK(has(refused("api_key: secret://env/K", {}, {{"platform.preset", "qodr"}}),
            "did you mean \"qoder\"?"));
  CHECK(has(refused("vaults: {querry: x}"), "did you mean \"query\"?"));
  // Threat T2: a flag does not carry the file's key to another vendor.
  CHECK(has(refused("api_key: secret://env/K", {}, {{"platform.preset", "zhipu"}}),
            "which the configuration does not name"));
  CHECK(has(refused("preset: zhipu, api_key: secret://env/K", {},
                    {{"platform.base_url", "https://api.anthropic.com"}}),
            "which the configuration does not name"));
}

}  // namespace quell::test
