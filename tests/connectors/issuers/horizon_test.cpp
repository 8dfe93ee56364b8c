// Residual exposure by what a profile knows: caches at resource servers, grace periods of refresh
// tokens (API sheet 6.1 and 6.5; threat T12: nothing unverified shortens a horizon).
#include <memory>
#include <string>

#include <doctest/doctest.h>

#include "connectors/oauth/profile.h"
#include "tests/connectors/oauth/web.h"

namespace quell {
namespace {

using namespace test;

OauthConfig slow_issuer() {
  IssuerProfile profile;
  profile.id = "slow";
  profile.rfc7009 = true;
  profile.cache = Duration{180'000};
  profile.grace = Duration{600'000};
  OauthConfig config = pinned_config();
  config.issuers[0].endpoints = {.token = kIssuer + "/token", .revocation = kIssuer + "/revoke"};
  config.issuers[0].profile = "slow";
  config.profiles = std::make_shared<const IssuerProfiles>(IssuerProfiles{profile});
  return config;
}

Result<Outcome> look(const OauthConfig& config, const std::string& token) {
  Web web;
  web.on("POST", kMcp, [](const Seen& seen) -> Result<HttpResponse> {
    if (seen.header("authorization") != "(absent)") return reply(200, "{}");
    return reply(401, "", {{"www-authenticate", "Bearer"}});
  });
  Run what;
  what.params = Value::map({{"mcp_server_url", kMcp}, {"token", secret(token)}});
  return run(config, "token_is_dead", std::move(what), web);
}

// Goal: a token that lives is exposed until its exp, the skew and the caches, never for less.
TEST_CASE("a cache at the servers lengthens the horizon") {
  const std::string jwt = make_jwt(R"({"exp":1930367767})");  // 2031-03-04T05:06:07Z and 10 minutes
  const Result<Outcome> plain = look(pinned_config(), jwt);
  const Result<Outcome> slow = look(slow_issuer(), jwt);
  REQUIRE(plain);
  REQUIRE(slow);
  REQUIRE(plain->judgement->residual);
  REQUIRE(slow->judgement->residual);
  CHECK(plain->judgement->verdict == Verdict::refuted);
  REQUIRE(plain->judgement->residual->until);
  REQUIRE(slow->judgement->residual->until);
  CHECK(*slow->judgement->residual->until - *plain->judgement->residual->until ==
        Duration{180'000});
  CHECK(slow->judgement->residual->reason.find("3 min") != std::string::npos);
  const Result<Outcome> opaque = look(slow_issuer(), "opaque");
  REQUIRE(opaque);
  CHECK_FALSE(opaque->judgement->residual->until.has_value());
}

// Goal: where a spent refresh token may go on working, one refusal is no strong proof.
TEST_CASE("a grace period weakens what a refresh test says") {
  for (const bool alive : {false, true}) {
    CAPTURE(alive);
    Web web;
    web.on("POST", kIssuer + "/token",
           alive ? json_reply(200, R"({"access_token":"a"})")
                 : json_reply(400, R"({"error":"invalid_grant"})"));
    web.on("POST", kIssuer + "/revoke", reply(200));
    Run what;
    what.params = Value::map({{"mcp_server_url", kMcp}, {"refresh_token", secret("r")}});
    const Result<Outcome> out = run(slow_issuer(), "refresh_is_dead", std::move(what), web);
    REQUIRE(out);
    if (alive) {
      CHECK(out->judgement->verdict == Verdict::refuted);
      CHECK(out->judgement->residual->reason.find("10 min") != std::string::npos);
    } else {
      CHECK(out->judgement->verdict == Verdict::proved);
      CHECK(out->judgement->grade == Grade::weak);
    }
  }
}

}  // namespace
}  // namespace quell
