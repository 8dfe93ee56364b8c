#include "connectors/oauth/jwt.h"

#include <string>

#include <doctest/doctest.h>

#include "state/base/bytes.h"
#include "tests/connectors/oauth/web.h"

namespace quell {
namespace {

using test::at;
using test::make_jwt;

// Goal: the claims that a report shows are read, cut and escaped; nothing of them is believed.
TEST_CASE("claims of a JWT access token are read") {
  const std::optional<JwtClaims> claims = decode_jwt_text(make_jwt(
      R"({"exp":1930000000,"iss":"https://as.example","aud":["a","b"],"client_id":"c\u001b1","jti":"j","cnf":{"jkt":"x"}})"));
  REQUIRE(claims);
  CHECK(claims->expires_at == at("2031-02-27T23:06:40Z"));
  CHECK(claims->issuer == "https://as.example");
  CHECK(claims->audience == std::vector<std::string>{"a", "b"});
  CHECK(claims->client_id.find('\x1b') == std::string::npos);
  CHECK(claims->jwt_id == "j");
  CHECK(claims->type == "at+jwt");
  CHECK(claims->sender_constrained);
  CHECK_FALSE(decode_jwt_text(make_jwt("{}"))->sender_constrained);
}

// Goal: `exp` of any shape gives a time in range or none, never a crash or a wrapped number (T12).
TEST_CASE("exp is read only where it is a sensible number") {
  const auto expiry = [](const std::string& exp) {
    const std::optional<JwtClaims> claims = decode_jwt_text(make_jwt(R"({"exp":)" + exp + "}"));
    REQUIRE(claims);
    return claims->expires_at;
  };
  CHECK(expiry("0") == at("1970-01-01T00:00:00Z"));
  CHECK(expiry("1930000000.9") == at("2031-02-27T23:06:40Z"));
  CHECK(expiry("-1") == std::nullopt);
  CHECK(expiry("9223372036854775807") == std::nullopt);
  CHECK(expiry("1e18") == std::nullopt);
  CHECK(expiry("\"1930000000\"") == std::nullopt);
  CHECK(expiry("null") == std::nullopt);
}

// Goal: every other token is opaque. Method: each way in which it fails to be a compact JWS with
// JSON inside.
TEST_CASE("what is no compact JWS is opaque") {
  const std::string header = base64url_encode(R"({"alg":"RS256"})");
  const std::string claims = base64url_encode("{}");
  for (const std::string& token : {
           std::string{},
           std::string("opaque-token"),
           header + "." + claims,
           header + "." + claims + ".s.t",
           std::string(".."),
           std::string("a.b.c"),
           header + ".!!.s",
           header + "." + base64url_encode("[]") + ".s",
           header + "." + base64url_encode("{") + ".s",
           header + "." + base64url_encode(R"({"exp":1,"exp":2})") + ".s",
           base64url_encode("{}") + "." + claims + ".s",
           base64url_encode(R"({"alg":7})") + "." + claims + ".s",
           make_jwt(R"({"x":")" + std::string(20'000, 'x') + "\"}"),
           header + "." + base64url_encode(std::string(200, '[') + std::string(200, ']')) + ".s",
       }) {
    CAPTURE(token.substr(0, 60));
    CHECK_FALSE(decode_jwt_text(token).has_value());
  }
}

}  // namespace
}  // namespace quell
