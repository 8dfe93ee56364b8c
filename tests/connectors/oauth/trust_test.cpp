// Threats T1 and T7: who may hear a client's secret, and who a leaked token.
#include <string>

#include <doctest/doctest.h>

#include "connectors/url.h"
#include "state/base/bytes.h"
#include "tests/connectors/oauth/web.h"

namespace quell {
namespace {

using namespace test;

const std::string kPrm = "/.well-known/oauth-protected-resource";
const std::string kAs = "/.well-known/oauth-authorization-server";
const std::string kSecret = "s3cret-of-the-client";
const std::string kAccess = "leaked-access-token";
const std::string kRefresh = "leaked-refresh-token";

Run leaked(Value token_endpoint = {}) {
  Run what;
  what.params = Value::map({{"mcp_server_url", kMcp},
                            {"client_id", "client-of-record"},
                            {"token", secret(kAccess)},
                            {"refresh_token", secret(kRefresh)},
                            {"token_endpoint", std::move(token_endpoint)}});
  return what;
}

/// A hostile MCP server: it names an issuer of its own, which answers everything.
void furnish_forger(Web& web) {
  const std::string challenge = R"(Bearer resource_metadata="https://evil.example/prm")";
  web.on("GET", kMcp, reply(401, "", {{"www-authenticate", challenge}}));
  web.document(kEvil + "/prm", resource_document(kMcp, kEvil));
  web.document(kMcpOrigin + kPrm + "/mcp", resource_document(kMcp, kEvil));
  web.document(kEvil + kAs, issuer_document(kEvil, kEvil));
  for (const char* path : {"/revoke", "/token", "/introspect"})
    web.on("POST", kEvil + path, reply(200));
}

/// Nothing of value was said to `origin`, in the clear or inside Basic.
void check_heard_nothing(const Web& web, const std::string& origin) {
  for (const std::string& canary : {kSecret, kAccess, kRefresh})
    CHECK(web.mentions(origin, canary) == 0);
  for (const Seen& seen : web.log()) {
    if (origin_of(seen.url) != origin) continue;
    CHECK(seen.header("authorization") == "(absent)");
    CHECK(seen.form("client_assertion") == "(absent)");
    CHECK(seen.method == "GET");
  }
}

// Goal: T1. The forger owns resource metadata and issuer metadata, both consistent; the pinned
// client secret and the tokens do not go there. Method: every action that could, against a web in
// which he answers everything.
TEST_CASE("a forged issuer hears neither the client's secret nor a token") {
  for (const char* action : {"revoke_grant", "refresh_is_dead", "introspect", "discover"}) {
    for (const bool pinned : {true, false}) {
      CAPTURE(action);
      CAPTURE(pinned);
      OauthConfig config = pinned_config();
      if (!pinned) config.issuers[0].issuer.clear();
      Web web;
      furnish_forger(web);
      const Result<Outcome> out = run(config, action, leaked(), web);
      if (std::string_view(action) != "discover") {
        REQUIRE_FALSE(out);
        CHECK_FALSE(out.error().hint.empty());
        CHECK(out.error().hint.find("endpoints:") != std::string::npos);
      }
      check_heard_nothing(web, kEvil);
      CHECK(web.misdirected() == 0);
    }
  }
}

// Goal: T1. A pinned issuer's own metadata may not add a host either: the error names the line to
// write.
TEST_CASE("an endpoint of the pinned issuer on another origin has to be configured") {
  Web web;
  web.document(kIssuer + kAs, issuer_document(kIssuer, "https://api.as.example"));
  const Result<Outcome> out = run(pinned_config(), "revoke_grant", leaked(), web);
  REQUIRE_FALSE(out);
  CHECK(out.error().code == ErrorCode::invalid);
  CHECK(out.error().topic == "egress");
  CHECK(out.error().hint.find("endpoints: {revocation: https://api.as.example/revoke}") !=
        std::string::npos);
  CHECK(web.to("https://api.as.example/revoke").empty());

  OauthConfig config = pinned_config();
  config.issuers[0].endpoints.revocation = "https://api.as.example/revoke";
  web.on("POST", "https://api.as.example/revoke", reply(200));
  REQUIRE(run(config, "revoke_grant", leaked(), web));
  CHECK(web.to("https://api.as.example/revoke").size() == 2);
  CHECK(web.misdirected() == 0);
}

// Goal: T1. Without issuer and endpoints the secret stays at the MCP server's own origin, also when
// the record knows more.
TEST_CASE("a vault record confirms a host for tokens but never adds one for the client secret") {
  OauthConfig config = pinned_config();
  config.issuers[0].issuer.clear();
  SUBCASE("the issuer elsewhere, named by the record") {
    Web web;
    web.document(kMcpOrigin + kPrm + "/mcp", resource_document(kMcp, kIssuer));
    web.document(kIssuer + kAs, issuer_document(kIssuer, kIssuer));
    const Result<Outcome> out = run(config, "revoke_grant", leaked(Value(kIssuer + "/token")), web);
    REQUIRE_FALSE(out);
    CHECK(out.error().message.find("client secret may not go to https://as.example") !=
          std::string::npos);
    check_heard_nothing(web, kIssuer);
  }
  SUBCASE("the MCP server is its own issuer") {
    Web web;
    web.document(kMcpOrigin + kAs, issuer_document(kMcpOrigin, kMcpOrigin));
    web.on("POST", kMcpOrigin + "/revoke", reply(200));
    REQUIRE(run(config, "revoke_grant", leaked(), web));
    CHECK(web.to(kMcpOrigin + "/revoke").front().header("authorization").starts_with("Basic "));
  }
}

// Goal: T7. A leaked token of an unconfigured server goes to the record's origins alone; a third
// host that metadata names gets nothing, unless the operator chose to trust discovered issuers.
TEST_CASE("a public client's tokens go to the record's origins only") {
  SUBCASE("issuer named by metadata alone") {
    Web web;
    furnish_forger(web);
    const Result<Outcome> out = run(OauthConfig{}, "revoke_grant", leaked(), web);
    REQUIRE_FALSE(out);
    CHECK(out.error().code == ErrorCode::invalid);
    CHECK(out.error().hint.find("issuer: https://evil.example") != std::string::npos);
    check_heard_nothing(web, kEvil);
  }
  SUBCASE("issuer on the record's token endpoint") {
    Web web;
    web.document(kMcpOrigin + kPrm + "/mcp", resource_document(kMcp, kIssuer));
    web.document(kIssuer + kAs, issuer_document(kIssuer, kIssuer));
    web.on("POST", kIssuer + "/revoke", reply(200));
    REQUIRE(run(OauthConfig{}, "revoke_grant", leaked(Value(kIssuer + "/token")), web));
    const std::vector<Seen> posts = web.to(kIssuer + "/revoke");
    REQUIRE(posts.size() == 2);
    CHECK(posts[0].form("client_id") == "client-of-record");
    CHECK(posts[0].form("client_secret") == "(absent)");
    CHECK(posts[0].header("authorization") == "(absent)");
  }
  SUBCASE("the MCP server's own origin") {
    Web web;
    web.document(kMcpOrigin + kAs, issuer_document(kMcpOrigin, kMcpOrigin));
    web.on("POST", kMcpOrigin + "/revoke", reply(200));
    CHECK(run(OauthConfig{}, "revoke_grant", leaked(), web).has_value());
  }
  SUBCASE("discovered issuers are trusted by choice, and only validated ones") {
    OauthConfig config;
    config.trust_discovered_issuers = true;
    Web web;
    web.document(kMcpOrigin + kPrm + "/mcp", resource_document(kMcp, kIssuer));
    web.document(kIssuer + kAs, issuer_document(kIssuer, kIssuer));
    web.on("POST", kIssuer + "/revoke", reply(200));
    CHECK(run(config, "revoke_grant", leaked(), web).has_value());
    Web forged;
    forged.document(kMcpOrigin + kPrm + "/mcp", resource_document(kMcp, kIssuer));
    forged.document(kIssuer + kAs, issuer_document(kIssuer, kEvil));
    forged.on("POST", kEvil + "/revoke", reply(200));
    CHECK_FALSE(run(config, "revoke_grant", leaked(), forged).has_value());
    check_heard_nothing(forged, kEvil);
  }
  SUBCASE("a record's token endpoint over plain http opens nothing") {
    Web web;
    web.document(kMcpOrigin + kPrm + "/mcp", resource_document(kMcp, kIssuer));
    web.document(kIssuer + kAs, issuer_document(kIssuer, kIssuer));
    CHECK_FALSE(run(OauthConfig{}, "revoke_grant", leaked(Value("http://as.example/token")), web)
                    .has_value());
    check_heard_nothing(web, kIssuer);
  }
}

// Goal: a probe's token goes to its MCP server and never into a URL.
TEST_CASE("a probe shows the token to its MCP server alone, in a header") {
  Web web;
  furnish_forger(web);
  web.on("POST", kMcp, reply(302, "", {{"location", kEvil + "/mcp"}}));
  Run what;
  what.params = Value::map({{"mcp_server_url", kMcp}, {"token", secret(kAccess)}});
  const Result<Outcome> out = run(OauthConfig{}, "probe_token", std::move(what), web);
  REQUIRE(out);
  CHECK(out->outputs["answer"] == Value("unknown"));
  check_heard_nothing(web, kEvil);
  for (const Seen& seen : web.log()) CHECK(seen.url.find(kAccess) == std::string::npos);
}

// Goal: an attacker's long, hostile names do not reach a terminal as they are.
TEST_CASE("names from metadata are escaped and cut in messages") {
  OauthConfig config;
  Run what;
  what.params =
      Value::map({{"mcp_server_url", "https://m.example/\x1b[31m" + std::string(5'000, 'x')}});
  Web web;
  const Result<Outcome> out = run(config, "discover", std::move(what), web);
  REQUIRE_FALSE(out);
  CHECK(out.error().message.find('\x1b') == std::string::npos);
  CHECK(out.error().message.size() < 600);
}

}  // namespace
}  // namespace quell
