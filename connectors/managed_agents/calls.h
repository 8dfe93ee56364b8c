#pragma once

#include <functional>
#include <string>
#include <vector>

#include "connectors/action.h"
#include "connectors/io.h"
#include "connectors/managed_agents/api.h"
#include "connectors/task.h"
#include "state/base/result.h"
#include "state/base/value.h"

// One function per action of the table; `params` as declared there.
namespace quell::managed_agents {

using ActionTask = Task<Result<Outcome>>;

// --- Holder: credentials and vaults
ActionTask get_credential(Io& io, Api api, Value params);
ActionTask find_credentials(Io& io, Api api, Value params);
ActionTask find_vaults(Io& io, Api api, Value params);
ActionTask archive_credential(Io& io, Api api, Value params, Intent intent, Value known);
ActionTask delete_credential(Io& io, Api api, Value params, Intent intent);
ActionTask validate_credential(Io& io, Api api, Value params, Intent intent);
ActionTask overwrite_credential(Io& io, Api api, Value params, Intent intent);
ActionTask archive_vault(Io& io, Api api, Value params, Intent intent);
ActionTask archive_credentials(Io& io, Api api, Value params, Intent intent);

// --- Runtime: deployments and sessions
ActionTask pause_deployment(Io& io, Api api, Value params, Intent intent);
ActionTask unpause_deployment(Io& io, Api api, Value params, Intent intent);
ActionTask archive_deployment(Io& io, Api api, Value params, Intent intent);
ActionTask stop_session(Io& io, Api api, Value params, Intent intent);
ActionTask detach_mcp_server(Io& io, Api api, Value params, Intent intent);
ActionTask set_session_tools(Io& io, Api api, Value params, Intent intent);

// --- Resource: memory
ActionTask restore_memory(Io& io, Api api, Value params, Intent intent);
ActionTask delete_memory(Io& io, Api api, Value params, Intent intent);
ActionTask redact_memory_version(Io& io, Api api, Value params, Intent intent);
ActionTask archive_memory_store(Io& io, Api api, Value params, Intent intent);

// --- The organization's API keys (API sheet 1.11)
ActionTask list_api_keys(Io& io, Api api, Value params);
ActionTask deactivate_api_key(Io& io, Api api, Value params, Intent intent);
ActionTask activate_api_key(Io& io, Api api, Value params, Intent intent);
ActionTask archive_api_key(Io& io, Api api, Value params, Intent intent);
ActionTask api_key_is_inactive(Io& io, Api api, Value params);
ActionTask probe_api_key(Io& io, Api api, Value params);
ActionTask api_key_is_dead(Io& io, Api api, Value params);

// --- Looks
ActionTask get_session_tools(Io& io, Api api, Value params);
ActionTask find_memory_versions(Io& io, Api api, Value params);
ActionTask memory_is_clean(Io& io, Api api, Value params);
ActionTask no_poisoned_memory(Io& io, Api api, Value params);
ActionTask memory_version_is_redacted(Io& io, Api api, Value params);
ActionTask memory_store_is_archived(Io& io, Api api, Value params);
ActionTask survey(Io& io, Api api, Value params);
ActionTask blast_radius(Io& io, Api api, Value params);
ActionTask collect_evidence(Io& io, Api api, Value params);
ActionTask credential_is_archived(Io& io, Api api, Value params);
ActionTask credentials_are_archived(Io& io, Api api, Value params);
ActionTask no_active_credential(Io& io, Api api, Value params);
ActionTask deployment_is_paused(Io& io, Api api, Value params);
ActionTask session_is_stopped(Io& io, Api api, Value params);
ActionTask no_active_deployment(Io& io, Api api, Value params);
ActionTask no_new_session(Io& io, Api api, Value params);

/// What changes fail with when the object's state, or somebody else, stands against them.
Error conflict(std::string message, std::string hint);
/// A task that ends at once with `error`.
ActionTask fails(Error error);

/// What an object says about a change that one request makes.
struct Reading {
  bool applied = false;
  std::string obstacle{};  // why its state forbids the change; empty: nothing does
  Value outputs{};
};

/// A change of one object by one request without body.
struct Change {
  Subject subject{};
  std::string verb{};  // "archive", for messages
  std::string path{};  // of the POST
  std::string body{};  // JSON; empty: without one
  Value known{};       // the object as read a moment ago and found unchanged; else null
  std::function<Result<Reading>(const Value& object)> read{};
};

/// Reads the object (already so?) unless it is known, and acts; reads back what the answer does not
/// show. A refusal is read back too: the object then says whether its state forbids the change
/// (`conflict`), whether somebody else was faster
/// (`already`), or neither (`invalid`). An accepted change that cannot be read back, or reads
/// unchanged, is `unknown`.
ActionTask apply_change(Io& io, Api api, Change change, Intent intent);

/// `refused` seen beside the object after it: an object that is there makes a 404 "not offered".
Error settle_refusal(const Api& api, const Error& refused, int status, const Change& change,
                     const Reading& now);

/// What an object goes by, for the protected list: its own texts and those of its grant.
std::vector<std::string> names_of(const Value& object);

/// True for a refusal that says all by itself, so that reading back adds nothing.
bool is_final(ErrorCode code) noexcept;

}  // namespace quell::managed_agents
