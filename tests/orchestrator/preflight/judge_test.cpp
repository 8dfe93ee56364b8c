// What a preflight makes of what it read: each missing piece by its name, and nothing called ready
// that quell could not do.
#include "orchestrator/report/preflight.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "state/base/json.h"

namespace quell::test {
namespace {

constexpr const char* kUrl = "https://mcp.example/mcp";

Value credential(const std::string& id, const std::string& type = "mcp_oauth",
                 const std::string& url = kUrl) {
  return Value::map({{"id", id},
                     {"vault_id", "vlt_1"},
                     {"display_name", "Tracker"},
                     {"type", type},
                     {"mcp_server_url", url},
                     {"secret_name", type == "environment_variable" ? Value("MAIL_KEY") : Value()},
                     {"client_id", "as-recorded"},
                     {"expires_at", *parse_rfc3339("2031-03-04T05:06:07Z")}});
}

/// An issuer that has everything.
ServerLook server() {
  ServerLook look{.mcp_server_url = kUrl,
                  .ladder = Value::map({{"profile", "rfc7009"}}),
                  .connection = "issuer",
                  .is_configured = true,
                  .has_client = true};
  look.discovered =
      Value::map({{"issuer", "https://as.example"},
                  {"metadata_source", "rfc8414"},
                  {"revocation_endpoint", "https://as.example/revoke"},
                  {"introspection_endpoint", "https://as.example/introspect"},
                  {"revocation_auth_methods", Value::list({"client_secret_basic"})},
                  {"revocable", true},
                  {"obstacle", Value()}});
  return look;
}

ServerLook server_with(const std::string& member, Value value) {
  ServerLook look = server();
  ValueMap outputs = look.discovered->as_map();
  outputs[member] = std::move(value);
  look.discovered = Value(std::move(outputs));
  return look;
}

PreflightFacts facts_of(ValueList credentials, std::vector<ServerLook> servers) {
  PreflightFacts facts{.at = *parse_rfc3339("2031-03-04T05:00:00Z"),
                       .connection = "platform",
                       .host = "platform.example",
                       .issuers_place = "quell.yaml:11",
                       .servers = std::move(servers)};
  facts.survey = Value::map({{"vaults", Value::list({Value::map({{"id", "vlt_1"}})})},
                             {"credentials", Value(std::move(credentials))},
                             {"closed", Value(ValueList{})}});
  return facts;
}

/// A server whose issuer has a profile of its own with these rungs; nothing was discovered.
ServerLook with_rungs(ValueList rungs) {
  ServerLook look{.mcp_server_url = kUrl,
                  .ladder = Value::map({{"profile", "vendor"},
                                        {"chosen_by", "record"},
                                        {"rungs", Value(std::move(rungs))},
                                        {"human", "end it on the vendor's page"}}),
                  .connection = "issuer",
                  .has_profile = true};
  look.discovered = make_error(ErrorCode::unavailable_here, "no metadata");
  return look;
}

Value rung(const std::string& call, ValueList kills, ValueList missing, ValueList unsure = {}) {
  return Value::map({{"action", call.empty() ? "a person" : "vendor_revoke"},
                     {"call", call},
                     {"kills", Value(std::move(kills))},
                     {"missing", Value(std::move(missing))},
                     {"unsure", Value(std::move(unsure))}});
}

/// "missing: no client", or "ready".
std::string issuer_of(ServerLook look, const Value& one = credential("vcrd_1")) {
  const Value document = judge_preflight(facts_of({one}, {std::move(look)}));
  const Value issuer = document["credentials"].as_list().front()["issuer"];
  const std::string state = issuer["state"].as_string();
  // What is not ready says what to do.
  CHECK((state == "ready") == issuer["detail"].is_null());
  const bool open = state == "missing" || state == "unknown";
  CHECK(document["not_revocable"].as_int() == (open ? 1 : 0));
  return state == "ready" ? state : state + ": " + issuer["missing"].string_or("");
}

}  // namespace

TEST_CASE("each missing piece at an issuer has its name") {
  CHECK(issuer_of(server()) == "ready");
  CHECK(issuer_of(server_with("introspection_endpoint", Value())) == "slow: slow death");
  CHECK(issuer_of(server_with("revocation_endpoint", Value())) == "missing: no endpoint");
  ServerLook unpinned = server_with("revocable", false);
  ValueMap outputs = unpinned.discovered->as_map();
  outputs["obstacle"] = "the endpoint is on a host that nobody named";
  unpinned.discovered = Value(std::move(outputs));
  CHECK(issuer_of(unpinned) == "missing: not pinned");

  ServerLook no_client = server();
  no_client.is_configured = false;
  no_client.has_client = false;
  CHECK(issuer_of(no_client) == "missing: no client");
  // The record's own client does where the issuer takes clients without a secret.
  ServerLook open_issuer = server_with("revocation_auth_methods", Value::list({"none"}));
  open_issuer.is_configured = false;
  open_issuer.has_client = false;
  CHECK(issuer_of(open_issuer) == "ready");

  ServerLook unconnected = server();
  unconnected.connection.clear();
  CHECK(issuer_of(unconnected) == "missing: no client");
}

// Goal: an issuer without metadata is no dead end where its own profile has a call, and a call that
// nobody verified is no green (issuer sheet, section 8). Method: one server, its rungs changed.
TEST_CASE("a vendor's own call makes a credential ready, unless it lacks a piece or is unverified") {
  const Value person = rung("", {}, {});
  CHECK(issuer_of(with_rungs({rung("delete_grant", {"access_token"}, {}), person})) == "ready");
  CHECK(issuer_of(with_rungs({rung("report", {"access_token"}, {}, {"how long it takes"}),
                              person})) == "slow: unverified");
  CHECK(issuer_of(with_rungs({rung("end_refresh", {"refresh_token"}, {}), person})) ==
        "slow: slow death");
  CHECK(issuer_of(with_rungs({rung("delete_grant", {"access_token"}, {"client_secret"}),
                              person})) == "missing: no key");
  CHECK(issuer_of(with_rungs({person})) == "missing: by hand");
  // A wider call that lacks nothing does where the narrow one lacks something.
  CHECK(issuer_of(with_rungs({rung("delete_grant", {"access_token"}, {"client_secret"}),
                              rung("end_sessions", {"access_token"}, {}), person})) == "ready");

  const Value document = judge_preflight(facts_of(
      {credential("vcrd_1")},
      {with_rungs({rung("delete_grant", {"access_token"}, {"client_secret"}), person})}));
  const Value& issuer = document["issuers"].as_list().front();
  CHECK(issuer["profile"].string_or("") == "vendor");
  CHECK(issuer["chosen_by"].string_or("") == "record");
  CHECK(issuer["missing"].as_list().back().string_or("") == "client_secret");
}

TEST_CASE("what a fixed secret lacks is its issuer, unless an entry names one") {
  ServerLook bare = server();
  bare.is_configured = false;
  CHECK(issuer_of(bare, credential("vcrd_1", "static_bearer")) == "missing: no grant");
  CHECK(issuer_of(server(), credential("vcrd_1", "static_bearer")) == "ready");
  CHECK(issuer_of(server(), credential("vcrd_1", "environment_variable", "")) ==
        "missing: no issuer");
}

// Goal: doubt is a state of its own and never ready.
TEST_CASE("a discovery that failed is unreachable, refused, or no endpoint") {
  const auto failed = [](ErrorCode code) {
    ServerLook look = server();
    look.discovered = make_error(code, "egress", "it did not work", "do something");
    return issuer_of(look);
  };
  CHECK(failed(ErrorCode::transient) == "unknown: unreachable");
  CHECK(failed(ErrorCode::throttled) == "unknown: unreachable");
  CHECK(failed(ErrorCode::unavailable_here) == "missing: no endpoint");
  CHECK(failed(ErrorCode::invalid) == "missing: refused");
}

TEST_CASE("a list that is closed keeps the runtime plane from being ready, and is told") {
  PreflightFacts facts = facts_of({credential("vcrd_1")}, {server()});
  ValueMap survey = facts.survey.as_map();
  survey["closed"] = Value::list({Value::map({{"part", "deployments"}, {"why", "403 there."}})});
  facts.survey = Value(std::move(survey));
  const Value document = judge_preflight(facts);
  const Value runtime = document["credentials"].as_list().front()["runtime"];
  CHECK(runtime["state"].as_string() == "missing");
  CHECK(runtime["missing"].as_string() == "no deployments");
  CHECK(document["memory"]["paragraph"].is_null());
  CHECK(to_json(document["not_established"]).find("deployments: 403 there.") !=
        std::string::npos);
}

TEST_CASE("the document counts by missing piece, and reads the same once it was kept") {
  PreflightFacts facts =
      facts_of({credential("vcrd_1"), credential("vcrd_2", "environment_variable", ""),
                credential("vcrd_3", "environment_variable", "")},
               {server()});
  facts.drills["leaked-mcp-oauth"] = *parse_rfc3339("2031-03-01T05:00:00Z");
  const Value document = judge_preflight(facts);
  CHECK(document["not_revocable"].as_int() == 2);
  CHECK(document["by_missing"] == Value::map({{"no issuer", 2}}));
  CHECK(document["credentials"].as_list()[0]["last_drill"].as_string() ==
        "2031-03-01T05:00:00.000Z");
  CHECK(document["credentials"].as_list()[1]["last_drill"].is_null());
  const Result<Value> kept = parse_json(to_json(document));
  REQUIRE(kept.has_value());
  CHECK(to_json(*kept) == to_json(document));
}

// Goal: people are told of what got worse, and of nothing else.
TEST_CASE("worse is what could be killed before and cannot now, or is new and cannot") {
  const Value good = judge_preflight(facts_of({credential("vcrd_1")}, {server()}));
  const Value bad = judge_preflight(
      facts_of({credential("vcrd_1"), credential("vcrd_2", "environment_variable", "")},
               {server_with("revocation_endpoint", Value())}));
  CHECK(worse_than(good, bad) == std::vector<std::string>{"vcrd_1", "vcrd_2"});
  CHECK(worse_than(bad, bad).empty());
  CHECK(worse_than(bad, good).empty());
  CHECK(worse_than(Value(), bad).empty());
}

// Goal: the paragraph of the threat model names who writes, who reads, and what ends it.
TEST_CASE("the paragraph about memory") {
  PreflightFacts facts = facts_of({credential("vcrd_1")}, {server()});
  ValueMap survey = facts.survey.as_map();
  const auto user = [](const std::string& id, const std::string& writes, const std::string& reads) {
    const auto list = [](const std::string& store) {
      return store.empty() ? Value(ValueList{}) : Value::list({store});
    };
    return Value::map({{"id", id},
                       {"vault_ids", Value::list({"vlt_1"})},
                       {"writes", list(writes)},
                       {"reads", list(reads)}});
  };
  survey["memory_stores"] =
      Value::list({Value::map({{"id", "memstore_1"}, {"name", "Handbook"}})});
  survey["sessions"] =
      Value::list({user("sesn_1", "memstore_1", ""), user("sesn_2", "", "memstore_1"),
                   user("sesn_3", "", "")});
  survey["deployments"] = Value::list({user("depl_1", "memstore_1", "")});
  facts.survey = Value(std::move(survey));
  const Value document = judge_preflight(facts);
  CHECK(document["memory"]["paragraph"].as_string() ==
        "memstore_1 (Handbook): what flows in comes from depl_1, sesn_1, which reach 1 credential "
        "(vcrd_1); it is also read by sesn_2. Access is revoked by pausing depl_1, by stopping "
        "sesn_1, sesn_2, which keep their stores until then and by revoking vcrd_1 at their "
        "issuers; what was written stays readable until it is taken out of the store.");
}

}  // namespace quell::test
