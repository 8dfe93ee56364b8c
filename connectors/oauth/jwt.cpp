// Compact JWS (RFC 7515 section 7.1) with the claims of RFC 7519 and RFC 9068; API sheet 6.5.
#include "connectors/oauth/jwt.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "connectors/oauth/config.h"
#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell {
namespace {

constexpr std::size_t kTokenBytesMax = 16U << 10;
constexpr std::size_t kAudiencesMax = 8;
constexpr JsonLimits kLimits{.bytes_max = kTokenBytesMax, .depth_max = 16, .nodes_max = 1'000};

std::optional<Value> decode_part(std::string_view part) {
  std::optional<std::string> text = base64url_decode(part);
  if (!text) return std::nullopt;
  Result<Value> value = parse_json(*text, kLimits);
  wipe(*text);
  if (!value || !value->is_map()) return std::nullopt;
  return *std::move(value);
}

/// NumericDate (RFC 7519 section 2), whole or fractional seconds; anything out of range counts as
/// absent.
std::optional<Timestamp> numeric_date(const Value& value) {
  double seconds = 0;
  if (value.is_int()) {
    seconds = static_cast<double>(value.as_int());
  } else if (value.is_number()) {
    seconds = std::floor(value.as_number());
  } else {
    return std::nullopt;
  }
  if (!(seconds >= 0 && seconds <= static_cast<double>(kSecondsMax))) return std::nullopt;
  return Timestamp(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
}

std::vector<std::string> audiences(const Value& value) {
  if (value.is_string()) return {outside_text(value.as_string())};
  std::vector<std::string> out;
  for (const Value& item : value.list_or_empty()) {
    if (out.size() == kAudiencesMax) break;
    if (item.is_string()) out.push_back(outside_text(item.as_string()));
  }
  return out;
}

}  // namespace

std::optional<JwtClaims> decode_jwt_text(std::string_view token) {
  if (token.size() > kTokenBytesMax || std::ranges::count(token, '.') != 2) return std::nullopt;
  const std::size_t first = token.find('.');
  const std::size_t second = token.find('.', first + 1);
  const std::optional<Value> header = decode_part(token.substr(0, first));
  if (!header || !(*header)["alg"].is_string()) return std::nullopt;
  const std::optional<Value> claims = decode_part(token.substr(first + 1, second - first - 1));
  if (!claims) return std::nullopt;

  JwtClaims out;
  out.expires_at = numeric_date((*claims)["exp"]);
  out.issuer = outside_text((*claims)["iss"].string_or(""));
  out.audience = audiences((*claims)["aud"]);
  out.client_id = outside_text((*claims)["client_id"].string_or(""));
  out.jwt_id = outside_text((*claims)["jti"].string_or(""));
  out.type = outside_text((*header)["typ"].string_or(""));
  out.sender_constrained = (*claims)["cnf"].is_map();
  return out;
}

std::optional<JwtClaims> decode_jwt(const Secret& token) { return decode_jwt_text(token.reveal()); }

}  // namespace quell
