// The blast radius in depth: agents, threads, memory, and who can steer whom.
#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "state/base/json.h"
#include "tests/connectors/managed_agents/script.h"

namespace quell::test {
namespace {

using Names = std::vector<std::string>;

const std::string kReachedSince = "2031-03-04T04%3A00%3A00.000Z";

std::string session(const std::string& id, const std::string& agent, const std::string& vault,
                    const std::string& store, const std::string& access,
                    const std::string& roster = "null") {
  const std::string resources =
      store.empty() ? "[]"
                    : fmt::format(R"([{{"type":"memory_store","memory_store_id":"{}","access":"{}"}},
                                      {{"type":"github_repository","url":"https://git.example/{}"}}])",
                                  store, access, id);
  return fmt::format(
      R"({{"id":"{0}","type":"session","status":"idle","title":"Work of {0}","environment_id":"env_1",
          "deployment_id":null,"vault_ids":[{1}],"agent":{{"type":"agent","id":"{2}","name":"{2}","multiagent":{3}}},
          "resources":{4},"created_at":"2031-03-04T04:30:00Z","archived_at":null}})",
      id, vault.empty() ? "" : "\"" + vault + "\"", agent, roster, resources);
}

std::string agent_json(const std::string& id, const std::string& roster = "null") {
  return fmt::format(R"({{"id":"{0}","type":"agent","version":1,"name":"{0}","multiagent":{1},"archived_at":null}})",
                     id, roster);
}

/// The leak lies in vlt_1. Session sesn_1 of agent_a uses it, writes store_1, and calls agent_b;
/// sesn_2 of agent_c holds nothing and reads store_1 and writes store_2, which sesn_3 of agent_d
/// reads; sesn_4 is a bystander with a store of its own.
void furnish_neighbours(Script& script) {
  const std::string roster =
      R"({"type":"coordinator","agents":[{"type":"agent","id":"agent_b","version":1},{"type":"advisor","model":"big"}]})";
  script.on("GET /v1/vaults", page({vault_json("vlt_1"), vault_json("vlt_9")}));
  script.on("GET /v1/vaults/vlt_1/credentials", page({credential_json()}));
  script.on("GET /v1/vaults/vlt_9/credentials", page({}));
  script.on("GET /v1/sessions",
            page({session("sesn_1", "agent_a", "vlt_1", "store_1", "read_write", roster),
                  session("sesn_2", "agent_c", "", "store_1", "read_only"),
                  session("sesn_5", "agent_c", "", "store_2", "read_write"),
                  session("sesn_3", "agent_d", "", "store_2", "read_only"),
                  session("sesn_4", "agent_e", "vlt_9", "store_3", "read_write")}));
  script.on("GET /v1/deployments", page({}));
  script.on("GET /v1/agents", page({agent_json("agent_a", roster), agent_json("agent_b")}));
  script.on("GET /v1/memory_stores",
            page({R"({"id":"store_1","type":"memory_store","name":"Notes","archived_at":null})"}));
  script.on("GET /v1/sessions/sesn_1/threads",
            page({R"({"id":"sthr_1","session_id":"sesn_1","parent_thread_id":null,"status":"idle","agent":{"type":"agent","id":"agent_a","name":"agent_a"},"archived_at":null})",
                  R"({"id":"sthr_2","session_id":"sesn_1","parent_thread_id":"sthr_1","status":"idle","agent":{"type":"inline","name":"helper"},"archived_at":null})"}));
  script.on("GET /v1/memory_stores/store_1/memory_versions",
            page({R"({"type":"memory_version","id":"memver_1","memory_id":"mem_1","memory_store_id":"store_1","operation":"modified","path":"/a","created_by":{"type":"session_actor","session_id":"sesn_1"},"created_at":"2031-03-04T04:40:00Z","redacted_at":null})"}));
}

Value deeply(ValueMap more = {}) {
  more["deep"] = true;
  more["since"] = *parse_rfc3339("2031-03-04T04:00:00Z");
  return Value(std::move(more));
}

Value reached_by_credential() {
  return deeply({{"credential_ids", Value::list({"vcrd_1"})}, {"vault_ids", Value::list({"vlt_1"})}});
}

const Value* found(const Value& list, std::string_view member, std::string_view wanted) {
  for (const Value& item : list.as_list())
    if (item[member].string_or("") == wanted) return &item;
  return nullptr;
}

