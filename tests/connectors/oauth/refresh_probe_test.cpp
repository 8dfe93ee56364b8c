// refresh_is_dead (API sheet 6.3, threat T11) and introspect (RFC 7662, API sheet 2).
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "state/base/bytes.h"
#include "tests/connectors/oauth/web.h"

namespace quell {
namespace {

using namespace test;

const std::string kProbedToken = "https://as.example/token";
const std::string kProbedRevoke = "https://as.example/revoke";
const std::string kIntrospect = "https://as.example/introspect";
const std::string kMinted =
    R"({"access_token":"new-access","refresh_token":"new-refresh","token_type":"Bearer"})";

OauthConfig probed_config(ClientAuth method = ClientAuth::client_secret_basic) {
  OauthConfig config = pinned_config(method);
  config.issuers[0].endpoints = {
      .token = kProbedToken, .revocation = kProbedRevoke, .introspection = kIntrospect};
  return config;
}

Result<Outcome> test_refresh(const OauthConfig& config, Web& web) {
  Run what;
  what.params = Value::map({{"mcp_server_url", kMcp}, {"refresh_token", secret("leaked+refresh")}});
  return run(config, "refresh_is_dead", std::move(what), web);
}

TEST_CASE(
    "a spent refresh token is dead: strong for a confidential client with a reason, else weak") {
  for (const ClientAuth method : {ClientAuth::client_secret_basic, ClientAuth::none}) {
    for (const HttpResponse& answer :
         {json_reply(400, R"({"error":"invalid_grant"})"), reply(400)}) {
      const bool strong = method != ClientAuth::none && !answer.body.empty();
      Web web;
      web.on("POST", kProbedToken, answer);
      const Result<Outcome> out = test_refresh(probed_config(method), web);
      REQUIRE(out);
      REQUIRE(out->judgement);
      CHECK(out->outputs["answer"] == Value("dead"));
      CHECK(out->judgement->verdict == Verdict::proved);
      CHECK(out->judgement->grade == (strong ? Grade::strong : Grade::weak));
      CHECK(out->judgement->residual.has_value() == (method == ClientAuth::none));
      REQUIRE(web.log().size() == 1);
      CHECK(web.log()[0].form("grant_type") == "refresh_token");
      CHECK(web.log()[0].form("refresh_token") == "leaked+refresh");
      CHECK(web.log()[0].form("resource") == kMcp);
      CHECK(web.log()[0].effect == Effect::mutate);
    }
  }
}

// Goal: a token of another client is refused with the same word (RFC 6749 section 5.2); that proves
// nothing.
TEST_CASE("invalid_grant to another client than the record's is no proof") {
  for (const auto& [record, verdict] :
       {std::pair("client-1", Verdict::proved), std::pair("client-2", Verdict::unproved)}) {
    Web web;
    web.on("POST", kProbedToken, json_reply(400, R"({"error":"invalid_grant"})"));
    Run what;
    what.params = Value::map(
        {{"mcp_server_url", kMcp}, {"refresh_token", secret("leaked")}, {"client_id", record}});
    const Result<Outcome> out = run(probed_config(), "refresh_is_dead", std::move(what), web);
    REQUIRE(out);
    CHECK(out->judgement->verdict == verdict);
    CHECK(out->judgement->residual.has_value() == (verdict != Verdict::proved));
  }
}

// Goal: T11. What a living refresh token gives is sealed before anything else, then revoked,
// refresh token first.
TEST_CASE("minted tokens are sealed, then revoked") {
  Web web;
  web.on("POST", kProbedToken, json_reply(200, kMinted));
  web.on("POST", kProbedRevoke, reply(200));
  const Result<Outcome> out = test_refresh(probed_config(), web);
  REQUIRE(out);
  REQUIRE(out->judgement);
  CHECK(out->judgement->verdict == Verdict::refuted);
  CHECK(out->outputs["answer"] == Value("alive"));
  CHECK(out->outputs["minted"] == Value(2));
  CHECK(out->outputs["minted_revoked"] == Value(2));
  CHECK(web.notes() == std::vector<std::string>{"keep minted_refresh_token after 1",
                                                "keep minted_access_token after 1"});
  REQUIRE(web.log().size() == 3);
  CHECK(web.log()[1].form("token") == "new-refresh");
  CHECK(web.log()[1].form("token_type_hint") == "refresh_token");
  CHECK(web.log()[2].form("token") == "new-access");
}

TEST_CASE("a busy issuer is asked again for the minted tokens, and what stays alive is named") {
  SUBCASE("it yields") {
    Web web;
    web.on("POST", kProbedToken, json_reply(200, R"({"access_token":"new-access"})"));
    web.on("POST", kProbedRevoke, reply(503, "", {{"retry-after", "2"}})).on("POST", kProbedRevoke, reply(200));
    const Result<Outcome> out = test_refresh(probed_config(), web);
    REQUIRE(out);
    CHECK(out->outputs["minted_revoked"] == Value(1));
    CHECK(web.to(kProbedRevoke).size() == 2);
    CHECK(web.notes().back().starts_with("wait 2"));
  }
  SUBCASE("it never does") {
    Web web;
    web.on("POST", kProbedToken, json_reply(200, kMinted));
    web.on("POST", kProbedRevoke, reply(503, "", {{"retry-after", "9999999"}}));
    const Result<Outcome> out = test_refresh(probed_config(), web);
    REQUIRE(out);
    CHECK(web.to(kProbedRevoke).size() == 6);
    CHECK(out->outputs["minted_revoked"] == Value(0));
    CHECK(out->judgement->residual->reason.find("2 of 2 tokens") != std::string::npos);
  }
}

// Goal: an answer that proves nothing leaves the claim open, with what it may have done.
TEST_CASE("no other answer proves anything") {
  const std::vector<HttpResponse> answers{reply(401),
                                          json_reply(400, R"({"error":"invalid_client"})"),
                                          json_reply(400, R"({"error":"invalid_target"})"),
                                          reply(403),
                                          reply(429),
                                          reply(500),
                                          reply(503),
                                          reply(302),
                                          reply(404),
                                          reply(200, "<html>"),
                                          json_reply(200, "{}")};
  for (const HttpResponse& answer : answers) {
    CAPTURE(answer.status);
    Web web;
    web.on("POST", kProbedToken, answer);
    const Result<Outcome> out = test_refresh(probed_config(), web);
    REQUIRE(out);
    REQUIRE(out->judgement);
    CHECK(out->judgement->verdict == Verdict::unproved);
    CHECK(out->judgement->residual.has_value());
    CHECK(out->outputs["answer"] == Value("unknown"));
  }
}

TEST_CASE("a lost answer may have minted, and the residual says so") {
  Web web;
  web.on("POST", kProbedToken,
         [](const Seen&) -> Result<HttpResponse> { return broken(ErrorCode::unknown); });
  const Result<Outcome> out = test_refresh(probed_config(), web);
  REQUIRE(out);
  CHECK(out->judgement->verdict == Verdict::unproved);
  CHECK(out->judgement->residual->reason.find("may have been issued") != std::string::npos);
  Web refused;
  refused.on("POST", kProbedToken,
             [](const Seen&) -> Result<HttpResponse> { return broken(ErrorCode::invalid); });
  CHECK(test_refresh(probed_config(), refused).error().code == ErrorCode::invalid);
}

TEST_CASE("without a revocation endpoint the test is not made") {
  OauthConfig config = pinned_config();
  config.issuers[0].endpoints.token = kProbedToken;
  Web web;
  const Result<Outcome> out = test_refresh(config, web);
  REQUIRE_FALSE(out);
  CHECK(out.error().code == ErrorCode::unavailable_here);
  CHECK(web.to(kProbedToken).empty());
}

Result<Outcome> introspect(const OauthConfig& config, Web& web) {
  Run what;
  what.params =
      Value::map({{"token", secret("leaked+access")}, {"token_type_hint", "access_token"}});
  return run(config, "introspect", std::move(what), web);
}

TEST_CASE("introspection says what the issuer said, and proves nothing") {
  Web web;
  web.on(
      "POST", kIntrospect,
      json_reply(
          200,
          R"({"active":true,"client_id":"c","scope":"a b","exp":1930000000,"sub":"u\u001b[31m","cnf":{}})"));
  const Result<Outcome> out = introspect(probed_config(), web);
  REQUIRE(out);
  CHECK_FALSE(out->judgement.has_value());
  CHECK(out->outputs["active"] == Value(true));
  CHECK(out->outputs["scope"] == Value("a b"));
  CHECK(out->outputs["exp"].is_timestamp());
  CHECK(out->outputs["sender_constrained"] == Value(true));
  CHECK(out->outputs["sub"].string_or("").find('\x1b') == std::string::npos);
  CHECK(web.log()[0].form("token") == "leaked+access");
  CHECK(web.log()[0].form("token_type_hint") == "access_token");
  CHECK(web.log()[0].effect == Effect::probe);
  CHECK(web.log()[0].header("authorization").starts_with("Basic "));

  Web inactive;
  inactive.on("POST", kIntrospect, json_reply(200, R"({"active":false})"));
  const Result<Outcome> dead = introspect(probed_config(), inactive);
  REQUIRE(dead);
  CHECK(dead->outputs["active"] == Value(false));
  CHECK(dead->outputs["exp"].is_null());
  CHECK(dead->outputs["client_id"].is_null());
}

TEST_CASE("introspection fails by class") {
  const auto code_of = [](const HttpResponse& response) {
    Web web;
    web.on("POST", kIntrospect, response);
    const Result<Outcome> out = introspect(probed_config(), web);
    return std::string(out ? "ok" : to_string(out.error().code));
  };
  CHECK(code_of(reply(401)) == "denied");
  CHECK(code_of(json_reply(400, R"({"error":"unsupported_token_type"})")) == "unavailable_here");
  CHECK(code_of(reply(404)) == "unavailable_here");
  CHECK(code_of(reply(500)) == "transient");
  CHECK(code_of(reply(200, "<html>", {{"content-type", "text/html"}})) == "invalid");
  CHECK(code_of(json_reply(200, R"({"active":"false"})")) == "invalid");

  Web web;
  web.on("POST", kIntrospect,
         [](const Seen&) -> Result<HttpResponse> { return broken(ErrorCode::unknown); });
  CHECK(introspect(probed_config(), web).error().code == ErrorCode::transient);
}

TEST_CASE("introspection without a URL needs exactly one entry") {
  OauthConfig config = probed_config();
  IssuerConfig second = config.issuers[0];
  second.match_mcp_server_url = "https://other.example/mcp";
  config.issuers.push_back(second);
  Web web;
  CHECK(introspect(config, web).error().code == ErrorCode::invalid);
  CHECK(introspect(OauthConfig{}, web).error().code == ErrorCode::invalid);
  CHECK(web.log().empty());
}

}  // namespace
}  // namespace quell
