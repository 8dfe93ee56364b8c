// Deployments and their runs: API sheet sections 1.9 and 2.5.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "orchestrator/range/platform.h"

namespace quell::range {
namespace {

constexpr PageRule kDeploymentPages{.list = "deployments"};
constexpr PageRule kRunPages{.list = "runs", .limit_max = 1000};
constexpr std::size_t kInitialEventsMax = 50;
constexpr std::size_t kResourcesMax = 500;
constexpr std::array<std::string_view, 10> kMembers = {
    "name",      "agent",     "environment_id", "initial_events", "schedule",
    "vault_ids", "resources", "budget",         "description",    "metadata"};

Value run_error(std::string_view type, std::string_view message) {
  return Value::map({{"type", type}, {"message", message}});
}

}  // namespace

std::optional<Answer> Platform::read_schedule(const Value& schedule, DeploymentRecord& deployment,
                                              Timestamp now) const {
  constexpr std::array<std::string_view, 3> kScheduleMembers = {"type", "expression", "timezone"};
  deployment.schedule.reset();
  if (schedule.is_null()) return std::nullopt;
  if (auto refused = check_members(schedule, kScheduleMembers)) return refused;
  const std::string expression = schedule["expression"].string_or("");
  const std::string timezone = schedule["timezone"].string_or("");
  const auto cron = Cron::parse(expression);
  if (schedule["type"].string_or("") != "cron" || !cron) {
    return bad_request("schedule: a cron expression of five fields.");
  }
  if (timezone != "UTC" && timezone != "Etc/UTC") {
    return bad_request("schedule.timezone: the range keeps time in UTC only.");
  }
  deployment.schedule = Schedule{
      .expression = expression, .timezone = timezone, .cron = *cron, .due = cron->next(now)};
  return std::nullopt;
}

/// Reads the members that `body` has; the caller knows which are required.
std::optional<Answer> Platform::fill_deployment(const Value& body, DeploymentRecord& deployment,
                                                Timestamp now) {
  if (auto refused = check_members(body, kMembers)) return refused;
  if (body.has("agent")) {
    if (auto refused =
            read_agent(body["agent"], deployment.agent_id, deployment.agent_version, nullptr)) {
      return refused;
    }
  }
  if (body.has("name")) deployment.name = body["name"].string_or("");
  if (deployment.name.empty() || deployment.name.size() > kNameBytesMax) {
    return bad_request("name: 1 to 255 characters.");
  }
  if (body.has("environment_id")) {
    deployment.environment_id = body["environment_id"].string_or("");
    const EnvironmentRecord* environment = find(environments_, deployment.environment_id);
    if (environment == nullptr) return not_found("environment", deployment.environment_id);
  }
  if (body.has("vault_ids")) {
    std::vector<std::string> ids;
    for (const Value& id : body["vault_ids"].list_or_empty()) ids.push_back(id.string_or(""));
    if (auto refused = check_vaults(ids)) return refused;
    deployment.vault_ids = std::move(ids);
  }
  if (body.has("initial_events")) {
    const ValueList& events = body["initial_events"].list_or_empty();
    if (events.empty() || events.size() > kInitialEventsMax) {
      return bad_request("initial_events: 1 to 50.");
    }
    for (const Value& event : events) {
      if (auto refused = check_event({}, event, true)) return refused;
    }
    deployment.initial_events = events;
  }
  if (body.has("resources")) {
    deployment.resources = body["resources"].list_or_empty();
    if (deployment.resources.size() > kResourcesMax) return bad_request("resources: at most 500.");
  }
  if (body.has("description")) {
    const Value& text = body["description"];
    deployment.description = text.is_string() ? std::optional(text.as_string()) : std::nullopt;
  }
  if (body.has("budget")) deployment.budget = body["budget"];
  if (auto refused = patch_metadata(deployment.metadata, body["metadata"])) return refused;
  return body.has("schedule") ? read_schedule(body["schedule"], deployment, now) : std::nullopt;
}

Answer Platform::create_deployment(const Call& call) {
  DeploymentRecord draft{.created_at = call.now, .updated_at = call.now};
  if (auto refused = check_members(call.body, kMembers)) return *std::move(refused);
  for (const std::string_view required : {"name", "agent", "environment_id", "initial_events"}) {
    if (!call.body.has(required)) return bad_request(fmt::format("{}: required.", required));
  }
  if (auto refused = fill_deployment(call.body, draft, call.now)) return *std::move(refused);
  draft.id = make_id("depl_");
  draft.seq = ++seq_;
  deployment_order_.push_back(draft.id);
  tell(call.now, "deployment.created", draft.id);
  DeploymentRecord& deployment = deployments_.emplace(draft.id, draft).first->second;
  plan_run(deployment, call.now);
  return {.body = to_value(deployment)};
}

Answer Platform::get_deployment(const Call& call) {
  const DeploymentRecord* deployment = find(deployments_, call.id(0));
  if (deployment == nullptr) return not_found("deployment", call.id(0));
  return {.body = to_value(*deployment)};
}

Answer Platform::update_deployment(const Call& call) {
  DeploymentRecord* deployment = find(deployments_, call.id(0));
  if (deployment == nullptr) return not_found("deployment", call.id(0));
  if (deployment->archived_at) return bad_request("The deployment is archived.");
  DeploymentRecord changed = *deployment;  // all or nothing
  if (auto refused = fill_deployment(call.body, changed, call.now)) return *std::move(refused);
  changed.updated_at = call.now;
  *deployment = std::move(changed);
  if (call.body.has("schedule")) plan_run(*deployment, call.now);
  tell(call.now, "deployment.updated", deployment->id);
  return {.body = to_value(*deployment)};
}

Answer Platform::list_deployments(const Call& call) {
  bool archived = false;
  Range range;
  if (auto refused = read_flag(call, "include_archived", archived)) return *std::move(refused);
  if (auto refused = read_range(call, range)) return *std::move(refused);
  const auto agent = call.param("agent_id");
  const auto status = call.param("status");
  if (status && call.param("include_archived")) {
    return bad_request("status: not together with include_archived.");
  }
  if (status && *status != "active" && *status != "paused") {
    return bad_request("status: must be active or paused.");
  }
  auto all = rows(deployments_, deployment_order_);
  std::erase_if(all, [&](const DeploymentRecord* one) {
    return (one->archived_at && !archived) || !range.contains(one->created_at) ||
           (agent && one->agent_id != *agent) || (status && one->paused != (*status == "paused"));
  });
  return page_of(call, kDeploymentPages, all, range, list_is_cut(),
                 [](const DeploymentRecord& deployment) { return to_value(deployment); });
}

Answer Platform::archive_deployment(const Call& call) {
  DeploymentRecord* deployment = find(deployments_, call.id(0));
  if (deployment == nullptr) return not_found("deployment", call.id(0));
  if (deployment->archived_at) {
    return archive_again("deployment").value_or(Answer{.body = to_value(*deployment)});
  }
  deployment->archived_at = call.now;
  deployment->updated_at = call.now;
  tell(call.now, "deployment.archived", deployment->id);
  return {.body = to_value(*deployment)};
}

/// Suppresses scheduled triggers from now on and nothing else: sessions go on, and a run by hand
/// still works.
Answer Platform::pause_deployment(const Call& call) {
  DeploymentRecord* deployment = find(deployments_, call.id(0));
  if (deployment == nullptr) return not_found("deployment", call.id(0));
  if (deployment->archived_at) return bad_request("The deployment is archived.");
  if (!deployment->paused) {
    deployment->paused = true;
    deployment->paused_reason = Value::map({{"type", "manual"}});
    deployment->updated_at = call.now;
    tell(call.now, "deployment.paused", deployment->id);
  }
  return {.body = to_value(*deployment)};
}

Answer Platform::unpause_deployment(const Call& call) {
  DeploymentRecord* deployment = find(deployments_, call.id(0));
  if (deployment == nullptr) return not_found("deployment", call.id(0));
  if (deployment->archived_at) return bad_request("The deployment is archived.");
  if (deployment->paused) {
    deployment->paused = false;
    deployment->paused_reason = Value();
    deployment->updated_at = call.now;
    plan_run(*deployment, call.now);
    tell(call.now, "deployment.unpaused", deployment->id);
  }
  return {.body = to_value(*deployment)};
}

Answer Platform::run_deployment(const Call& call) {
  DeploymentRecord* deployment = find(deployments_, call.id(0));
  if (deployment == nullptr) return not_found("deployment", call.id(0));
  if (deployment->archived_at) return bad_request("The deployment is archived.");
  return {.body = to_value(start_run(*deployment, std::nullopt, call.now))};
}

Answer Platform::get_run(const Call& call) {
  const DeploymentRunRecord* run = find(runs_, call.id(0));
  if (run == nullptr) return not_found("deployment run", call.id(0));
  return {.body = to_value(*run)};
}

Answer Platform::list_runs(const Call& call) {
  Range range;
  bool has_error = false;
  if (auto refused = read_range(call, range)) return *std::move(refused);
  if (auto refused = read_flag(call, "has_error", has_error)) return *std::move(refused);
  const auto deployment = call.param("deployment_id");
  const auto trigger = call.param("trigger_type");
  if (trigger && *trigger != "schedule" && *trigger != "manual") {
    return bad_request("trigger_type: must be schedule or manual.");
  }
  const bool by_error = call.param("has_error").has_value();
  auto all = rows(runs_, run_order_);
  std::erase_if(all, [&](const DeploymentRunRecord* one) {
    return !range.contains(one->created_at) || (deployment && one->deployment_id != *deployment) ||
           (trigger && one->scheduled_at.has_value() != (*trigger == "schedule")) ||
           (by_error && one->error.is_null() == has_error);
  });
  return page_of(call, kRunPages, all, range, list_is_cut(),
                 [](const DeploymentRunRecord& run) { return to_value(run); });
}

void Platform::plan_run(DeploymentRecord& deployment, Timestamp after) {
  if (!deployment.schedule) return;
  deployment.schedule->due = deployment.schedule->cron.next(after);
  if (!deployment.schedule->due) return;
  set_timer(*deployment.schedule->due, {.kind = Timer::Kind::deployment, .id = deployment.id});
}

DeploymentRunRecord& Platform::start_run(DeploymentRecord& deployment,
                                         std::optional<Timestamp> scheduled, Timestamp now) {
  DeploymentRunRecord run{.id = make_id("drun_"),
                          .seq = ++seq_,
                          .deployment_id = deployment.id,
                          .agent_id = deployment.agent_id,
                          .agent_version = deployment.agent_version,
                          .scheduled_at = scheduled,
                          .created_at = now};
  const auto environment = environments_.find(deployment.environment_id);
  if (environment == environments_.end() || environment->second.archived_at) {
    run.error = run_error("environment_archived_error", "The environment is archived.");
  }
  for (const std::string& id : deployment.vault_ids) {
    const auto vault = vaults_.find(id);
    if (vault == vaults_.end()) {
      run.error = run_error("vault_not_found_error", "A vault of the deployment is gone.");
    } else if (vault->second.archived_at) {
      run.error = run_error("vault_archived_error", "A vault of the deployment is archived.");
    }
  }
  const auto agent = agents_.find(deployment.agent_id);
  if (agent == agents_.end() || agent->second.archived_at) {
    run.error = run_error("agent_archived_error", "The agent is archived.");
  }
  ValueList resources;
  if (mount(deployment.resources, resources)) {
    run.error =
        run_error("memory_store_archived_error", "A memory store of the deployment is archived.");
  }
  if (run.error.is_null()) {
    SessionRecord draft{.environment_id = deployment.environment_id,
                        .deployment_id = deployment.id,
                        .vault_ids = deployment.vault_ids,
                        .agent_id = deployment.agent_id,
                        .agent_version = deployment.agent_version,
                        .agent = snapshot_of(agent->second),
                        .resources = std::move(resources),
                        .budget = deployment.budget};
    SessionRecord& session = insert_session(std::move(draft), now);
    for (const Value& event : deployment.initial_events) take_event(session, event, now);
    run.session_id = session.id;
  }
  run_order_.push_back(run.id);
  return runs_.emplace(run.id, std::move(run)).first->second;
}

void Platform::run_scheduled(std::string_view id, Timestamp due) {
  const auto found = deployments_.find(id);
  if (found == deployments_.end()) return;
  DeploymentRecord& deployment = found->second;
  // Archived, rescheduled or paused since this timer was set; unpausing plans anew.
  if (deployment.archived_at || deployment.paused || !deployment.schedule ||
      deployment.schedule->due != due) {
    return;
  }
  deployment.schedule->last_run_at = due;
  const DeploymentRunRecord& run = start_run(deployment, due, due);
  tell(due, "deployment_run.started", run.id);
  if (run.error.is_null()) {
    tell(due, "deployment_run.succeeded", run.id);
    return plan_run(deployment, due);
  }
  tell(due, "deployment_run.failed", run.id);
  deployment.paused = true;
  deployment.paused_reason =
      Value::map({{"type", "error"}, {"error", Value::map({{"type", run.error["type"]}})}});
  deployment.updated_at = due;
  tell(due, "deployment.paused", deployment.id);
}

}  // namespace quell::range
