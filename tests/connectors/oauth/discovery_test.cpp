#include "connectors/oauth/discovery.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "state/base/json.h"
#include "tests/connectors/oauth/web.h"

namespace quell {
namespace {

using namespace test;

using Strings = std::vector<std::string>;

const std::string kPrm = "/.well-known/oauth-protected-resource";
const std::string kAs = "/.well-known/oauth-authorization-server";
const std::string kOidc = "/.well-known/openid-configuration";

Value json(const std::string& text) { return *parse_json(text); }

Result<Outcome> discover(const OauthConfig& config, Web& web, Value record_token_endpoint = {}) {
  Run what;
  what.params =
      Value::map({{"mcp_server_url", kMcp}, {"token_endpoint", std::move(record_token_endpoint)}});
  return run(config, "discover", std::move(what), web);
}

// Goal: sections 3 and 4 of the API sheet: which documents, in which order.
TEST_CASE("well-known addresses follow the insertion and appending rules") {
  CHECK(issuer_metadata_urls("https://a.example/tenant1") ==
        Strings{"https://a.example" + kAs + "/tenant1", "https://a.example" + kOidc + "/tenant1",
                "https://a.example/tenant1" + kOidc});
  CHECK(issuer_metadata_urls("https://a.example") ==
        Strings{"https://a.example" + kAs, "https://a.example" + kOidc});
  CHECK(issuer_metadata_urls("https://a.example/") ==
        Strings{"https://a.example" + kAs, "https://a.example" + kOidc});
  CHECK(issuer_metadata_urls("https://a.example/t/") == Strings{"https://a.example" + kAs + "/t",
                                                                "https://a.example" + kOidc + "/t",
                                                                "https://a.example/t" + kOidc});
  CHECK(issuer_metadata_urls("https://a.example:8443/t").front() ==
        "https://a.example:8443" + kAs + "/t");
  CHECK(issuer_metadata_urls("https://a.example?x=1").empty());
  CHECK(issuer_metadata_urls("nonsense").empty());

  CHECK(resource_metadata_urls("https://m.example/public/mcp") ==
        Strings{"https://m.example" + kPrm + "/public/mcp", "https://m.example" + kPrm});
  CHECK(resource_metadata_urls("https://m.example/") == Strings{"https://m.example" + kPrm});
  CHECK(resource_metadata_urls("https://m.example/mcp?tenant=1") ==
        Strings{"https://m.example" + kPrm + "/mcp?tenant=1", "https://m.example" + kPrm});
}

// Goal: a document counts only for exactly the issuer that was asked (RFC 8414 section 3.3).
TEST_CASE("metadata with another issuer is discarded") {
  const auto reads = [](const std::string& said, const std::string& asked) {
    return read_issuer_metadata(json(R"({"issuer":")" + said + "\"}"), asked, false).has_value();
  };
  CHECK(reads("https://a.example", "https://a.example"));
  CHECK_FALSE(reads("https://a.example/", "https://a.example"));
  CHECK_FALSE(reads("https://A.example", "https://a.example"));
  CHECK_FALSE(reads("https://a.example:443", "https://a.example"));
  CHECK_FALSE(reads("https://a.example", "https://a.example/tenant1"));
  CHECK_FALSE(read_issuer_metadata(json("{}"), "https://a.example", false));
  CHECK_FALSE(read_issuer_metadata(json("{}"), "", false));
}

// Goal: endpoints that are no https URLs count as absent, so no token can be sent there.
TEST_CASE("unusable endpoints are left out") {
  for (const std::string& url :
       Strings{"http://a.example/r", "ftp://a.example/r", "/revoke", "https://a.example/r#x",
               "https://user:pw@a.example/r", "https://a.example/ r", "javascript:1",
               "https://a.example/" + std::string(3000, 'a'), "https://a.example/\\u0007"}) {
    CAPTURE(url.substr(0, 50));
    const Value document =
        json(R"({"issuer":"https://a.example","revocation_endpoint":")" + url + "\"}");
    CHECK(read_issuer_metadata(document, "https://a.example", true)->revocation_endpoint.empty());
  }
  const Value local =
      json(R"({"issuer":"http://127.0.0.1:9","revocation_endpoint":"http://127.0.0.1:9/r"})");
  CHECK(read_issuer_metadata(local, "http://127.0.0.1:9", true)->revocation_endpoint ==
        "http://127.0.0.1:9/r");
  CHECK(read_issuer_metadata(local, "http://127.0.0.1:9", false)->revocation_endpoint.empty());
}

TEST_CASE("a protected-resource document counts only for its own resource") {
  const auto reads = [](const std::string& resource, bool at_root) {
    return read_resource_metadata(json(resource_document(resource, kIssuer)), kMcp, at_root, false)
        .has_value();
  };
  CHECK(reads(kMcp, false));
  CHECK(reads(kMcp + "/", false));
  CHECK(reads(kMcp + "#part", false));
  CHECK_FALSE(reads("https://mcp.example/other", false));
  CHECK_FALSE(reads("https://evil.example/mcp", false));
  CHECK_FALSE(reads(kMcpOrigin, false));
  CHECK(reads(kMcpOrigin, true));
  CHECK_FALSE(reads("", true));

  std::string many = R"({"resource":")" + kMcp +
                     R"(","authorization_servers":["http://plain.example",7,"https://a.example")";
  for (int i = 0; i < 20; ++i) many += ",\"https://a" + std::to_string(i) + ".example\"";
  const auto servers = read_resource_metadata(json(many + "]}"), kMcp, false, false);
  REQUIRE(servers);
  CHECK(servers->size() == 8);
  CHECK(servers->front() == "https://a.example");
}

// Goal: the challenge's document comes first, then path insertion, then the root; then the issuer's
// in order.
TEST_CASE("discovery asks in the sheet's order") {
  const OauthConfig config;
  SUBCASE("the challenge names the document") {
    Web web;
    web.on("GET", kMcp,
           reply(401, "",
                 {{"www-authenticate", R"(Bearer resource_metadata="https://mcp.example/prm")"}}));
    web.document("https://mcp.example/prm", resource_document(kMcp, kMcpOrigin + "/as"));
    web.document(kMcpOrigin + "/as" + kOidc,
                 issuer_document(kMcpOrigin + "/as", kMcpOrigin + "/as"));
    const Result<Outcome> out = discover(config, web);
    REQUIRE(out);
    CHECK(web.lines() ==
          Strings{"GET " + kMcp, "GET https://mcp.example/prm", "GET " + kMcpOrigin + kAs + "/as",
                  "GET " + kMcpOrigin + kOidc + "/as", "GET " + kMcpOrigin + "/as" + kOidc});
    CHECK(out->outputs["issuer"] == Value(kMcpOrigin + "/as"));
    CHECK(out->outputs["revocation_endpoint"] == Value(kMcpOrigin + "/as/revoke"));
    CHECK(out->outputs["metadata_source"] == Value("oidc"));
    CHECK(out->outputs["resource_metadata_url"] == Value("https://mcp.example/prm"));
    CHECK(out->outputs["pinned"] == Value(false));
    CHECK(out->outputs["revocable"] == Value(true));
  }
  SUBCASE("path insertion, then the root") {
    Web web;
    web.document(kMcpOrigin + kPrm, resource_document(kMcpOrigin, kMcpOrigin));
    web.document(kMcpOrigin + kAs, issuer_document(kMcpOrigin, kMcpOrigin));
    const Result<Outcome> out = discover(config, web);
    REQUIRE(out);
    CHECK(web.lines() == Strings{"GET " + kMcp, "GET " + kMcpOrigin + kPrm + "/mcp",
                                 "GET " + kMcpOrigin + kPrm, "GET " + kMcpOrigin + kAs});
    CHECK(out->outputs["metadata_source"] == Value("rfc8414"));
  }
  SUBCASE("no protected-resource document: the MCP server's own origin") {
    Web web;
    web.document(kMcpOrigin + kAs, issuer_document(kMcpOrigin + "/", kMcpOrigin));
    const Result<Outcome> out = discover(config, web);
    REQUIRE(out);
    CHECK(out->outputs["issuer"] == Value(kMcpOrigin + "/"));
  }
  SUBCASE("a copy there only names its issuer, which must speak itself") {
    Web web;
    web.document(kMcpOrigin + kAs, issuer_document(kIssuer, kEvil));
    web.document(kIssuer + kAs, issuer_document(kIssuer, kIssuer));
    const Result<Outcome> out = discover(config, web);
    REQUIRE(out);
    CHECK(out->outputs["revocation_endpoint"] == Value(kIssuer + "/revoke"));
  }
  SUBCASE("a path-less document does not serve an issuer with a path") {
    Web web;
    web.document(kMcpOrigin + kPrm + "/mcp", resource_document(kMcp, kIssuer + "/tenant1"));
    web.document(kIssuer + kAs + "/tenant1", issuer_document(kIssuer, kIssuer));
    const Result<Outcome> out = discover(config, web);
    REQUIRE_FALSE(out);
    CHECK(out.error().code == ErrorCode::unavailable_here);
  }
  SUBCASE("no request of discovery carries a secret or mutates") {
    Web web;
    web.document(kIssuer + kAs, issuer_document(kIssuer, kIssuer));
    REQUIRE(discover(pinned_config(), web));
    for (const Seen& seen : web.log()) {
      CHECK(seen.method == "GET");
      CHECK(seen.effect == Effect::read);
      CHECK(seen.trust == Trust::untrusted);
      CHECK(seen.header("authorization") == "(absent)");
      CHECK(seen.body.empty());
    }
  }
}

// Goal: what the operator wrote wins over everything that a server says.
TEST_CASE("configuration wins over discovery") {
  SUBCASE("configured endpoints need no request at all") {
    OauthConfig config = pinned_config();
    config.issuers[0].issuer.clear();
    config.issuers[0].endpoints.revocation = "https://as.example/r";
    Web web;
    web.on("POST", "https://as.example/r", reply(200));
    Run what;
    what.params = Value::map({{"mcp_server_url", kMcp}, {"refresh_token", secret("rt")}});
    REQUIRE(run(config, "revoke_grant", std::move(what), web));
    CHECK(web.lines() == Strings{"POST https://as.example/r"});
  }
  SUBCASE("a pinned issuer is asked alone; the resource's document confirms") {
    Web web;
    web.document(kIssuer + kAs, issuer_document(kIssuer, kIssuer));
    web.document(kMcpOrigin + kPrm + "/mcp", resource_document(kMcp, kIssuer));
    const Result<Outcome> out = discover(pinned_config(), web);
    REQUIRE(out);
    CHECK(out->outputs["issuer"] == Value(kIssuer));
    CHECK(out->outputs["pinned"] == Value(true));
    CHECK(out->outputs["confirmed"] == Value(true));
  }
  SUBCASE("the resource's document cannot change a pinned issuer") {
    Web web;
    web.document(kIssuer + kAs, issuer_document(kIssuer, kIssuer));
    web.document(kMcpOrigin + kPrm + "/mcp", resource_document(kMcp, kEvil));
    web.document(kEvil + kAs, issuer_document(kEvil, kEvil));
    const Result<Outcome> out = discover(pinned_config(), web);
    REQUIRE(out);
    CHECK(out->outputs["issuer"] == Value(kIssuer));
    CHECK(out->outputs["confirmed"] == Value(false));
    CHECK(web.to(kEvil + kAs).empty());
  }
  SUBCASE("a pinned issuer whose document says otherwise is an error") {
    Web web;
    web.document(kIssuer + kAs, issuer_document(kIssuer + "/", kIssuer));
    const Result<Outcome> out = discover(pinned_config(), web);
    REQUIRE_FALSE(out);
    CHECK(out.error().code == ErrorCode::unavailable_here);
    CHECK(out.error().hint.find("endpoints:") != std::string::npos);
  }
}

// Goal: of several issuers only the credential's own is used (API sheet 4).
TEST_CASE("the record's token endpoint picks among several issuers") {
  Web web;
  web.document(kMcpOrigin + kPrm + "/mcp",
               R"({"resource":")" + kMcp +
                   R"(","authorization_servers":["https://other.example","https://as.example"]})");
  web.document("https://other.example" + kAs,
               issuer_document("https://other.example", "https://other.example"));
  web.document(kIssuer + kAs, issuer_document(kIssuer, kIssuer));
  const Result<Outcome> out = discover(OauthConfig{}, web, Value(kIssuer + "/token"));
  REQUIRE(out);
  CHECK(out->outputs["issuer"] == Value(kIssuer));
  CHECK(web.to("https://other.example" + kAs).empty());
}

// Goal: when the credential's own issuer does not speak, no other one takes its place.
TEST_CASE("an issuer that is not the record's is never a substitute") {
  Web web;
  web.document(kMcpOrigin + kPrm + "/mcp", resource_document(kMcp, "https://other.example"));
  web.document("https://other.example" + kAs,
               issuer_document("https://other.example", "https://other.example"));
  web.document(kMcpOrigin + kAs, issuer_document(kMcpOrigin, kMcpOrigin));
  const Result<Outcome> out = discover(OauthConfig{}, web, Value(kIssuer + "/token"));
  REQUIRE_FALSE(out);
  CHECK(out.error().code == ErrorCode::unavailable_here);
}

// Goal: a hostile chain of documents ends soon, and a server that is down is told apart from one
// without metadata.
TEST_CASE("discovery is bounded and says why it failed") {
  SUBCASE("nothing anywhere") {
    Web web;
    const Result<Outcome> out = discover(OauthConfig{}, web);
    REQUIRE_FALSE(out);
    CHECK(out.error().code == ErrorCode::unavailable_here);
    CHECK(out.error().hint.find("issuers:") != std::string::npos);
  }
  SUBCASE("more issuers than anybody needs") {
    Web web;
    std::string many =
        R"({"resource":")" + kMcp + R"(","authorization_servers":["https://a.example/p")";
    for (int i = 0; i < 20; ++i) many += ",\"https://a" + std::to_string(i) + ".example/p\"";
    web.document(kMcpOrigin + kPrm + "/mcp", many + "]}");
    CHECK_FALSE(discover(OauthConfig{}, web).has_value());
    CHECK(web.log().size() <= 14);
  }
  SUBCASE("the server is down") {
    Web web;
    for (const std::string& url :
         {kMcp, kMcpOrigin + kPrm + "/mcp", kMcpOrigin + kPrm, kMcpOrigin + kAs}) {
      web.on("GET", url,
             [](const Seen&) -> Result<HttpResponse> { return broken(ErrorCode::transient); });
    }
    const Result<Outcome> out = discover(OauthConfig{}, web);
    REQUIRE_FALSE(out);
    CHECK(out.error().code == ErrorCode::transient);
  }
  SUBCASE("the pinned issuer asks to wait") {
    Web web;
    web.on("GET", kIssuer + kAs, reply(429));
    const Result<Outcome> out = discover(pinned_config(), web);
    REQUIRE_FALSE(out);
    CHECK(out.error().code == ErrorCode::throttled);
  }
  SUBCASE("the egress policy's word ends it") {
    Web web;
    web.on("GET", kMcp,
           [](const Seen&) -> Result<HttpResponse> { return broken(ErrorCode::invalid); });
    const Result<Outcome> out = discover(OauthConfig{}, web);
    REQUIRE_FALSE(out);
    CHECK(out.error().code == ErrorCode::invalid);
    CHECK(web.log().size() == 1);
  }
  SUBCASE("plain http to a name is refused before any request") {
    Web web;
    Run what;
    what.params = Value::map({{"mcp_server_url", "http://mcp.example/mcp"}});
    CHECK(run(OauthConfig{}, "discover", std::move(what), web).error().code == ErrorCode::invalid);
    CHECK(web.log().empty());
  }
}

}  // namespace
}  // namespace quell
