// API keys of the organization: switched off and proved dead, and never quell's own (threat T43).
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "connectors/managed_agents/key_hint.h"
#include "state/base/json.h"
#include "tests/connectors/managed_agents/script.h"

namespace quell::test {
namespace {

constexpr std::string_view kAdminKey = "sk-ant-admin-0123456789abcdef-zzzz";
constexpr std::string_view kLeakedKey = "sk-ant-api03-leaked-0123456789-abcd";
const std::string kPath = "/v1/organizations/api_keys/apikey_1";

BoundSecret bound(std::string_view text) {
  return {.secret = std::make_shared<const Secret>(Secret::copy_of(text)), .origins = {kBase}};
}

ManagedAgentsConfig with_admin(int* loads = nullptr) {
  ManagedAgentsConfig config = test_config();
  config.admin_key = [loads]() -> Result<BoundSecret> {
    if (loads != nullptr) ++*loads;
    return bound(kAdminKey);
  };
  return config;
}

std::string key_json(const std::string& status, const std::string& id = "apikey_1",
                     const std::string& hint = "sk-ant-api03-lea...abcd") {
  return R"({"id":")" + id + R"(","type":"api_key","name":"ci","partial_key_hint":")" + hint +
         R"(","status":")" + status +
         R"(","scope":{"type":"workspace","workspace_id":"wrkspc_1"},"expires_at":null})";
}

Value by_id() { return Value::map({{"api_key_id", "apikey_1"}}); }

Value by_key(std::string_view key, bool worked_before = false) {
  SecretValue secret{.secret = std::make_shared<const Secret>(Secret::copy_of(key))};
  secret.fingerprint = "00112233445566778899aabbccddeeff";
  ValueMap params{{"api_key", Value(std::move(secret))}};
  if (worked_before) params["worked_before"] = true;
  return Value(std::move(params));
}

/// The verdict on a leaked key that is answered `leaked` while our own is answered `own`.
std::string dead(int leaked, const std::string& body, int own = 200, bool worked_before = true) {
  Script script;
  script.on("GET /v1/vaults", [=, calls = std::make_shared<int>(0)]() -> Result<HttpResponse> {
    return ++*calls == 1 ? HttpResponse(leaked, body) : HttpResponse(own, page({}));
  });
  const Result<Outcome> outcome = run(script, "api_key_is_dead",
                                      by_key(kLeakedKey, worked_before), Intent::act, with_admin());
  CHECK(script.log().size() == 2);
  return verdict_of(outcome);
}

}  // namespace

// Goal: the key goes off with one request by the admin's key, which is loaded for that and not
// before.
TEST_CASE("deactivate reads, acts once, and sends the admin key to the admin API alone") {
  int loads = 0;
  const ManagedAgentsConfig config = with_admin(&loads);
  CHECK(loads == 0);
  Script script;
  script.on("GET " + kPath, key_json("active"));
  script.on("POST " + kPath, key_json("inactive"));
  const Result<Outcome> outcome = run(script, "deactivate_api_key", by_id(), Intent::act, config);
  CHECK(result_of(outcome) == "done");
  CHECK(outcome->outputs["status"].as_string() == "inactive");
  CHECK(loads > 0);
  REQUIRE(script.acts() == std::vector<std::string>{"POST " + kPath});
  for (const Seen& seen : script.log()) {
    CHECK(seen.headers.at("authorization") == "Bearer " + std::string(kAdminKey));
    CHECK(seen.headers.count("anthropic-beta") == 0);
  }
  CHECK(script.log().back().body == R"({"status":"inactive"})");
}

TEST_CASE("what is off already is left alone, and what was lost is looked up") {
  for (const char* const status : {"inactive", "archived", "expired"}) {
    Script script;
    script.on("GET " + kPath, key_json(status));
    CHECK(result_of(run(script, "deactivate_api_key", by_id(), Intent::act, with_admin())) ==
          "already");
    CHECK(script.acts().empty());
  }
  Script script;
  script.on("GET " + kPath, key_json("active"));
  CHECK(result_of(run(script, "deactivate_api_key", by_id(), Intent::look, with_admin())) ==
        "conflict");
  CHECK(script.acts().empty());
}

TEST_CASE("activate and archive") {
  Script script;
  script.on("GET " + kPath, key_json("inactive"));
  script.on("POST " + kPath, key_json("active"));
  CHECK(result_of(run(script, "activate_api_key", by_id(), Intent::act, with_admin())) == "done");
  Script expired;
  expired.on("GET " + kPath, key_json("expired"));
  CHECK(result_of(run(expired, "activate_api_key", by_id(), Intent::act, with_admin())) ==
        "conflict");
  Script archive;
  archive.on("GET " + kPath, key_json("inactive"));
  archive.on("POST " + kPath, key_json("archived"));
  CHECK(result_of(run(archive, "archive_api_key", by_id(), Intent::act, with_admin())) == "done");
  CHECK(archive.log().back().body == R"({"status":"archived"})");
}

