// What the platform's validation says about the refresh token.
#include "connectors/managed_agents/validation.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "state/base/json.h"
#include "tests/connectors/managed_agents/script.h"

namespace quell::test {
namespace {

const std::string kValidated = "/v1/vaults/vlt_1/credentials/vcrd_1";
const std::string kValidate = "POST " + kValidated + "/mcp_oauth_validate";

Value of_one() { return Value::map({{"vault_id", "vlt_1"}, {"credential_id", "vcrd_1"}}); }

std::string validation(const std::string& status, const std::string& probe,
                       const std::string& refresh) {
  return R"({"type":"vault_credential_validation","credential_id":"vcrd_1","vault_id":"vlt_1",)"
         R"("validated_at":"2031-03-04T05:06:08Z","has_refresh_token":true,"status":")" +
         status + R"(","mcp_probe":)" + probe + R"(,"refresh":)" + refresh + "}";
}

std::string failed(int status_code, const std::string& body, bool truncated = false) {
  return R"({"status":"failed","http_response":{"status_code":)" + std::to_string(status_code) +
         R"(,"content_type":"application/json","body":)" + to_json(Value(body)) +
         R"(,"body_truncated":)" + (truncated ? "true" : "false") + "}}";
}

}  // namespace

// Goal: only a failed exchange answered 400 invalid_grant counts as death, only a successful one as
// life.
// Method: every status of the sheet, and answers that only look like it.
TEST_CASE("refresh_answer is read from the exchange alone") {
  struct Row {
    std::string refresh;
    std::string expected;
  };
  const std::vector<Row> rows{
      {failed(400, R"({"error":"invalid_grant"})"), "dead"},
      {failed(400, R"({"error":"invalid_grant","error_description":"revoked"})"), "dead"},
      {failed(400, R"({"error":"invalid_grant","error_descr)", true), "dead"},
      {R"({"status":"failed","http_response":{"status_code":400,"body":{"error":"invalid_grant"}}})",
       "dead"},
      {R"({"status":"succeeded","http_response":null})", "alive"},
      {failed(401, R"({"error":"invalid_grant"})"), "inconclusive"},
      {failed(401, R"({"error":"invalid_client"})"), "inconclusive"},
      {failed(400, R"({"error":"invalid_client"})"), "inconclusive"},
      {failed(400, R"({"error":"invalid_request","error_description":"\"invalid_grant\""})"),
       "inconclusive"},
      {failed(400, R"(["invalid_grant"])"), "inconclusive"},
      {failed(400, "invalid_grant"), "inconclusive"},
      {failed(400, ""), "inconclusive"},
      {failed(200, R"({"error":"invalid_grant"})"), "inconclusive"},
      {failed(403, "<html>forbidden</html>"), "inconclusive"},
      {failed(429, R"({"error":"invalid_grant"})"), "inconclusive"},
      {failed(500, R"({"error":"invalid_grant"})"), "inconclusive"},
      {R"({"status":"failed","http_response":null})", "inconclusive"},
      {R"({"status":"connect_error","http_response":null})", "inconclusive"},
      {R"({"status":"no_refresh_token","http_response":null})", "inconclusive"},
      {R"({"status":"no_refresh_token","http_response":{"status_code":400,"body":"{\"error\":\"invalid_grant\"}"}})",
       "inconclusive"},
      {R"({"status":"a_newer_word","http_response":null})", "inconclusive"},
      {"null", "inconclusive"}};
  for (const Row& row : rows) {
    for (const std::string status : {"valid", "invalid", "unknown"}) {
      CAPTURE(row.refresh);
      CAPTURE(status);
      Script script;
      script.on("GET " + kValidated, credential_json());
      script.on(kValidate, validation(status, "null", row.refresh));
      const Result<Outcome> outcome = run(script, "validate_credential", of_one());
      REQUIRE(outcome.has_value());
      CHECK(outcome->outputs["refresh_answer"].as_string() == row.expected);
      CHECK(outcome->outputs["status"].as_string() == status);
      const std::string verdict = row.expected == "dead"    ? "proved strong"
                                  : row.expected == "alive" ? "refuted strong"
                                                            : "unproved none";
      CHECK(verdict_of(outcome) == verdict);
      // The server took the stored token as it was: then a refusal to quell alone is no proof (T8).
      const bool gets_in = status == "valid" && row.refresh == "null";
      CHECK(outcome->doubts.size() == (gets_in ? 1U : 0U));
    }
  }
}

