#include <doctest/doctest.h>

#include "issuer_fixture.h"

namespace quell::range::test {
namespace {

using std::chrono::seconds;

enum class What : std::uint8_t { refresh_token, access_token };

/// One row: a fresh grant, one revocation, and what still works afterwards.
struct Cascade {
  const char* profile;
  What what;
  const char* hint;
  int status;
  bool access_accepted;  // by the MCP server
  bool access_active;    // by introspection
  bool refresh_works;
};

}  // namespace

// Goal: each issuer profile dies as far as the API sheet 6.4 and the profile's promise say, and no
// further.
// Method: mint, revoke one token, then ask MCP server, introspection and token endpoint.
TEST_CASE("revocation reaches as far as the profile lets it") {
  constexpr Cascade kRows[] = {
      {"", What::refresh_token, "refresh_token", 200, false, false, false},
      {"", What::access_token, "access_token", 200, false, false, false},
      {"", What::refresh_token, "access_token", 200, false, false, false},  // wrong hints
      {"", What::access_token, "refresh_token", 200, false, false, false},
      {"", What::access_token, "nonsense", 200, false, false, false},
      {"", What::refresh_token, "", 200, false, false, false},
      {"lying_200", What::refresh_token, "", 200, true, true, true},
      {"lying_200", What::access_token, "", 200, true, true, true},
      {"access_token_survives", What::refresh_token, "", 200, true, true, false},
      {"access_token_survives", What::access_token, "", 200, true, true, true},
      {"jwt_offline", What::refresh_token, "", 200, true, false, false},
      {"jwt_offline", What::access_token, "", 200, true, false, true},
      {"html_200", What::refresh_token, "", 200, true, true, true},
      {"issuer_503", What::refresh_token, "", 503, true, true, true},
      {"no_revocation_endpoint", What::refresh_token, "", 404, true, true, true},
      {"rotation", What::refresh_token, "", 200, false, false, false},
      {"rotation_family", What::access_token, "", 200, false, false, false},
      {"slow_cache", What::refresh_token, "", 200, true, false, false},
  };
  for (const Cascade& row : kRows) {
    CAPTURE(row.profile);
    CAPTURE(row.hint);
    Pair pair(row.profile);
    const Issuer::Grant grant = pair.mint();
    const std::string& token =
        row.what == What::refresh_token ? grant.refresh_token : grant.access_token;
    CHECK(pair.revoke(token, row.hint).status == row.status);
    CHECK(pair.server.accepts(grant.access_token, kStart) == row.access_accepted);
    CHECK(pair.is_active(grant.access_token) == row.access_active);
    CHECK(pair.issuer.access_token_works(grant.access_token, kStart) == row.access_active);
    CHECK(pair.is_active(grant.refresh_token) == row.refresh_works);
    CHECK(pair.issuer.refresh_token_works(grant.refresh_token, kStart) == row.refresh_works);
    CHECK(pair.refresh(grant.refresh_token).status == (row.refresh_works ? 200 : 400));
  }
}

// Goal: a 200 is no evidence, as RFC 7009 section 2.2 has it.
TEST_CASE("unknown, expired and already revoked tokens are answered 200") {
  Pair pair;
  const Issuer::Grant grant = pair.mint();
  CHECK(pair.revoke("never-issued").status == 200);
  CHECK(pair.revoke(grant.access_token).status == 200);
  CHECK(pair.revoke(grant.access_token).status == 200);
  const Issuer::Grant other = pair.mint();
  const Timestamp later = kStart + Issuer::kAccessTokenLifetime;
  CHECK(pair.revoke(other.access_token, "", later).status == 200);
  CHECK(pair.issuer.refresh_token_works(other.refresh_token, later));
}

// Goal: only the client that got a token can revoke it.
TEST_CASE("a foreign client's token is refused, to a public client silently") {
  Pair pair;
  const Issuer::Grant foreign = pair.issuer.mint("somebody", pair.server.endpoint(), kStart);
  const Response refused = pair.revoke(foreign.refresh_token);
  CHECK(refused.status == 400);
  CHECK(json_of(refused)["error"].string_or("") == "invalid_request");
  const Issuer::Grant ours = pair.mint();
  const Fields as_public{{"token", ours.refresh_token}, {"client_id", "somebody"}};
  CHECK(pair.post_as("", "/revoke", as_public).status == 200);
  CHECK(pair.issuer.refresh_token_works(ours.refresh_token, kStart));
  CHECK(pair.issuer.refresh_token_works(foreign.refresh_token, kStart));
  const Fields own{{"token", foreign.refresh_token}, {"client_id", "somebody"}};
  CHECK(pair.post_as("", "/revoke", own).status == 200);
  CHECK_FALSE(pair.issuer.refresh_token_works(foreign.refresh_token, kStart));
}

// Goal: the trap of section 6.1: revoking the vault's spent token leaves the thief untouched.
TEST_CASE("with spent_refresh_200 the thief outlives the revocation of what the vault holds") {
  Pair pair("spent_refresh_200");
  const Issuer::Grant grant = pair.mint();
  const Value stolen = json_of(pair.refresh(grant.refresh_token));
  const std::string head = stolen["refresh_token"].string_or("");
  const std::string access = stolen["access_token"].string_or("");
  REQUIRE(head != grant.refresh_token);
  CHECK(pair.revoke(grant.refresh_token).status == 200);
  CHECK(pair.revoke(grant.access_token).status == 200);
  CHECK_FALSE(pair.server.accepts(grant.access_token, kStart));
  CHECK(pair.server.accepts(access, kStart));
  CHECK(pair.refresh(grant.refresh_token).status == 400);
  CHECK(pair.refresh(head).status == 200);
  // What it takes: the head itself.
  const std::string newest = pair.issuer.family_of(grant.access_token).refresh_tokens.back();
  CHECK(pair.revoke(newest).status == 200);
  CHECK_FALSE(pair.server.accepts(access, kStart));
}

// Goal: rotation as such kills nobody on reuse, family rotation does (RFC 9700 section 4.14).
TEST_CASE("reuse of a spent refresh token kills the family only where the profile says so") {
  for (const bool family : {false, true}) {
    CAPTURE(family);
    Pair pair(family ? "rotation_family" : "rotation");
    const Issuer::Grant grant = pair.mint();
    const Value next = json_of(pair.refresh(grant.refresh_token));
    const Response reuse = pair.refresh(grant.refresh_token);
    CHECK(reuse.status == 400);
    CHECK(json_of(reuse)["error"].string_or("") == "invalid_grant");
    const std::string access = next["access_token"].string_or("");
    CHECK(pair.server.accepts(access, kStart) == !family);
    CHECK(pair.refresh(next["refresh_token"].string_or("")).status == (family ? 400 : 200));
  }
}

TEST_CASE("with rotation, revoking a spent refresh token kills the family") {
  Pair pair("rotation");
  const Issuer::Grant grant = pair.mint();
  const Value next = json_of(pair.refresh(grant.refresh_token));
  CHECK(pair.revoke(grant.refresh_token).status == 200);
  CHECK_FALSE(pair.server.accepts(next["access_token"].string_or(""), kStart));
  CHECK(pair.refresh(next["refresh_token"].string_or("")).status == 400);
}

// Goal: a 503 means that the token lives; the issuer recovers, as a maintenance window ends.
TEST_CASE("issuer_503 refuses the first revocations and then revokes") {
  Pair pair("issuer_503");
  const Issuer::Grant grant = pair.mint();
  for (int i = 0; i < Issuer::kUnavailableRevocations; ++i) {
    const Response busy = pair.revoke(grant.refresh_token);
    CHECK(busy.status == 503);
    CHECK(header_of(busy, "retry-after") == "2");
    CHECK(pair.issuer.refresh_token_works(grant.refresh_token, kStart));
  }
  CHECK(pair.revoke(grant.refresh_token).status == 200);
  CHECK_FALSE(pair.issuer.refresh_token_works(grant.refresh_token, kStart));
}

TEST_CASE("html_200 is a page, not an answer") {
  Pair pair("html_200");
  const Response page = pair.revoke(pair.mint().refresh_token);
  CHECK(page.status == 200);
  CHECK(header_of(page, "content-type").starts_with("text/html"));
}

TEST_CASE("a revocation without a token or with a repeated one is invalid_request") {
  Pair pair;
  CHECK(json_of(pair.post("/revoke", {}))["error"].string_or("") == "invalid_request");
  const Response repeated = pair.post("/revoke", {{"token", "a"}, {"token", "b"}});
  CHECK(repeated.status == 400);
  CHECK(json_of(repeated)["error"].string_or("") == "invalid_request");
}

// Goal: jwt_offline holds what the sheet 6.5 says: accepted until exp, whatever the issuer says.
TEST_CASE("a JWT is accepted until exp and not a second longer") {
  Pair pair("jwt_offline");
  const Issuer::Grant grant = pair.mint();
  CHECK(grant.expires_at == kStart + Issuer::kJwtLifetime);
  CHECK(pair.revoke(grant.refresh_token).status == 200);
  CHECK(pair.server.accepts(grant.access_token, grant.expires_at - seconds(1)));
  CHECK_FALSE(pair.server.accepts(grant.access_token, grant.expires_at));
  std::string forged = grant.access_token;
  forged[forged.size() / 2] = forged[forged.size() / 2] == 'A' ? 'B' : 'A';
  CHECK_FALSE(pair.server.accepts(forged, kStart));
  const Issuer::Grant elsewhere =
      pair.issuer.mint(pair.issuer.client_id(), "http://127.0.0.1:9999/mcp", kStart);
  CHECK_FALSE(pair.server.accepts(elsewhere.access_token, kStart));
}

TEST_CASE("slow_cache forgets a revoked token after thirty seconds") {
  Pair pair("slow_cache");
  const Issuer::Grant grant = pair.mint();
  CHECK(pair.revoke(grant.refresh_token, "", kStart + seconds(1)).status == 200);
  CHECK(pair.server.accepts(grant.access_token, kStart + seconds(30)));
  CHECK_FALSE(pair.server.accepts(grant.access_token, kStart + seconds(31)));
}

}  // namespace quell::range::test