Names ids_of(const Value& list) {
  Names names;
  for (const Value& item : list.as_list())
    names.emplace_back(item.is_string() ? item.as_string() : item["id"].as_string());
  std::ranges::sort(names);
  return names;
}

/// The edge of that kind between the two, or null.
const Value* edge(const Value& graph, std::string_view from, std::string_view kind,
                  std::string_view to) {
  for (const Value& one : graph["edges"].as_list())
    if (one["from"].string_or("") == from && one["kind"].string_or("") == kind &&
        one["to"].string_or("") == to)
      return &one;
  return nullptr;
}

}  // namespace

// Goal: what an intruder can steer through memory is in the picture, and no bystander is.
// Method: a leak whose session writes what another reads; each node's reason to be there.
TEST_CASE("a deep radius follows memory to whoever reads it") {
  Script script;
  furnish_neighbours(script);
  const Result<Outcome> outcome = run(script, "blast_radius", reached_by_credential());
  REQUIRE_MESSAGE(outcome.has_value(), result_of(outcome));
  const Value& out = outcome->outputs;
  CHECK(ids_of(out["sessions"]) == Names{"sesn_1"});
  CHECK(ids_of(out["steered_sessions"]) == Names{"sesn_2"});
  CHECK(ids_of(out["memory_store_ids"]) == Names{"store_1"});
  const Value& graph = out["graph"];
  const auto tie = [&graph](std::string_view id) {
    const Value* const node = found(graph["nodes"], "id", id);
    return node == nullptr ? std::string("absent") : std::string((*node)["tie"].string_or(""));
  };
  CHECK(tie("vcrd_1") == "named");
  CHECK(tie("sesn_1") == "holds");
  CHECK(tie("sesn_2") == "steered");
  CHECK(tie("agent_b") == "part");
  CHECK(tie("advisor:big") == "part");
  CHECK(tie("inline:helper") == "part");
  CHECK(tie("https://git.example/sesn_1") == "part");
  for (const char* const bystander : {"sesn_4", "vlt_9", "store_3", "agent_e", "sesn_3", "store_2"})
    CHECK(tie(bystander) == "absent");
  CHECK(edge(graph, "sesn_1", "writes", "store_1") != nullptr);
  CHECK(edge(graph, "store_1", "reads", "sesn_2") != nullptr);
  CHECK(edge(graph, "sesn_2", "writes", "store_1") == nullptr);
  const Value* const wrote = edge(graph, "sesn_1", "wrote", "store_1");
  REQUIRE(wrote != nullptr);
  CHECK((*wrote)["did"].as_bool());
  for (const Value& one : graph["edges"].as_list()) CHECK_FALSE(one["reason"].string_or("").empty());
}

// Goal: each thing is listed once, and nothing that the question does not need.
// Method: the exact reads.
TEST_CASE("what a deep radius asks for") {
  Script script;
  furnish_neighbours(script);
  CHECK(run(script, "blast_radius", reached_by_credential()).has_value());
  Names lines = script.lines();
  std::ranges::sort(lines);
  CHECK(lines ==
        Names{"GET /v1/agents?include_archived=true&limit=100", "GET /v1/deployments?limit=100",
              "GET /v1/memory_stores/store_1/memory_versions?created_at%5Bgte%5D=" + kReachedSince +
                  "&limit=100",
              "GET /v1/memory_stores?include_archived=true&limit=100",
              "GET /v1/sessions/sesn_1/threads?limit=100",
              "GET /v1/sessions?created_at%5Bgte%5D=" + kReachedSince + "&include_archived=true&limit=100",
              "GET /v1/sessions?created_at%5Blt%5D=" + kReachedSince + "&limit=100",
              "GET /v1/vaults/vlt_1/credentials?include_archived=true&limit=100",
              "GET /v1/vaults/vlt_9/credentials?limit=100", "GET /v1/vaults?limit=100"});
  for (const Seen& seen : script.log()) {
    const bool is_memory = seen.target.starts_with("/v1/memory_stores");
    CHECK(seen.headers.at("anthropic-beta") ==
          (is_memory ? "agent-memory-2026-07-22" : "managed-agents-2026-04-01"));
  }
}

