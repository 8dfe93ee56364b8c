#include "orchestrator/drill/drill_site.h"

#include <utility>

#include "connectors/managed_agents/managed_agents_connector.h"
#include "connectors/oauth/oauth_connector.h"
#include "orchestrator/report/report_connector.h"

namespace quell {
namespace {

constexpr std::string_view kPlatformUrl = "http://127.0.0.1:8471";
constexpr std::string_view kIssuerUrl = "http://127.0.0.1:8472";
constexpr std::string_view kMcpUrl = "http://127.0.0.1:8473";
constexpr std::string_view kControlUrl = "http://127.0.0.1:8474";

SecretPtr secret_of(const std::string& text) {
  return std::make_shared<const Secret>(Secret::copy_of(text));
}

}  // namespace

range::WorldOptions world_options(const Scenario& scenario, std::uint64_t seed, Timestamp start) {
  return {.seed = seed,
          .profile = scenario.profile,
          .start = start,
          .platform_url = std::string(kPlatformUrl),
          .issuer_url = std::string(kIssuerUrl),
          .mcp_url = std::string(kMcpUrl),
          .control_url = std::string(kControlUrl),
          .population = scenario.population};
}

Result<ConnectorSet> drill_connectors(
    const range::World& world, Random& random,
    const std::function<std::string(const Secret&)>& fingerprint) {
  ConnectorSet connectors;
  connectors["report"] = std::make_shared<const ReportConnector>();
  ManagedAgentsConfig platform;
  platform.base_url = kPlatformUrl;
  platform.api_key = BoundSecret{.secret = secret_of(world.keys().api_key),
                                 .origins = {std::string(kPlatformUrl)}};
  platform.key_fingerprint = fingerprint(*platform.api_key.secret);
  BoundSecret admin{.secret = secret_of(world.keys().admin_key),
                    .origins = {std::string(kPlatformUrl)}};
  platform.admin_key = [admin] { return Result<BoundSecret>(admin); };
  Result<std::unique_ptr<ManagedAgentsConnector>> agents =
      ManagedAgentsConnector::make(std::move(platform));
  if (!agents) return agents.error();
  connectors["platform"] = std::move(*agents);
  IssuerConfig issuer;
  issuer.match_mcp_server_url = std::string(kMcpUrl) + "/mcp";
  issuer.issuer = kIssuerUrl;
  issuer.client_id = world.keys().client_id;
  issuer.method = ClientAuth::client_secret_basic;
  issuer.client_secret = secret_of(world.keys().client_secret);
  OauthConfig oauth;
  oauth.loopback_http = true;
  oauth.issuers.push_back(std::move(issuer));
  Result<std::unique_ptr<OauthConnector>> connector =
      OauthConnector::make(std::move(oauth), random);
  if (!connector) return connector.error();
  connectors["issuer"] = std::move(*connector);
  return connectors;
}

std::map<std::string, OriginLimits, std::less<>> drill_limits(const Scenario& scenario) {
  const range::Population& population = scenario.population;
  OriginLimits limits;
  if (population.reads_per_minute > 0)
    limits.read = static_cast<double>(population.reads_per_minute) / 60.0;
  if (population.writes_per_minute > 0)
    limits.write = static_cast<double>(population.writes_per_minute) / 60.0;
  return {{std::string(kPlatformUrl), limits}};
}

Policy drill_policy(const Scenario& scenario) {
  Policy policy;
  if (!scenario.break_glass_after) return policy;
  policy.strict = true;
  policy.users = {{.name = std::string(kDrillResponder), .roles = {"responder"}},
                  {.name = std::string(kDrillApprover), .roles = {"approver"}},
                  {.name = std::string(kDrillAdmin), .roles = {"admin"}}};
  return policy;
}

Result<PlaybookFile> playbook_of(const Scenario& scenario) {
  if (!scenario.folder.empty()) {
    Result<PlaybookFile> beside =
        read_playbook_file(scenario.folder + "/../" + scenario.playbook + ".yaml");
    if (beside) return beside;
  }
  return find_playbook(scenario.playbook, Config{});
}

Result<Value> scenario_inputs(const Scenario& scenario, const Playbook& playbook,
                              range::World& world, Timestamp now, SecretStore& secrets) {
  const auto secret = [&](const std::string& text) {
    SecretValue value{.secret = secret_of(text)};
    value.fingerprint = secrets.fingerprint(*value.secret);
    return Value(std::move(value));
  };
  const range::Leaked& leaked = world.leaked();
  const range::FreshGrant fresh = world.mint_fresh(now);
  Scope scope;
  scope.names["leaked"] = Value::map({{"vault_id", leaked.vault_id},
                                      {"credential_id", leaked.credential_id},
                                      {"mcp_server_url", leaked.mcp_server_url},
                                      {"tenant_vault_ids", Value::texts(leaked.tenant_vault_ids)},
                                      {"idle_vault_ids", Value::texts(leaked.idle_vault_ids)},
                                      {"deployment_ids", Value::texts(leaked.deployment_ids)},
                                      {"at", leaked.at},
                                      {"api_key", secret(world.keys().leaked_api_key)},
                                      {"api_key_id", world.keys().leaked_api_key_id},
                                      {"access_token", secret(leaked.access_token)},
                                      {"refresh_token", secret(leaked.refresh_token)}});
  const range::Injected injected = world.injected();
  scope.names["injected"] = Value::map({{"session_id", injected.session_id},
                                        {"agent_id", injected.agent_id},
                                        {"memory_store_id", injected.memory_store_id}});
  scope.names["fresh"] = Value::map({{"access_token", secret(fresh.access_token)},
                                     {"refresh_token", secret(fresh.refresh_token)}});
  ValueMap inputs;
  for (const InputSpec& spec : playbook.inputs)
    inputs.emplace(spec.name, spec.fallback.value_or(Value()));
  for (const auto& [name, text] : scenario.inputs) {
    Result<Value> value = text.evaluate(scope);
    if (!value) return wrap("scenario " + scenario.id + ", input " + name, value.error());
    inputs[name] = std::move(*value);
  }
  return Value(std::move(inputs));
}

}  // namespace quell
