#include "orchestrator/range/meddling.h"

#include <algorithm>

#include "orchestrator/range/incident.h"

namespace quell::range {
namespace {

Value go_on() {
  const Value text = Value::map({{"type", "text"}, {"text", "Go on."}});
  return Value::list({Value::map({{"type", "user.message"}, {"content", Value::list({text})}})});
}

}  // namespace

bool Meddling::once(std::string_view profile) {
  return profiles_.has(profile) && done_.emplace(profile).second;
}

const SessionRecord& Meddling::session() const {
  const auto found = std::ranges::find_if(platform_.sessions(), [this](const auto& entry) {
    const std::vector<std::string>& ids = entry.second.vault_ids;
    return std::ranges::find(ids, leaked_.vault_id) != ids.end();
  });
  QUELL_ASSERT(found != platform_.sessions().end());
  return found->second;
}

Value Meddling::static_bearer() const {
  return Value::map({{"display_name", "Tracker, second"},
                     {"auth", Value::map({{"type", "static_bearer"},
                                          {"mcp_server_url", mcp_endpoint_},
                                          {"token", "invented-second-token"}})}});
}

void Meddling::start_session(const std::vector<std::string>& vault_ids, Timestamp now) {
  const SessionRecord& like = session();
  by_.create("/v1/sessions",
             Value::map({{"agent", like.agent_id},
                         {"environment_id", like.environment_id},
                         {"title", "Meanwhile"},
                         {"vault_ids", strings(vault_ids)},
                         {"metadata", Value::map({{"range_work", "7d"}})},
                         {"initial_events", go_on()}}),
             now);
}

/// One that needs no vault and starts a session every minute. A key that is off by then plants
/// nothing.
void Meddling::plant_deployment(Timestamp now) {
  const DeploymentRecord& like = platform_.deployments().begin()->second;
  const Value schedule = Value::map(
      {{"type", "cron"}, {"expression", "* * * * *"}, {"timezone", "UTC"}});
  const Value body = Value::map({{"name", "Cleanup"},
                                 {"agent", like.agent_id},
                                 {"environment_id", like.environment_id},
                                 {"initial_events", go_on()},
                                 {"schedule", schedule}});
  const Response made = platform_.handle(platform_request(thief_, "/v1/deployments", body), now);
  if (made.status == 200) planted_.push_back((*parse_json(made.body))["id"].as_string());
}

void Meddling::begin(Timestamp now) {
  if (profiles_.has("plants_deployment")) plant_deployment(now);
  if (once("twin_credential")) {
    const std::string vault =
        by_.create("/v1/vaults", Value::map({{"display_name", "Tracker, second"}}), now);
    by_.create("/v1/vaults/" + vault + "/credentials", static_bearer(), now);
    start_session({leaked_.vault_id, vault}, now);
  }
  if (once("archived_deployment")) {
    const SessionRecord& like = session();
    const std::string id = by_.create("/v1/deployments",
                                      Value::map({{"name", "Retired"},
                                                  {"agent", like.agent_id},
                                                  {"environment_id", like.environment_id},
                                                  {"vault_ids", strings({leaked_.vault_id})},
                                                  {"initial_events", go_on()}}),
                                      now);
    by_.act("/v1/deployments/" + id + "/archive", now);
  }
}

void Meddling::after(const Request& request, const Response& response, Timestamp now) {
  if (response.status != 200) return;
  const std::string path = request.target.substr(0, request.target.find('?'));
  // Whoever looked does not know of this one.
  if (request.method == "GET" && path == "/v1/deployments" && once("plants_deployment"))
    plant_deployment(now);
  if (request.method != "POST") return;
  if (path.starts_with("/v1/deployments/") && path.ends_with("/pause") && once("runs_by_hand"))
    by_.act(path.substr(0, path.rfind('/')) + "/run", now);
  if (path.starts_with("/v1/sessions/") && path.ends_with("/archive") && once("late_session"))
    start_session({leaked_.vault_id}, now);
  const bool purges = path.ends_with(leaked_.credential_id + "/archive");
  if (purges && once("recreated_credential"))
    by_.create("/v1/vaults/" + leaked_.vault_id + "/credentials", static_bearer(), now);
}

}  // namespace quell::range
