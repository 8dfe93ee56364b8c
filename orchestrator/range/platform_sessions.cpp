// Sessions: API sheet sections 1.3 and 2.5.
#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

#include "orchestrator/range/platform.h"

namespace quell::range {
namespace {

// Undocumented limits (API sheet section 8, item 9).
constexpr PageRule kSessionPages{
    .list = "sessions", .limit_max = 100, .ordered = true, .bidirectional = true};
constexpr std::size_t kVaultsPerSessionMax = 50;
constexpr std::size_t kInitialEventsMax = 50;
constexpr Duration kWorkDefault = std::chrono::minutes{10};
constexpr Duration kFirstUse = std::chrono::seconds{2};
constexpr int kRestarts = 2;

}  // namespace

std::optional<Answer> Platform::check_vaults(const std::vector<std::string>& ids) const {
  if (ids.size() > kVaultsPerSessionMax) return bad_request("vault_ids: at most 50.");
  for (const std::string& id : ids) {
    const auto vault = vaults_.find(id);
    if (vault == vaults_.end()) return not_found("vault", id);
    if (vault->second.archived_at) return bad_request(fmt::format("vault {} is archived.", id));
  }
  return std::nullopt;
}

std::optional<Answer> Platform::fill_session(const Value& body, SessionRecord& session) {
  constexpr std::array<std::string_view, 8> kMembers = {
      "agent",    "environment_id", "budget", "initial_events",
      "metadata", "resources",      "title",  "vault_ids"};
  if (auto refused = check_members(body, kMembers)) return refused;
  if (auto refused =
          read_agent(body["agent"], session.agent_id, session.agent_version, &session.agent)) {
    return refused;
  }
  session.environment_id = body["environment_id"].string_or("");
  const EnvironmentRecord* environment = find(environments_, session.environment_id);
  if (environment == nullptr) return not_found("environment", session.environment_id);
  if (environment->archived_at) return bad_request("The environment is archived.");
  for (const Value& id : body["vault_ids"].list_or_empty()) {
    session.vault_ids.push_back(id.string_or(""));
  }
  if (auto refused = check_vaults(session.vault_ids)) return refused;
  if (auto refused = patch_metadata(session.metadata, body["metadata"])) return refused;
  if (body["title"].is_string()) session.title = body["title"].as_string();
  if (auto refused = mount(body["resources"].list_or_empty(), session.resources)) return refused;
  session.budget = body["budget"];
  const ValueList& events = body["initial_events"].list_or_empty();
  if (events.size() > kInitialEventsMax) return bad_request("initial_events: at most 50.");
  for (const Value& event : events) {
    if (auto refused = check_event(session, event, true)) return refused;
  }
  return std::nullopt;
}

SessionRecord& Platform::insert_session(SessionRecord session, Timestamp now) {
  session.id = make_id("sesn_");
  session.seq = ++seq_;
  session.created_at = now;
  session.updated_at = now;
  session.restarts_left = profiles_.has("session_restarts") ? kRestarts : 0;
  session.threads.push_back({.id = make_id("sthr_"),
                             .seq = ++seq_,
                             .session_id = session.id,
                             .created_at = now,
                             .updated_at = now});
  session_order_.push_back(session.id);
  tell(now, "session.created", session.id);
  return sessions_.emplace(session.id, std::move(session)).first->second;
}

Answer Platform::create_session(const Call& call) {
  SessionRecord draft;
  if (auto refused = fill_session(call.body, draft)) return *std::move(refused);
  SessionRecord& session = insert_session(std::move(draft), call.now);
  for (const Value& event : call.body["initial_events"].list_or_empty()) {
    take_event(session, event, call.now);
  }
  return {.body = to_value(session, call.now)};
}

Answer Platform::get_session(const Call& call) {
  const SessionRecord* session = find(sessions_, call.id(0));
  if (session == nullptr) return not_found("session", call.id(0));
  return {.body = to_value(*session, call.now)};
}

Answer Platform::update_session(const Call& call) {
  constexpr std::array<std::string_view, 5> kMembers = {"title", "metadata", "agent", "budget",
                                                        "vault_ids"};
  constexpr std::array<std::string_view, 2> kAgentMembers = {"tools", "mcp_servers"};
  SessionRecord* session = find(sessions_, call.id(0));
  if (session == nullptr) return not_found("session", call.id(0));
  if (auto refused = check_members(call.body, kMembers)) return *std::move(refused);
  if (call.body.has("vault_ids")) return bad_request("vault_ids: cannot be set on an update.");
  if (session->archived_at) return conflict("The session is archived.");
  const Value& agent = call.body["agent"];
  if (!agent.is_null()) {
    if (auto refused = check_members(agent, kAgentMembers)) return *std::move(refused);
    if (session->status() == RunStatus::running) {
      return bad_request("agent: cannot be changed while the session is running.");
    }
  }
  if (auto refused = patch_metadata(session->metadata, call.body["metadata"])) {
    return *std::move(refused);
  }
  if (agent.is_map()) {
    for (const auto& [name, value] : agent.as_map()) session->agent[name] = value;
    session->resolved.clear();
  }
  if (call.body.has("title")) {
    const Value& title = call.body["title"];
    session->title = title.is_string() ? std::optional(title.as_string()) : std::nullopt;
  }
  if (call.body.has("budget")) session->budget = call.body["budget"];
  session->updated_at = call.now;
  return {.body = to_value(*session, call.now)};
}

Answer Platform::list_sessions(const Call& call) {
  bool archived = false;
  Range range;
  if (auto refused = read_flag(call, "include_archived", archived)) return *std::move(refused);
  if (auto refused = read_range(call, range)) return *std::move(refused);
  std::vector<RunStatus> statuses;
  for (const std::string_view text : call.params("statuses")) {
    const auto status = run_status_from_string(text);
    if (!status) return bad_request("statuses: no such status.");
    statuses.push_back(*status);
  }
  const auto agent = call.param("agent_id");
  const auto version = call.param("agent_version");
  const auto deployment = call.param("deployment_id");
  const auto store = call.param("memory_store_id");
  if (version && !agent) return bad_request("agent_version: only together with agent_id.");
  auto all = rows(sessions_, session_order_);
  std::erase_if(all, [&](const SessionRecord* one) {
    const auto has_store = [&](const Value& resource) {
      return resource["memory_store_id"].string_or("") == *store;
    };
    return (one->archived_at && !archived) || !range.contains(one->created_at) ||
           (!statuses.empty() && std::ranges::find(statuses, one->status()) == statuses.end()) ||
           (agent && one->agent_id != *agent) ||
           (version && fmt::format("{}", one->agent_version) != *version) ||
           (deployment && one->deployment_id != *deployment) ||
           (store && std::ranges::none_of(one->resources, has_store));
  });
  return page_of(call, kSessionPages, all, range, list_is_cut(),
                 [&](const SessionRecord& session) { return to_value(session, call.now); });
}

/// The status of this refusal is not documented (API sheet section 8, item 6).
Answer Platform::session_must_stop(const SessionRecord& session, std::string_view what) {
  std::string message = fmt::format("The session is {} and cannot be {}; interrupt it first.",
                                    to_string(session.status()), what);
  if (profiles_.has("archive_while_running_409")) return conflict(std::move(message));
  return bad_request(std::move(message));
}

Answer Platform::archive_session(const Call& call) {
  SessionRecord* session = find(sessions_, call.id(0));
  if (session == nullptr) return not_found("session", call.id(0));
  if (session->archived_at) {
    return archive_again("session").value_or(Answer{.body = to_value(*session, call.now)});
  }
  if (session->restarts_left == 1 && session->status() == RunStatus::idle) {
    // The last restart of profile session_restarts comes between a client's look and its archive.
    restart(*session, call.now);
  }
  const RunStatus status = session->status();
  if (status == RunStatus::running || status == RunStatus::rescheduling) {
    return session_must_stop(*session, "archived");
  }
  session->archived_at = call.now;
  session->updated_at = call.now;
  session->resolved.clear();
  record(*session, "session.status_terminated", {}, call.now);
  tell(call.now, "session.status_terminated", session->id);
  return {.body = to_value(*session, call.now)};
}

Answer Platform::delete_session(const Call& call) {
  SessionRecord* session = find(sessions_, call.id(0));
  if (session == nullptr) return not_found("session", call.id(0));
  const RunStatus status = session->status();
  if (status == RunStatus::running || status == RunStatus::rescheduling) {
    return session_must_stop(*session, "deleted");
  }
  std::erase(session_order_, call.id(0));
  sessions_.erase(call.id(0));
  tell(call.now, "session.deleted", call.id(0));
  return {.body = Value::map({{"id", call.id(0)}, {"type", "session_deleted"}})};
}

void Platform::set_running(SessionRecord& session, ThreadRecord& thread, bool running,
                           Timestamp now) {
  const RunStatus before = session.status();
  thread.status = running ? RunStatus::running : RunStatus::idle;
  thread.updated_at = now;
  const RunStatus after = session.status();
  if (before == after) return;
  session.updated_at = now;
  if (after == RunStatus::running) {
    session.running_since = now;
    record(session, "session.status_running", {}, now);
    tell(now, "session.status_run_started", session.id);
  } else if (before == RunStatus::running) {
    if (session.running_since) session.active += now - *session.running_since;
    session.running_since.reset();
    record(session, "session.status_idle",
           {{"stop_reason", Value::map({{"type", "end_turn"}})}, {"stop_details", Value()}}, now);
    tell(now, "session.status_idled", session.id);
  }
}

/// A message sets the primary thread to work, for ten minutes or for the duration that the metadata
/// key `range_work` names.
void Platform::start_work(SessionRecord& session, Timestamp now) {
  Duration work = kWorkDefault;
  if (const auto wanted = session.metadata.find("range_work"); wanted != session.metadata.end()) {
    work = parse_duration(wanted->second.string_or("")).value_or(kWorkDefault);
  }
  session.work_until = now + work;
  set_timer(session.work_until, {.kind = Timer::Kind::session_done, .id = session.id});
  set_running(session, session.threads.front(), true, now);
  plan_to_remember(session, now);
  if (session.use_timer || session.agent.at("mcp_servers").list_or_empty().empty()) return;
  session.use_timer = true;
  set_timer(now + kFirstUse, {.kind = Timer::Kind::session_use, .id = session.id});
}

/// Idles one thread, or every non-archived one when `thread_id` is empty.
void Platform::stop_work(SessionRecord& session, std::string_view thread_id, Timestamp now) {
  for (ThreadRecord& thread : session.threads) {
    if (thread.archived_at || (!thread_id.empty() && thread.id != thread_id)) continue;
    if (thread.status == RunStatus::running) set_running(session, thread, false, now);
  }
}

}  // namespace quell::range
