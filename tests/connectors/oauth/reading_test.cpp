#include "connectors/oauth/reading.h"

#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/connectors/oauth/web.h"

namespace quell {
namespace {

using test::at;
using test::json_reply;
using test::reply;

HttpResponse challenged(int status, std::string challenge) {
  return reply(status, "", {{"www-authenticate", std::move(challenge)}});
}

// Goal: section 7.3 of the API sheet, row by row: which answer says what about the token.
TEST_CASE("an MCP server's answer is read by the sheet's table") {
  struct Row {
    std::string name;
    HttpResponse response;
    TokenSignal want;
  };
  using enum TokenSignal;
  std::vector<Row> rows{
      {"401 invalid_token",
       challenged(401, R"(Bearer error="invalid_token", error_description="revoked")"),
       invalid_token},
      {"behind a gateway's own challenge",
       challenged(401, R"(Bearer realm="gw", Bearer error="invalid_token")"), invalid_token},
      {"401 without challenge", reply(401), bare_401},
      {"401 of another scheme", challenged(401, R"(Basic realm="x")"), bare_401},
      {"401 Bearer without error",
       challenged(401, R"(Bearer resource_metadata="https://m.example/x")"), bare_401},
      {"401 with another error", challenged(401, R"(Bearer error="invalid_request")"), bare_401},
      {"the word elsewhere", challenged(401, R"(Bearer realm="invalid_token")"), bare_401},
      {"the word of another scheme", challenged(401, R"(DPoP error="invalid_token")"), bare_401},
      {"the word in the body", json_reply(401, R"({"error":"invalid_token"})"), bare_401},
      {"200 JSON", json_reply(200, R"({"jsonrpc":"2.0","id":1,"result":{}})"), accepted},
      {"200 JSON-RPC error", json_reply(200, R"({"jsonrpc":"2.0","id":1,"error":{"code":-32600}})"),
       accepted},
      {"200 SSE", reply(200, "{}", {{"content-type", "text/event-stream"}}), accepted},
      {"200 html", reply(200, "<html>", {{"content-type", "text/html"}}), accepted},
      {"403 insufficient_scope", challenged(403, R"(Bearer error="insufficient_scope", scope="x")"),
       accepted},
      {"403 bare", reply(403), no_evidence},
      {"403 invalid_token", challenged(403, R"(Bearer error="invalid_token")"), no_evidence},
      {"404 JSON-RPC", json_reply(404, R"({"jsonrpc":"2.0","id":null,"error":{"code":-32601}})"),
       passed},
  };
  for (const int status : {400, 404, 405, 406, 409, 413, 415, 422})
    rows.push_back({"passed", reply(status), passed});
  for (const int status :
       {301, 302, 303, 307, 308, 408, 425, 429, 500, 501, 502, 503, 504, 202, 204, 402, 410, 418}) {
    rows.push_back({"no evidence", reply(status), no_evidence});
  }
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CAPTURE(row.response.status);
    CHECK(read_token_signal(row.response) == row.want);
  }
}

// Goal: a 400 or 404 from a server of the other era sends us to the other probe, any other 400 does
// not.
TEST_CASE("the other era is recognised by its code") {
  const auto refusal = [](int code) {
    return json_reply(400,
                      R"({"jsonrpc":"2.0","id":1,"error":{"code":)" + std::to_string(code) + "}}");
  };
  CHECK(speaks_other_era(refusal(-32000)));
  CHECK(speaks_other_era(refusal(-32022)));
  CHECK(speaks_other_era(reply(404)));
  CHECK_FALSE(speaks_other_era(refusal(-32020)));
  CHECK_FALSE(speaks_other_era(reply(400)));
  CHECK_FALSE(speaks_other_era(reply(400, R"({"error":"text"})")));
  CHECK_FALSE(speaks_other_era(reply(400, "[1,2")));
  CHECK_FALSE(speaks_other_era(reply(401, R"({"error":{"code":-32000}})")));
}

// Goal: only an issuer's own yes or no counts as its word; whatever stands before it is silence.
TEST_CASE("the word of an issuer") {
  CHECK(read_introspection(json_reply(200, R"({"active":true})")) == IssuerWord::active);
  CHECK(read_introspection(json_reply(200, R"({"active":false})")) == IssuerWord::inactive);
  for (const int status : {400, 401, 403, 404, 405}) {
    CAPTURE(status);
    CHECK(read_introspection(reply(status)) == IssuerWord::not_told);
  }
  for (const int status : {301, 302, 307, 429, 500, 502, 503, 504}) {
    CAPTURE(status);
    CHECK(read_introspection(reply(status)) == IssuerWord::silent);
  }
  CHECK(read_introspection(reply(200, "<html>")) == IssuerWord::silent);
  CHECK(read_introspection(json_reply(200, R"({"active":"true"})")) == IssuerWord::silent);
}

TokenCircumstances seen(TokenSignal signal) {
  TokenCircumstances out;
  out.signal = signal;
  out.without_token = Control::refused;
  out.with_garbage = Control::refused;
  out.now = at("2031-03-04T05:06:07Z");
  return out;
}

// Goal: only 401 after 200 is `dead`; the guards of section 7.3 weaken, never strengthen (T8, T12).
TEST_CASE("circumstances turn a signal into an answer, a verdict and a grade") {
  struct Row {
    std::string name;
    TokenCircumstances seen;
    TokenAnswer answer;
    Verdict verdict;
    Grade grade;
  };
  std::vector<Row> rows;
  const auto add = [&rows](std::string name, TokenSignal signal, auto change, TokenAnswer answer,
                           Verdict verdict, Grade grade) {
    TokenCircumstances circumstances = seen(signal);
    change(circumstances);
    rows.push_back(Row{std::move(name), circumstances, answer, verdict, grade});
  };
  const auto nothing = [](TokenCircumstances&) {};
  const auto baseline = [](TokenCircumstances& c) {
    c.baseline = true;
    c.baseline_at = at("2031-03-04T05:00:00Z");
  };
  using enum TokenSignal;
  add("accepted", accepted, nothing, TokenAnswer::alive, Verdict::refuted, Grade::strong);
  add("401 after 200", invalid_token, baseline, TokenAnswer::dead, Verdict::proved, Grade::strong);
  add("401, no 200 before", invalid_token, nothing, TokenAnswer::rejected, Verdict::proved,
      Grade::weak);
  add("bare 401 after 200", bare_401, baseline, TokenAnswer::unknown, Verdict::unproved,
      Grade::none);
  add("400", passed, baseline, TokenAnswer::unknown, Verdict::unproved, Grade::none);
  add("503", no_evidence, baseline, TokenAnswer::unknown, Verdict::unproved, Grade::none);
  add(
      "open server, token accepted", accepted, [](auto& c) { c.without_token = Control::accepted; },
      TokenAnswer::unknown, Verdict::unproved, Grade::none);
  add(
      "open server, token refused", invalid_token,
      [&](auto& c) { baseline(c), c.without_token = Control::accepted; }, TokenAnswer::unknown,
      Verdict::unproved, Grade::none);
  add(
      "control A unanswered", invalid_token,
      [&](auto& c) { baseline(c), c.without_token = Control::inconclusive; }, TokenAnswer::dead,
      Verdict::proved, Grade::weak);
  add(
      "garbage accepted", invalid_token,
      [&](auto& c) { baseline(c), c.with_garbage = Control::accepted; }, TokenAnswer::dead,
      Verdict::proved, Grade::weak);
  add(
      "garbage unanswered", invalid_token,
      [&](auto& c) { baseline(c), c.with_garbage = Control::inconclusive; }, TokenAnswer::dead,
      Verdict::proved, Grade::weak);
  add(
      "expired since the baseline", invalid_token,
      [&](auto& c) { baseline(c), c.expires_at = at("2031-03-04T05:03:00Z"); },
      TokenAnswer::expired, Verdict::proved, Grade::weak);
  add(
      "expired within the clocks' skew", invalid_token,
      [&](auto& c) { baseline(c), c.expires_at = at("2031-03-04T05:06:30Z"); },
      TokenAnswer::expired, Verdict::proved, Grade::weak);
  add(
      "expired, no baseline", invalid_token,
      [](auto& c) { c.expires_at = at("2031-03-04T05:03:00Z"); }, TokenAnswer::expired,
      Verdict::proved, Grade::weak);
  add(
      "exp of 1970, yet accepted minutes ago: revoked", invalid_token,
      [&](auto& c) { baseline(c), c.expires_at = at("1970-01-01T00:00:00Z"); }, TokenAnswer::dead,
      Verdict::proved, Grade::strong);
  add(
      "exp ahead", invalid_token,
      [&](auto& c) { baseline(c), c.expires_at = at("2031-03-04T06:00:00Z"); }, TokenAnswer::dead,
      Verdict::proved, Grade::strong);
  add(
      "accepted past its exp", accepted, [](auto& c) { c.expires_at = at("1970-01-01T00:00:00Z"); },
      TokenAnswer::alive, Verdict::refuted, Grade::strong);
  add(
      "sender-constrained, never accepted", invalid_token,
      [](auto& c) { c.sender_constrained = true; }, TokenAnswer::unknown, Verdict::unproved,
      Grade::none);
  add(
      "sender-constrained, accepted before", invalid_token,
      [&](auto& c) { baseline(c), c.sender_constrained = true; }, TokenAnswer::dead,
      Verdict::proved, Grade::strong);
  add(
      "refused, but the issuer calls it active", invalid_token,
      [&](auto& c) { baseline(c), c.issuer = IssuerWord::active; }, TokenAnswer::unknown,
      Verdict::unproved, Grade::none);
  add(
      "refused while the issuer is silent", invalid_token,
      [&](auto& c) { baseline(c), c.issuer = IssuerWord::silent; }, TokenAnswer::unknown,
      Verdict::unproved, Grade::none);
  add(
      "refused, no 200 before, the issuer calls it active", invalid_token,
      [](auto& c) { c.issuer = IssuerWord::active; }, TokenAnswer::unknown, Verdict::unproved,
      Grade::none);
  add(
      "refused, and inactive at the issuer", invalid_token,
      [&](auto& c) { baseline(c), c.issuer = IssuerWord::inactive; }, TokenAnswer::dead,
      Verdict::proved, Grade::strong);
  add(
      "accepted, whatever the issuer says", accepted,
      [](auto& c) { c.issuer = IssuerWord::inactive; }, TokenAnswer::alive, Verdict::refuted,
      Grade::strong);
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const TokenAnswer answer = conclude(row.seen);
    const Judgement judgement = judge(answer, row.seen, 401);
    CHECK(to_string(answer) == to_string(row.answer));
    CHECK(judgement.verdict == row.verdict);
    CHECK(judgement.grade == row.grade);
    CHECK(judgement.corroborated == (row.seen.issuer == IssuerWord::inactive));
    CHECK_FALSE(judgement.proof.empty());
    CHECK(judgement.residual.has_value() == (row.verdict != Verdict::proved));
  }
}

// Goal: a horizon comes from `exp` only while it lies ahead; a forged past one leaves it open
// (T12).
TEST_CASE("a residual's end is exp and the skew, or unknown") {
  TokenCircumstances circumstances = seen(TokenSignal::accepted);
  CHECK(judge(TokenAnswer::alive, circumstances, 200).residual->until == std::nullopt);
  circumstances.expires_at = at("2031-03-04T06:00:00Z");
  CHECK(judge(TokenAnswer::alive, circumstances, 200).residual->until ==
        at("2031-03-04T06:01:00Z"));
  CHECK(judge(TokenAnswer::alive, circumstances, 200).residual->reason.find("offline") !=
        std::string::npos);
  CHECK(judge(TokenAnswer::unknown, circumstances, 503).residual->until ==
        at("2031-03-04T06:01:00Z"));
  circumstances.expires_at = at("1970-01-01T00:00:00Z");
  CHECK(judge(TokenAnswer::alive, circumstances, 200).residual->until == std::nullopt);
}

TEST_CASE("controls: 401 is refused, 200 accepted, the rest says nothing") {
  CHECK(read_control(401) == Control::refused);
  CHECK(read_control(200) == Control::accepted);
  for (const int status : {202, 400, 403, 404, 429, 500})
    CHECK(read_control(status) == Control::inconclusive);
  CHECK(read_control(std::nullopt) == Control::inconclusive);
}

/// The code of a failure, or the answer's word.
std::string revocation_word(const HttpResponse& response) {
  const Result<RevocationAnswer> answer =
      read_revocation(response, "revoking at as.example", at(test::kNow));
  return std::string(answer ? to_string(*answer) : to_string(answer.error().code));
}

// Goal: section 1 of the API sheet, row by row: what an RFC 7009 endpoint said.
TEST_CASE("a revocation answer is read by the sheet's table") {
  const auto html = [](int status) {
    return reply(status, "<html>log in", {{"content-type", "text/html; charset=utf-8"}});
  };
  const auto error = [](int status, const std::string& code) {
    return json_reply(status, R"({"error":")" + code + "\"}");
  };
  CHECK(revocation_word(reply(200)) == "accepted");
  CHECK(revocation_word(json_reply(200, "{}")) == "accepted");
  CHECK(revocation_word(reply(200, "ok", {{"content-type", "text/plain"}})) == "accepted");
  CHECK(revocation_word(error(200, "invalid_token")) == "accepted");
  CHECK(revocation_word(reply(204)) == "accepted");
  CHECK(revocation_word(error(400, "unsupported_token_type")) == "unsupported");
  CHECK(revocation_word(error(400, "invalid_request")) == "refused");
  CHECK(revocation_word(error(400, "invalid_grant")) == "refused");
  CHECK(revocation_word(reply(400)) == "refused");
  CHECK(revocation_word(error(400, "invalid_client")) == "denied");
  CHECK(revocation_word(error(400, "unauthorized_client")) == "denied");
  CHECK(revocation_word(error(401, "invalid_client")) == "denied");
  CHECK(revocation_word(reply(401)) == "denied");
  CHECK(revocation_word(reply(403)) == "denied");
  CHECK(revocation_word(reply(503, "", {{"retry-after", "7"}})) == "throttled");
  CHECK(revocation_word(reply(503)) == "throttled");
  CHECK(revocation_word(reply(429)) == "throttled");
  CHECK(revocation_word(reply(500)) == "unknown");
  CHECK(revocation_word(reply(502)) == "unknown");
  CHECK(revocation_word(reply(504)) == "unknown");
  CHECK(revocation_word(reply(302, "", {{"location", "https://as.example/login"}})) == "invalid");
  CHECK(revocation_word(reply(404)) == "unavailable_here");
  CHECK(revocation_word(reply(405)) == "unavailable_here");
  CHECK(revocation_word(html(200)) == "invalid");
  CHECK(revocation_word(reply(200, "  <!DOCTYPE HTML><title>")) == "invalid");

