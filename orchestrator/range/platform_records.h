#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/range/cron.h"
#include "state/base/clock.h"
#include "state/base/value.h"

// What the simulated platform keeps. Field names are those of API sheet section 1; `seq` rises with
// creation over all objects.
namespace quell::range {

inline constexpr std::size_t kNameBytesMax = 255;

struct VaultRecord {
  std::string id{};
  std::uint64_t seq = 0;
  std::string display_name{};
  ValueMap metadata{};
  Timestamp created_at{}, updated_at{};
  std::optional<Timestamp> archived_at{};
  std::vector<std::string> credential_ids{};  // rising
};

enum class CredentialType : std::uint8_t { mcp_oauth, static_bearer, environment_variable };

/// The platform as an OAuth client of the credential's issuer.
struct RefreshBlock {
  std::string refresh_token{};  // write-only
  std::string client_id{};
  std::string token_endpoint{};
  std::string auth_type{};      // none | client_secret_basic | client_secret_post
  std::string client_secret{};  // write-only
  std::optional<std::string> resource{};
  std::optional<std::string> scope{};
};

struct CredentialRecord {
  std::string id{};
  std::uint64_t seq = 0;
  std::string vault_id{};
  std::optional<std::string> display_name{};
  ValueMap metadata{};
  CredentialType type = CredentialType::mcp_oauth;
  std::string key{};     // mcp_server_url or secret_name: unique among a vault's active ones
  std::string secret{};  // access token, token or secret value; write-only
  std::optional<Timestamp> expires_at{};
  std::optional<RefreshBlock> refresh{};
  Value networking{};
  bool inject_header = true;
  bool inject_body = true;
  Timestamp created_at{}, updated_at{};
  std::optional<Timestamp> archived_at{};

  // Background refresh.
  Timestamp token_since{};
  std::optional<Timestamp> refresh_due{};  // the one timer that counts
  std::optional<Timestamp> refresh_tried{};
  bool refresh_failed = false;
};

enum class RunStatus : std::uint8_t { rescheduling, running, idle, terminated };

struct ThreadRecord {
  std::string id{};
  std::uint64_t seq = 0;
  std::string session_id{};
  std::optional<std::string> parent_thread_id{};
  RunStatus status = RunStatus::idle;
  Value agent{};  // null: the session's own
  Timestamp created_at{}, updated_at{};
  std::optional<Timestamp> archived_at{};
};

struct EventRecord {
  std::string id{};
  std::uint64_t seq = 0;
  std::string type{};
  std::optional<Timestamp> processed_at{};
  Timestamp created_at{};  // when it was recorded; what filters compare while it is queued
  ValueMap fields{};
};

/// What a running session holds of a credential until it resolves again (API sheet section 2.4).
struct ResolvedCredential {
  Timestamp at{};
  std::string credential_id{};  // empty: no match, the connection goes out without a token
  std::string token{};
  bool opened = false;        // `initialize` was answered
  std::string mcp_session{};  // what the server calls the conversation, if it keeps sessions
};

/// What a session wrote to memory, for one that writes it again.
struct Remembered {
  std::string store_id{};
  std::string path{};
  std::string content{};
};

struct SessionRecord {
  std::string id{};
  std::uint64_t seq = 0;
  std::optional<std::string> title{};
  std::string environment_id{};
  std::optional<std::string> deployment_id{};
  std::vector<std::string> vault_ids{};
  std::string agent_id{};
  std::int64_t agent_version = 1;
  ValueMap agent{};  // snapshot at creation
  ValueList resources{};
  Value budget{};
  ValueMap metadata{};
  Timestamp created_at{}, updated_at{};
  std::optional<Timestamp> archived_at{};
  std::vector<ThreadRecord> threads{};  // the first is the primary
  std::vector<EventRecord> events{};

  std::map<std::string, ResolvedCredential, std::less<>> resolved{};  // by MCP server URL
  Timestamp work_until{};
  bool use_timer = false;  // a session_use timer is in the queue
  std::vector<Remembered> remembered{};
  bool remember_timer = false;  // likewise session_memory
  int restarts_left = 0;   // profile session_restarts
  std::optional<Timestamp> running_since{};
  Duration active{0};

