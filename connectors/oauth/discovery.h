#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/http_transport.h"
#include "connectors/io.h"
#include "connectors/oauth/config.h"
#include "connectors/task.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell {

/// An authorization server as quell may use it. Endpoints that nobody named are empty.
struct AuthServer {
  std::string issuer{};  // empty when only endpoints were configured
  std::string token_endpoint{};
  std::string revocation_endpoint{};
  std::string introspection_endpoint{};
  std::string metadata_source = "configuration";  // or the kind of document: rfc8414, oidc
  std::string metadata_url{};  // of the document that was believed; empty without one
  std::vector<std::string> revocation_auth_methods{};
  std::string resource_metadata_url{};  // of the protected-resource document, if one was read
  std::vector<std::string> authorization_servers{};  // what that document names
};

/// URLs of protected-resource metadata for an MCP server, in the order to try: path insertion, then
/// the root (RFC 9728 section 3.1; API sheet 4).
std::vector<std::string> resource_metadata_urls(std::string_view mcp_server_url);

/// URLs of an issuer's metadata in the order to try (RFC 8414 section 3.1 insertion, then OIDC; API
/// sheet 3).
std::vector<std::string> issuer_metadata_urls(std::string_view issuer);

/// `authorization_servers` of a protected-resource document, at most 8, or none when its `resource`
/// is neither `mcp_server_url` nor, for the document at the root, its origin.
std::optional<std::vector<std::string>> read_resource_metadata(const Value& document,
                                                               std::string_view mcp_server_url,
                                                               bool at_root, bool loopback_http);

/// The server that `document` describes, or none when its `issuer` is not exactly `issuer` (RFC
/// 8414 section 3.3). Endpoints that are no usable URLs are left out.
std::optional<AuthServer> read_issuer_metadata(const Value& document, std::string_view issuer,
                                               bool loopback_http);

/// Which endpoints the caller cannot do without; configured ones are not looked up again.
struct EndpointNeeds {
  bool token = false;
  bool revocation = false;
  bool introspection = false;
  bool asks = false;     // introspection too, where the pinned issuer's own document names one;
                         // what is configured serves without it
  bool confirm = false;  // read the protected-resource document even where the issuer is pinned
                         // (action `discover`)
};

struct LocateRequest {
  std::string mcp_server_url{};
  std::string record_token_endpoint{};  // as the vault record has it; picks among several issuers;
                                        // may be empty
  const IssuerConfig* entry = nullptr;  // outlives the task
  bool loopback_http = false;
  EndpointNeeds needs{};
};

/// Finds the authorization server of an MCP server with at most 14 GET requests, none of which
/// carries a secret. What the configuration pins wins: with `endpoints:` nothing is fetched unless
/// a needed one is missing and `issuer:` is pinned; with `issuer:` only that issuer's own metadata
/// counts. Else RFC 9728 (challenge, path, root), then RFC 8414 or OIDC of the named issuers, then
/// metadata at the MCP server's own origin (revision 2025-03-26). Errors: `unavailable_here` when
/// there is none; `transient` or `throttled` when a server on the way did not answer; `invalid`
/// from the egress policy.
Task<Result<AuthServer>> locate_auth_server(Io& io, LocateRequest request);

}  // namespace quell
