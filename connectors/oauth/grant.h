#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/action.h"
#include "connectors/io.h"
#include "connectors/oauth/client_auth.h"
#include "connectors/oauth/config.h"
#include "connectors/oauth/discovery.h"
#include "connectors/secret_text.h"
#include "connectors/task.h"
#include "state/base/random.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell {

/// A leaked grant's place in the world: its MCP server, its issuer, the client that acts, and where
/// its tokens may go.
struct Grant {
  std::string mcp_server_url{};
  AuthServer server{};
  ClientIdentity client{};
  /// T7: the MCP server's origin, configured origins, the record's token endpoint; nothing that
  /// only metadata names.
  std::vector<std::string> token_origins{};

  /// `aud` of assertions: the issuer, or `endpoint` where only endpoints are known.
  std::string audience(std::string_view endpoint) const {
    return server.issuer.empty() ? std::string(endpoint) : server.issuer;
  }
};

/// The inputs of one action, read from its parameters; absent ones are empty.
struct GrantInputs {
  std::string mcp_server_url{};
  std::string client_id{};
  std::string token_endpoint{};
};

GrantInputs read_grant_inputs(const Value& params);

/// Finds the issuer of `inputs` and says as whom and with what to talk to it. Errors as
/// locate_auth_server(), besides `invalid` for an MCP server URL that is neither https nor (where
/// allowed) loopback.
Task<Result<Grant>> resolve_grant(Io& io, const OauthConfig& config, GrantInputs inputs,
                                  EndpointNeeds needs);

/// The grant with endpoints that the caller knows already; nothing is looked up.
Grant known_grant(const OauthConfig& config, const GrantInputs& inputs, AuthServer server);

/// May the tokens, and the client's secret where there is one, go to `endpoint`, which serves as
/// `role` ("revocation")? Code `invalid` with the line to add to the configuration, also when no
/// client_id is known; `unavailable_here` when there is no such endpoint.
Status may_send(const Grant& grant, std::string_view endpoint, std::string_view role);

/// A secret that may go where this grant's tokens may.
BoundSecret bind_token(const Grant& grant, const SecretPtr& secret);

/// The secret input `name`, or null when it is absent or empty.
SecretPtr secret_input(const Value& params, std::string_view name);

enum class TokenKind : std::uint8_t { refresh_token, access_token };

std::string_view to_string(TokenKind kind) noexcept;

/// A form POST with the limits for issuers; the body has to be begun.
HttpRequest issuer_post(std::string url, Effect effect);

/// Sends `request` with the client's authentication; where the client is refused, once more in each
/// form that next_form() allows. `form` is where it begins and, afterwards, what the issuer last
/// heard.
Task<Result<HttpResponse>> send_authenticated(Io& io, const Grant& grant, HttpRequest request,
                                              AuthForm& form, Random& random);

}  // namespace quell