  RunStatus status() const;
};

struct AgentRecord {
  std::string id{};
  std::uint64_t seq = 0;
  std::int64_t version = 1;
  ValueMap definition{};  // name, description, system, model, tools, ...
  ValueMap metadata{};
  Timestamp created_at{}, updated_at{};
  std::optional<Timestamp> archived_at{};
};

struct EnvironmentRecord {
  std::string id{};
  std::uint64_t seq = 0;
  std::string name{};
  std::optional<std::string> description{};
  Value config{};
  ValueMap metadata{};
  Timestamp created_at{}, updated_at{};
  std::optional<Timestamp> archived_at{};
};

struct Schedule {
  std::string expression{};
  std::string timezone{};
  Cron cron{};
  std::optional<Timestamp> last_run_at{};
  std::optional<Timestamp> due{};
};

struct DeploymentRecord {
  std::string id{};
  std::uint64_t seq = 0;
  std::string name{};
  std::optional<std::string> description{};
  std::string agent_id{};
  std::int64_t agent_version = 1;
  std::string environment_id{};
  std::vector<std::string> vault_ids{};
  ValueList resources{};
  ValueList initial_events{};
  std::optional<Schedule> schedule{};
  bool paused = false;
  Value paused_reason{};
  Value budget{};
  ValueMap metadata{};
  Timestamp created_at{}, updated_at{};
  std::optional<Timestamp> archived_at{};
};

struct DeploymentRunRecord {
  std::string id{};
  std::uint64_t seq = 0;
  std::string deployment_id{};
  std::string agent_id{};
  std::int64_t agent_version = 1;
  std::optional<Timestamp> scheduled_at{};  // none: manual
  std::optional<std::string> session_id{};
  Value error{};  // null, or type and message; exactly one of it and session_id is set
  Timestamp created_at{};
};

struct ApiKeyRecord {
  std::string id{};
  std::uint64_t seq = 0;
  std::string name{};
  std::string secret{};
  std::string status{};  // active | inactive | archived
  Timestamp created_at{};
};

struct MemoryRecord {
  std::string id{};
  std::uint64_t seq = 0;
  std::string store_id{};
  std::string version_id{};  // the newest
  std::string path{};
  std::string content{};
  Timestamp created_at{}, updated_at{};
};

struct MemoryVersionRecord {
  std::string id{};
  std::uint64_t seq = 0;
  std::string memory_id{};
  std::string store_id{};
  std::string operation{};               // created | modified | deleted
  std::optional<std::string> path{};     // none once redacted
  std::optional<std::string> content{};  // none once redacted, and of a deletion
  Value created_by{};
  Timestamp created_at{};
  std::optional<Timestamp> redacted_at{};
  Value redacted_by{};
};

struct MemoryStoreRecord {
  std::string id{};
  std::uint64_t seq = 0;
  std::string name{};
  std::string description{};
  ValueMap metadata{};
  Timestamp created_at{}, updated_at{};
  std::optional<Timestamp> archived_at{};
  std::map<std::string, MemoryRecord, std::less<>> memories{};
  std::vector<MemoryVersionRecord> versions{};  // rising
};

std::string_view to_string(RunStatus status) noexcept;
std::optional<RunStatus> run_status_from_string(std::string_view text) noexcept;

/// The agent as sessions keep it from their creation on.
ValueMap snapshot_of(const AgentRecord& agent);

// The objects as the API answers them; secrets are not among them.
Value to_value(const VaultRecord& vault);
Value to_value(const CredentialRecord& credential);
Value to_value(const SessionRecord& session, Timestamp now);
Value to_value(const ThreadRecord& thread, const SessionRecord& session);
Value to_value(const EventRecord& event);
Value to_value(const AgentRecord& agent);
Value to_value(const EnvironmentRecord& environment);
Value to_value(const DeploymentRecord& deployment);
Value to_value(const DeploymentRunRecord& run);
Value to_value(const ApiKeyRecord& key);
Value to_value(const MemoryStoreRecord& store);
/// Without `full` the content stays out.
Value to_value(const MemoryRecord& memory, bool full);
Value to_value(const MemoryVersionRecord& version, bool full);

}  // namespace quell::range
