#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "state/base/result.h"
#include "state/base/secret.h"

namespace quell {

struct IssuerProfile;
using IssuerProfiles = std::vector<IssuerProfile>;

/// How a client proves itself at token, revocation and introspection endpoints (RFC 6749
/// section 2.3, RFC 7523; API sheet 1.1). An enumerator is its spelling in the configuration and in
/// metadata documents.
enum class ClientAuth : std::uint8_t {
  none,
  client_secret_basic,
  client_secret_post,
  private_key_jwt,
  client_secret_jwt,
};

std::string_view to_string(ClientAuth method) noexcept;
std::optional<ClientAuth> client_auth_from_string(std::string_view text) noexcept;

/// URLs that an operator wrote down; an empty one is left to the pinned issuer's metadata.
struct IssuerEndpoints {
  std::string token{};
  std::string revocation{};
  std::string introspection{};

  bool empty() const noexcept {
    return token.empty() && revocation.empty() && introspection.empty();
  }
};

/// One entry under `issuers:`. `issuer` and `endpoints` are the only places where this client's
/// secret may go (T1).
struct IssuerConfig {
  std::string match_mcp_server_url{};
  std::string issuer{};  // pinned; empty: found by discovery, and the secret stays at the MCP
                         // server's origin
  IssuerEndpoints endpoints{};
  std::string client_id{};  // empty with method none: the record's client_id is used
  ClientAuth method = ClientAuth::none;
  SecretPtr client_secret{};  // of client_secret_*
  SecretPtr private_key{};    // of private_key_jwt: a JWK as JSON text, or PEM
  std::string key_id{};       // `kid` where the key itself does not say
  std::string profile{};      // empty: recognised by the issuer's own hosts (oauth/profile.h)
  std::map<std::string, std::string, std::less<>> values{};  // what the profile asks for
  SecretPtr admin_token{};  // of the profile's administrative calls, for their hosts alone
  /// False by the operator's word alone: one refresh token serves a grant to its end.
  bool rotates_refresh_tokens = true;
};

struct OauthConfig {
  std::vector<IssuerConfig> issuers{};
  bool loopback_http = false;  // plain http to loopback hosts is let through
  /// May leaked tokens follow a validated issuer that only the MCP server's metadata names? Off,
  /// they go to the record's own origins and to configured ones alone (T7).
  bool trust_discovered_issuers = false;
  /// Vendor profiles that entries may name; null: none.
  std::shared_ptr<const IssuerProfiles> profiles{};
};

/// The first mistake in `config`: a URL that is none, a method without its key, an unknown profile.
/// Code `invalid`.
Status check_config(const OauthConfig& config);

/// What loads but deserves a line of text: a client secret without pinned issuer (T1).
std::vector<std::string> config_warnings(const OauthConfig& config);

/// The entry for `mcp_server_url`, or null.
const IssuerConfig* find_issuer(const OauthConfig& config, std::string_view mcp_server_url);

/// Origins that `entry` itself names: of its issuer and its endpoints.
std::vector<std::string> configured_origins(const IssuerConfig& entry);
/// Adds the origin of `url` unless it is there already or `url` has none.
void add_origin(std::vector<std::string>& origins, std::string_view url);

/// Where the client secret or an assertion of `entry` may go: configured_origins(), or the MCP
/// server's when there are none.
std::vector<std::string> client_secret_origins(const IssuerConfig& entry);

/// True for an absolute URL of at most 2048 printable ASCII characters without fragment or space,
/// https, or http on a loopback host when `loopback_http`.
bool is_usable_url(std::string_view url, bool loopback_http);

/// Text from outside, escaped and cut to at most `bytes_max` bytes of input, for messages and
/// outputs (T33).
std::string outside_text(std::string_view text, std::size_t bytes_max = 200);

}  // namespace quell
