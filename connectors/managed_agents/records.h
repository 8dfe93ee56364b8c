#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "state/base/clock.h"
#include "state/base/result.h"
#include "state/base/value.h"

// What the platform's objects say, read strictly: a record that cannot be understood is an error
// and never counts as absent (threat T9). Shapes: API sheet 1.1 to 1.3, 1.9.
namespace quell::managed_agents {

/// Longest id that is accepted from inputs and records.
inline constexpr std::size_t kIdBytesMax = 256;
/// Of what is shown of a name, and of a word such as a status.
inline constexpr std::size_t kNameBytesMax = 255;
inline constexpr std::size_t kWordBytesMax = 64;

/// Fit to stand as one path segment: not empty, at most kIdBytesMax bytes, no '/', '\', control
/// character or space, not "." or "..".
bool is_valid_id(std::string_view id) noexcept;

/// Text from outside, escaped and cut to `bytes_max` bytes, for messages and outputs (threat T33).
std::string outside_text(std::string_view text, std::size_t bytes_max = 200);

struct Vault {
  std::string id{};
  std::string display_name{};
  std::map<std::string, std::string, std::less<>> metadata{};
  std::optional<Timestamp> archived_at{};

  static Result<Vault> read(const Value& value);
};

struct Credential {
  std::string id{};
  std::string vault_id{};
  std::string display_name{};
  std::string type{};            // mcp_oauth, static_bearer, environment_variable, or a newer one
  std::string mcp_server_url{};  // empty for environment_variable
  std::string secret_name{};     // of environment_variable
  std::string client_id{};
  std::string token_endpoint{};
  std::optional<Timestamp> expires_at{};
  std::optional<Timestamp> archived_at{};
  bool has_refresh = false;  // a refresh block is there
  std::map<std::string, std::string, std::less<>> metadata{};

  /// `vault_id` is the vault that was asked; a record that names another is refused.
  static Result<Credential> read(const Value& value, std::string_view vault_id);
  /// As `get_credential` gives it.
  Value to_value() const;
};

/// A memory store as a session or deployment mounts it.
struct Mount {
  std::string memory_store_id{};
  bool writes = true;  // what does not say `read_only` can write
};

/// What a session or deployment has at hand beside its vaults (API sheet 1.3, 1.6).
struct Holdings {
  std::vector<Mount> stores{};
  std::vector<std::string> file_ids{};
  std::vector<std::string> repositories{};  // URLs
};

/// One that may take part in what an agent does: an entry of its roster, or the agent of a thread.
struct Participant {
  enum class Kind : std::uint8_t { agent, advisor, inline_agent };
  Kind kind = Kind::agent;
  std::string id{};    // of `agent`
  std::string name{};  // the model of `advisor`
};

struct Session {
  std::string id{};
  std::string status{};
  std::string title{};
  std::string deployment_id{};
  std::vector<std::string> vault_ids{};
  std::string agent_id{};  // as it was at its creation, like the next two
  std::string agent_name{};
  std::vector<Participant> roster{};
  Holdings holdings{};
  std::optional<Timestamp> created_at{};
  std::optional<Timestamp> archived_at{};

  static Result<Session> read(const Value& value);
  /// Archived sessions read `terminated` (API sheet 1.3); either is final.
  bool is_stopped() const { return archived_at.has_value() || status == "terminated"; }
  bool is_running() const {
    return !is_stopped() && (status == "running" || status == "rescheduling");
  }
  Value to_value() const;
};

struct Deployment {
  std::string id{};
  std::string status{};
  std::string name{};
  std::vector<std::string> vault_ids{};
  std::string agent_id{};
  Holdings holdings{};
  bool has_schedule = false;
  std::optional<Timestamp> created_at{};
  std::optional<Timestamp> updated_at{};
  std::optional<Timestamp> archived_at{};

  static Result<Deployment> read(const Value& value);
  /// An archived deployment reads `active` with `archived_at` set (API sheet 1.9).
  bool is_off() const { return archived_at.has_value() || status == "paused"; }
  /// Made or changed at or after `time`. A record that does not say when it was made counts.
  bool is_since(Timestamp time) const {
    return !created_at || *created_at >= time || (updated_at && *updated_at >= time);
  }
};

struct Agent {
  std::string id{};
  std::string name{};
  std::vector<Participant> roster{};
  std::optional<Timestamp> archived_at{};

  static Result<Agent> read(const Value& value);
};

/// One line of work inside a session (API sheet 1.5).
struct Thread {
  std::string id{};
  std::string session_id{};
  std::string parent_thread_id{};  // empty: the primary one
  std::string status{};
  Participant agent{};
  bool of_workflow = false;
  std::optional<Timestamp> archived_at{};

  static Result<Thread> read(const Value& value, std::string_view session_id);
};

struct MemoryStore {
  std::string id{};
  std::string name{};
  std::optional<Timestamp> archived_at{};

  static Result<MemoryStore> read(const Value& value);
};

/// What was written once to a memory, and by whom (API sheet 1.7).
struct MemoryVersion {
  std::string id{};
  std::string memory_id{};
  std::string memory_store_id{};
  std::string operation{};    // created, modified, deleted, or a newer word
  std::string author_kind{};  // session_actor, api_actor, ...; empty when not recorded
  std::string author_id{};
  std::optional<Timestamp> created_at{};
  std::optional<Timestamp> redacted_at{};
  std::string content_sha256{};  // empty of a deletion and once redacted
  std::optional<std::int64_t> content_size_bytes{};

  static Result<MemoryVersion> read(const Value& value, std::string_view store_id);
  /// Without path and content: agents wrote both, and a redaction must not leave a copy here.
  Value to_value() const;
};

/// What a memory holds now, by its hash (API sheet 1.7).
struct Memory {
  std::string id{};
  std::string memory_store_id{};
  std::string version_id{};  // its head
  std::string content_sha256{};

  static Result<Memory> read(const Value& value, std::string_view store_id);
};

Value time_or_null(const std::optional<Timestamp>& time);
Value text_or_null(const std::string& text);

}  // namespace quell::managed_agents
