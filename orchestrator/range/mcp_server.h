#pragma once

#include <string>
#include <string_view>

#include "orchestrator/range/issuer.h"
#include "orchestrator/range/profile.h"
#include "orchestrator/range/world.h"
#include "state/base/clock.h"

namespace quell::range {

struct McpMessage;

/// The simulated MCP server behind the leaked credential: Streamable HTTP without sessions, as the
/// API sheet oauth-mcp-revocation section 7 measured it. The bearer check comes before every other
/// rule. It speaks the revisions with `initialize`, or with profile only_modern 2026-07-28 alone.
///
/// Opaque tokens are looked up at the issuer at every request, JWTs are checked offline (profile
/// jwt_offline). Pure; not thread-safe.
class McpServer {
 public:
  /// How long profile slow_cache goes on accepting a token after its revocation.
  static constexpr Duration kCacheLifetime{30'000};

  /// `issuer` and `profiles` are borrowed.
  McpServer(const WorldOptions& options, const Issuer& issuer, const ProfileSet& profiles);

  Response handle(const Request& request, Timestamp now);

  /// Would the server let a request with `token` pass now?
  bool accepts(std::string_view token, Timestamp now) const;

  std::string endpoint() const;

 private:
  Response resource_metadata() const;
  Response unauthorized(std::string_view description) const;
  Response legacy(const McpMessage& call) const;
  Response modern(const McpMessage& call) const;

  std::string url_;  // origin
  std::string issuer_url_;
  const Issuer& issuer_;
  const ProfileSet& profiles_;
};

}  // namespace quell::range
