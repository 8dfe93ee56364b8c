// What agents do inside a session, where no call of the API reaches: they write to the memory that
// is mounted there and let other agents work (API sheet sections 1.3, 1.5, 1.7 and 2.8).
#include <algorithm>

#include <fmt/format.h>

#include "orchestrator/range/platform.h"
#include "state/base/assert.h"

namespace quell::range {
namespace {

constexpr std::size_t kStoresPerSessionMax = 8;

bool can_write(const SessionRecord& session, std::string_view store_id) {
  return std::ranges::any_of(session.resources, [&](const Value& resource) {
    return resource["memory_store_id"].string_or("") == store_id &&
           resource["access"].string_or("") == "read_write";
  });
}

std::string name_of(const Value& agent) {
  if (agent["type"].string_or("") == "advisor") return "anthropic.advisor";
  return agent["name"].string_or("agent");
}

}  // namespace

/// `resources` of a new session as sessions show them: memory stores are looked up, the rest stays
/// as it was given.
std::optional<Answer> Platform::mount(const ValueList& given, ValueList& resources) const {
  std::size_t mounted = 0;
  for (const Value& resource : given) {
    if (resource["type"].string_or("") != "memory_store") {
      resources.push_back(resource);
      continue;
    }
    const std::string id = resource["memory_store_id"].string_or("");
    const auto store = stores_.find(id);
    if (store == stores_.end()) return not_found("memory store", id);
    if (store->second.archived_at) return bad_request("The memory store is archived.");
    if (++mounted > kStoresPerSessionMax) return bad_request("resources: at most 8 memory stores.");
    const std::string access = resource["access"].string_or("read_write");
    if (access != "read_write" && access != "read_only") {
      return bad_request("access: must be read_write or read_only.");
    }
    resources.push_back(
        Value::map({{"type", "memory_store"},
                    {"memory_store_id", id},
                    {"access", access},
                    {"name", store->second.name},
                    {"description", store->second.description},
                    {"instructions", resource["instructions"]},
                    {"mount_path", fmt::format("/mnt/memory/{}", store->second.name)}}));
  }
  return std::nullopt;
}

/// Whether a session goes on writing to a store that was archived is not documented (API sheet
/// section 8, item 13); here it does.
void Platform::remember(std::string_view session_id, std::string_view store_id,
                        std::string_view path, std::string_view content, Timestamp now) {
  const auto session = sessions_.find(session_id);
  const auto store = stores_.find(store_id);
  if (session == sessions_.end() || store == stores_.end()) return;
  if (!can_write(session->second, store_id)) return;
  const auto is_it = [&](const Remembered& one) {
    return one.store_id == store_id && one.path == path;
  };
  std::vector<Remembered>& remembered = session->second.remembered;
  std::erase_if(remembered, is_it);
  remembered.push_back({.store_id = std::string(store_id),
                        .path = std::string(path),
                        .content = std::string(content)});
  const Value author =
      Value::map({{"type", "session_actor"}, {"session_id", std::string(session_id)}});
  for (auto& [id, memory] : store->second.memories) {
    if (memory.path != path) continue;
    if (memory.content == content) return;
    memory.content = content;
    return add_version(store->second, memory, "modified", author, now);
  }
  if (path_is_taken(store->second, path, "")) return;
  MemoryRecord memory{.id = make_id("mem_"),
                      .seq = ++seq_,
                      .store_id = store->first,
                      .path = std::string(path),
                      .content = std::string(content),
                      .created_at = now};
  add_version(store->second, memory, "created", author, now);
  std::string id = memory.id;
  store->second.memories.emplace(std::move(id), std::move(memory));
}

/// A session with the metadata key `range_remembers` writes what it once wrote again and again
/// while it runs.
void Platform::plan_to_remember(SessionRecord& session, Timestamp now) {
  const auto habit = session.metadata.find("range_remembers");
  if (habit == session.metadata.end() || session.remember_timer) return;
  const auto every = parse_duration(habit->second.string_or(""));
  if (!every || *every <= Duration{0}) return;
  session.remember_timer = true;
  set_timer(now + *every, {.kind = Timer::Kind::session_memory, .id = session.id});
}

void Platform::remember_again(SessionRecord& session, Timestamp now) {
  session.remember_timer = false;
  if (session.status() != RunStatus::running) return;
  const std::vector<Remembered> all = session.remembered;
  for (const Remembered& one : all) remember(session.id, one.store_id, one.path, one.content, now);
  plan_to_remember(session, now);
}

void Platform::begin_thread(std::string_view session_id, Value agent, Timestamp now) {
  const auto found = sessions_.find(session_id);
  QUELL_ASSERT(found != sessions_.end());
  SessionRecord& session = found->second;
  if (const auto known = agents_.find(agent["id"].string_or("")); known != agents_.end()) {
    ValueMap snapshot = snapshot_of(known->second);
    snapshot.erase("multiagent");
    agent = Value(std::move(snapshot));
  }
  const bool advises = agent["type"].string_or("") == "advisor";
  const std::string name = name_of(agent);
  ThreadRecord thread{.id = make_id("sthr_"),
                      .seq = ++seq_,
                      .session_id = session.id,
                      .parent_thread_id = session.threads.front().id,
                      // A consultation is over at once; all others work on.
                      .status = advises ? RunStatus::terminated : RunStatus::running,
                      .agent = std::move(agent),
                      .created_at = now,
                      .updated_at = now};
  const Value id = thread.id;
  session.threads.push_back(std::move(thread));
  record(session, "session.thread_created", {{"session_thread_id", id}, {"agent_name", name}}, now);
  record(session, "session.thread_status_running",
         {{"session_thread_id", id}, {"agent_name", name}}, now);
  if (!advises) return;
  const Value advice = Value::map({{"type", "text"}, {"text", "Ask a person first."}});
  record(session, "agent.thread_message_received",
         {{"from_session_thread_id", id},
          {"from_agent_name", name},
          {"content", Value::list({advice})}},
         now);
  record(session, "session.thread_status_terminated",
         {{"session_thread_id", id}, {"agent_name", name}}, now);
}

}  // namespace quell::range
