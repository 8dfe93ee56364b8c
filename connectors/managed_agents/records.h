#pragma once

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

/// Fit to stand as one path segment: not empty, at most kIdBytesMax bytes, no '/', '\', control
/// character or space, not "." or "..".
bool is_valid_id(std::string_view id) noexcept;

/// Text from outside, escaped and cut to `bytes_max` bytes, for messages and outputs (threat T33).
std::string outside_text(std::string_view text, std::size_t bytes_max = 200);

struct Vault {
  std::string id{};
  std::string display_name{};
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

struct Session {
  std::string id{};
  std::string status{};
  std::string deployment_id{};
  std::vector<std::string> vault_ids{};
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
  std::vector<std::string> vault_ids{};
  std::optional<Timestamp> archived_at{};

  static Result<Deployment> read(const Value& value);
  /// An archived deployment reads `active` with `archived_at` set (API sheet 1.9).
  bool is_off() const { return archived_at.has_value() || status == "paused"; }
};

Value time_or_null(const std::optional<Timestamp>& time);
Value text_or_null(const std::string& text);

}  // namespace quell::managed_agents
