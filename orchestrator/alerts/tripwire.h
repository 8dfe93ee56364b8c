#pragma once

#include <optional>
#include <string>

#include "orchestrator/alerts/source.h"
#include "orchestrator/engine/run_state.h"

namespace quell {

/// What a webhook of the platform says to have happened where a contained run may be watching. It
/// is a reason to look, never a finding.
struct Tripwire {
  bool names_credential = false;  // else a session, of which the event tells no vault
  std::string id{};               // of the credential
  std::string vault_id{};
};

/// `vault_credential.created` and `.refresh_failed`, and a session that came to be or runs (vendor
/// page "Webhooks", event types); nothing for other alerts.
std::optional<Tripwire> tripwire_of(const ReceivedAlert& alert);

/// Is it about what `run` contained? A session may be, until the watch has looked.
bool concerns(const Tripwire& wire, const RunState& run);

}  // namespace quell
