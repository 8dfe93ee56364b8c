#pragma once

#include <string>
#include <vector>

#include "orchestrator/range/issuer.h"
#include "orchestrator/range/platform.h"
#include "orchestrator/range/world.h"

namespace quell::range {

/// The objects that the world begins with.
struct Incident {
  Leaked leaked{};
  // Bystanders, which no containment should touch.
  std::vector<std::string> other_vault_ids{};
  std::vector<std::string> other_credential_ids{};
  std::string idle_session_id{};
  std::string other_session_id{};     // running
  std::string other_deployment_id{};  // active
};

/// Fills the platform with the leaked credential, what uses it, and bystanders, by the platform's
/// own API; nothing here knows its insides. The grant is minted at the issuer.
Incident seed_incident(Platform& platform, Issuer& issuer, const Keys& keys,
                       const std::string& mcp_endpoint, Timestamp start);

}  // namespace quell::range
