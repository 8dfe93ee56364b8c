#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "orchestrator/range/issuer.h"
#include "orchestrator/range/platform.h"
#include "orchestrator/range/world.h"
#include "state/base/value.h"

namespace quell::range {

/// What the world knows of its crowd: the things that one vendor's credentials reach, by
/// construction and not by looking.
struct Crowd {
  std::vector<std::string> vendor_credential_ids{};  // for the world's own MCP server, not archived
  std::vector<std::string> vendor_vault_ids{};       // that hold them
  std::vector<std::string> vendor_session_ids{};     // that name such a vault
  std::vector<std::string> vendor_live_session_ids{};
  std::vector<std::string> vendor_deployment_ids{};
  std::vector<std::string> writable_store_ids{};  // that those sessions and deployments can write
};

/// Fills the platform with a whole organization, by its own API: vaults with up to 20 credentials
/// each, a few of them for the world's MCP server with grants of its issuer, sessions and
/// deployments that name vaults and mount memory, sessions of which most are archived. The same seed
/// makes the same crowd.
Crowd seed_crowd(const Population& size, Platform& platform, Issuer& issuer, const Keys& keys,
                 const std::string& mcp_endpoint, std::uint64_t seed, Timestamp start);

/// `vaults=700,credentials=3000,...`, `large`, or nothing. Error topic "usage", with the sizes that
/// there are.
Result<Population> parse_crowd(std::string_view text);

/// The crowd as the control host tells it.
Value to_value(const Crowd& crowd);

}  // namespace quell::range
