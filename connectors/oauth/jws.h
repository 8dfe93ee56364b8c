#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "state/base/clock.h"
#include "state/base/result.h"
#include "state/base/secret.h"
#include "state/base/value.h"

namespace quell {

/// The claims of a client assertion (RFC 7523 section 3): `iss` and `sub` are the client, `aud` the
/// issuer.
struct AssertionClaims {
  std::string client_id{};
  std::string audience{};
  std::string jwt_id{};  // fresh per request: replays are refused
  Timestamp issued_at{};
};

/// Lifetime of an assertion from `issued_at`.
inline constexpr std::chrono::seconds kAssertionLifetime{120};

/// Signs `claims` with an asymmetric private key, a JWK (RFC 7517: RSA, EC P-256 and P-384, OKP
/// Ed25519) or PEM. The algorithm is the JWK's `alg` (RS256, PS256, ES256, ES384, EdDSA), else what
/// the key's type suggests. `key_id` goes into the header unless the JWK has a `kid`. Code
/// `invalid` when the key does not serve; it is never quoted.
Result<Secret> sign_assertion(const Secret& private_key, std::string_view key_id,
                              const AssertionClaims& claims);

/// The same with HS256 over the client secret (client_secret_jwt).
Result<Secret> sign_assertion_hs256(const Secret& client_secret, const AssertionClaims& claims);

/// Signs any `claims` likewise, as a compact JWS whose header has this `typ`. The token is no secret.
Result<std::string> sign_claims(const Secret& private_key, std::string_view key_id,
                                std::string_view type, const Value& claims);

/// Can `private_key` sign? For the check of a configuration.
Status check_signing_key(const Secret& private_key);

}  // namespace quell
