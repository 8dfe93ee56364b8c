#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/alerts/source.h"

namespace quell {

/// Of one set of public keys, and of the name of one.
inline constexpr std::size_t kKeysMax = 64;
inline constexpr std::size_t kKeyIdBytesMax = 128;

/// The name of `algorithm` in a JWS header (RFC 7518 section 3.1, RFC 8037 section 3.1).
std::string_view to_string(JwsAlgorithm algorithm) noexcept;
/// None for every other name: `none` and the HMAC family are not among them.
std::optional<JwsAlgorithm> jws_algorithm_from_string(std::string_view text) noexcept;

/// The signing keys of a JSON Web Key Set (RFC 7517): RSA of 2048 to 8192 bits, EC P-256, OKP
/// Ed25519. What has no `kid`, is for encryption, or is of another type is left out.
std::vector<PublicKey> read_key_set(std::string_view body);

/// Is `signature`, raw as a JWS carries it, one of `message` under `key`? Never under an algorithm
/// that the key's type or its own `alg` does not allow.
bool is_signed_jws(JwsAlgorithm algorithm, const PublicKey& key, std::string_view message,
                   std::string_view signature);

}  // namespace quell