// Goal: quell never switches off what it works with, however it would have to be told (threat T43).
TEST_CASE("quell's own keys are refused, and so is one that cannot be told apart") {
  const auto refused = [](const ManagedAgentsConfig& config, const std::string& hint) {
    Script script;
    script.on("GET " + kPath, key_json("active", "apikey_1", hint));
    script.on("POST " + kPath, key_json("inactive", "apikey_1", hint));
    std::string words;
    for (const char* const action : {"deactivate_api_key", "archive_api_key"}) {
      const Result<Outcome> outcome = run(script, action, by_id(), Intent::act, config);
      if (outcome) return std::string("not refused");
      CHECK(outcome.error().code == ErrorCode::conflict);
      words = outcome.error().message;
    }
    CHECK(script.acts().empty());
    return words;
  };
  const std::string own(kKey);
  const std::string own_hint = own.substr(0, 12) + "..." + own.substr(own.size() - 4);
  CHECK(refused(with_admin(), own_hint).find("by its hint") != std::string::npos);
  CHECK(refused(with_admin(), "sk-ant-admin-012...zzzz").find("by its hint") != std::string::npos);
  CHECK(refused(with_admin(), "").find("nothing tells whether") != std::string::npos);
  ManagedAgentsConfig named = with_admin();
  named.key_id = "apikey_1";
  CHECK(refused(named, "sk-ant-api03-lea...abcd").find("as the configuration says") !=
        std::string::npos);
  // Another id than the one written down is another key, even without a hint.
  named.key_id = "apikey_2";
  CHECK(refused(named, "") == "not refused");
}

TEST_CASE("without an admin key nothing is sent, and the remedy names the setting") {
  Script script;
  for (const char* const action :
       {"deactivate_api_key", "activate_api_key", "archive_api_key", "api_key_is_inactive"}) {
    const Result<Outcome> outcome = run(script, action, by_id());
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().topic == "secret");
    CHECK(outcome.error().hint.find("admin_api_key") != std::string::npos);
  }
  CHECK(script.log().empty());
}

TEST_CASE("the list of keys follows its own cursor") {
  Script script;
  const std::string list = "GET /v1/organizations/api_keys?status=active&limit=100";
  script.on(list, R"({"data":[)" + key_json("active") +
                      R"(],"has_more":true,"first_id":"apikey_1","last_id":"apikey_1"})");
  script.on(list + "&after_id=apikey_1",
            R"({"data":[)" + key_json("active", "apikey_2") +
                R"(],"has_more":false,"first_id":"apikey_2","last_id":"apikey_2"})");
  const Result<Outcome> outcome = run(script, "list_api_keys", Value::map({{"status", "active"}}),
                                      Intent::act, with_admin());
  REQUIRE_MESSAGE(outcome.has_value(), result_of(outcome));
  CHECK(outcome->outputs["api_keys"].as_list().size() == 2);
}

// Goal: the record alone is weak, since nobody documents how soon a change is heard of.
TEST_CASE("the record's word is weak proof, an active one refutes, an unknown one says nothing") {
  const auto verdict = [](const std::string& status) {
    Script script;
    script.on("GET " + kPath, key_json(status));
    return verdict_of(run(script, "api_key_is_inactive", by_id(), Intent::act, with_admin()));
  };
  CHECK(verdict("inactive") == "proved weak");
  CHECK(verdict("archived") == "proved weak");
  CHECK(verdict("expired") == "proved weak");
  CHECK(verdict("active") == "refuted strong");
  CHECK(verdict("sleeping") == "unproved none");
  Script absent;
  CHECK(verdict_of(run(absent, "api_key_is_inactive", by_id(), Intent::act, with_admin())) ==
        "gone");
}

// Goal: only the platform's own 401, while our key passes and after the leaked one did, is strong.
TEST_CASE("what the leaked key is answered") {
  const std::string refusal = error_json("authentication_error");
  CHECK(dead(401, refusal) == "proved strong");
  CHECK(dead(401, refusal, 200, false) == "proved weak");
  CHECK(dead(200, page({})) == "refuted strong");
  CHECK(dead(401, "<html>gateway</html>") == "unproved none");
  CHECK(dead(401, refusal, 401) == "unproved none");
  CHECK(dead(401, refusal, 503) == "unproved none");
  CHECK(dead(403, error_json("permission_error")) == "unproved none");
  CHECK(dead(404, error_json("not_found_error")) == "unproved none");
  CHECK(dead(429, error_json("rate_limit_error")) == "unproved none");
  CHECK(dead(500, "") == "unproved none");
}

TEST_CASE("a probe with quell's own key is refused unsent") {
  Script script;
  const Result<Outcome> outcome =
      run(script, "probe_api_key", by_key(kKey), Intent::act, with_admin());
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().code == ErrorCode::conflict);
  CHECK(script.log().empty());
}

TEST_CASE("hints") {
  using managed_agents::compare_hint;
  using managed_agents::HintAnswer;
  const Secret key = Secret::copy_of("sk-ant-api03-R2Dxxxxxxxxxxxxxxxxxigaa");
  CHECK(compare_hint(key, "sk-ant-api03-R2D...igaa") == HintAnswer::fits);
  CHECK(compare_hint(key, "sk-ant-api03-R2E...igaa") == HintAnswer::differs);
  CHECK(compare_hint(key, "sk-ant-api03-R2D...igab") == HintAnswer::differs);
  for (const char* const broken : {"", "...", "sk-ant-api03-R2D", "...igaa", "sk...a"})
    CHECK(compare_hint(key, broken) == HintAnswer::unreadable);
  const Secret brief = Secret::copy_of("sk-ant");
  CHECK(compare_hint(brief, "sk-a...-ant") == HintAnswer::differs);  // they may not overlap
}

}  // namespace quell::test
