// Archiving many credentials of one vault: fewest requests, and the list has the last word.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/connectors/managed_agents/vaults.h"

namespace quell::test {
namespace {

using Lines = std::vector<std::string>;

const std::string kVault = "/v1/vaults/vlt_1";
const std::string kList = "GET /v1/vaults/vlt_1/credentials?include_archived=true&limit=100";

std::string archive_of(const std::string& id) {
  return "POST " + kVault + "/credentials/" + id + "/archive";
}

Value params_of(const Vaults& vaults, const std::string& vault_id, bool whole_vault) {
  ValueList ids;
  for (const Vaults::Credential& credential : vaults.credentials.at(vault_id)) {
    ids.emplace_back(credential.id);
  }
  return Value::map({{"vault_id", vault_id},
                     {"credential_ids", Value(std::move(ids))},
                     {"whole_vault", whole_vault}});
}

Value look_params(Value params) {
  ValueMap map = params.as_map();
  map.erase(map.find("whole_vault"));
  return Value(std::move(map));
}

/// One vault with `count` active credentials.
std::shared_ptr<Vaults> one_vault(int count) {
  auto vaults = std::make_shared<Vaults>();
  add_vault(*vaults, "vlt_1", count);
  return vaults;
}

std::string by(const Result<Outcome>& outcome) {
  return outcome ? outcome->outputs["by"].string_or("null") : "";
}

std::size_t archived_in(const Result<Outcome>& outcome) {
  return outcome ? outcome->outputs["archived"].list_or_empty().size() : 0;
}

}  // namespace

// Goal: the requests of an archive and its proof, for few and for many; a change here is a change
// of what an incident costs its platform.
// Method: 20 credentials fill a vault; the act and then the probe, both counted.
TEST_CASE("what many archives cost") {
  struct Row {
    int vaults;
    int credentials;  // in each
    bool whole_vault;
    std::size_t acts;
    std::size_t requests;
  };
  const std::vector<Row> rows{
      {1, 1, true, 1, 3},     {1, 2, true, 1, 4},       {1, 3, true, 1, 4},  {1, 20, true, 1, 4},
      {15, 20, true, 15, 60}, {1, 1, false, 1, 3},      {1, 2, false, 2, 4}, {1, 3, false, 3, 5},
      {1, 20, false, 20, 22}, {15, 20, false, 300, 330}};
  for (const Row& row : rows) {
    CAPTURE(row.vaults);
    CAPTURE(row.credentials);
    CAPTURE(row.whole_vault);
    auto vaults = std::make_shared<Vaults>();
    for (int i = 0; i < row.vaults; ++i) {
      add_vault(*vaults, "vlt_" + std::to_string(i), row.credentials);
    }
    Script script;
    furnish(script, vaults);
    std::vector<Call> acts;
    std::vector<Call> looks;
    for (const auto& [vault_id, credentials] : vaults->credentials) {
      acts.push_back({.params = params_of(*vaults, vault_id, row.whole_vault)});
      looks.push_back({.params = look_params(acts.back().params)});
    }
    for (const Result<Outcome>& outcome : run_together(script, "archive_credentials", acts)) {
      CHECK(result_of(outcome) == "done");
      CHECK(by(outcome) == (row.whole_vault && row.credentials > 1 ? "vault" : "credential"));
      CHECK(archived_in(outcome) == static_cast<std::size_t>(row.credentials));
    }
    for (const Result<Outcome>& outcome : run_together(script, "credentials_are_archived", looks)) {
      CHECK(verdict_of(outcome) == "proved strong");
    }
    CHECK(script.acts().size() == row.acts);
    CHECK(script.log().size() == row.requests);
  }
}

// Goal: the same for archives one by one, as a foreach over credentials makes them.
// Method: the act and its probe for each, side by side; then with the records that a scan of the
// same run has just read.
TEST_CASE("what archives one by one cost") {
  struct Row {
    int vaults;
    int credentials;
    bool known;
    std::size_t requests;
  };
  const std::vector<Row> rows{{1, 1, false, 3},   {1, 2, false, 6},     {1, 3, false, 5},
                              {1, 20, false, 22}, {15, 20, false, 330}, {1, 1, true, 2},
                              {1, 20, true, 21},  {15, 20, true, 315}};
  for (const Row& row : rows) {
    CAPTURE(row.vaults);
    CAPTURE(row.credentials);
    CAPTURE(row.known);
    auto vaults = std::make_shared<Vaults>();
    for (int i = 0; i < row.vaults; ++i) {
      add_vault(*vaults, "vlt_" + std::to_string(i), row.credentials);
    }
    Script script;
    furnish(script, vaults);
    std::vector<Call> calls;
    for (const auto& [vault_id, credentials] : vaults->credentials) {
      for (const Vaults::Credential& credential : credentials) {
        Call call{.params = Value::map({{"vault_id", vault_id}, {"credential_id", credential.id}})};
        if (row.known) {
          call.known =
              Value::map({{"id", credential.id}, {"vault_id", vault_id}, {"archived_at", Value{}}});
        }
        calls.push_back(std::move(call));
      }
    }
    for (const Result<Outcome>& outcome : run_together(script, "archive_credential", calls)) {
      CHECK(result_of(outcome) == "done");
    }
    for (const Result<Outcome>& outcome : run_together(script, "credential_is_archived", calls)) {
      CHECK(verdict_of(outcome) == "proved strong");
    }
    CHECK(script.log().size() == row.requests);
  }
}

// Goal: a vault goes as a whole only where that is allowed and hits nothing that was not named.
// Method: what is active in the vault beside what was named; what was archived before.
TEST_CASE("a whole vault is archived only where every active credential was named") {
  const auto vaults = one_vault(4);
  vaults->credentials["vlt_1"][3].archived = true;
  const Value three =
      Value::map({{"vault_id", "vlt_1"},
                  {"credential_ids", Value::list({"vlt_1.0", "vlt_1.1", "vlt_1.2"})},
                  {"whole_vault", true}});
  Script whole;
  furnish(whole, vaults);
  CHECK(by(run(whole, "archive_credentials", three)) == "vault");
  CHECK(whole.lines() == Lines{kList, "POST " + kVault + "/archive", kList});
  CHECK(vaults->all_archived("vlt_1"));

  const auto wider = one_vault(4);
  Script other;
  furnish(other, wider);
  CHECK(by(run(other, "archive_credentials", three)) == "credential");
  CHECK(other.lines() ==
        Lines{kList, archive_of("vlt_1.0"), archive_of("vlt_1.1"), archive_of("vlt_1.2")});
  CHECK_FALSE(wider->archived["vlt_1"]);
  CHECK_FALSE(wider->credentials["vlt_1"][3].archived);

  const auto one_left = one_vault(3);
  one_left->credentials["vlt_1"][0].archived = true;
  one_left->credentials["vlt_1"][2].archived = true;
  Script single;
  furnish(single, one_left);
  const Result<Outcome> outcome = run(single, "archive_credentials", three);
  CHECK(result_of(outcome) == "done");
  CHECK(outcome->outputs["already"] == Value::list({"vlt_1.0", "vlt_1.2"}));
  CHECK(outcome->outputs["archived"] == Value::list({"vlt_1.1"}));
  CHECK(single.acts() == Lines{archive_of("vlt_1.1")});
}

// Goal: what is archived is left alone, in an archived vault too; a look only reads.
// Method: act and look over nothing left, and look over something left.
TEST_CASE("archived credentials are left alone") {
  const auto vaults = one_vault(2);
  const Value params = params_of(*vaults, "vlt_1", true);
  Script before;
  furnish(before, vaults);
  CHECK(result_of(run(before, "archive_credentials", params, Intent::look)) == "conflict");
  CHECK(before.acts().empty());
  for (auto& credential : vaults->credentials["vlt_1"]) credential.archived = true;
  vaults->archived["vlt_1"] = true;
  for (const Intent intent : {Intent::act, Intent::look}) {
    for (const bool hidden : {false, true}) {
      CAPTURE(hidden);
      vaults->hides_archived_vaults = hidden;
      Script script;
      furnish(script, vaults);
      const Result<Outcome> outcome = run(script, "archive_credentials", params, intent);
      CHECK(result_of(outcome) == "already");
      CHECK(by(outcome) == "null");
      CHECK(script.acts().empty());
    }
  }
}

// Goal: whatever a vault archive answers, what it leaves active is archived one by one, and only
// doubt or a limit stops that.
// Method: each status for the vault; then an accepted archive that reaches nothing, one whose
// answer shows nothing, and a server that lists nothing of an archived vault.
TEST_CASE("a vault archive that does not do it is made up for") {
  struct Row {
    int status;
    std::string expected;
    std::size_t acts;
  };
  const std::vector<Row> rows{{400, "done", 3},      {403, "done", 3},    {404, "done", 3},
                              {405, "done", 3},      {409, "done", 3},    {422, "done", 3},
                              {429, "throttled", 1}, {500, "unknown", 1}, {529, "unknown", 1}};
  for (const Row& row : rows) {
    CAPTURE(row.status);
    const auto vaults = one_vault(2);
    vaults->refuses["vlt_1"] = row.status;
    Script script;
    furnish(script, vaults);
    const Result<Outcome> outcome =
        run(script, "archive_credentials", params_of(*vaults, "vlt_1", true));
    CHECK(result_of(outcome) == row.expected);
    CHECK(script.acts().size() == row.acts);
    CHECK(vaults->all_archived("vlt_1") == (row.expected == "done"));
    if (outcome) CHECK(by(outcome) == "credential");
  }

  const auto shallow = one_vault(2);
  shallow->cascades = false;
  Script one_by_one;
  furnish(one_by_one, shallow);
  CHECK(result_of(run(one_by_one, "archive_credentials", params_of(*shallow, "vlt_1", true))) ==
        "done");
  CHECK(shallow->all_archived("vlt_1"));
  CHECK(one_by_one.acts().size() == 3);

  for (const bool hidden : {false, true}) {
    CAPTURE(hidden);
    const auto silent = one_vault(2);
    silent->shows = false;
    silent->hides_archived_vaults = hidden;
    Script script;
    furnish(script, silent);
    const Value params = params_of(*silent, "vlt_1", true);
    const Result<Outcome> outcome = run(script, "archive_credentials", params);
    CHECK(result_of(outcome) == "done");
    CHECK(archived_in(outcome) == 2);
    CHECK(script.acts().size() == 1);
    CHECK(verdict_of(run(script, "credentials_are_archived", look_params(params))) ==
          "proved strong");
  }
}

// Goal: one refused credential does not keep the others alive, and is told.
// Method: each status for the second of three; the record stays active.
TEST_CASE("a refused archive does not stop the others") {
  struct Row {
    int status;
    std::string expected;
    std::size_t archived;
  };
  const std::vector<Row> rows{
      {400, "invalid", 2},   {409, "conflict", 2}, {404, "unavailable_here", 2}, {403, "denied", 1},
      {429, "throttled", 1}, {500, "unknown", 1},  {405, "unavailable_here", 1}};
  for (const Row& row : rows) {
    CAPTURE(row.status);
    const auto vaults = one_vault(3);
    vaults->refuses["vlt_1.1"] = row.status;
    Script script;
    furnish(script, vaults);
    const Value params = params_of(*vaults, "vlt_1", false);
    CHECK(result_of(run(script, "archive_credentials", params)) == row.expected);
    const auto archived =
        std::ranges::count(vaults->credentials["vlt_1"], true, &Vaults::Credential::archived);
    CHECK(static_cast<std::size_t>(archived) == row.archived);
    CHECK(verdict_of(run(script, "credentials_are_archived", look_params(params))) ==
          "refuted strong");
    // Tried again, it goes on where it stopped.
    vaults->refuses.clear();
    CHECK(result_of(run(script, "archive_credentials", params)) == "done");
    CHECK(vaults->all_archived("vlt_1"));
  }
}

// Goal: 200 is not success until something shows it; a lost answer is doubt.
// Method: answers that show nothing and lists that stay as they were; a line that breaks.
TEST_CASE("accepted archives that nothing shows are doubt") {
  for (const bool whole : {false, true}) {
    CAPTURE(whole);
    const auto vaults = one_vault(2);
    Script lying;
    lying.on(kList, page({credential_json({.id = "vlt_1.0"}), credential_json({.id = "vlt_1.1"})}));
    lying.on("POST " + kVault + "/archive", vault_json("vlt_1", true));
    lying.on(archive_of("vlt_1.0"), "{}").on(archive_of("vlt_1.1"), "<html>");
    const Value params = params_of(*vaults, "vlt_1", whole);
    CHECK(result_of(run(lying, "archive_credentials", params)) == "unknown");
    Script blind;
    blind.on(kList, page({credential_json({.id = "vlt_1.0"}), credential_json({.id = "vlt_1.1"})}));
    blind.fails(kList, ErrorCode::transient);
    blind.on("POST " + kVault + "/archive", vault_json("vlt_1", true));
    blind.on(archive_of("vlt_1.0"), "{}").on(archive_of("vlt_1.1"), "{}");
    CHECK(result_of(run(blind, "archive_credentials", params)) == "unknown");
    Script cut;
    cut.on(kList, page({credential_json({.id = "vlt_1.0"}), credential_json({.id = "vlt_1.1"})}));
    cut.fails("POST " + kVault + "/archive", ErrorCode::unknown);
    cut.fails(archive_of("vlt_1.0"), ErrorCode::unknown);
    CHECK(result_of(run(cut, "archive_credentials", params)) == "unknown");
    CHECK(cut.acts().size() == 1);
  }
}

// Goal: a list that cannot be trusted moves nothing and proves nothing (threat T9).
// Method: a chain cut short, a record of another vault, one that cannot be read, a key of another
// workspace; and nothing named at all.
TEST_CASE("hostile lists archive nothing and prove nothing") {
  const auto vaults = one_vault(2);
  const Value params = params_of(*vaults, "vlt_1", true);
  const std::string first = credential_json({.id = "vlt_1.0", .archived = true});
  const std::string second = credential_json({.id = "vlt_1.1", .archived = true});
  for (const std::string& body :
       {page({first, second}, "more"), page({first, credential_json({.vault = "vlt_2"})}),
        page({first, "{}"}), std::string(R"({"data":[]})"), std::string("<html>")}) {
    CAPTURE(body);
    Script script;
    script.on(kList.substr(0, kList.find('?')), body);
    CHECK_FALSE(run(script, "archive_credentials", params).has_value());
    CHECK_FALSE(run(script, "credentials_are_archived", look_params(params)).has_value());
    CHECK(script.acts().empty());
  }
  Script stranger;
  CHECK(result_of(run(stranger, "archive_credentials", params)) == "gone");
  CHECK(verdict_of(run(stranger, "credentials_are_archived", look_params(params))) ==
        "unproved none");
  CHECK(stranger.acts().empty());
  for (const Value& ids : {Value(ValueList{}), Value{}, Value("vlt_1.0"), Value::list({"a/b"})}) {
    Script script;
    const Value named = Value::map({{"vault_id", "vlt_1"}, {"credential_ids", ids}});
    CHECK(result_of(run(script, "archive_credentials", named)) == "invalid");
    CHECK(result_of(run(script, "credentials_are_archived", named)) == "invalid");
    CHECK(script.log().empty());
  }
}

// Goal: what the list lacks is asked for by itself; a 404 proves nothing, and what is there is
// archived all the same.
// Method: three named, of which the list shows one: one is there by its id, one nowhere.
TEST_CASE("credentials that the list lacks") {
  const Value params =
      Value::map({{"vault_id", "vlt_1"}, {"credential_ids", Value::list({"a", "b", "c"})}});
  const std::string path = kVault + "/credentials/";
  Script script;
  script.on(kList, page({credential_json({.id = "a"})}));
  script.on("GET " + path + "b", credential_json({.id = "b"}));
  script.on(archive_of("a"), credential_json({.id = "a", .archived = true}));
  script.on(archive_of("b"), credential_json({.id = "b", .archived = true}));
  const Result<Outcome> outcome = run(script, "archive_credentials", params);
  CHECK(result_of(outcome) == "gone");
  CHECK(outcome.error().message ==
        "vlt_1 has no credential c (404); what else was named is archived.");
  CHECK(script.acts() == Lines{archive_of("a"), archive_of("b")});
  Script look;
  look.on(kList, page({credential_json({.id = "a", .archived = true})}));
  look.on("GET " + path + "b", credential_json({.id = "b", .archived = true}));
  CHECK(verdict_of(run(look, "credentials_are_archived", params)) == "unproved none");
  Script alive;
  alive.on(kList, page({credential_json({.id = "a", .archived = true})}));
  alive.on("GET " + path + "b", credential_json({.id = "b"}));
  CHECK(verdict_of(run(alive, "credentials_are_archived", params)) == "refuted strong");
}

// Goal: a request says what it hits, so that the protected list is held against each of them.
// Method: the archive of the vault goes by every credential in it.
TEST_CASE("a vault archive goes by all that it hits") {
  const auto vaults = one_vault(2);
  Script script;
  furnish(script, vaults);
  std::vector<std::string> touched;
  script.on_request = [&touched](const HttpRequest& request) {
    touched.insert(touched.end(), request.touches.begin(), request.touches.end());
  };
  CHECK(by(run(script, "archive_credentials", params_of(*vaults, "vlt_1", true))) == "vault");
  for (const char* const name : {"vlt_1.0", "vlt_1.1", "https://mcp.example/mcp"}) {
    CHECK(std::ranges::find(touched, name) != touched.end());
  }
}

}  // namespace quell::test