  const Result<RevocationAnswer> wait =
      read_revocation(reply(503, "", {{"retry-after", "7"}}), "x", at(test::kNow));
  CHECK(wait.error().retry_after == Duration{7'000});
}

// Goal: an error text of the other side never reaches ours.
TEST_CASE("a refusal's body is not quoted") {
  for (const int status : {400, 401, 403, 404, 429, 500, 503, 302, 200}) {
    const HttpResponse response =
        reply(status, R"(<html>{"error":"canary","error_description":"canary"})");
    const Result<RevocationAnswer> answer = read_revocation(response, "revoking", at(test::kNow));
    if (!answer) CHECK(describe(answer.error()).find("canary") == std::string::npos);
  }
}

// Goal: section 6.3: only 400 invalid_grant, or a 400 without a body, is death; only tokens are
// life.
TEST_CASE("a refresh answer is dead, alive or nothing") {
  const auto word = [](const HttpResponse& response) { return to_string(read_refresh(response)); };
  CHECK(word(json_reply(400, R"({"error":"invalid_grant"})")) == "dead");
  CHECK(word(reply(400)) == "dead");
  CHECK(word(reply(400, " \r\n")) == "dead");
  CHECK(word(json_reply(200, R"({"access_token":"a","token_type":"Bearer"})")) == "alive");
  CHECK(word(json_reply(400, R"({"error":"invalid_target"})")) == "unknown");
  CHECK(word(json_reply(400, R"({"error":"invalid_client"})")) == "unknown");
  CHECK(word(reply(400, "nonsense")) == "unknown");
  CHECK(word(json_reply(200, R"({"error":"invalid_grant"})")) == "unknown");
  CHECK(word(reply(200, "<html>")) == "unknown");
  for (const int status : {301, 401, 403, 404, 429, 500, 503}) {
    CHECK(word(json_reply(status, R"({"error":"invalid_grant"})")) == "unknown");
  }
}

}  // namespace
}  // namespace quell
