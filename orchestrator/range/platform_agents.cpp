// Agents and environments: API sheet sections 1.8 and 1.10.
#include <algorithm>
#include <array>

#include "orchestrator/range/platform.h"

namespace quell::range {
namespace {

constexpr PageRule kAgentPages{.list = "agents"};
constexpr PageRule kEnvironmentPages{.list = "environments"};
constexpr std::size_t kServersMax = 20;

bool is_name(const Value& name) {
  return name.is_string() && !name.as_string().empty() && name.as_string().size() <= kNameBytesMax;
}

/// Every MCP server has a name and a URL and is referenced by a toolset.
std::optional<Answer> check_servers(const Value& servers, const ValueList& tools) {
  if (servers.list_or_empty().size() > kServersMax) return bad_request("mcp_servers: at most 20.");
  for (const Value& server : servers.list_or_empty()) {
    if (server["type"].string_or("") != "url" || !is_name(server["name"]) ||
        !is_name(server["url"])) {
      return bad_request("mcp_servers: each needs type url, name and url.");
    }
    const bool referenced = std::ranges::any_of(tools, [&](const Value& tool) {
      return tool["type"].string_or("") == "mcp_toolset" &&
             tool["mcp_server_name"] == server["name"];
    });
    if (!referenced) return bad_request("mcp_servers: each must be referenced by an mcp_toolset.");
  }
  return std::nullopt;
}

}  // namespace

Answer Platform::create_agent(const Call& call) {
  constexpr std::array<std::string_view, 10> kMembers = {
      "name",       "model",  "description", "system", "tools", "mcp_servers", "execution_identity",
      "multiagent", "skills", "metadata"};
  if (auto refused = check_members(call.body, kMembers)) return *std::move(refused);
  if (elsewhere()) return refusal(403, "permission_error", "This key may not create agents.");
  const Value& body = call.body;
  if (!is_name(body["name"])) return bad_request("name: 1 to 255 characters.");
  const Value& model = body["model"];
  if (!is_name(model) && !is_name(model["id"])) return bad_request("model: required.");
  if (auto refused = check_servers(body["mcp_servers"], body["tools"].list_or_empty())) {
    return *std::move(refused);
  }
  AgentRecord agent{.created_at = call.now, .updated_at = call.now};
  if (auto refused = patch_metadata(agent.metadata, body["metadata"])) return *std::move(refused);
  const Value identity = Value::map({{"type", "service_account"}});
  const auto list_of = [&](std::string_view name) { return Value(body[name].list_or_empty()); };
  agent.definition = {
      {"name", body["name"]},
      {"description", body["description"]},
      {"system", body["system"]},
      {"model", model.is_map() ? model : Value::map({{"id", model}})},
      {"execution_identity",
       body["execution_identity"].is_null() ? identity : body["execution_identity"]},
      {"mcp_servers", list_of("mcp_servers")},
      {"skills", list_of("skills")},
      {"tools", list_of("tools")},
      {"multiagent", body["multiagent"]}};
  agent.id = make_id("agent_");
  agent.seq = ++seq_;
  agent_order_.push_back(agent.id);
  tell(call.now, "agent.created", agent.id);
  return {.body = to_value(agents_.emplace(agent.id, agent).first->second)};
}

Answer Platform::get_agent(const Call& call) {
  const AgentRecord* agent = find(agents_, call.id(0));
  const auto version = call.param("version");
  if (agent == nullptr || (version && *version != "1")) return not_found("agent", call.id(0));
  return {.body = to_value(*agent)};
}

Answer Platform::list_agents(const Call& call) {
  bool archived = false;
  Range range;
  if (auto refused = read_flag(call, "include_archived", archived)) return *std::move(refused);
  if (auto refused = read_range(call, range)) return *std::move(refused);
  auto all = rows(agents_, agent_order_);
  std::erase_if(all, [&](const AgentRecord* one) {
    return (one->archived_at && !archived) || !range.contains(one->created_at);
  });
  return page_of(call, kAgentPages, all, range, list_is_cut(),
                 [](const AgentRecord& agent) { return to_value(agent); });
}

/// Archives the agent's deployments in the same operation; existing sessions continue.
Answer Platform::archive_agent(const Call& call) {
  AgentRecord* agent = find(agents_, call.id(0));
  if (agent == nullptr) return not_found("agent", call.id(0));
  if (agent->archived_at) return archive_again("agent").value_or(Answer{.body = to_value(*agent)});
  agent->archived_at = call.now;
  agent->updated_at = call.now;
  tell(call.now, "agent.archived", agent->id);
  for (auto& [id, deployment] : deployments_) {
    if (deployment.agent_id != agent->id || deployment.archived_at) continue;
    deployment.archived_at = call.now;
    deployment.updated_at = call.now;
    tell(call.now, "deployment.archived", id);
  }
  return {.body = to_value(*agent)};
}

std::optional<Answer> Platform::read_agent(const Value& reference, std::string& id,
                                           std::int64_t& version, ValueMap* snapshot) {
  const bool overrides = reference["type"].string_or("") == "agent_with_overrides";
  if (!reference.is_string() && !overrides && reference["type"].string_or("") != "agent") {
    return bad_request("agent: an id, or an object of type agent.");
  }
  id = reference.is_string() ? reference.as_string() : reference["id"].string_or("");
  const AgentRecord* agent = find(agents_, id);
  if (agent == nullptr) return not_found("agent", id);
  if (agent->archived_at) return bad_request("The agent is archived.");
  version = reference["version"].int_or(agent->version);
  if (version != agent->version) return not_found("agent version of", id);
  if (snapshot == nullptr) return std::nullopt;
  *snapshot = snapshot_of(*agent);
  if (!overrides) return std::nullopt;
  for (const std::string_view name : {"model", "system", "tools", "mcp_servers", "skills"}) {
    if (reference.has(name)) snapshot->insert_or_assign(std::string(name), reference[name]);
  }
  return std::nullopt;
}

Answer Platform::create_environment(const Call& call) {
  constexpr std::array<std::string_view, 4> kMembers = {"name", "description", "config",
                                                        "metadata"};
  if (auto refused = check_members(call.body, kMembers)) return *std::move(refused);
  if (elsewhere()) return refusal(403, "permission_error", "This key may not create environments.");
  if (!is_name(call.body["name"])) return bad_request("name: 1 to 255 characters.");
  EnvironmentRecord environment{.name = call.body["name"].as_string(),
                                .config = call.body["config"],
                                .created_at = call.now,
                                .updated_at = call.now};
  const std::string type = environment.config["type"].string_or("");
  if (type != "cloud" && type != "self_hosted") return bad_request("config.type: no such type.");
  if (call.body["description"].is_string()) {
    environment.description = call.body["description"].as_string();
  }
  if (auto refused = patch_metadata(environment.metadata, call.body["metadata"])) {
    return *std::move(refused);
  }
  environment.id = make_id("env_");
  environment.seq = ++seq_;
  environment_order_.push_back(environment.id);
  return {.body = to_value(environments_.emplace(environment.id, environment).first->second)};
}

Answer Platform::get_environment(const Call& call) {
  const EnvironmentRecord* environment = find(environments_, call.id(0));
  if (environment == nullptr) return not_found("environment", call.id(0));
  return {.body = to_value(*environment)};
}

Answer Platform::list_environments(const Call& call) {
  bool archived = false;
  if (auto refused = read_flag(call, "include_archived", archived)) return *std::move(refused);
  auto all = rows(environments_, environment_order_);
  std::erase_if(all, [&](const EnvironmentRecord* one) { return one->archived_at && !archived; });
  return page_of(call, kEnvironmentPages, all, {}, list_is_cut(),
                 [](const EnvironmentRecord& environment) { return to_value(environment); });
}

/// Archiving an archived environment is accepted (API sheet section 2.1), in every profile.
Answer Platform::archive_environment(const Call& call) {
  EnvironmentRecord* environment = find(environments_, call.id(0));
  if (environment == nullptr) return not_found("environment", call.id(0));
  if (!environment->archived_at) {
    environment->archived_at = call.now;
    environment->updated_at = call.now;
  }
  return {.body = to_value(*environment)};
}

}  // namespace quell::range
