#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "state/base/clock.h"
#include "state/base/secret.h"

namespace quell {

/// The end of the year 9999: no `exp` and the like is later.
inline constexpr std::int64_t kSecondsMax = 253'402'300'799;

/// What a JWT access token says about itself. Nobody checked its signature: good for a note, and
/// for making a horizon longer, never shorter (T12). Texts are escaped and cut.
struct JwtClaims {
  std::optional<Timestamp> expires_at{};
  std::string issuer{};
  std::vector<std::string> audience{};
  std::string client_id{};
  std::string jwt_id{};
  std::string type{};               // header `typ`, often `at+jwt`
  bool sender_constrained = false;  // `cnf` (RFC 9449, RFC 8705): a plain Bearer probe must fail
};

/// Reads the header and claims of a compact JWS of at most 16 KiB; none for every other token. One
/// of the few callers of Secret::reveal(): the claims stand inside the token.
std::optional<JwtClaims> decode_jwt(const Secret& token);

/// As above from plain text; the decoder's core, for tests and fuzzing.
std::optional<JwtClaims> decode_jwt_text(std::string_view token);

}  // namespace quell
