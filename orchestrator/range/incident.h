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
  std::string agent_id{};             // that uses the leaked vault
  std::string environment_id{};
};

/// The `auth` of a credential for `grant` as the incident's own has it: the platform is the client
/// and refreshes it.
Value oauth_auth(const Issuer& issuer, const Keys& keys, const std::string& mcp_endpoint,
                 const Issuer::Grant& grant);

/// A request of whoever holds the platform's key.
Request platform_request(const Keys& keys, std::string path, const Value& body);

/// The body of a running session of `agent` with one vault.
Value session_body(const std::string& agent, const std::string& environment, std::string_view title,
                   const std::string& vault_id);

/// Fills the platform with the leaked credential, what uses it, and bystanders, by the platform's
/// own API; nothing here knows its insides. The grant is minted at the issuer.
Incident seed_incident(Platform& platform, Issuer& issuer, const Keys& keys,
                       const std::string& mcp_endpoint, const Population& population,
                       Timestamp start);

}  // namespace quell::range