// Goal: the matrix says who can act on whom, and by what.
// Method: the same story, each relation with the ids that show it.
TEST_CASE("who can steer whom") {
  Script script;
  furnish_neighbours(script);
  const Result<Outcome> outcome = run(script, "blast_radius", reached_by_credential());
  REQUIRE(outcome.has_value());
  const Value& lateral = outcome->outputs["lateral"];
  const auto relation = [&lateral](std::string_view from, std::string_view to,
                                   std::string_view how) {
    for (const Value& one : lateral["relations"].as_list())
      if (one["from"].string_or("") == from && one["to"].string_or("") == to)
        return ids_of(one[how]);
    return Names{};
  };
  CHECK(relation("agent_a", "agent_c", "writes") == Names{"store_1"});
  CHECK(relation("agent_c", "agent_a", "writes").empty());
  CHECK(relation("agent_a", "agent_b", "invokes") == Names{"sesn_1"});
  CHECK(relation("agent_b", "agent_a", "observes") == Names{"sesn_1"});
  CHECK(relation("agent_a", "agent_b", "shares_vault") == Names{"vlt_1"});
  CHECK(relation("agent_a", "agent_c", "shares_vault").empty());
  CHECK(relation("agent_a", "advisor:big", "invokes") == Names{"sesn_1"});
  CHECK(relation("advisor:big", "agent_c", "writes").empty());
}

// Goal: a radius can start at memory and at agents.
// Method: by store, whoever mounts it; by agent, what runs it, on its own or from a roster.
TEST_CASE("a deep radius starts at a store or at an agent") {
  Script store;
  furnish_neighbours(store);
  Result<Outcome> outcome =
      run(store, "blast_radius", deeply({{"memory_store_ids", Value::list({"store_1"})}}));
  REQUIRE_MESSAGE(outcome.has_value(), result_of(outcome));
  CHECK(ids_of(outcome->outputs["steered_sessions"]) == Names{"sesn_1", "sesn_2"});
  Script agent;
  furnish_neighbours(agent);
  outcome = run(agent, "blast_radius", deeply({{"agent_ids", Value::list({"agent_b"})}}));
  REQUIRE_MESSAGE(outcome.has_value(), result_of(outcome));
  CHECK(ids_of(outcome->outputs["sessions"]) == Names{"sesn_1"});
  CHECK(ids_of(outcome->outputs["vault_ids"]) == Names{"vlt_1"});
}

// Goal: a server that lacks a part, or closes it, costs that part alone, and it is said which.
// Method: each deep list refuses in each way.
TEST_CASE("closed parts of a deep radius are named") {
  for (const std::string& list :
       {std::string("GET /v1/agents"), std::string("GET /v1/memory_stores"),
        std::string("GET /v1/sessions/sesn_1/threads"),
        std::string("GET /v1/memory_stores/store_1/memory_versions")}) {
    for (const int status : {403, 404, 405}) {
      CAPTURE(list);
      CAPTURE(status);
      Script script;
      script.on(list, status, error_json("x"));
      furnish_neighbours(script);
      const Result<Outcome> outcome = run(script, "blast_radius", reached_by_credential());
      REQUIRE_MESSAGE(outcome.has_value(), result_of(outcome));
      CHECK(ids_of(outcome->outputs["sessions"]) == Names{"sesn_1"});
      CHECK(outcome->outputs["unseen"].as_list().size() == 4);
    }
  }
}

// Goal: vaults are found by what the team wrote on them, and what lacks the key is counted.
// Method: one that fits, one of somebody else, one without.
TEST_CASE("vaults by their metadata") {
  const auto vault = [](const std::string& id, const std::string& metadata) {
    return fmt::format(R"({{"id":"{}","type":"vault","display_name":"v","metadata":{},"archived_at":null}})",
                       id, metadata);
  };
  Script script;
  script.on("GET /v1/vaults",
            page({vault("vlt_1", R"({"user":"ann"})"), vault("vlt_2", R"({"user":"bob"})"),
                  vault("vlt_3", "{}")}));
  const Result<Outcome> outcome =
      run(script, "find_vaults", Value::map({{"metadata_key", "user"}, {"metadata_value", "ann"}}));
  REQUIRE(outcome.has_value());
  CHECK(ids_of(outcome->outputs["vault_ids"]) == Names{"vlt_1"});
  CHECK(outcome->outputs["vaults_scanned"] == Value(3));
  CHECK(outcome->outputs["without_key"] == Value(1));
}

}  // namespace quell::test
