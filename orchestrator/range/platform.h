#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orchestrator/range/mcp_call.h"
#include "orchestrator/range/platform_call.h"
#include "orchestrator/range/platform_records.h"
#include "orchestrator/range/profile.h"
#include "orchestrator/range/world.h"
#include "state/base/random.h"

namespace quell::range {

/// A change of which the real platform would send a webhook (API sheet section 4.2).
struct PlatformEvent {
  std::uint64_t seq = 0;  // 1, 2, 3, ...
  Timestamp at{};
  std::string type{};
  std::string id{};
  std::string vault_id{};  // of vault_credential.*, else empty
};

/// The agent platform of the simulated world: the endpoints of API sheet section 1 that hold, use
/// and stop a credential, and the background refresh, sessions and schedules that keep it alive
/// (sections 2.1 to 2.5). Where the sheet says that an answer is undocumented, docs/range.md names
/// the one given here and the profile that changes it. One thread.
class Platform {
 public:
  Platform(const ProfileSet& profiles, const Keys& keys, SeededRandom& random, std::uint64_t seed,
           Fetch fetch);

  Response handle(const Request& request, Timestamp now);

  /// From now on profiles about the caller hold (other_workspace, throttles); the incident is
  /// seeded before.
  void open() { open_ = true; }

  /// Profile long_session: gives the session 25 threads, one of them an advisor's, and 50,000
  /// events, some of them with hostile text and invented tokens in it.
  void grow_session(std::string_view id, Timestamp now);

  /// What happened in the session, or none when it can have no more events.
  StreamPart follow(EventStream& stream) const;

  std::optional<Timestamp> next_timer() const;
  /// Lets the earliest timer happen at its own time.
  void fire_next();

  const CredentialRecord* credential(std::string_view id) const;
  const std::map<std::string, SessionRecord, std::less<>>& sessions() const { return sessions_; }
  const std::map<std::string, DeploymentRecord, std::less<>>& deployments() const {
    return deployments_;
  }
  const std::map<std::string, VaultRecord, std::less<>>& vaults() const { return vaults_; }
  const std::map<std::string, MemoryStoreRecord, std::less<>>& stores() const { return stores_; }
  const std::deque<PlatformEvent>& events() const { return events_; }

  /// An agent writes to a store that its session mounts to write; nothing where it does not.
  void remember(std::string_view session_id, std::string_view store_id, std::string_view path,
                std::string_view content, Timestamp now);
  /// Another line of work in a session: by an agent of the workspace (`{type, id}`), an advisor or
  /// one that is made up on the spot (API sheet section 1.5).
  void begin_thread(std::string_view session_id, Value agent, Timestamp now);

  using Handler = Answer (Platform::*)(const Call&);

 private:
  template <typename Record>
  using Table = std::map<std::string, Record, std::less<>>;

  // platform.cpp
  std::optional<Answer> admit(const Request& request);
  Answer answer(const Request& request, Timestamp now);
  std::string make_id(std::string_view prefix);
  bool list_is_cut() const { return profiles_.has("drops_next_page"); }
  bool elsewhere() const { return open_ && profiles_.has("other_workspace"); }
  /// The record of `id`, or null; always null for a key of another workspace.
  template <typename Record>
  Record* find(Table<Record>& table, std::string_view id) const;
  template <typename Record>
  std::vector<const Record*> rows(const Table<Record>& table,
                                  const std::vector<std::string>& order) const;
  std::optional<Answer> archive_again(std::string_view what) const;
  void tell(Timestamp at, std::string_view type, std::string_view id,
            std::string_view vault_id = {});

  // platform_vaults.cpp
  Answer create_vault(const Call& call);
  Answer get_vault(const Call& call);
  Answer update_vault(const Call& call);
  Answer list_vaults(const Call& call);
  Answer archive_vault(const Call& call);
  Answer delete_vault(const Call& call);
  void purge(CredentialRecord& credential, Timestamp now);

  // platform_credentials.cpp
  Answer create_credential(const Call& call);
  Answer get_credential(const Call& call);
  Answer update_credential(const Call& call);
  Answer list_credentials(const Call& call);
  Answer archive_credential(const Call& call);
  Answer delete_credential(const Call& call);
  CredentialRecord* credential_of(const Call& call);
  std::optional<Answer> read_auth(const Value& auth, CredentialRecord& credential,
                                  Timestamp now) const;
  std::optional<Answer> change_auth(const Value& auth, CredentialRecord& credential,
                                    Timestamp now) const;
  std::optional<Answer> change_refresh(const Value& refresh, CredentialRecord& credential) const;
  const CredentialRecord* active_with_key(const VaultRecord& vault, const CredentialRecord& like,
                                          std::size_t& active) const;

