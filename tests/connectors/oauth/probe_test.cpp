// probe_token and token_is_dead: API sheet section 7.
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "state/base/json.h"
#include "tests/connectors/oauth/web.h"

namespace quell {
namespace {

using namespace test;

const std::string kChallenge =
    R"(Bearer error="invalid_token", resource_metadata="https://mcp.example/prm")";

/// An MCP server of one era, or of both, that takes one token; it is strict about what section 7
/// makes compulsory.
struct McpServer {
  bool legacy = true;
  bool modern = false;
  std::string live{};      // the token that works; empty: none
  bool open = false;       // asks for no token
  bool takes_any = false;  // takes garbage, but not the dead token
  std::string session{};
  std::string dead = "leaked";  // refused even when `takes_any`

  Result<HttpResponse> operator()(const Seen& seen) const {
    const std::string given = seen.header("authorization");
    const bool passes = open || (!live.empty() && given == "Bearer " + live) ||
                        (takes_any && given != "(absent)" && given != "Bearer " + dead);
    if (!passes) return reply(401, "", {{"www-authenticate", kChallenge}});
    if (seen.header("accept") != "application/json, text/event-stream") return reply(406);
    if (seen.header("content-type") != "application/json") return reply(415);
    const Value body = *parse_json(seen.body);
    const bool discover = body["method"] == Value("server/discover");
    if (discover && !modern) return refusal(-32000);
    if (!discover && !legacy) return refusal(-32022);
    const std::string version = seen.header("mcp-protocol-version");
    if (discover &&
        (version != "2026-07-28" || seen.header("mcp-method") != "server/discover" ||
         body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] != Value(version))) {
      return refusal(-32020);
    }
    if (!discover && version != "(absent)") return reply(400);
    HttpResponse answer = json_reply(200, R"({"jsonrpc":"2.0","id":1,"result":{}})");
    if (!session.empty()) answer.headers.emplace_back("mcp-session-id", session);
    return answer;
  }

