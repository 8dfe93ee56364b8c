#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "state/base/value.h"

namespace quell::range {

/// Signs the range's JWT access tokens with Ed25519 (RFC 8037). The key follows from 32 bytes of
/// the seed and Ed25519 signs without chance, so the same world signs the same bytes. No secret of
/// anybody's: it protects nothing outside the range.
class TokenSigner {
 public:
  explicit TokenSigner(std::string_view seed);
  ~TokenSigner();
  TokenSigner(const TokenSigner&) = delete;
  TokenSigner& operator=(const TokenSigner&) = delete;

  /// A compact JWS over `claims` with header `typ: at+jwt`.
  std::string sign(const Value& claims) const;
  /// The claims of a compact JWS that this key signed, else none.
  std::optional<Value> verify(std::string_view token) const;
  /// The public key as a JWK.
  Value jwk() const;

 private:
  struct Key;
  std::unique_ptr<Key> key_;
};

/// Header and claims of a compact JWS, unverified; none if it is not one.
struct JwtParts {
  Value header{};
  Value claims{};
  std::string_view signed_part{};
  std::string signature{};
};
std::optional<JwtParts> split_jwt(std::string_view token);

/// Does the key in `public_key_pem` (RSA: RS256, EC P-256: ES256, Ed25519: EdDSA) sign `parts`? The
/// algorithm follows from the key, and the header must name it.
bool jwt_signature_holds(const JwtParts& parts, const std::string& public_key_pem);

}  // namespace quell::range