// Goal: playbooks find the sheet's own object in the outputs.
// Method: the example of API sheet 1.2, with a refused probe.
TEST_CASE("the validation object is given as it came") {
  Script script;
  script.on("GET " + kValidated, credential_json());
  script.on(
      kValidate,
      validation("invalid",
                 R"({"method":"initialize","http_response":{"status_code":401,)"
                 R"("content_type":"application/json","body":"{\"error\":\"invalid_token\"}",)"
                 R"("body_truncated":false}})",
                 failed(400, R"({"error":"invalid_grant"})")));
  const Result<Outcome> outcome = run(script, "validate_credential", of_one());
  REQUIRE(outcome.has_value());
  const Value& out = outcome->outputs;
  CHECK(out["credential_id"].as_string() == "vcrd_1");
  CHECK(out["has_refresh_token"].as_bool());
  CHECK(out["validated_at"].is_timestamp());
  CHECK(out["mcp_probe"]["method"].as_string() == "initialize");
  CHECK(out["mcp_probe"]["http_response"]["status_code"].as_int() == 401);
  CHECK(out["mcp_probe"]["http_response"]["body"].as_string() == R"({"error":"invalid_token"})");
  CHECK(out["refresh"]["http_response"]["status_code"].as_int() == 400);
}

// Goal: a hostile server behind the platform can plant neither a token nor a control in the record.
// Method: bodies with an echoed token, an escape sequence, and far too much of it.
TEST_CASE("bodies from outside are masked, escaped and cut") {
  const std::string token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl-0123456789";
  Script script;
  script.on("GET " + kValidated, credential_json());
  script.on(kValidate, validation("invalid", "null",
                                  failed(400, "\x1b[2J got Bearer " + token + " " +
                                                  std::string(900, ' ') + "end")));
  const Result<Outcome> outcome = run(script, "validate_credential", of_one());
  REQUIRE(outcome.has_value());
  const std::string body = outcome->outputs["refresh"]["http_response"]["body"].as_string();
  CHECK(body.find(token) == std::string::npos);
  CHECK(body.find(token.substr(0, 12)) == std::string::npos);
  CHECK(body.find("[masked]") != std::string::npos);
  CHECK(body.find('\x1b') == std::string::npos);
  CHECK(body.find("end") == std::string::npos);
}

// Goal: the call is made only where it is documented to mean something, and never twice.
// Method: archived, another type, gone, refusals, a lost answer and the look after it.
TEST_CASE("a validation is not sent where it cannot tell") {
  Script archived;
  archived.on("GET " + kValidated, credential_json({.archived = true}));
  CHECK(result_of(run(archived, "validate_credential", of_one())) == "conflict");
  CHECK(archived.acts().empty());
  Script bearer;
  bearer.on("GET " + kValidated, credential_json({.type = "static_bearer"}));
  CHECK(result_of(run(bearer, "validate_credential", of_one())) == "invalid");
  CHECK(bearer.acts().empty());
  Script gone;
  CHECK(result_of(run(gone, "validate_credential", of_one())) == "gone");

  for (const Refusal& row : std::vector<Refusal>{{400, "invalid"},
                                                 {409, "conflict"},
                                                 {404, "unavailable_here"},
                                                 {403, "denied"},
                                                 {429, "throttled"},
                                                 {500, "unknown"}}) {
    const int status = row.status;
    const std::string& expected = row.expected;
    CAPTURE(status);
    Script script;
    script.on("GET " + kValidated, credential_json());
    script.on(kValidate, status, error_json("x"));
    CHECK(result_of(run(script, "validate_credential", of_one())) == expected);
    CHECK(script.acts().size() == 1);
  }
  Script meanwhile;
  meanwhile.on("GET " + kValidated, credential_json());
  meanwhile.on("GET " + kValidated, credential_json({.archived = true}));
  meanwhile.on(kValidate, 400, error_json("invalid_request_error"));
  CHECK(result_of(run(meanwhile, "validate_credential", of_one())) == "conflict");

  Script lost;
  lost.on("GET " + kValidated, credential_json()).fails(kValidate, ErrorCode::unknown);
  CHECK(result_of(run(lost, "validate_credential", of_one())) == "unknown");
  CHECK_FALSE(spec_of("validate_credential").can_look);
  CHECK(spec_of("validate_credential").repeat == Repeat::never);
}

// Goal: an answer about something else proves nothing.
// Method: html, another credential, no status.
TEST_CASE("an answer that is no validation of this credential is refused") {
  for (const std::string& body :
       {std::string("<html>"), std::string("{}"), std::string(R"({"status":7})"),
        std::string(R"({"status":"invalid","credential_id":"vcrd_2"})"),
        std::string(R"({"status":"invalid","vault_id":"vlt_2"})")}) {
    CAPTURE(body);
    Script script;
    script.on("GET " + kValidated, credential_json()).on(kValidate, body);
    CHECK(result_of(run(script, "validate_credential", of_one())) == "invalid");
  }
}

}  // namespace quell::test
