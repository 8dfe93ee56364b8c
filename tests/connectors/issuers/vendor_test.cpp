// Each callable profile against a vendor that answers as the API sheet says, traps included
// (section 8): one row per documented answer.
#include <memory>
#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "connectors/oauth/profile.h"
#include "connectors/url.h"
#include "orchestrator/issuer_profiles.h"
#include "state/base/bytes.h"
#include "tests/connectors/oauth/web.h"

namespace quell {
namespace {

using namespace test;

std::shared_ptr<const IssuerProfiles> shipped() {
  static const std::shared_ptr<const IssuerProfiles> kProfiles = [] {
    Result<std::shared_ptr<const IssuerProfiles>> loaded = load_issuer_profiles({});
    REQUIRE_MESSAGE(loaded.has_value(), (loaded ? std::string{} : describe(loaded.error())));
    return *loaded;
  }();
  return kProfiles;
}

const std::string kBasic = "Basic " + base64_encode("client-1:s3cret");
const std::string kAdmin = "Bearer adm1n";
const std::string kToken = "Bearer acc";
const std::string kNone = "(absent)";

/// One request that a vendor sees, what it answers, and what quell makes of it.
struct Row {
  std::string profile;
  std::string action;
  std::string tokens;  // a: access token "acc", r: refresh token "ref"
  std::string request;
  std::string authorization;
  std::string body;
  int status;
  std::string answer;
  /// Outcome or error code; for revoke_grant "done KIND=ANSWER..." and what was known of the
  /// refresh token before.
  std::string want;
};

OauthConfig vendor_config(const std::string& profile) {
  IssuerConfig entry;
  entry.match_mcp_server_url = kMcp;
  entry.profile = profile;
  entry.client_id = "client-1";
  entry.method = ClientAuth::client_secret_basic;
  entry.client_secret = secret_ptr("s3cret");
  entry.admin_token = secret_ptr("adm1n");
  if (profile == "salesforce") entry.values["host"] = "acme.my.salesforce.com";
  if (profile == "dropbox") entry.values["api_host"] = "api.dropbox.example";
  if (profile == "notion") entry.values["notion_version"] = "2022-06-28";
  if (profile == "hydra") entry.values["admin_url"] = "https://hydra-admin.example/admin";
  if (profile == "gitlab") entry.issuer = "https://gitlab.example";
  if (profile == "okta") entry.issuer = "https://acme.okta.com/oauth2/default";
  if (profile == "auth0") entry.issuer = "https://acme.auth0.com/";
  if (profile == "keycloak") entry.issuer = "https://sso.example/realms/main";
  if (profile == "cloudflare-workers") {
    entry.endpoints.token = "https://mcp.example/token";
    entry.endpoints.revocation = "https://mcp.example/token";
  }
  if (profile == "sentry") entry.endpoints.revocation = "https://sentry.io/oauth/revoke/";
  OauthConfig config;
  config.profiles = shipped();
  config.issuers.push_back(std::move(entry));
  return config;
}

std::string summary_of(const Result<Outcome>& out) {
  if (!out) return std::string(to_string(out.error().code));
  std::string text(to_string(out->kind));
  for (const Value& token : out->outputs["tokens"].list_or_empty())
    text += " " + token["kind"].string_or("").substr(0, 1) + "=" + token["answer"].string_or("");
  if (out->outputs["refresh_token_before"] == Value("inactive")) text += " spent";
  return text;
}

const std::string kGitHub = "https://api.github.com/";
const std::string kSlackRevoke = "POST https://slack.com/api/auth.revoke";
const std::string kGoogle = "POST https://oauth2.googleapis.com/revoke";
const std::string kKeycloak = "POST https://sso.example/realms/main/protocol/openid-connect/revoke";
const std::string kLinear = "POST https://api.linear.app/oauth/revoke";
const std::string kSalesforce = "POST https://acme.my.salesforce.com/services/oauth2/revoke";
const std::string kSquare = "POST https://connect.squareup.com/oauth2/revoke";
const std::string kWorkers = "POST https://mcp.example/token";

const std::vector<Row>& rows() {
  static const std::vector<Row> kRows{
      {"github", "revoke_grant", "a", "DELETE " + kGitHub + "applications/client-1/grant", kBasic,
       R"({"access_token":"acc"})", 204, "", "done a=accepted"},
      {"github", "revoke_grant", "ar", "DELETE " + kGitHub + "applications/client-1/grant", kBasic,
       R"({"access_token":"acc"})", 422, "{}", "invalid"},
      {"github", "revoke_grant", "a", "DELETE " + kGitHub + "applications/client-1/grant", kBasic,
       R"({"access_token":"acc"})", 404, "{}", "unavailable_here"},
      {"github", "vendor_revoke", "a", "POST " + kGitHub + "credentials/revoke", kNone,
       R"({"credentials":["acc"]})", 202, "", "done"},
      {"github", "vendor_revoke", "a", "POST " + kGitHub + "credentials/revoke", kNone,
       R"({"credentials":["acc"]})", 422, "{}", "invalid"},
      {"github", "vendor_revoke", "a", "POST " + kGitHub + "credentials/revoke", kNone,
       R"({"credentials":["acc"]})", 403, "{}", "denied"},
      {"github", "vendor_revoke", "a", "POST " + kGitHub + "credentials/revoke", kNone,
       R"({"credentials":["acc"]})", 500, "{}", "unknown"},
      {"gitlab", "revoke_grant", "a", "POST https://gitlab.example/oauth/revoke", kNone,
       "token=acc&client_id=client-1&client_secret=s3cret", 200, "{}", "done a=accepted"},
      {"google", "revoke_grant", "r", kGoogle, kNone, "token=ref", 200, "{}", "done r=accepted"},
      // 400 is no failure by itself: it also says that the token was dead already.
      {"google", "revoke_grant", "r", kGoogle, kNone, "token=ref", 400,
       R"({"error":"invalid_token"})", "done r=accepted spent"},
      {"google", "revoke_grant", "r", kGoogle, kNone, "token=ref", 400,
       R"({"error":"invalid_request"})", "invalid"},
      {"entra", "vendor_revoke", "",
       "DELETE https://graph.microsoft.com/v1.0/oauth2PermissionGrants/grant-7", kAdmin, "", 204,
       "", "done"},
      {"entra", "revoke_user", "",
       "POST https://graph.microsoft.com/v1.0/users/user-9/revokeSignInSessions", kAdmin, "", 200,
       R"({"value":true})", "done"},
      {"entra", "revoke_user", "",
       "POST https://graph.microsoft.com/v1.0/users/user-9/revokeSignInSessions", kAdmin, "", 204,
       "", "done"},
      {"entra", "revoke_user", "",
       "POST https://graph.microsoft.com/v1.0/users/user-9/revokeSignInSessions", kAdmin, "", 200,
       R"({"value":false})", "unknown"},
      {"entra", "revoke_user", "",
       "POST https://graph.microsoft.com/v1.0/users/user-9/revokeSignInSessions", kAdmin, "", 403,
       "{}", "denied"},
      {"okta", "revoke_user", "", "POST https://acme.okta.com/oauth2/v1/global-token-revocation",
       kAdmin, R"({"sub_id":{"format":"opaque","id":"user-9"}})", 204, "", "done"},
      {"auth0", "revoke_grant", "ar", "POST https://acme.auth0.com/oauth/revoke", kBasic,
       "token=ref", 200, "", "done r=accepted"},
      {"auth0", "revoke_user", "",
       "DELETE https://acme.auth0.com/api/v2/users/user-9/refresh-tokens", kAdmin, "", 202, "",
       "done"},
      {"auth0", "disable_client", "", "POST https://acme.auth0.com/api/v2/refresh-tokens/revoke",
       kAdmin, R"({"client_id":"client-1"})", 204, "", "done"},
      {"keycloak", "revoke_grant", "r", kKeycloak, kBasic,
       "token=ref&token_type_hint=refresh_token", 200, "", "done r=accepted"},
      // The trap: an invalid token gets 200 too.
      {"keycloak", "revoke_grant", "r", kKeycloak, kBasic,
       "token=ref&token_type_hint=refresh_token", 200, R"({"error":"invalid_token"})",
       "done r=accepted spent"},
      {"keycloak", "revoke_grant", "r", kKeycloak, kBasic,
       "token=ref&token_type_hint=refresh_token", 200, R"({"error":"something_else"})", "invalid"},
      {"keycloak", "revoke_grant", "r", kKeycloak, kBasic,
       "token=ref&token_type_hint=refresh_token", 400,
       R"({"error":"invalid_request","error_description":"Unmatching clients"})", "invalid"},
      {"hydra", "vendor_revoke", "",
       "DELETE https://hydra-admin.example/admin/oauth2/auth/sessions/"
       "consent?subject=user-9&client=client-1",
       kNone, "", 204, "", "done"},
      {"hydra", "revoke_user", "",
       "DELETE https://hydra-admin.example/admin/oauth2/auth/sessions/"
       "consent?subject=user-9&all=true",
       kNone, "", 204, "", "done"},
      {"cloudflare-workers", "revoke_grant", "r", kWorkers, kBasic,
       "token=ref&token_type_hint=refresh_token", 200, "", "done r=accepted"},
      {"slack", "revoke_grant", "a", kSlackRevoke, kToken, "", 200,
       R"({"ok":true,"revoked":true})", "done a=accepted"},
      // The traps: 200 for every error, and for a test call that does nothing.
      {"slack", "revoke_grant", "a", kSlackRevoke, kToken, "", 200,
       R"({"ok":false,"error":"invalid_auth"})", "invalid"},
      {"slack", "revoke_grant", "a", kSlackRevoke, kToken, "", 200,
       R"({"ok":false,"error":"token_revoked"})", "done a=accepted"},
      {"slack", "revoke_grant", "a", kSlackRevoke, kToken, "", 200,
       R"({"ok":true,"revoked":false})", "invalid"},
      {"slack", "revoke_grant", "a", kSlackRevoke, kToken, "", 200, R"({"ok":true})", "unknown"},
      {"slack", "disable_client", "a", "POST https://slack.com/api/apps.uninstall", kToken,
       "client_id=client-1&client_secret=s3cret", 200, R"({"ok":true})", "done"},
      {"slack", "disable_client", "a", "POST https://slack.com/api/apps.uninstall", kToken,
       "client_id=client-1&client_secret=s3cret", 200, R"({"ok":false})", "invalid"},
      {"notion", "revoke_grant", "a", "POST https://api.notion.com/v1/oauth/revoke", kBasic,
       R"({"token":"acc"})", 200, R"({"request_id":"x"})", "done a=accepted"},
      {"linear", "revoke_grant", "r", kLinear, kNone, "refresh_token=ref", 200, "",
       "done r=accepted"},
      {"linear", "revoke_grant", "a", kLinear, kToken, "", 200, "", "done a=accepted"},
      {"linear", "revoke_grant", "r", kLinear, kNone, "refresh_token=ref", 400, "",
       "done r=accepted spent"},
      {"linear", "revoke_grant", "a", kLinear, kToken, "", 401, "", "invalid"},
      {"salesforce", "revoke_grant", "r", kSalesforce, kNone, "token=ref", 200, "",
       "done r=accepted"},
      {"salesforce", "revoke_grant", "r", kSalesforce, kNone, "token=ref", 400,
       R"({"error":"invalid_token"})", "done r=accepted spent"},
      {"salesforce", "revoke_grant", "r", kSalesforce, kNone, "token=ref", 400,
       R"({"error":"unsupported_token_type"})", "unavailable_here"},
      {"hubspot", "disable_client", "a",
       "DELETE https://api.hubapi.com/appinstalls/2026-03/external-install", kToken, "", 204, "",
       "done"},
      {"dropbox", "revoke_grant", "a", "POST https://api.dropbox.example/2/auth/token/revoke",
       kToken, "", 200, "null", "done a=accepted"},
      {"box", "revoke_grant", "r", "POST https://api.box.com/oauth2/revoke", kNone,
       "token=ref&client_id=client-1&client_secret=s3cret", 200, "", "done r=accepted"},
      {"box", "revoke_grant", "r", "POST https://api.box.com/oauth2/revoke", kNone,
       "token=ref&client_id=client-1&client_secret=s3cret", 400, R"({"error":"invalid_client"})",
       "denied"},
      {"box", "revoke_grant", "r", "POST https://api.box.com/oauth2/revoke", kNone,
       "token=ref&client_id=client-1&client_secret=s3cret", 401, "", "denied"},
      {"zoom", "revoke_grant", "a", "POST https://zoom.us/oauth/revoke", kBasic, "token=acc", 200,
       R"({"status":"success"})", "done a=accepted"},
      {"zoom", "revoke_grant", "a", "POST https://zoom.us/oauth/revoke", kBasic, "token=acc", 200,
       R"({"status":"error"})", "invalid"},
      {"stripe", "vendor_revoke", "", "POST https://connect.stripe.com/oauth/deauthorize", kAdmin,
       "client_id=client-1&stripe_user_id=user-9", 200, R"({"stripe_user_id":"user-9"})", "done"},
      {"sentry", "revoke_grant", "r", "POST https://sentry.io/oauth/revoke/", kNone,
       "token=ref&token_type_hint=refresh_token&client_id=client-1&client_secret=s3cret", 200, "",
       "done r=accepted"},
      {"sentry", "revoke_grant", "a", "POST https://sentry.io/oauth/revoke/", kNone,
       "token=acc&token_type_hint=access_token&client_id=client-1&client_secret=s3cret", 401,
       R"({"error":"invalid_credentials"})", "denied"},
      {"paypal", "revoke_grant", "a", "POST https://api-m.paypal.com/v1/oauth2/token/terminate",
       kBasic, "token=acc&token_type_hint=ACCESS_TOKEN", 200, "{}", "done a=accepted"},
      {"paypal", "revoke_grant", "a", "POST https://api-m.paypal.com/v1/oauth2/token/terminate",
       kBasic, "token=acc&token_type_hint=ACCESS_TOKEN", 400, "{}", "invalid"},
      {"paypal", "revoke_grant", "a", "POST https://api-m.paypal.com/v1/oauth2/token/terminate",
       kBasic, "token=acc&token_type_hint=ACCESS_TOKEN", 401, "{}", "denied"},
      {"square", "revoke_grant", "a", kSquare, "Client s3cret",
       R"({"client_id":"client-1","access_token":"acc","revoke_only_access_token":false})", 200,
       R"({"success":true})", "done a=accepted"},
      {"square", "revoke_grant", "a", kSquare, "Client s3cret",
       R"({"client_id":"client-1","access_token":"acc","revoke_only_access_token":false})", 400,
       "{}", "invalid"},
      {"square", "vendor_revoke", "", kSquare, "Client s3cret",
       R"({"client_id":"client-1","merchant_id":"user-9"})", 200, R"({"success":true})", "done"},
      {"canva", "revoke_grant", "r", "POST https://api.canva.com/rest/v1/oauth/revoke", kBasic,
       "token=ref", 200, "", "done r=accepted"},
  };
  return kRows;
}

Run incident(const std::string& tokens) {
  ValueMap params{{"mcp_server_url", kMcp}, {"user", "user-9"}, {"grant_id", "grant-7"}};
  if (tokens.find('a') != std::string::npos) params["token"] = secret("acc");
  if (tokens.find('r') != std::string::npos) params["refresh_token"] = secret("ref");
  Run what;
  what.params = Value(std::move(params));
  return what;
}

// Goal: what is sent and how the answer reads is what the vendor's own text says, and nothing of it
// goes to another host.
TEST_CASE("every vendor is called as it wants, and understood") {
  for (const Row& row : rows()) {
    CAPTURE(row.profile);
    CAPTURE(row.action);
    CAPTURE(row.answer);
    const std::size_t space = row.request.find(' ');
    Web web;
    web.on(row.request.substr(0, space), row.request.substr(space + 1),
           json_reply(row.status, row.answer));
    const Result<Outcome> out =
        run(vendor_config(row.profile), row.action, incident(row.tokens), web);
    CHECK_MESSAGE(summary_of(out) == row.want, (out ? "" : describe(out.error())));
    // A pinned issuer's document is read first, to ask it about the token; no secret goes there.
    const auto call = std::ranges::find(web.log(), Effect::mutate, &Seen::effect);
    REQUIRE(call != web.log().end());
    const Seen& seen = *call;
    CHECK(seen.method + " " + seen.url == row.request);
    CHECK(seen.header("authorization") == row.authorization);
    CHECK(seen.body == row.body);
    for (const Seen& before : std::span(web.log()).first(
             static_cast<std::size_t>(call - web.log().begin()))) {
      CHECK(before.url.find("/.well-known/") != std::string::npos);
      CHECK(before.header("authorization") == "(absent)");
      CHECK(before.body.empty());
    }
    CHECK(web.misdirected() == 0);
    const std::string origin = origin_of(seen.url);
    for (const Seen& other : web.log()) CHECK(origin_of(other.url) == origin);
  }
}

// Goal: where a vendor's pinned issuer says in its own document where to ask, the past of a refresh
// token is known, as beside RFC 7009. Method: Keycloak's profile, with such a document and without.
TEST_CASE("a pinned issuer behind a profile is asked before its token is revoked") {
  const std::string issuer = "https://sso.example/realms/main";
  const std::string revoke = issuer + "/protocol/openid-connect/revoke";
  const std::string ask = issuer + "/protocol/openid-connect/token/introspect";
  const auto doubts = [&](const std::string& document) {
    Web web;
    web.on("GET", "https://sso.example/.well-known/oauth-authorization-server/realms/main",
           json_reply(document.empty() ? 404 : 200, document))
        .on("POST", revoke, json_reply(200, ""))
        .on("POST", ask, json_reply(200, R"({"active":true})"))
        .on("POST", ask, json_reply(200, R"({"active":false})"));
    const Result<Outcome> out = run(vendor_config("keycloak"), "revoke_grant", incident("r"), web);
    REQUIRE_MESSAGE(out, describe(out.error()));
    CHECK(web.to(revoke).size() == 1);
    return out->doubts.size();
  };
  CHECK(doubts(R"({"issuer":")" + issuer + R"(","introspection_endpoint":")" + ask + "\"}") == 0);
  CHECK(doubts("") == 1);
}

// Goal: no answer of a vendor is ever proof, and a page or a redirect is not even an answer.
TEST_CASE("what no profile knows is never success") {
  for (const Row& row : rows()) {
    CAPTURE(row.profile);
    CAPTURE(row.action);
    const std::size_t space = row.request.find(' ');
    for (const int status : {200, 302, 404, 429, 503}) {
      CAPTURE(status);
      Web web;
      web.on(row.request.substr(0, space), row.request.substr(space + 1),
             reply(status, "<html><title>Sign in</title></html>", {{"content-type", "text/html"}}));
      const Result<Outcome> out =
          run(vendor_config(row.profile), row.action, incident(row.tokens), web);
      REQUIRE_FALSE(out.has_value());
    }
  }
}

// Goal: the rows above leave out no call of any profile.
TEST_CASE("every call of every profile has its rows") {
  for (const IssuerProfile& profile : *shipped()) {
    for (const VendorCall& call : profile.calls) {
      CAPTURE(profile.id);
      CAPTURE(call.id);
      bool done = false;
      for (const Row& row : rows()) {
        if (row.profile != profile.id || !row.want.starts_with("done")) continue;
        const std::size_t space = row.request.find(' ');
        Web web;
        web.on(row.request.substr(0, space), row.request.substr(space + 1),
               json_reply(row.status, row.answer));
        const Result<Outcome> out =
            run(vendor_config(row.profile), row.action, incident(row.tokens), web);
        REQUIRE(out);
        done = done || out->outputs["call"] == Value(call.id);
        for (const Value& token : out->outputs["tokens"].list_or_empty())
          done = done || token["call"] == Value(call.id);
      }
      CHECK(done);
    }
  }
}

}  // namespace
}  // namespace quell
