// The objects of API sheet section 1 as JSON: every field that its examples show without the word
// optional is always there, null where it has no value (section 7, item 8).
#include "orchestrator/range/platform_records.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "orchestrator/range/platform_call.h"
#include "state/base/sha256.h"

namespace quell::range {
namespace {

constexpr std::array<std::string_view, 4> kStatuses = {"rescheduling", "running", "idle",
                                                       "terminated"};
constexpr int kUpcomingRunsMax = 5;

double seconds(Duration duration) { return static_cast<double>(duration.count()) / 1000.0; }

template <typename Record>
ValueMap base(const Record& record, std::string_view type) {
  return {{"id", record.id},
          {"type", type},
          {"metadata", Value(record.metadata)},
          {"created_at", record.created_at},
          {"updated_at", record.updated_at},
          {"archived_at", time_or_null(record.archived_at)}};
}

Value agent_reference(const std::string& id, std::int64_t version) {
  return Value::map({{"type", "agent"}, {"id", id}, {"version", version}});
}

Value auth_of(const CredentialRecord& credential) {
  switch (credential.type) {
    case CredentialType::static_bearer:
      return Value::map({{"type", "static_bearer"}, {"mcp_server_url", credential.key}});
    case CredentialType::environment_variable:
      return Value::map({{"type", "environment_variable"},
                         {"secret_name", credential.key},
                         {"networking", credential.networking},
                         {"injection_location", Value::map({{"header", credential.inject_header},
                                                            {"body", credential.inject_body}})}});
    case CredentialType::mcp_oauth:
      break;
  }
  ValueMap auth{{"type", "mcp_oauth"},
                {"mcp_server_url", credential.key},
                {"expires_at", time_or_null(credential.expires_at)},
                {"refresh", Value()}};
  if (const auto& refresh = credential.refresh) {
    auth["refresh"] =
        Value::map({{"token_endpoint", refresh->token_endpoint},
                    {"client_id", refresh->client_id},
                    {"token_endpoint_auth", Value::map({{"type", refresh->auth_type}})},
                    {"scope", string_or_null(refresh->scope)},
                    {"resource", string_or_null(refresh->resource)}});
  }
  return Value(std::move(auth));
}

Duration active_time(const SessionRecord& session, Timestamp now) {
  if (!session.running_since) return session.active;
  return session.active + std::max(Duration{0}, now - *session.running_since);
}

}  // namespace

std::string_view to_string(RunStatus status) noexcept {
  return kStatuses[static_cast<std::size_t>(status)];
}

std::optional<RunStatus> run_status_from_string(std::string_view text) noexcept {
  const auto found = std::ranges::find(kStatuses, text);
  if (found == kStatuses.end()) return std::nullopt;
  return static_cast<RunStatus>(found - kStatuses.begin());
}

RunStatus SessionRecord::status() const {
  if (archived_at) return RunStatus::terminated;
  bool rescheduling = false;
  for (const ThreadRecord& thread : threads) {
    if (thread.archived_at) continue;
    if (thread.status == RunStatus::running) return RunStatus::running;
    if (thread.status == RunStatus::rescheduling) rescheduling = true;
  }
  return rescheduling ? RunStatus::rescheduling : RunStatus::idle;
}

ValueMap snapshot_of(const AgentRecord& agent) {
  ValueMap snapshot = agent.definition;
  snapshot["type"] = "agent";
  snapshot["id"] = agent.id;
  snapshot["version"] = agent.version;
  return snapshot;
}

Value to_value(const VaultRecord& vault) {
  ValueMap map = base(vault, "vault");
  map["display_name"] = vault.display_name;
  return Value(std::move(map));
}

Value to_value(const CredentialRecord& credential) {
  ValueMap map = base(credential, "vault_credential");
  map["vault_id"] = credential.vault_id;
  map["display_name"] = string_or_null(credential.display_name);
  map["auth"] = auth_of(credential);
  return Value(std::move(map));
}

Value to_value(const SessionRecord& session, Timestamp now) {
  const double active = seconds(active_time(session, now));
  const Timestamp end = session.archived_at.value_or(now);
  const double lasted = seconds(std::max(Duration{0}, end - session.created_at));
  const Value cache =
      Value::map({{"ephemeral_5m_input_tokens", 0}, {"ephemeral_1h_input_tokens", 0}});
  ValueMap map = base(session, "session");
  map["status"] = to_string(session.status());
  map["title"] = string_or_null(session.title);
  map["environment_id"] = session.environment_id;
  map["deployment_id"] = string_or_null(session.deployment_id);
  map["vault_ids"] = strings(session.vault_ids);
  map["agent"] = Value(session.agent);
  map["resources"] = Value(session.resources);
  map["outcome_evaluations"] = Value(ValueList{});
  map["budget"] = session.budget;
  map["stats"] = Value::map({{"active_seconds", active}, {"duration_seconds", lasted}});
  map["usage"] = Value::map({{"active_seconds", active},
                             {"input_tokens", 0},
                             {"output_tokens", 0},
                             {"cache_read_input_tokens", 0},
                             {"cache_creation", cache},
                             {"list_cost", Value::map({{"amount", "0"}, {"currency", "USD"}})}});
  return Value(std::move(map));
}

Value to_value(const ThreadRecord& thread, const SessionRecord& session) {
  Value agent = thread.agent;
  if (agent.is_null()) {
    ValueMap own = session.agent;
    own.erase("multiagent");
    agent = Value(std::move(own));
  }
  return Value::map(
      {{"id", thread.id},
       {"type", "session_thread"},
       {"session_id", thread.session_id},
       {"parent_thread_id", string_or_null(thread.parent_thread_id)},
       {"workflow_run_id", Value()},
       {"status", to_string(thread.archived_at ? RunStatus::terminated : thread.status)},
       {"agent", std::move(agent)},
       {"stats", Value()},
       {"usage", Value()},
       {"created_at", thread.created_at},
       {"updated_at", thread.updated_at},
       {"archived_at", time_or_null(thread.archived_at)}});
}

Value to_value(const EventRecord& event) {
  ValueMap map = event.fields;
  map["id"] = event.id;
  map["type"] = event.type;
  map["processed_at"] = time_or_null(event.processed_at);
  return Value(std::move(map));
}

Value to_value(const AgentRecord& agent) {
  ValueMap map = base(agent, "agent");
  map.insert(agent.definition.begin(), agent.definition.end());
  map["version"] = agent.version;
  return Value(std::move(map));
}

Value to_value(const EnvironmentRecord& environment) {
  ValueMap map = base(environment, "environment");
  map["name"] = environment.name;
  map["description"] = string_or_null(environment.description);
  map["config"] = environment.config;
  return Value(std::move(map));
}

Value to_value(const DeploymentRecord& deployment) {
  ValueMap map = base(deployment, "deployment");
  // An archived deployment reports `active` with archived_at set (API sheet section 1.9).
  const bool paused = deployment.paused && !deployment.archived_at;
  map["name"] = deployment.name;
  map["description"] = string_or_null(deployment.description);
  map["agent"] = agent_reference(deployment.agent_id, deployment.agent_version);
  map["environment_id"] = deployment.environment_id;
  map["vault_ids"] = strings(deployment.vault_ids);
  map["resources"] = Value(deployment.resources);
  map["initial_events"] = Value(deployment.initial_events);
  map["schedule"] = Value();
  if (const auto& schedule = deployment.schedule) {
    ValueList upcoming;
    auto next = deployment.archived_at || paused ? std::nullopt : schedule->due;
    for (int run = 0; run < kUpcomingRunsMax && next; ++run) {
      upcoming.emplace_back(*next);
      next = schedule->cron.next(*next);
    }
    map["schedule"] = Value::map({{"type", "cron"},
                                  {"expression", schedule->expression},
                                  {"timezone", schedule->timezone},
                                  {"last_run_at", time_or_null(schedule->last_run_at)},
                                  {"upcoming_runs_at", Value(std::move(upcoming))}});
  }
  map["status"] = paused ? "paused" : "active";
  map["paused_reason"] = paused ? deployment.paused_reason : Value();
  map["budget"] = deployment.budget;
  return Value(std::move(map));
}

Value to_value(const DeploymentRunRecord& run) {
  const Value trigger =
      run.scheduled_at ? Value::map({{"type", "schedule"}, {"scheduled_at", *run.scheduled_at}})
                       : Value::map({{"type", "manual"}});
  return Value::map({{"id", run.id},
                     {"type", "deployment_run"},
                     {"deployment_id", run.deployment_id},
                     {"agent", agent_reference(run.agent_id, run.agent_version)},
                     {"trigger_context", trigger},
                     {"session_id", string_or_null(run.session_id)},
                     {"error", run.error},
                     {"created_at", run.created_at}});
}

Value to_value(const MemoryStoreRecord& store) {
  ValueMap map = base(store, "memory_store");
  map["name"] = store.name;
  map["description"] = store.description;
  return Value(std::move(map));
}

Value to_value(const MemoryRecord& memory, bool full) {
  return Value::map({{"id", memory.id},
                     {"type", "memory"},
                     {"memory_store_id", memory.store_id},
                     {"memory_version_id", memory.version_id},
                     {"path", memory.path},
                     {"content", full ? Value(memory.content) : Value()},
                     {"content_sha256", sha256_hex(memory.content)},
                     {"content_size_bytes", static_cast<std::int64_t>(memory.content.size())},
                     {"created_at", memory.created_at},
                     {"updated_at", memory.updated_at}});
}

Value to_value(const MemoryVersionRecord& version, bool full) {
  ValueMap map{{"id", version.id},
               {"type", "memory_version"},
               {"memory_id", version.memory_id},
               {"memory_store_id", version.store_id},
               {"operation", version.operation},
               {"path", string_or_null(version.path)},
               {"content", full ? string_or_null(version.content) : Value()},
               {"content_sha256", Value()},
               {"content_size_bytes", Value()},
               {"created_by", version.created_by},
               {"created_at", version.created_at},
               {"redacted_at", time_or_null(version.redacted_at)},
               {"redacted_by", version.redacted_by}};
  if (version.content) {
    map["content_sha256"] = sha256_hex(*version.content);
    map["content_size_bytes"] = static_cast<std::int64_t>(version.content->size());
  }
  return Value(std::move(map));
}

}  // namespace quell::range