  // platform_refresh.cpp
  struct Refreshed {
    enum class Kind : std::uint8_t { succeeded, failed, connect_error, no_refresh_token };
    Kind kind = Kind::no_refresh_token;
    std::optional<Response> answer{};  // of a failure
  };
  Answer validate_credential(const Call& call);
  Refreshed refresh(CredentialRecord& credential, Timestamp now);
  void plan_refresh(CredentialRecord& credential, Timestamp due);
  void plan_refresh_by_age(CredentialRecord& credential, Timestamp now);
  void refresh_in_background(std::string_view id, Timestamp now);
  struct McpProbe {
    std::string_view method{};           // the step that was answered last
    std::optional<Response> response{};  // its answer
  };
  McpProbe probe_mcp(const std::string& url, std::string_view token, Timestamp now);
  bool& speaks_modern(const std::string& url);
  void resolve(ResolvedCredential& own, const SessionRecord& session, std::string_view url,
               Timestamp now) const;
  std::optional<Response> use_tool(ResolvedCredential& own, const std::string& url, Timestamp now);
  void use_mcp(SessionRecord& session, Timestamp now);
  void use_server(SessionRecord& session, std::string_view name, const std::string& url,
                  Timestamp now);

  // platform_sessions.cpp
  Answer create_session(const Call& call);
  Answer get_session(const Call& call);
  Answer update_session(const Call& call);
  Answer list_sessions(const Call& call);
  Answer archive_session(const Call& call);
  Answer delete_session(const Call& call);
  Answer session_must_stop(const SessionRecord& session, std::string_view what);
  std::optional<Answer> fill_session(const Value& body, SessionRecord& session);
  std::optional<Answer> check_vaults(const std::vector<std::string>& ids) const;
  SessionRecord& insert_session(SessionRecord session, Timestamp now);
  void set_running(SessionRecord& session, ThreadRecord& thread, bool running, Timestamp now);
  void start_work(SessionRecord& session, Timestamp now);
  void stop_work(SessionRecord& session, std::string_view thread_id, Timestamp now);

  // platform_events.cpp
  Answer send_events(const Call& call);
  Answer list_events(const Call& call);
  Answer stream_events(const Call& call);
  Answer list_thread_events(const Call& call);
  Answer stream_thread(const Call& call);
  Answer list_threads(const Call& call);
  Answer get_thread(const Call& call);
  Answer archive_thread(const Call& call);
  std::optional<Answer> check_event(const SessionRecord& session, const Value& event,
                                    bool initial) const;
  EventRecord& record(SessionRecord& session, std::string_view type, ValueMap fields,
                      Timestamp now);
  void take_event(SessionRecord& session, const Value& event, Timestamp now);
  void finish_interrupt(SessionRecord& session, std::string_view event_id, Timestamp now);
  void restart(SessionRecord& session, Timestamp now);

  // platform_agents.cpp
  Answer create_agent(const Call& call);
  Answer get_agent(const Call& call);
  Answer list_agents(const Call& call);
  Answer archive_agent(const Call& call);
  Answer create_environment(const Call& call);
  Answer get_environment(const Call& call);
  Answer list_environments(const Call& call);
  Answer archive_environment(const Call& call);
  /// Reads `agent` of a session or deployment body into id, version and snapshot.
  std::optional<Answer> read_agent(const Value& reference, std::string& id, std::int64_t& version,
                                   ValueMap* snapshot);

  // platform_deployments.cpp
  Answer create_deployment(const Call& call);
  Answer get_deployment(const Call& call);
  Answer update_deployment(const Call& call);
  Answer list_deployments(const Call& call);
  Answer archive_deployment(const Call& call);
  Answer pause_deployment(const Call& call);
  Answer unpause_deployment(const Call& call);
  Answer run_deployment(const Call& call);
  Answer get_run(const Call& call);
  Answer list_runs(const Call& call);
  std::optional<Answer> fill_deployment(const Value& body, DeploymentRecord& deployment,
                                        Timestamp now);
  std::optional<Answer> read_schedule(const Value& schedule, DeploymentRecord& deployment,
                                      Timestamp now) const;
  void plan_run(DeploymentRecord& deployment, Timestamp after);
  DeploymentRunRecord& start_run(DeploymentRecord& deployment, std::optional<Timestamp> scheduled,
                                 Timestamp now);
  void run_scheduled(std::string_view id, Timestamp due);

