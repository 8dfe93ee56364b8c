#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/range/profile.h"
#include "orchestrator/range/world.h"
#include "state/base/clock.h"
#include "state/base/random.h"

namespace quell::range {

class TokenSigner;
struct IssuerForm;

/// How a client proves itself at the endpoints (API sheet oauth-mcp-revocation 1.1).
enum class ClientMethod : std::uint8_t {
  none,             // public: `client_id` alone
  client_secret,    // Basic or in the body, as the caller likes
  private_key_jwt,  // RS256, ES256 or EdDSA, by the type of the key
};

struct IssuerClient {
  std::string id{};
  ClientMethod method = ClientMethod::client_secret;
  std::string secret{};          // client_secret only
  std::string public_key_pem{};  // private_key_jwt only
};

/// What a resource server that asks the issuer learns about an access token.
struct TokenFacts {
  std::string client_id{};
  std::string resource{};
  Timestamp expires_at{};
  std::optional<Timestamp> revoked_at{};
};

/// The simulated authorization server: token, revocation (RFC 7009) and introspection (RFC 7662)
/// endpoints, metadata (RFC 8414, OIDC) and key set. Without a profile it behaves as the stricter
/// of the two servers of the API sheet 6.4: any revocation kills the whole grant at once. Refresh
/// tokens do not expire; access tokens live `kAccessTokenLifetime`, JWTs `kJwtLifetime`.
///
/// Pure: time comes with each call, chance from the seed. Not thread-safe.
class Issuer {
 public:
  struct Grant {
    std::string access_token{};
    std::string refresh_token{};
    Timestamp expires_at{};
  };
  /// All tokens of one grant, oldest first; long expired access tokens may be missing.
  struct Family {
    std::vector<std::string> access_tokens{};
    std::vector<std::string> refresh_tokens{};
  };

  static constexpr Duration kAccessTokenLifetime{600'000};
  static constexpr Duration kJwtLifetime{3'600'000};
  /// Calls of the revocation endpoint that profile issuer_503 refuses before it recovers.
  static constexpr int kUnavailableRevocations = 2;
  /// Has anybody asked for a revocation yet?
  bool was_told() const { return was_told_; }

  /// `profiles` is borrowed and read at every call; `random` only here.
  Issuer(const WorldOptions& options, SeededRandom& random, const ProfileSet& profiles);
  ~Issuer();
  Issuer(const Issuer&) = delete;
  Issuer& operator=(const Issuer&) = delete;

  Response handle(const Request& request, Timestamp now);

  /// A fresh grant, as if a user had consented. An unknown `client_id` becomes a public client.
  Grant mint(std::string_view client_id, std::string_view resource, Timestamp now);
  void register_client(IssuerClient client);
  /// Ends every grant there is, as a vendor may that was breached.
  void end_all_grants(Timestamp now);
  /// An administrator of the issuer ends the grant that `refresh_token` belongs to; false if there
  /// is none.
  bool end_grant_of(std::string_view refresh_token, Timestamp now);

  /// Neither expired nor revoked at the issuer. Profiles of the MCP server do not count here: ask
  /// McpServer::accepts what a holder of the token can do.
  bool access_token_works(std::string_view token, Timestamp now) const;
  /// A refresh with it would be answered with new tokens.
  bool refresh_token_works(std::string_view token, Timestamp now) const;
  /// Facts of an access token, also an expired or revoked one; none if it was never issued.
  std::optional<TokenFacts> facts(std::string_view access_token) const;
  /// The tokens that descend from the same grant as `token`, itself included; empty if unknown.
  Family family_of(std::string_view token) const;
  /// Checks `token` as a resource server does that only knows the key set: signature, `iss` and
  /// `exp`. Its audience, or none.
  std::optional<std::string> jwt_audience(std::string_view token, Timestamp now) const;

  const std::string& url() const { return url_; }
  std::string token_endpoint() const;
  std::string revocation_endpoint() const;
  std::string introspection_endpoint() const;
  /// The confidential client that the platform (and so the thief) uses.
  const std::string& client_id() const { return client_id_; }
  const std::string& client_secret() const { return client_secret_; }

 private:
  struct GrantRecord {
    std::string client_id{};
    std::string resource{};
    std::vector<std::string> access_tokens{};
    std::vector<std::string> refresh_tokens{};
  };
  struct AccessToken {
    std::uint64_t grant = 0;
    Timestamp issued_at{};
    Timestamp expires_at{};
    std::optional<Timestamp> revoked_at{};
  };
  struct RefreshToken {
    std::uint64_t grant = 0;
    Timestamp issued_at{};
    bool spent = false;
    std::optional<Timestamp> revoked_at{};
  };

  Response token_call(const Request& request, Timestamp now);
  Response refresh(const IssuerForm& form, const IssuerClient& client, Timestamp now);
  Response revocation_call(const Request& request, Timestamp now);
  Response revoke(const IssuerForm& form, const IssuerClient& client, Timestamp now);
  Response introspection_call(const Request& request, Timestamp now);
  Response metadata() const;
  Response key_set() const;

  /// The client of a request, or the refusal to send.
  const IssuerClient* authenticate(const Request& request, const IssuerForm& form, Timestamp now,
                                   Response& refusal);
  bool assertion_holds(const IssuerClient& client, std::string_view assertion, Timestamp now);

  std::string next_token(std::string_view prefix);
  std::string issue_access_token(std::uint64_t grant, Timestamp now, Timestamp& expires_at);
  std::string issue_refresh_token(std::uint64_t grant, Timestamp now);
  void kill_grant(std::uint64_t grant, Timestamp now);
  void prune(Timestamp now);
  bool rotates() const;

  std::string url_;
  const ProfileSet& profiles_;
  SeededRandom random_;
  std::string client_id_{};
  std::string client_secret_{};
  std::unique_ptr<TokenSigner> signer_;
  std::map<std::string, IssuerClient, std::less<>> clients_{};
  std::map<std::uint64_t, GrantRecord> grants_{};
  // Keyed by the token itself: the world is no oracle worth timing, its client secrets and
  // signatures are still compared in constant time.
  std::map<std::string, AccessToken, std::less<>> access_tokens_{};
  std::map<std::string, RefreshToken, std::less<>> refresh_tokens_{};
  std::map<std::string, Timestamp, std::less<>> seen_assertions_{};  // `jti` and its expiry
  std::uint64_t grant_next_ = 1;
  int unavailable_left_ = kUnavailableRevocations;
  bool was_told_ = false;
};

}  // namespace quell::range