  static HttpResponse refusal(int code) {
    return json_reply(400, R"({"jsonrpc":"2.0","id":null,"error":{"code":)" + std::to_string(code) +
                               R"(,"message":"x"}})");
  }
};

Result<Outcome> probe(const std::string& action, Web& web, const std::string& token = "leaked",
                      Value baseline = {}) {
  Run what;
  what.params = Value::map({{"mcp_server_url", kMcp}, {"token", secret(token)}});
  what.baseline = std::move(baseline);
  return run(OauthConfig{}, action, std::move(what), web);
}

Outcome look(const McpServer& server, Web& web, const std::string& action = "probe_token",
             Value baseline = {}, const std::string& token = "leaked") {
  web.on("POST", kMcp, Web::Reply(server));
  Result<Outcome> out = probe(action, web, token, std::move(baseline));
  REQUIRE(out.has_value());
  return *std::move(out);
}

Value baseline_of(const std::string& era = "legacy") {
  return Value::map({{"answer", "alive"},
                     {"http_status", 200},
                     {"era", era},
                     {"observed_at", at("2031-03-04T05:00:00Z")}});
}

// Goal: where nobody holds a token, a postcondition says so instead of vanishing from the claims.
TEST_CASE("without a token nothing is sent and nothing proved") {
  Web web;
  Run what;
  what.params = Value::map({{"mcp_server_url", kMcp}});
  const Result<Outcome> out = run(OauthConfig{}, "token_is_dead", std::move(what), web);
  REQUIRE(out);
  REQUIRE(out->judgement);
  CHECK(out->judgement->verdict == Verdict::unproved);
  CHECK(out->judgement->residual);
  CHECK(web.log().empty());
}

// Goal: the probe of either era is understood by servers of either era, dead tokens give 401
// everywhere.
TEST_CASE("both eras are probed and the one that spoke is remembered") {
  struct Row {
    bool legacy;
    bool modern;
    std::string first;  // the baseline's era
    std::string want;
    std::size_t requests;  // of the token, with the control
  };
  for (const Row& row : std::vector<Row>{{true, false, "legacy", "legacy", 2},
                                         {false, true, "legacy", "modern", 3},
                                         {true, true, "legacy", "legacy", 2},
                                         {false, true, "modern", "modern", 2},
                                         {true, false, "modern", "legacy", 3}}) {
    CAPTURE(row.want);
    CAPTURE(row.first);
    Web web;
    const Outcome out = look({.legacy = row.legacy, .modern = row.modern, .live = "leaked"}, web,
                             "probe_token", baseline_of(row.first));
    CHECK(out.outputs["answer"] == Value("alive"));
    CHECK(out.outputs["http_status"] == Value(200));
    CHECK(out.outputs["era"] == Value(row.want));
    CHECK(out.outputs["control_status"] == Value(401));
    CHECK(web.log().size() == row.requests);
    for (const Seen& seen : web.log()) {
      CHECK(seen.effect == Effect::probe);
      CHECK(seen.trust == Trust::untrusted);
      CHECK(seen.header("origin") == "(absent)");
    }
  }
}

TEST_CASE("a 404 asks the other era; where both are unknown the first answer stands") {
  Web web;
  web.on("POST", kMcp, reply(404));
  const Result<Outcome> out = probe("probe_token", web);
  REQUIRE(out);
  CHECK(out->outputs["answer"] == Value("unknown"));
  CHECK(out->outputs["http_status"] == Value(404));
  CHECK(out->outputs["era"] == Value("legacy"));
  CHECK(web.log().size() == 3);
}

// Goal: without a 200 before, a 401 is `rejected`; with one it is `dead`, and strong only with both
// controls refused.
TEST_CASE("a dead token: rejected without baseline, dead with one") {
  Web first;
  const Outcome rejected = look({}, first);
  CHECK(rejected.outputs["answer"] == Value("rejected"));
  CHECK(rejected.outputs["garbage_status"] == Value(401));
  CHECK_FALSE(rejected.judgement.has_value());

  Web second;
  const Outcome dead = look({}, second, "token_is_dead", baseline_of());
  CHECK(dead.outputs["answer"] == Value("dead"));
  REQUIRE(dead.judgement);
  CHECK(dead.judgement->verdict == Verdict::proved);
  CHECK(dead.judgement->grade == Grade::strong);
  CHECK(dead.judgement->proof == "401 after 200");
  CHECK(second.log().size() == 3);
  CHECK(second.log()[1].header("authorization") == "(absent)");
  CHECK(second.log()[2].header("authorization").starts_with("Bearer quell-control-"));

  Web third;
  const Outcome weak = look({}, third, "token_is_dead");
  CHECK(weak.judgement->grade == Grade::weak);
  CHECK(weak.judgement->verdict == Verdict::proved);
}

// Goal: a server that asks its issuer about tokens may refuse all of them while nobody answers it;
// such a 401 is no proof. Method: a pinned issuer that says no, says yes, breaks, may not be asked,
// or is gone altogether.
TEST_CASE("a refusal is held against the word of a pinned issuer") {
  const std::string metadata = kIssuer + "/.well-known/oauth-authorization-server";
  const std::string introspect = kIssuer + "/introspect";
  struct Row {
    std::string name;
    HttpResponse document;
    HttpResponse word;
    Verdict verdict;
    std::size_t asked;
  };
  const HttpResponse document = json_reply(200, issuer_document(kIssuer, kIssuer));
  const std::vector<Row> rows{
      {"inactive", document, json_reply(200, R"({"active":false})"), Verdict::proved, 1},
      {"active", document, json_reply(200, R"({"active":true})"), Verdict::unproved, 1},
      {"broken", document, reply(503), Verdict::unproved, 1},
      {"not for this kind of token", document,
       json_reply(400, R"({"error":"unsupported_token_type"})"), Verdict::proved, 1},
      {"metadata gone", reply(302), reply(200), Verdict::unproved, 0},
      {"no introspection", json_reply(200, R"({"issuer":")" + kIssuer + R"("})"), reply(200),
       Verdict::proved, 0},
      {"introspection at a host that nobody named",
       json_reply(200, issuer_document(kIssuer, kEvil)), reply(200), Verdict::proved, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Web web;
    web.on("POST", kMcp, Web::Reply(McpServer{}));
    web.on("GET", metadata, row.document).on("POST", introspect, row.word);
    Run what;
    what.params = Value::map({{"mcp_server_url", kMcp}, {"token", secret("leaked")}});
    what.baseline = baseline_of();
    const Result<Outcome> out = run(pinned_config(), "token_is_dead", std::move(what), web);
    REQUIRE(out);
    CHECK(out->judgement->verdict == row.verdict);
    CHECK(out->outputs["answer"] == Value(row.verdict == Verdict::proved ? "dead" : "unknown"));
    CHECK(web.to(introspect).size() == row.asked);
    for (const Seen& seen : web.to(introspect)) {
      CHECK(seen.effect == Effect::probe);
      CHECK(seen.form("token") == "leaked");
      CHECK(seen.form("token_type_hint") == "access_token");
    }
    CHECK(web.mentions(kEvil, "leaked") == 0);
    CHECK(web.misdirected() == 0);
  }
}

TEST_CASE("a token that still works is not shown to the issuer") {
  Web web;
  McpServer server;
  server.live = "leaked";
  web.on("POST", kMcp, Web::Reply(server));
  Run what;
  what.params = Value::map({{"mcp_server_url", kMcp}, {"token", secret("leaked")}});
  const Result<Outcome> out = run(pinned_config(), "token_is_dead", std::move(what), web);
  REQUIRE(out);
  CHECK(out->judgement->verdict == Verdict::refuted);
  CHECK(web.mentions(kIssuer, "") == 0);
}

TEST_CASE("a baseline is only a 200 that was read as alive") {
  const std::vector<Value> others{
      Value{},
      Value::map({{"answer", "unknown"}, {"http_status", 200}}),
      Value::map({{"answer", "alive"}, {"http_status", 403}}),
      Value::map({{"answer", "rejected"}, {"http_status", 401}}),
      Value("text"),
  };
  for (const Value& baseline : others) {
    Web web;
    CHECK(look({}, web, "token_is_dead", baseline).outputs["answer"] == Value("rejected"));
  }
  // A journal gives times back as text.
  Value stored = Value::map({{"answer", "alive"},
                             {"http_status", 200},
                             {"era", "modern"},
                             {"observed_at", "2031-03-04T05:00:00.000Z"}});
  Web web;
  const Outcome out = look({}, web, "token_is_dead", stored, make_jwt(R"({"exp":1})"));
  CHECK(out.outputs["answer"] == Value("dead"));
}

TEST_CASE("an open server proves nothing, whatever it says about the token") {
  Web web;
  const Outcome out = look({.open = true}, web, "token_is_dead", baseline_of());
  CHECK(out.outputs["answer"] == Value("unknown"));
  CHECK(out.judgement->verdict == Verdict::unproved);
  CHECK(out.judgement->residual->reason.find("without a token") != std::string::npos);
}

TEST_CASE("a server that takes garbage caps the grade at weak") {
  Web web;
  const Outcome out = look({.takes_any = true}, web, "token_is_dead", baseline_of());
  CHECK(out.outputs["garbage_status"] == Value(200));
  CHECK(out.judgement->verdict == Verdict::proved);
  CHECK(out.judgement->grade == Grade::weak);
}

// Goal: a JWT that is still taken is refuted with its own end as horizon; a forged past one leaves
// the horizon open (T12).
TEST_CASE("a JWT that still works is refuted until its exp") {
  const std::string jwt =
      make_jwt(R"({"exp":1930371000,"iss":"https://as.example"})");  // 2031-03-04T06:10:00Z
  Web web;
  const Outcome out = look({.live = jwt}, web, "token_is_dead", baseline_of(), jwt);
  CHECK(out.outputs["is_jwt"] == Value(true));
  CHECK(out.outputs["exp"] == Value(at("2031-03-04T06:10:00Z")));
  CHECK(out.judgement->verdict == Verdict::refuted);
  CHECK(out.judgement->residual->until == at("2031-03-04T06:11:00Z"));

  const std::string forged = make_jwt(R"({"exp":1})");
  Web again;
  const Outcome open_ended = look({.live = forged}, again, "token_is_dead", baseline_of(), forged);
  CHECK(open_ended.judgement->verdict == Verdict::refuted);
  CHECK(open_ended.judgement->residual->until == std::nullopt);
}

TEST_CASE("a refusal after exp is expiry, and a sender-constrained token cannot be judged") {
  const std::string jwt =
      make_jwt(R"({"exp":1930366900})");  // 2031-03-04T05:01:40Z, after the baseline
  Web web;
  const Outcome expired = look({}, web, "token_is_dead", baseline_of(), jwt);
  CHECK(expired.outputs["answer"] == Value("expired"));
  CHECK(expired.judgement->grade == Grade::weak);

  Web other;
  const Outcome bound = look({}, other, "token_is_dead", {}, make_jwt(R"({"cnf":{"jkt":"x"}})"));
  CHECK(bound.outputs["sender_constrained"] == Value(true));
  CHECK(bound.judgement->verdict == Verdict::unproved);
}

// Goal: a session that a probe opened is closed with the same token; an odd session id is left
// alone.
TEST_CASE("sessions opened by a probe are closed") {
  Web web;
  web.on("DELETE", kMcp, reply(405));
  look({.live = "leaked", .session = "s-1"}, web);
  REQUIRE(web.log().size() == 3);
  CHECK(web.log()[1].method == "DELETE");
  CHECK(web.log()[1].header("mcp-session-id") == "s-1");
  CHECK(web.log()[1].header("authorization") == "Bearer leaked");
  CHECK(web.log()[1].header("mcp-protocol-version") == "2025-11-25");
  CHECK(web.log()[1].effect == Effect::probe);
  for (const std::string& odd :
       {std::string("a b"), std::string("a\r\nx: y"), std::string(300, 's')}) {
    Web other;
    look({.live = "leaked", .session = odd}, other);
    CHECK(other.log().size() == 2);
  }
}

// Goal: no answer is no evidence: a plain probe may be repeated, a judged one stays unproved and
// names what it knows.
TEST_CASE("a server that cannot be reached") {
  for (const ErrorCode code : {ErrorCode::transient, ErrorCode::unknown}) {
    const auto down = [code](const Seen&) -> Result<HttpResponse> { return broken(code); };
    Web web;
    web.on("POST", kMcp, Web::Reply(down));
    const Result<Outcome> plain = probe("probe_token", web);
    REQUIRE_FALSE(plain);
    CHECK(plain.error().code == ErrorCode::transient);
    const Result<Outcome> judged = probe("token_is_dead", web, "leaked", baseline_of());
    REQUIRE(judged);
    CHECK(judged->judgement->verdict == Verdict::unproved);
    CHECK(judged->judgement->residual.has_value());
    CHECK(judged->outputs["http_status"].is_null());
  }
  Web web;
  web.on("POST", kMcp,
         [](const Seen&) -> Result<HttpResponse> { return broken(ErrorCode::invalid); });
  CHECK(probe("token_is_dead", web).error().code == ErrorCode::invalid);
}

TEST_CASE("no answer but a Bearer 401 is ever proof, even after 200") {
  const std::vector<HttpResponse> answers{
      reply(401), reply(401, "", {{"www-authenticate", R"(Basic realm="x")"}}),
      reply(403), reply(429, "", {{"retry-after", "5"}}),
      reply(500), reply(502),
      reply(503), reply(302),
      reply(400), reply(406),
  };
  for (const HttpResponse& answer : answers) {
    CAPTURE(answer.status);
    Web web;
    web.on("POST", kMcp, answer).on("POST", kMcp, reply(401));
    const Result<Outcome> out = probe("token_is_dead", web, "leaked", baseline_of());
    REQUIRE(out);
    CHECK(out->judgement->verdict == Verdict::unproved);
  }
}

TEST_CASE("the token is never sent over plain http, loopback by permission excepted") {
  Web web;
  for (const char* url : {"http://mcp.example/mcp", "http://127.0.0.1:1/mcp", "ftp://mcp.example",
                          "", "mcp.example"}) {
    Run what;
    what.params = Value::map({{"mcp_server_url", url}, {"token", secret("leaked")}});
    CHECK(run(OauthConfig{}, "probe_token", std::move(what), web).error().code ==
          ErrorCode::invalid);
  }
  CHECK(web.log().empty());
  OauthConfig config;
  config.loopback_http = true;
  Run what;
  what.params =
      Value::map({{"mcp_server_url", "http://127.0.0.1:1/mcp"}, {"token", secret("leaked")}});
  CHECK(run(config, "probe_token", std::move(what), web).has_value());
}

}  // namespace
}  // namespace quell