  // platform_api_keys.cpp
  void seed_api_keys();
  const ApiKeyRecord* api_key_of(std::string_view secret) const;
  Answer list_api_keys(const Call& call);
  Answer get_api_key(const Call& call);
  Answer update_api_key(const Call& call);

  // platform_memory.cpp
  Answer create_store(const Call& call);
  Answer get_store(const Call& call);
  Answer update_store(const Call& call);
  Answer list_stores(const Call& call);
  Answer archive_store(const Call& call);
  Answer delete_store(const Call& call);
  Answer create_memory(const Call& call);
  Answer get_memory(const Call& call);
  Answer update_memory(const Call& call);
  Answer delete_memory(const Call& call);
  Answer list_memories(const Call& call);
  Answer get_version(const Call& call);
  Answer list_versions(const Call& call);
  Answer redact_version(const Call& call);
  MemoryStoreRecord* store_of(const Call& call);
  static MemoryRecord* memory_of(MemoryStoreRecord& store, std::string_view id);
  static MemoryVersionRecord* version_of(MemoryStoreRecord& store, std::string_view id);
  static std::optional<Answer> fill_store(const Value& body, MemoryStoreRecord& store);
  static std::optional<Answer> path_is_taken(const MemoryStoreRecord& store, std::string_view path,
                                             std::string_view own_id);
  void add_version(MemoryStoreRecord& store, MemoryRecord& memory, std::string_view operation,
                   const Value& author, Timestamp now);

  // platform_sandbox.cpp
  std::optional<Answer> mount(const ValueList& given, ValueList& resources) const;
  void plan_to_remember(SessionRecord& session, Timestamp now);
  void remember_again(SessionRecord& session, Timestamp now);

  struct Timer {
    enum class Kind : std::uint8_t {
      refresh,
      session_use,
      session_memory,
      session_done,
      session_restart,
      interrupt,
      deployment
    };
    Kind kind = Kind::refresh;
    std::string id{};
    std::string detail{};
  };
  void set_timer(Timestamp due, Timer timer);

  const ProfileSet& profiles_;
  const Keys& keys_;
  SeededRandom& random_;
  SeededRandom throttle_random_;  // of its own, so that throttling changes no id
  bool throttled_last_ = false;
  bool open_ = false;
  Fetch fetch_;
  std::uint64_t seq_ = 0;
  std::uint64_t requests_ = 0;

  Table<VaultRecord> vaults_{};
  Table<CredentialRecord> credentials_{};
  Table<SessionRecord> sessions_{};
  Table<AgentRecord> agents_{};
  Table<EnvironmentRecord> environments_{};
  Table<DeploymentRecord> deployments_{};
  Table<DeploymentRunRecord> runs_{};
  Table<MemoryStoreRecord> stores_{};
  std::vector<ApiKeyRecord> api_keys_{};  // rising by seq
  std::string caller_{};                  // id of the key that the present call came with
  std::vector<std::string> vault_order_{}, session_order_{}, agent_order_{}, environment_order_{},
      deployment_order_{}, run_order_{}, store_order_{};
  std::deque<PlatformEvent> events_{};
  std::uint64_t events_told_ = 0;
  std::map<std::string, bool, std::less<>> modern_{};  // MCP server URL: speaks only the new era
  std::map<std::pair<Timestamp, std::uint64_t>, Timer> timers_{};
  std::uint64_t timer_seq_ = 0;
};

template <typename Record>
Record* Platform::find(Table<Record>& table, std::string_view id) const {
  if (elsewhere()) return nullptr;
  const auto found = table.find(id);
  return found == table.end() ? nullptr : &found->second;
}

template <typename Record>
std::vector<const Record*> Platform::rows(const Table<Record>& table,
                                          const std::vector<std::string>& order) const {
  std::vector<const Record*> all;
  if (elsewhere()) return all;
  all.reserve(order.size());
  for (const std::string& id : order) {
    const auto found = table.find(id);
    if (found != table.end()) all.push_back(&found->second);
  }
  return all;
}

}  // namespace quell::range
