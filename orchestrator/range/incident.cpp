#include "orchestrator/range/incident.h"

#include <chrono>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/range/inhabitant.h"
#include "state/base/json.h"

namespace quell::range {
namespace {

constexpr Duration kIncidentAge = std::chrono::days{90};

Value message(std::string_view text) {
  return Value::list(
      {Value::map({{"type", "user.message"},
                   {"content", Value::list({Value::map({{"type", "text"}, {"text", text}})})}})});
}

Value tracker_agent(const std::string& mcp_endpoint) {
  const Value server = Value::map({{"type", "url"}, {"name", "tracker"}, {"url", mcp_endpoint}});
  const Value toolset =
      Value::map({{"type", "mcp_toolset"},
                  {"mcp_server_name", "tracker"},
                  {"configs", ValueList{}},
                  {"default_config",
                   Value::map({{"enabled", true},
                               {"permission_policy", Value::map({{"type", "always_allow"}})}})}});
  return Value::map({{"name", "Billing triage"},
                     {"model", "claude-opus-5-5"},
                     {"system", "Sort incoming billing tickets."},
                     {"mcp_servers", Value::list({server})},
                     {"tools", Value::list({toolset})}});
}

Value session(const std::string& agent, const std::string& environment, std::string_view title,
              const std::vector<std::string>& vaults, bool runs) {
  ValueMap body{{"agent", agent},
                {"environment_id", environment},
                {"title", title},
                {"vault_ids", strings(vaults)}};
  if (runs) {
    // Works for as long as any drill lasts.
    body["metadata"] = Value::map({{"range_work", "7d"}});
    body["initial_events"] = message("Work through the queue.");
  }
  return Value(std::move(body));
}

Value deployment(const std::string& agent, const std::string& environment, std::string_view name,
                 std::string_view cron, const std::vector<std::string>& vaults) {
  return Value::map(
      {{"name", name},
       {"agent", agent},
       {"environment_id", environment},
       {"vault_ids", strings(vaults)},
       {"initial_events", message("Sort what is new.")},
       {"schedule", Value::map({{"type", "cron"}, {"expression", cron}, {"timezone", "UTC"}})}});
}

/// Vaults with one bearer token per service, as tenants of a product have them.
void seed_tenants(Inhabitant& by, const Population& population, Leaked& leaked, Timestamp before,
                  Timestamp start) {
  const auto vault_of = [&](const std::string& name, std::int64_t tokens) {
    std::string id = by.create("/v1/vaults", Value::map({{"display_name", name}}), before);
    for (std::int64_t i = 1; i <= tokens; ++i) {
      const Value auth = Value::map(
          {{"type", "static_bearer"},
           {"mcp_server_url", fmt::format("https://service-{}.example.com/mcp", i)},
           {"token", fmt::format("invented-{}-{}", name, i)}});
      by.create("/v1/vaults/" + id + "/credentials",
                Value::map({{"display_name", fmt::format("{}, service {}", name, i)},
                            {"auth", auth}}),
                start);
    }
    return id;
  };
  for (std::int64_t i = 1; i <= population.tenants; ++i)
    leaked.tenant_vault_ids.push_back(
        vault_of(fmt::format("Tenant {}", i), population.tokens_per_tenant));
  for (std::int64_t i = 1; i <= population.idle_vaults; ++i)
    leaked.idle_vault_ids.push_back(vault_of(fmt::format("Service account {}", i), 1));
}

}  // namespace

Value oauth_auth(const Issuer& issuer, const Keys& keys, const std::string& mcp_endpoint,
                 const Issuer::Grant& grant) {
  const Value client_auth =
      Value::map({{"type", "client_secret_basic"}, {"client_secret", keys.client_secret}});
  const Value refresh = Value::map({{"refresh_token", grant.refresh_token},
                                    {"client_id", keys.client_id},
                                    {"token_endpoint", issuer.token_endpoint()},
                                    {"token_endpoint_auth", client_auth},
                                    {"resource", mcp_endpoint}});
  return Value::map({{"type", "mcp_oauth"},
                     {"mcp_server_url", mcp_endpoint},
                     {"access_token", grant.access_token},
                     {"expires_at", grant.expires_at},
                     {"refresh", refresh}});
}

Request platform_request(const Keys& keys, std::string path, const Value& body) {
  return {.host = Host::platform,
          .method = "POST",
          .target = std::move(path),
          .headers = {{"authorization", "Bearer " + keys.api_key},
                      {"anthropic-version", "2026-10-21"},
                      {"anthropic-beta", "managed-agents-2026-04-01"},
                      {"content-type", "application/json"}},
          .body = to_json(body)};
}

Value session_body(const std::string& agent, const std::string& environment, std::string_view title,
                   const std::string& vault_id) {
  return session(agent, environment, title, {vault_id}, true);
}

Incident seed_incident(Platform& platform, Issuer& issuer, const Keys& keys,
                       const std::string& mcp_endpoint, const Population& population,
                       Timestamp start) {
  Inhabitant by(platform, keys);
  const Timestamp before = start - kIncidentAge;
  const Value cloud =
      Value::map({{"type", "cloud"}, {"networking", Value::map({{"type", "unrestricted"}})}});
  const std::string environment =
      by.create("/v1/environments", Value::map({{"name", "Default"}, {"config", cloud}}), before);
  const std::string agent = by.create("/v1/agents", tracker_agent(mcp_endpoint), before);
  const std::string writer =
      by.create("/v1/agents",
                Value::map({{"name", "Handbook writer"}, {"model", "claude-opus-5-5"}}), before);
  const auto vault = [&](std::string_view name, std::string_view user) {
    return by.create("/v1/vaults",
                     Value::map({{"display_name", name},
                                 {"metadata", Value::map({{"external_user_id", user}})}}),
                     before);
  };
  const auto credential = [&](const std::string& in, std::string_view name, const Value& auth) {
    return by.create("/v1/vaults/" + in + "/credentials",
                     Value::map({{"display_name", name}, {"auth", auth}}), start);
  };

  const Issuer::Grant grant = issuer.mint(keys.client_id, mcp_endpoint, start);
  Incident incident;
  incident.agent_id = agent;
  incident.environment_id = environment;
  incident.leaked = {.vault_id = vault("Tracker, billing", "usr_billing"),
                     .access_token = grant.access_token,
                     .refresh_token = grant.refresh_token};
  const std::string& leaked_vault = incident.leaked.vault_id;
  incident.leaked.credential_id = credential(leaked_vault, "Tracker, billing",
                                             oauth_auth(issuer, keys, mcp_endpoint, grant));

  const std::string beside = vault("Mail, billing", "usr_mail");
  const std::string handbook = vault("Handbook", "usr_handbook");
  incident.other_vault_ids = {beside, handbook};
  incident.other_credential_ids = {
      credential(beside, "Mail",
                 Value::map({{"type", "environment_variable"},
                             {"secret_name", "MAIL_KEY"},
                             {"secret_value", "invented-mail-key"},
                             {"networking", Value::map({{"type", "unrestricted"}})}})),
      credential(handbook, "Handbook",
                 Value::map({{"type", "static_bearer"},
                             {"mcp_server_url", "https://handbook.example.com/mcp"},
                             {"token", "invented-handbook-token"}}))};

  const auto start_session = [&](const std::string& with, std::string_view title,
                                 const std::vector<std::string>& vaults, bool runs) {
    return by.create("/v1/sessions", session(with, environment, title, vaults, runs), start);
  };
  if (!population.retired) {
    start_session(agent, "Billing queue, morning", {leaked_vault}, true);
    start_session(agent, "Billing queue, disputes", {leaked_vault, beside}, true);
    incident.idle_session_id = start_session(agent, "Refund question", {leaked_vault}, false);
  }
  incident.other_session_id = start_session(writer, "Handbook, chapter 4", {handbook}, true);

  // The hourly one is due two to three minutes in: a drill sees what a schedule that nobody paused
  // brings back.
  const auto minute = std::chrono::floor<std::chrono::minutes>(start) -
                      std::chrono::floor<std::chrono::days>(start);
  const auto hourly = (minute.count() + 3) % 60;
  const auto start_deployment = [&](const std::string& with, std::string_view name,
                                    const std::string& cron, const std::string& of) {
    return by.create("/v1/deployments", deployment(with, environment, name, cron, {of}), start);
  };
  if (!population.retired) {
    const std::string every_hour =
        start_deployment(agent, "Hourly triage", fmt::format("{} * * * *", hourly), leaked_vault);
    const std::string every_night = start_deployment(
        agent, "Nightly digest",
        fmt::format("{} {} * * *", hourly, (minute.count() / 60 + 6) % 24), leaked_vault);
    incident.leaked.deployment_ids = {every_hour, every_night};
  }
  incident.leaked.mcp_server_url = mcp_endpoint;
  incident.leaked.at = start;
  incident.other_deployment_id = start_deployment(
      writer, "Weekly handbook", fmt::format("{} {} * * 1", hourly, (minute.count() / 60 + 7) % 24),
      handbook);
  seed_tenants(by, population, incident.leaked, before, start);
  return incident;
}

}  // namespace quell::range
