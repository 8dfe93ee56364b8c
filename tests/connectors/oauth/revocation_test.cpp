// revoke_grant: RFC 7009, API sheet section 1.
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "state/base/bytes.h"
#include "tests/connectors/oauth/web.h"

namespace quell {
namespace {

using namespace test;

const std::string kRevoke = "https://as.example/revoke";

/// A pinned issuer whose endpoints are configured, so that only revocations are asked.
OauthConfig direct_config(ClientAuth method = ClientAuth::client_secret_basic,
                          const std::string& client_secret = "abc") {
  OauthConfig config = pinned_config(method);
  config.issuers[0].issuer.clear();  // nothing is looked up
  config.issuers[0].endpoints = {.token = "https://as.example/token", .revocation = kRevoke};
  if (method != ClientAuth::none) config.issuers[0].client_secret = secret_ptr(client_secret);
  return config;
}

Run both() {
  Run what;
  what.params = Value::map(
      {{"mcp_server_url", kMcp}, {"token", secret("a+t/1=")}, {"refresh_token", secret("r+t/1=")}});
  return what;
}

Run only(const std::string& name) {
  Run what;
  what.params = Value::map({{"mcp_server_url", kMcp}, {name, secret("one")}});
  return what;
}

std::string answers(const Outcome& outcome) {
  std::string out;
  for (const Value& token : outcome.outputs["tokens"].list_or_empty()) {
    out += token["kind"].string_or("") + " " + std::to_string(token["http_status"].int_or(0)) +
           " " + token["answer"].string_or("") + ";";
  }
  return out;
}

HttpResponse oauth_error_reply(int status, const std::string& error) {
  return json_reply(status, R"({"error":")" + error + "\"}");
}

// Goal: refresh token first, then access token, each in a request of its own with its own hint.
TEST_CASE("both tokens are revoked, the refresh token first") {
  Web web;
  web.on("POST", kRevoke, reply(200));
  const Result<Outcome> out = run(direct_config(), "revoke_grant", both(), web);
  REQUIRE(out);
  CHECK(out->kind == OutcomeKind::done);
  CHECK(answers(*out) == "refresh_token 200 accepted;access_token 200 accepted;");
  CHECK(out->outputs["issuer"] == Value());
  CHECK(out->outputs["revocation_endpoint"] == Value(kRevoke));
  REQUIRE(web.log().size() == 2);
  const Seen& first = web.log()[0];
  CHECK(first.body == "token=r%2Bt%2F1%3D&token_type_hint=refresh_token");
  CHECK(first.header("authorization") == "Basic " + base64_encode("client-1:abc"));
  CHECK(first.header("content-type") == "application/x-www-form-urlencoded");
  CHECK(first.header("origin") == "(absent)");
  CHECK(first.effect == Effect::mutate);
  CHECK(web.log()[1].form("token") == "a+t/1=");
  CHECK(web.log()[1].form("token_type_hint") == "access_token");
}

TEST_CASE("one token alone is enough, none is told apart") {
  for (const char* name : {"token", "refresh_token"}) {
    Web web;
    web.on("POST", kRevoke, reply(200));
    CHECK(run(direct_config(), "revoke_grant", only(name), web).has_value());
    CHECK(web.log().size() == 1);
  }
  Web web;
  Run what;
  what.params = Value::map({{"mcp_server_url", kMcp}, {"token", Value{}}});
  const Result<Outcome> out = run(direct_config(), "revoke_grant", std::move(what), web);
  REQUIRE_FALSE(out);
  CHECK(out.error().code == ErrorCode::unavailable_here);
  CHECK(out.error().message.starts_with("no token in hand"));
  CHECK(web.log().empty());
}

// Goal: which mixture of answers is a success. A lying 200 is one too: proof is the probes'
// business.
TEST_CASE("what two answers amount to") {
  struct Row {
    std::string name;
    HttpResponse refresh;
    HttpResponse access;
    std::string want;  // the tokens' answers, or the error's code
  };
  const std::vector<Row> rows{
      {"access unsupported", reply(200), oauth_error_reply(400, "unsupported_token_type"),
       "refresh_token 200 accepted;access_token 400 unsupported;"},
      {"refresh unsupported", oauth_error_reply(400, "unsupported_token_type"), reply(200),
       "refresh_token 400 unsupported;access_token 200 accepted;"},
      {"both unsupported", oauth_error_reply(400, "unsupported_token_type"),
       oauth_error_reply(400, "unsupported_token_type"), "unavailable_here"},
      {"access already gone with the refresh token", reply(200),
       oauth_error_reply(400, "invalid_request"),
       "refresh_token 200 accepted;access_token 400 refused;"},
      {"refresh refused", oauth_error_reply(400, "invalid_grant"), reply(200), "invalid"},
      {"refresh refused without a body", reply(400), reply(200), "invalid"},
      {"throttled", reply(503, "", {{"retry-after", "3"}}), reply(200), "throttled"},
      {"access throttled", reply(200), reply(429), "throttled"},
      {"server error", reply(500), reply(200), "unknown"},
      {"html", reply(200, "<html>", {{"content-type", "text/html"}}), reply(200), "invalid"},
      {"redirect", reply(302, "", {{"location", kEvil + "/revoke"}}), reply(200), "invalid"},
      {"no such endpoint", reply(404), reply(200), "unavailable_here"},
      {"wrong verb", reply(405), reply(200), "unavailable_here"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Web web;
    web.on("POST", kRevoke, row.refresh).on("POST", kRevoke, row.access);
    const Result<Outcome> out = run(direct_config(), "revoke_grant", both(), web);
    CHECK((out ? answers(*out) : std::string(to_string(out.error().code))) == row.want);
    for (const Seen& seen : web.log()) CHECK(seen.url == kRevoke);  // no redirect was followed
  }
}

TEST_CASE("Retry-After is handed on, and the text says that the token must be assumed to exist") {
  Web web;
  web.on("POST", kRevoke, reply(503, "", {{"retry-after", "120"}}));
  const Result<Outcome> out = run(direct_config(), "revoke_grant", both(), web);
  REQUIRE_FALSE(out);
  CHECK(out.error().retry_after == Duration{120'000});
  CHECK(out.error().message.find("assumed to exist") != std::string::npos);
  CHECK(web.log().size() == 1);
}

// Goal: a busy issuer does not make quell begin anew once the refresh token is dead: it would take
// the dead token for one that a thief had spent.
TEST_CASE("the second revocation waits for a busy issuer") {
  Web web;
  web.on("POST", kRevoke, reply(200))
      .on("POST", kRevoke, reply(503, "", {{"retry-after", "7"}}))
      .on("POST", kRevoke, reply(429))
      .on("POST", kRevoke, reply(200));
  const Result<Outcome> out = run(direct_config(), "revoke_grant", both(), web);
  REQUIRE(out);
  CHECK(answers(*out) == "refresh_token 200 accepted;access_token 200 accepted;");
  CHECK(web.notes() == std::vector<std::string>{"wait 7 s", "wait 2 s"});
  CHECK(web.log().size() == 4);

  Web tired;
  tired.on("POST", kRevoke, reply(200))
      .on("POST", kRevoke, reply(503, "", {{"retry-after", "600"}}));
  const Result<Outcome> later = run(direct_config(), "revoke_grant", both(), tired);
  REQUIRE_FALSE(later);
  CHECK(later.error().code == ErrorCode::throttled);
  CHECK(later.error().retry_after == Duration{600'000});
  CHECK(tired.notes().empty());
}

// Goal: what the issuer says before and after bounds what any probe may prove about the refresh
// token.
TEST_CASE("introspection before and after the revocation leaves doubts") {
  const std::string introspect = "https://as.example/introspect";
  const HttpResponse active = json_reply(200, R"({"active":true})");
  const HttpResponse inactive = json_reply(200, R"({"active":false})");
  struct Row {
    std::string name;
    std::vector<HttpResponse> words;
    std::optional<Grade> at_best;
    std::size_t waits;
  };
  const std::vector<Row> rows{
      {"active, then dead", {active, inactive}, std::nullopt, 0},
      {"active, dead a moment later", {active, active, inactive}, std::nullopt, 1},
      {"active, and active for good", {active}, Grade::none, 2},
      {"spent before", {inactive}, Grade::none, 0},
      {"nobody can tell", {reply(401)}, Grade::none, 0},
      {"nobody answers", {reply(503)}, Grade::none, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    OauthConfig config = direct_config();
    config.issuers[0].endpoints.introspection = introspect;
    Web web;
    web.on("POST", kRevoke, reply(200));
    for (const HttpResponse& word : row.words) web.on("POST", introspect, word);
    const Result<Outcome> out = run(config, "revoke_grant", both(), web);
    REQUIRE(out);
    REQUIRE(out->doubts.size() == (row.at_best ? 1U : 0U));
    if (row.at_best) {
      CHECK(out->doubts[0].kill == Kill::refresh_token);
      CHECK(out->doubts[0].at_best == *row.at_best);
    }
    CHECK(web.notes().size() == row.waits);
    for (const Seen& seen : web.to(introspect)) CHECK(seen.form("token") == "r+t/1=");
  }
}

// Goal: without introspection a thief's newer token stays unseen, so a leaked refresh token is
// proved dead only where the operator says that there is no newer one, or where it never leaked.
TEST_CASE("nobody can tell the past of a refresh token") {
  const auto at_best = [](const OauthConfig& config, const Run& params) {
    Web web;
    web.on("POST", kRevoke, reply(200));
    const Result<Outcome> out = run(config, "revoke_grant", params, web);
    REQUIRE(out);
    REQUIRE(out->doubts.size() == 1);
    CHECK(out->doubts.front().kill == Kill::refresh_token);
    return out->doubts.front().at_best;
  };
  OauthConfig config = direct_config();
  CHECK(at_best(config, both()) == Grade::none);
  CHECK(at_best(config, only("token")) == Grade::weak);
  config.issuers[0].rotates_refresh_tokens = false;
  CHECK(at_best(config, both()) == Grade::weak);
}

// Goal: an operator who wrote one endpoint down loses no proof by that.
TEST_CASE("a pinned issuer's own document says where to ask, beside a configured endpoint") {
  OauthConfig config = direct_config();
  config.issuers[0].issuer = kIssuer;
  const std::string document = "https://as.example/.well-known/oauth-authorization-server";
  const auto doubts = [&](const HttpResponse& metadata) {
    Web web;
    web.on("POST", kRevoke, reply(200))
        .on("GET", document, metadata)
        .on("POST", "https://as.example/introspect", json_reply(200, R"({"active":true})"))
        .on("POST", "https://as.example/introspect", json_reply(200, R"({"active":false})"));
    const Result<Outcome> out = run(config, "revoke_grant", both(), web);
    REQUIRE(out);
    CHECK(web.to(kRevoke).size() == 2);
    return out->doubts.size();
  };
  CHECK(doubts(json_reply(200, R"({"issuer":"https://as.example",)"
                               R"("revocation_endpoint":"https://as.example/elsewhere",)"
                               R"("introspection_endpoint":"https://as.example/introspect"})")) ==
        0);
  CHECK(doubts(reply(503)) == 1);
  CHECK(doubts(reply(404)) == 1);
}

// Goal: what the issuer said before the revocation is not lost with the revocation's answer.
TEST_CASE("doubts are known while the answer to a revocation is out") {
  const std::string introspect = "https://as.example/introspect";
  OauthConfig config = direct_config();
  config.issuers[0].endpoints.introspection = introspect;
  const auto meanwhile = [&](const HttpResponse& word) {
    Web web;
    web.on("POST", introspect, word)
        .on("POST", kRevoke, [](const Seen&) -> Result<HttpResponse> {
          return make_error(ErrorCode::unknown, "the connection broke");
        });
    CHECK_FALSE(run(config, "revoke_grant", both(), web));
    REQUIRE(web.meanwhile.size() == 1);
    CHECK(web.meanwhile.front().kill == Kill::refresh_token);
    return web.meanwhile.front().at_best;
  };
  CHECK(meanwhile(json_reply(200, R"({"active":false})")) == Grade::none);
  CHECK(meanwhile(json_reply(200, R"({"active":true})")) == Grade::weak);
  CHECK(meanwhile(reply(401)) == Grade::none);
}

TEST_CASE("a broken line keeps its class: nothing left, or unknown") {
  for (const ErrorCode code : {ErrorCode::transient, ErrorCode::unknown}) {
    Web web;
    web.on("POST", kRevoke, [code](const Seen&) -> Result<HttpResponse> { return broken(code); });
    const Result<Outcome> out = run(direct_config(), "revoke_grant", both(), web);
    REQUIRE_FALSE(out);
    CHECK(out.error().code == code);
  }
}

// Goal: section 1.1: one try in the raw form after a 401, one in the other secret method, then
// stop; what worked is kept.
TEST_CASE("a refused client is tried in the other forms, once each") {
  const std::string raw = "Basic " + base64_encode("client-1:a:b");
  const std::string encoded = "Basic " + base64_encode("client-1:a%3Ab");
  SUBCASE("the server forgot to decode") {
    Web web;
    web.on("POST", kRevoke, [&raw](const Seen& seen) -> Result<HttpResponse> {
      return reply(seen.header("authorization") == raw ? 200 : 401);
    });
    REQUIRE(
        run(direct_config(ClientAuth::client_secret_basic, "a:b"), "revoke_grant", both(), web));
    REQUIRE(web.log().size() == 3);
    CHECK(web.log()[0].header("authorization") == encoded);
    CHECK(web.log()[1].header("authorization") == raw);
    CHECK(web.log()[2].header("authorization") == raw);
    CHECK(web.log()[2].form("token_type_hint") == "access_token");
  }
  SUBCASE("the server wants the secret in the body") {
    Web web;
    web.on("POST", kRevoke, [](const Seen& seen) -> Result<HttpResponse> {
      if (seen.form("client_secret") == "a:b") return reply(200);
      return oauth_error_reply(400, "invalid_client");
    });
    REQUIRE(
        run(direct_config(ClientAuth::client_secret_basic, "a:b"), "revoke_grant", both(), web));
    REQUIRE(web.log().size() == 3);
    CHECK(web.log()[1].header("authorization") == "(absent)");
    CHECK(web.log()[1].form("client_id") == "client-1");
  }
  SUBCASE("the server refuses everything") {
    Web web;
    web.on("POST", kRevoke, reply(401));
    const Result<Outcome> out =
        run(direct_config(ClientAuth::client_secret_basic, "a:b"), "revoke_grant", both(), web);
    REQUIRE_FALSE(out);
    CHECK(out.error().code == ErrorCode::denied);
    CHECK(web.log().size() == 3);
  }
  SUBCASE("a public client has no other form") {
    Web web;
    web.on("POST", kRevoke, reply(401));
    CHECK(run(direct_config(ClientAuth::none), "revoke_grant", both(), web).error().code ==
          ErrorCode::denied);
    CHECK(web.log().size() == 1);
  }
}

TEST_CASE("an assertion is addressed to the issuer, or to the endpoint where none is known") {
  for (const bool named : {true, false}) {
    OauthConfig config = direct_config(ClientAuth::client_secret_jwt, "shared");
    if (named) config.issuers[0].issuer = kIssuer;
    Web web;
    web.on("POST", kRevoke, reply(200));
    REQUIRE(run(config, "revoke_grant", only("token"), web));
    const std::string jws = web.log()[0].form("client_assertion");
    const std::size_t first = jws.find('.');
    const std::string claims = *base64url_decode(jws.substr(first + 1, jws.rfind('.') - first - 1));
    CHECK(claims.find(R"("aud":")" + (named ? kIssuer : kRevoke) + "\"") != std::string::npos);
  }
}

TEST_CASE("revocation_endpoint may be the token endpoint; no grant_type is sent") {
  OauthConfig config = direct_config();
  config.issuers[0].endpoints.revocation = config.issuers[0].endpoints.token;
  Web web;
  web.on("POST", "https://as.example/token", reply(200));
  REQUIRE(run(config, "revoke_grant", only("refresh_token"), web));
  CHECK(web.log()[0].form("grant_type") == "(absent)");
}

TEST_CASE("an issuer without revocation endpoint, and a client without id") {
  Web web;
  web.document("https://as.example/.well-known/oauth-authorization-server",
               R"({"issuer":"https://as.example"})");
  const Result<Outcome> none = run(pinned_config(), "revoke_grant", both(), web);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::unavailable_here);

  OauthConfig config = direct_config(ClientAuth::none);
  config.issuers[0].client_id.clear();
  const Result<Outcome> nameless = run(config, "revoke_grant", both(), web);
  REQUIRE_FALSE(nameless);
  CHECK(nameless.error().code == ErrorCode::invalid);
  CHECK(nameless.error().message.find("client_id") != std::string::npos);
}

TEST_CASE("a record that names another client is noted") {
  Web web;
  web.on("POST", kRevoke, reply(200));
  Run what;
  what.params =
      Value::map({{"mcp_server_url", kMcp}, {"client_id", "other"}, {"token", secret("t")}});
  const Result<Outcome> out = run(direct_config(), "revoke_grant", std::move(what), web);
  REQUIRE(out);
  CHECK(out->outputs["client_id"] == Value("client-1"));
  CHECK(out->outputs["note"].string_or("").find("other") != std::string::npos);
}

// Goal: a look sends nothing and settles nothing; probes decide.
TEST_CASE("a look at a revocation sends no request") {
  for (const char* action : {"revoke_grant", "refresh_is_dead"}) {
    Web web;
    Run what = both();
    what.intent = Intent::look;
    const Result<Outcome> out = run(direct_config(), action, std::move(what), web);
    REQUIRE_FALSE(out);
    CHECK(out.error().code == ErrorCode::unknown);
    CHECK(web.log().empty());
  }
}

// Goal: neither token nor client secret stands in any error text.
TEST_CASE("errors do not hold secrets") {
  for (const int status : {302, 400, 401, 403, 404, 429, 500, 503}) {
    Web web;
    web.on("POST", kRevoke,
           [status](const Seen& seen) -> Result<HttpResponse> { return reply(status, seen.body); });
    const Result<Outcome> out = run(direct_config(ClientAuth::client_secret_post, "canary-secret"),
                                    "revoke_grant", both(), web);
    REQUIRE_FALSE(out);
    const std::string text = describe(out.error()) + out.error().hint;
    for (const char* canary : {"canary-secret", "a+t/1=", "r+t/1=", "r%2Bt"}) {
      CHECK(text.find(canary) == std::string::npos);
    }
  }
}

}  // namespace
}  // namespace quell
