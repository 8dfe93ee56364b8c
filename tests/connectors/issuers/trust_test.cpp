// Threats T1 and T7 for vendor calls: a profile that was only recognised adds no host, metadata add
// none ever, and the ladder says what is missing instead of trying.
#include <algorithm>
#include <memory>
#include <string>

#include <doctest/doctest.h>

#include "connectors/oauth/ladder.h"
#include "orchestrator/issuer_profiles.h"
#include "tests/connectors/oauth/web.h"

namespace quell {
namespace {

using namespace test;

OauthConfig with_profiles(OauthConfig config) {
  Result<std::shared_ptr<const IssuerProfiles>> loaded = load_issuer_profiles({});
  REQUIRE(loaded);
  config.profiles = *loaded;
  return config;
}

OauthConfig entry_for(const std::string& profile, const std::string& issuer = {}) {
  OauthConfig config = pinned_config();
  config.issuers[0].profile = profile;
  config.issuers[0].issuer = issuer;
  config.issuers[0].admin_token = secret_ptr("adm1n");
  return with_profiles(std::move(config));
}

Run leak(const std::string& token_endpoint = {}) {
  Run what;
  ValueMap params{{"mcp_server_url", kMcp},
                  {"client_id", "client-1"},
                  {"token", secret("acc")},
                  {"refresh_token", secret("ref")}};
  if (!token_endpoint.empty()) params["token_endpoint"] = token_endpoint;
  what.params = Value(std::move(params));
  return what;
}

/// Requests of the whole log that hold a secret of the incident or of ours.
std::size_t told(const Web& web) {
  return static_cast<std::size_t>(std::ranges::count_if(web.log(), [](const Seen& seen) {
    return seen.mentions("acc") || seen.mentions("ref") || seen.mentions("s3cret") ||
           seen.mentions("adm1n") || seen.header("authorization") != "(absent)";
  }));
}

// Goal: a hostile MCP server cannot choose the vendor that hears the token.
TEST_CASE("a vendor that only metadata name hears nothing") {
  Web web;
  web.document(kMcpOrigin + "/.well-known/oauth-protected-resource/mcp",
               resource_document(kMcp, "https://slack.com"));
  web.document("https://slack.com/.well-known/oauth-authorization-server",
               issuer_document("https://slack.com", "https://slack.com"));
  const OauthConfig config = with_profiles({});
  for (const char* const action :
       {"revoke_grant", "vendor_revoke", "revoke_user", "disable_client", "ladder"}) {
    CAPTURE(action);
    static_cast<void>(run(config, action, leak(), web));
  }
  CHECK(told(web) == 0);
}

// Goal: recognising a vendor by the record's token endpoint adds no other host of that vendor.
TEST_CASE("a recognised profile calls named hosts alone") {
  SUBCASE("another host of the vendor hears nothing") {
    Web web;
    const OauthConfig config = with_profiles({});
    for (const char* const action : {"revoke_grant", "vendor_revoke"})
      static_cast<void>(
          run(config, action, leak("https://github.com/login/oauth/access_token"), web));
    CHECK(web.mentions("https://api.github.com", "") == 0);
    CHECK(told(web) == 0);
  }
  SUBCASE("the record's own host is named by the record") {
    Web web;
    web.on("POST", "https://oauth2.googleapis.com/revoke", json_reply(200, "{}"));
    const Result<Outcome> out = run(with_profiles({}), "revoke_grant",
                                    leak("https://oauth2.googleapis.com/token"), web);
    REQUIRE(out);
    CHECK(out->outputs["profile"] == Value("google"));
    CHECK(told(web) == 2);
  }
  SUBCASE("but a pin is the operator's last word") {
    OauthConfig config = pinned_config();
    Web web;
    web.document(kIssuer + "/.well-known/oauth-authorization-server",
                 issuer_document(kIssuer, kIssuer));
    web.on("POST", kIssuer + "/revoke", reply(200));
    static_cast<void>(run(with_profiles(config), "revoke_grant",
                          leak("https://oauth2.googleapis.com/token"), web));
    CHECK(web.mentions("https://oauth2.googleapis.com", "") == 0);
  }
}

// Goal: a named profile needs no metadata, and hostile ones change nothing.
TEST_CASE("hostile metadata do not move the calls of a named profile") {
  Web web;
  web.document(kMcpOrigin + "/.well-known/oauth-protected-resource/mcp",
               resource_document(kMcp, kEvil));
  web.document(kEvil + "/.well-known/oauth-authorization-server", issuer_document(kEvil, kEvil));
  SUBCASE("with its own hosts") {
    web.on("DELETE", "https://api.github.com/applications/client-1/grant", reply(204));
    REQUIRE(run(entry_for("github"), "revoke_grant", leak(), web));
    CHECK(web.log().size() == 1);
  }
  SUBCASE("with an endpoint that metadata would name") {
    const Result<Outcome> out = run(entry_for("sentry"), "revoke_grant", leak(), web);
    REQUIRE_FALSE(out);
    CHECK(out.error().code == ErrorCode::invalid);
  }
  CHECK(web.mentions(kEvil, "acc") + web.mentions(kEvil, "ref") + web.mentions(kEvil, "s3cret") ==
        0);
  CHECK(web.misdirected() == 0);
}

const Rung* rung_named(const Ladder& ladder, const std::string& action) {
  for (const Rung& rung : ladder.rungs) {
    if (rung.action == action) return &rung;
  }
  return nullptr;
}

// Goal: before an incident, each MCP URL's profile and gaps are known without a request.
TEST_CASE("what would be used against a grant, and what is missing") {
  SUBCASE("a vendor with all keys") {
    const Ladder ladder = readiness(entry_for("github"), kMcp, "", "");
    CHECK(ladder.profile == "github");
    CHECK(ladder.chosen_by == "configuration");
    REQUIRE(rung_named(ladder, "revoke_grant") != nullptr);
    CHECK(rung_named(ladder, "revoke_grant")->missing.empty());
    CHECK(ladder.has("vendor_revoke"));
    CHECK_FALSE(ladder.has("trip_reuse_detection"));
    CHECK(ladder.rungs.back().action == "a person");
  }
  SUBCASE("an administrative key that nobody gave") {
    OauthConfig config = entry_for("entra");
    config.issuers[0].admin_token = nullptr;
    const Ladder ladder = readiness(config, kMcp, "", "");
    const Rung* const rung = rung_named(ladder, "revoke_user");
    REQUIRE(rung != nullptr);
    CHECK(std::ranges::find(rung->missing, "admin_token of the entry") != rung->missing.end());
    CHECK_FALSE(ladder.has("revoke_user"));
  }
  SUBCASE("a vendor without any call") {
    const Ladder ladder = readiness(entry_for("atlassian"), kMcp, "", "");
    REQUIRE(ladder.rungs.size() == 1);
    CHECK(ladder.human.find("connected apps") != std::string::npos);
    CHECK(ladder.grace == Duration{600'000});
  }
  SUBCASE("a vendor recognised by the record, whose other host nobody named") {
    const Ladder ladder = readiness(with_profiles({}), kMcp, "client-1",
                                    "https://github.com/login/oauth/access_token");
    CHECK(ladder.profile == "github");
    CHECK(ladder.chosen_by == "record");
    const auto rung = std::ranges::find(ladder.rungs, "delete_grant", &Rung::call);
    REQUIRE(rung != ladder.rungs.end());
    CHECK(std::ranges::any_of(rung->missing, [](const std::string& piece) {
      return piece.find("profile: github") != std::string::npos;
    }));
  }
  SUBCASE("nobody knows the issuer") {
    const Ladder ladder = readiness(with_profiles({}), kMcp, "client-1", "");
    CHECK(ladder.profile == "rfc7009");
    CHECK_FALSE(ladder.has("revoke_grant"));
  }
}

// Goal: the action tells the same with the issuer found, and an issuer that is not found is a gap.
TEST_CASE("the ladder of a grant is found with reads alone") {
  Web web;
  web.document(kIssuer + "/.well-known/oauth-authorization-server",
               issuer_document(kIssuer, kIssuer));
  const Result<Outcome> out = run(pinned_config(), "ladder", leak(), web);
  REQUIRE(out);
  CHECK(out->outputs["issuer"] == Value(kIssuer));
  CHECK(out->outputs["can_trip"] == Value(true));
  CHECK(out->outputs["can_vendor_revoke"] == Value(false));
  CHECK(out->outputs["rungs"].as_list().size() == 4);
  CHECK(told(web) == 0);

  Web silent;
  const Result<Outcome> lost = run(pinned_config(), "ladder", leak(), silent);
  REQUIRE(lost);
  CHECK(lost->outputs["can_trip"] == Value(false));
  CHECK_FALSE(lost->outputs["rungs"].as_list().front()["missing"].as_list().empty());
}

// Goal: a configuration that a profile cannot work with is refused when it loads.
TEST_CASE("a profile's values are checked with the configuration") {
  SeededRandom random(1);
  const auto error_of = [&](OauthConfig config) {
    const auto made = OauthConnector::make(std::move(config), random);
    return made ? std::string{} : describe(made.error());
  };
  CHECK(error_of(entry_for("githup")).find("not known") != std::string::npos);
  CHECK(error_of(entry_for("salesforce")).find("values: {host") != std::string::npos);
  OauthConfig config = entry_for("salesforce");
  for (const char* const bad : {"", "evil.example/x", "a@evil.example", "a b", "https://a"}) {
    CAPTURE(bad);
    config.issuers[0].values["host"] = bad;
    CHECK(error_of(config).find("values.host") != std::string::npos);
  }
  config.issuers[0].values["host"] = "acme.my.salesforce.com";
  CHECK(error_of(config).empty());
  config.issuers[0].values["more"] = "x";
  CHECK(error_of(config).find("values.more") != std::string::npos);
  OauthConfig stray = with_profiles(pinned_config());
  stray.issuers[0].values["host"] = "x";
  CHECK(error_of(stray).find("values.host") != std::string::npos);
}

}  // namespace
}  // namespace quell
