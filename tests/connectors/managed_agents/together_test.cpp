// Looks made side by side share one list; what a list says is held to the same rules as a record
// read by itself (threat T9).
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "tests/connectors/managed_agents/vaults.h"

namespace quell::test {
namespace {

const std::string kList = "GET /v1/vaults/vlt_1/credentials";
const std::string kWholeList = kList + "?include_archived=true&limit=100";

Call look_at(const std::string& id) {
  return {.params = Value::map({{"vault_id", "vlt_1"}, {"credential_id", id}})};
}

std::vector<Call> looks_at(const std::string& parameter, const std::string& prefix, int count) {
  std::vector<Call> calls;
  for (int i = 0; i < count; ++i) {
    calls.push_back({.params = Value::map({{parameter, prefix + std::to_string(i)}})});
  }
  return calls;
}

std::string joined_verdicts(const std::vector<Result<Outcome>>& outcomes) {
  std::string text;
  for (const Result<Outcome>& outcome : outcomes) {
    text += (text.empty() ? "" : ", ") + verdict_of(outcome);
  }
  return text;
}

}  // namespace

// Goal: one list answers for all; one that it lacks is asked for by itself.
// Method: one archived, one active, one that only its own address shows, one nowhere.
TEST_CASE("a list answers for the credentials that it shows") {
  Script script;
  script.on(kWholeList,
            page({credential_json({.id = "a", .archived = true}), credential_json({.id = "b"})}));
  script.on("GET /v1/vaults/vlt_1/credentials/c", credential_json({.id = "c", .archived = true}));
  const auto outcomes = run_together(script, "credential_is_archived",
                                     {look_at("a"), look_at("b"), look_at("c"), look_at("d")});
  CHECK(joined_verdicts(outcomes) == "proved strong, refuted strong, proved strong, unproved none");
  CHECK(script.log().size() == 4);  // the list, c once, d twice
}

// Goal: of two copies of a record the active one counts, in either order and on two pages.
// Method: the pages shifted while they were read.
TEST_CASE("a credential listed twice is active if one copy is") {
  const std::string dead = credential_json({.id = "a", .archived = true});
  const std::string alive = credential_json({.id = "a"});
  for (const auto& [first, second] : {std::pair(dead, alive), std::pair(alive, dead)}) {
    Script script;
    script.on(kWholeList, page({first}, "next"));
    script.on(kWholeList + "&page=next", page({second}));
    const auto outcomes =
        run_together(script, "credential_is_archived", {look_at("a"), look_at("a"), look_at("a")});
    CHECK(joined_verdicts(outcomes) == "refuted strong, refuted strong, refuted strong");
  }
}

// Goal: a broken list proves nothing and archives nothing, however many depend on it.
// Method: a chain that ends nowhere, one that repeats, an item of another vault, another workspace.
TEST_CASE("a broken list settles nothing for anybody") {
  const std::vector<Call> three{look_at("a"), look_at("b"), look_at("c")};
  for (const std::string& body :
       {page({credential_json({.id = "a", .archived = true})}, "again"),
        std::string(R"({"data":[]})"), std::string(R"({"data":{},"next_page":null})")}) {
    CAPTURE(body);
    for (const char* const action : {"credential_is_archived", "archive_credential"}) {
      Script script;
      script.on(kList, body);
      for (const Result<Outcome>& outcome : run_together(script, action, three)) {
        CHECK(result_of(outcome) == "invalid");
      }
      CHECK(script.acts().empty());
    }
  }
  Script other_vault;
  other_vault.on(kWholeList, page({credential_json({.vault = "vlt_2", .id = "a"})}));
  CHECK(result_of(run_together(other_vault, "credential_is_archived", three).front()) == "invalid");
  for (const bool empty_list : {false, true}) {
    Script stranger;
    if (empty_list) stranger.on(kWholeList, page({}));
    CHECK(joined_verdicts(run_together(stranger, "credential_is_archived", three)) ==
          "unproved none, unproved none, unproved none");
  }
}

// Goal: the record of a moment ago spares the first read, and nothing else: it is trusted only for
// the credential that it names, and an archive that was refused is read back all the same.
// Method: a known record; one of another credential; one that reads archived.
TEST_CASE("a known record spares the first read") {
  const std::string object = "/v1/vaults/vlt_1/credentials/a";
  const auto known = [](const char* id, const Value& archived_at) {
    return Value::map({{"id", id}, {"vault_id", "vlt_1"}, {"archived_at", archived_at}});
  };
  const auto archive = [&object](Script& script, const Value& record) {
    script.on("GET " + object, credential_json({.id = "a"}));
    Call call = look_at("a");
    call.known = record;
    return result_of(run_together(script, "archive_credential", {call}).front());
  };
  Script spared;
  spared.on("POST " + object + "/archive", credential_json({.id = "a", .archived = true}));
  CHECK(archive(spared, known("a", Value{})) == "done");
  CHECK(spared.log().size() == 1);
  for (const Value& record : {known("b", Value{}), known("a", "2031-03-04T05:06:00Z"),
                              Value::map({{"id", "a"}, {"vault_id", "vlt_1"}}), Value("a")}) {
    Script read;
    read.on("POST " + object + "/archive", credential_json({.id = "a", .archived = true}));
    CHECK(archive(read, record) == "done");
    CHECK(read.log().size() == 2);
  }
  Script refused;
  refused.on("POST " + object + "/archive", 409, error_json("x"));
  CHECK(archive(refused, known("a", Value{})) == "conflict");
  CHECK(refused.log().size() == 2);
}

// Goal: sessions and deployments likewise; their lists hold the whole workspace, so they are
// searched only as far as that saves requests.
// Method: all on the first page; one missing; a workspace of more pages than looks.
TEST_CASE("sessions and deployments share a list") {
  struct Row {
    std::string action;
    std::string parameter;
    std::string prefix;
    std::string list;
    std::string object;
    std::function<std::string(int)> stopped;
  };
  const auto session = [](int i) {
    return session_json({.id = "sesn_" + std::to_string(i), .status = "terminated"});
  };
  const auto deployment = [](int i) {
    return deployment_json({.id = "depl_" + std::to_string(i), .status = "paused"});
  };
  const std::vector<Row> rows{{"session_is_stopped", "session_id", "sesn_", "GET /v1/sessions",
                               "GET /v1/sessions/", session},
                              {"deployment_is_paused", "deployment_id", "depl_",
                               "GET /v1/deployments", "GET /v1/deployments/", deployment}};
  for (const Row& row : rows) {
    CAPTURE(row.action);
    const auto looks = looks_at(row.parameter, row.prefix, 4);
    Script one_page;
    one_page.on(row.list, page({row.stopped(0), row.stopped(1), row.stopped(2), row.stopped(3)}));
    for (const auto& outcome : run_together(one_page, row.action, looks)) {
      CHECK(verdict_of(outcome) == "proved strong");
    }
    CHECK(one_page.lines() == std::vector{row.list + "?include_archived=true&limit=100"});

    Script lacks_one;
    lacks_one.on(row.list, page({row.stopped(0), row.stopped(1), row.stopped(2)}));
    lacks_one.on(row.object + row.prefix + "3", row.stopped(3));
    for (const auto& outcome : run_together(lacks_one, row.action, looks)) {
      CHECK(verdict_of(outcome) == "proved strong");
    }
    CHECK(lacks_one.log().size() == 2);

    Script deep;
    const std::string whole = row.list + "?include_archived=true&limit=100";
    deep.on(whole, page({row.stopped(90)}, "p1"));
    deep.on(whole + "&page=p1", page({row.stopped(0)}, "p2"));
    deep.on(whole + "&page=p2", page({row.stopped(1), row.stopped(2), row.stopped(3)}));
    for (int i = 0; i < 4; ++i) {
      deep.on(row.object + row.prefix + std::to_string(i), row.stopped(i));
    }
    for (const auto& outcome : run_together(deep, row.action, looks)) {
      CHECK(verdict_of(outcome) == "proved strong");
    }
    CHECK(deep.log().size() == 5);  // two pages, and three that they lack

    Script broken;
    broken.on(row.list, R"({"data":[]})");
    for (const auto& outcome : run_together(broken, row.action, looks)) {
      CHECK(verdict_of(outcome) == "invalid");
    }
    Script no_list;
    no_list.on(row.list, 405, error_json("x"));
    for (int i = 0; i < 4; ++i) {
      no_list.on(row.object + row.prefix + std::to_string(i), row.stopped(i));
    }
    for (const auto& outcome : run_together(no_list, row.action, looks)) {
      CHECK(verdict_of(outcome) == "proved strong");
    }
  }
}

// Goal: the first read of a pause is shared too, and each stop goes its own way after that.
// Method: four deployments and four idle sessions.
TEST_CASE("changes made side by side share their first read") {
  Script pauses;
  std::vector<std::string> deployments;
  std::vector<std::string> sessions;
  Script stops;
  for (int i = 0; i < 4; ++i) {
    const std::string depl = "depl_" + std::to_string(i);
    deployments.push_back(deployment_json({.id = depl}));
    pauses.on("POST /v1/deployments/" + depl + "/pause",
              deployment_json({.id = depl, .status = "paused"}));
    const std::string sesn = "sesn_" + std::to_string(i);
    const std::string over = session_json({.id = sesn, .status = "terminated", .archived = true});
    sessions.push_back(session_json({.id = sesn, .status = "idle"}));
    stops.on("POST /v1/sessions/" + sesn + "/archive", over);
    stops.on("GET /v1/sessions/" + sesn, over);
  }
  pauses.on("GET /v1/deployments", page(deployments));
  stops.on("GET /v1/sessions", page(sessions));
  for (const auto& outcome :
       run_together(pauses, "pause_deployment", looks_at("deployment_id", "depl_", 4))) {
    CHECK(result_of(outcome) == "done");
  }
  CHECK(pauses.log().size() == 5);
  for (const auto& outcome :
       run_together(stops, "stop_session", looks_at("session_id", "sesn_", 4))) {
    CHECK(result_of(outcome) == "done");
  }
  CHECK(stops.log().size() == 5);
}

}  // namespace quell::test
