// trip_reuse_detection: API sheet 6.1; threat T11.
#include <string>

#include <doctest/doctest.h>

#include "tests/connectors/oauth/web.h"

namespace quell {
namespace {

using namespace test;

const std::string kTrippedToken = kIssuer + "/token";
const std::string kTrippedRevoke = kIssuer + "/revoke";

OauthConfig tripped_config() {
  OauthConfig config = pinned_config();
  config.issuers[0].endpoints = {.token = kTrippedToken, .revocation = kTrippedRevoke};
  return config;
}

Result<Outcome> trip(Web& web, const OauthConfig& config = tripped_config()) {
  Run what;
  what.params = Value::map({{"mcp_server_url", kMcp}, {"refresh_token", secret("spent-1")}});
  return run(config, "trip_reuse_detection", std::move(what), web);
}

const std::string kTokens = R"({"access_token":"new-a","refresh_token":"new-r"})";

// Goal: a refusal is what a spent token gets; it says nothing of the family, so nothing is proved.
TEST_CASE("presenting a spent refresh token claims nothing by itself") {
  Web web;
  web.on("POST", kTrippedToken, json_reply(400, R"({"error":"invalid_grant"})"));
  const Result<Outcome> out = trip(web);
  REQUIRE(out);
  CHECK(out->outputs["answer"] == Value("dead"));
  CHECK_FALSE(out->judgement.has_value());
  // Nor may a later look at this token speak for those that came after it.
  REQUIRE(out->doubts.size() == 1);
  CHECK(out->doubts[0].kill == Kill::refresh_token);
  CHECK(out->doubts[0].at_best == Grade::none);
  REQUIRE(web.log().size() == 1);
  CHECK(web.log()[0].form("grant_type") == "refresh_token");
  CHECK(web.log()[0].effect == Effect::mutate);
}

// Goal: what it mints is sealed before anything else and revoked at once.
TEST_CASE("tokens that it brings are kept, then revoked") {
  Web web;
  web.on("POST", kTrippedToken, json_reply(200, kTokens));
  web.on("POST", kTrippedRevoke, reply(200));
  const Result<Outcome> out = trip(web);
  REQUIRE(out);
  CHECK(out->outputs["minted"] == Value(2));
  CHECK(out->outputs["minted_revoked"] == Value(2));
  CHECK(out->doubts.empty());
  REQUIRE(web.log().size() == 3);
  CHECK(web.log()[1].form("token") == "new-r");
  CHECK(web.log()[2].form("token") == "new-a");
  REQUIRE(web.notes().size() == 2);
  CHECK(web.notes()[0] == "keep minted_refresh_token after 1");
  CHECK(web.notes()[1] == "keep minted_access_token after 1");
}

// Goal: a minted token that could not be revoked stands against every proof for the grant.
TEST_CASE("a minted token that lives on is a doubt") {
  Web web;
  web.on("POST", kTrippedToken, json_reply(200, kTokens));
  web.on("POST", kTrippedRevoke, reply(400, R"({"error":"invalid_request"})"));
  const Result<Outcome> out = trip(web);
  REQUIRE(out);
  REQUIRE(out->doubts.size() == 1);
  CHECK(out->doubts[0].kill == Kill::refresh_token);
  CHECK(out->doubts[0].at_best == Grade::none);
}

TEST_CASE("an answer that is lost or unreadable may have minted") {
  for (const int kind : {0, 1, 2}) {
    CAPTURE(kind);
    Web web;
    if (kind == 0) {
      web.on("POST", kTrippedToken,
             [](const Seen&) -> Result<HttpResponse> { return broken(ErrorCode::unknown); });
    } else {
      web.on("POST", kTrippedToken, kind == 1 ? reply(200, "?") : reply(502));
    }
    const Result<Outcome> out = trip(web);
    REQUIRE_FALSE(out);
    CHECK(out.error().code == ErrorCode::unknown);
    REQUIRE(web.meanwhile.size() == 1);
    CHECK(web.meanwhile[0].at_best == Grade::none);
  }
}

// Goal: where what it mints could not be revoked, nothing is presented.
TEST_CASE("without a way to revoke what it mints it is not made") {
  Web web;
  OauthConfig config = tripped_config();
  config.issuers[0].issuer.clear();
  config.issuers[0].endpoints.revocation.clear();
  CHECK_FALSE(trip(web, config).has_value());
  CHECK(web.to(kTrippedToken).empty());
  Run none;
  none.params = Value::map({{"mcp_server_url", kMcp}});
  CHECK_FALSE(run(tripped_config(), "trip_reuse_detection", std::move(none), web).has_value());
  CHECK(web.to(kTrippedToken).empty());
}

}  // namespace
}  // namespace quell
