#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "connectors/connector.h"
#include "connectors/oauth/config.h"
#include "connectors/oauth/ladder.h"
#include "state/base/random.h"
#include "state/base/result.h"

namespace quell {

/// Connections of kind `oauth`: the issuer's plane (RFC 7009 revocation, RFC 7662 introspection,
/// refresh test) and the live probe of MCP servers. Client secrets go only to the origins of their
/// own configuration entry (T1), leaked tokens only to those and to the record's own origins (T7);
/// BoundSecret makes the transport check both again.
class OauthConnector final : public Connector {
 public:
  /// Code `invalid` when check_config() finds a mistake. `random` outlives the connector (assertion
  /// ids, control tokens).
  static Result<std::unique_ptr<OauthConnector>> make(OauthConfig config, Random& random);

  std::span<const ActionSpec> actions() const override;
  Task<Result<Outcome>> perform(const ActionSpec& action, Inputs inputs, Io& io) const override;
  Value predict(const ActionSpec& action, const Inputs& inputs) const override;
  Value pins() const override;
  /// Empty: this kind has no base URL of its own, its hosts come from the configuration's entries
  /// and from inputs.
  std::string base_url() const override { return {}; }
  /// readiness() of oauth/ladder.h by this connection's configuration; nothing is sent.
  Ladder ladder_for(std::string_view mcp_server_url, std::string_view record_client_id,
                    std::string_view record_token_endpoint) const;

 private:
  OauthConnector(OauthConfig config, Random& random)
      : config_(std::move(config)), random_(random) {}

  OauthConfig config_;
  Random& random_;
};

/// The action table of kind `oauth`; needs no configuration, for `quell check` and `quell actions`.
std::span<const ActionSpec> oauth_actions();

}  // namespace quell
