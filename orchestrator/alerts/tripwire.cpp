#include "orchestrator/alerts/tripwire.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace quell {
namespace {

constexpr std::array<std::string_view, 2> kCredentialEvents{"vault_credential.created",
                                                            "vault_credential.refresh_failed"};
constexpr std::array<std::string_view, 3> kSessionEvents{"session.created", "session.running",
                                                         "session.status_run_started"};
constexpr int kDepthMax = 8;

/// Is one of the texts inside `value` this id?
// NOLINTNEXTLINE(misc-no-recursion): bounded by kDepthMax
bool holds(const Value& value, std::string_view id, int depth) {
  if (id.empty() || depth > kDepthMax) return false;
  if (value.is_string()) return value.as_string() == id;
  if (value.is_list()) {
    return std::ranges::any_of(value.as_list(),
                               [&](const Value& one) { return holds(one, id, depth + 1); });
  }
  return value.is_map() && std::ranges::any_of(value.as_map(), [&](const auto& member) {
           return holds(member.second, id, depth + 1);
         });
}

}  // namespace

std::optional<Tripwire> tripwire_of(const ReceivedAlert& alert) {
  if (!alert.body.is_map() || !alert.body["data"].is_map()) return std::nullopt;
  const Value& data = alert.body["data"];
  const std::string type = data["type"].string_or("");
  if (std::ranges::find(kCredentialEvents, type) != kCredentialEvents.end()) {
    return Tripwire{.names_credential = true,
                    .id = data["id"].string_or(""),
                    .vault_id = data["vault_id"].string_or("")};
  }
  if (std::ranges::find(kSessionEvents, type) != kSessionEvents.end()) return Tripwire{};
  return std::nullopt;
}

bool concerns(const Tripwire& wire, const RunState& run) {
  if (!wire.names_credential) return true;
  return holds(run.inputs, wire.id, 0) || holds(run.inputs, wire.vault_id, 0) ||
         holds(run.steps_value, wire.id, 0) || holds(run.steps_value, wire.vault_id, 0);
}

}  // namespace quell
