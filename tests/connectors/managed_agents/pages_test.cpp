// Lists are read to their documented end, or not at all (API sheet 0.3, threat T9).
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "connectors/managed_agents/api.h"
#include "tests/connectors/managed_agents/script.h"

namespace quell::test {
namespace {

Value everything() { return Value::map({{"vault_ids", Value::list({"vlt_1"})}}); }

const std::string kCredentialPages = "GET /v1/vaults/vlt_1/credentials";

std::vector<std::string> many(int count, int from = 0) {
  std::vector<std::string> items;
  for (int i = from; i < from + count; ++i) {
    items.push_back(credential_json({.id = "vcrd_" + std::to_string(i)}));
  }
  return items;
}

std::size_t found(const Result<Outcome>& outcome) {
  return outcome ? outcome->outputs["credentials"].as_list().size() : 0;
}

}  // namespace

// Goal: cursors are followed as opaque text, whatever is in them.
// Method: three pages, a cursor that needs encoding.
TEST_CASE("next_page is followed to null") {
  Script script;
  script.on(kCredentialPages + "?limit=100", page(many(100), "a/b c&d=%"));
  script.on(kCredentialPages + "?limit=100&page=a%2Fb%20c%26d%3D%25", page(many(100, 100), "second"));
  script.on(kCredentialPages + "?limit=100&page=second", page(many(50, 200)));
  CHECK(found(run(script, "find_credentials", everything())) == 250);
  CHECK(script.log().size() == 3);
}

// Goal: an item that shifts to the next page while pages are read counts once.
// Method: the same record on two pages.
TEST_CASE("a record on two pages is one record") {
  Script script;
  script.on(kCredentialPages + "?limit=100", page(many(3), "next"));
  script.on(kCredentialPages + "?limit=100&page=next", page(many(3, 2)));
  CHECK(found(run(script, "find_credentials", everything())) == 5);
}

// Goal: an empty cursor ends a list as null does; an absent one only where configured.
// Method: the three spellings.
TEST_CASE("how a list may end") {
  Script empty_text;
  empty_text.on(kCredentialPages, R"({"data":[],"next_page":""})");
  CHECK(result_of(run(empty_text, "find_credentials", everything())) == "done");
  Script absent;
  absent.on(kCredentialPages, R"({"data":[]})");
  CHECK(result_of(run(absent, "find_credentials", everything())) == "invalid");
  ManagedAgentsConfig config = test_config();
  config.absent_next_page_ends = true;
  CHECK(result_of(run(absent, "find_credentials", everything(), Intent::act, config)) == "done");
}

// Goal: a server that loses its cursors is found out even where the page looks like the last.
// Method: a first page full to the brim that says it is the last; asked for one less, an honest
// server names a next page.
TEST_CASE("a full first page without successor is asked again") {
  Script honest;
  honest.on(kCredentialPages + "?limit=100", page(many(100)));
  honest.on(kCredentialPages + "?limit=99", page(many(99), "more"));
  CHECK(found(run(honest, "find_credentials", everything())) == 100);
  Script drops_cursors;
  drops_cursors.on(kCredentialPages + "?limit=100", page(many(100)));
  drops_cursors.on(kCredentialPages + "?limit=99", page(many(99)));
  CHECK(result_of(run(drops_cursors, "find_credentials", everything())) == "invalid");
}

// Goal: no chain of pages is endless.
// Method: a cursor that comes again after two steps; ever new cursors; a monstrous one.
TEST_CASE("loops and endless chains are errors") {
  Script loop;
  loop.on(kCredentialPages + "?limit=100", page(many(1), "a"));
  loop.on(kCredentialPages + "?limit=100&page=a", page(many(1), "b"));
  loop.on(kCredentialPages + "?limit=100&page=b", page(many(1), "a"));
  CHECK(result_of(run(loop, "find_credentials", everything())) == "invalid");
  CHECK(loop.log().size() == 3);

  Script endless;
  int pages = 0;
  endless.on(kCredentialPages, [&pages]() -> Result<HttpResponse> {
    return HttpResponse(200, page({}, "c" + std::to_string(++pages)));
  });
  CHECK(result_of(run(endless, "find_credentials", everything())) == "invalid");
  CHECK(endless.log().size() == managed_agents::kPagesMax);

  Script monstrous;
  monstrous.on(kCredentialPages, page({}, std::string(5000, 'c')));
  CHECK(result_of(run(monstrous, "find_credentials", everything())) == "invalid");
}

// Goal: a failure in the middle is the scan's failure, with its own class.
// Method: the second page fails in each way.
TEST_CASE("a page that fails fails the scan") {
  for (const Refusal& row : std::vector<Refusal>{{400, "invalid"},
                                                 {401, "denied"},
                                                 {403, "denied"},
                                                 {404, "gone"},
                                                 {429, "throttled"},
                                                 {500, "transient"}}) {
    const int status = row.status;
    const std::string& expected = row.expected;
    CAPTURE(status);
    Script script;
    script.on(kCredentialPages + "?limit=100", page(many(1), "next"));
    script.on(kCredentialPages + "?limit=100&page=next", status, error_json("x"));
    CHECK(result_of(run(script, "find_credentials", everything())) == expected);
  }
  Script broken;
  broken.on(kCredentialPages + "?limit=100", page(many(1), "next"));
  broken.fails(kCredentialPages + "?limit=100&page=next", ErrorCode::transient);
  CHECK(result_of(run(broken, "find_credentials", everything())) == "transient");
}

// Goal: many vaults are read side by side within the bound, and a refused key stops the scan.
// Method: 200 vaults; then the same with 403 from the first on.
TEST_CASE("vaults are scanned in bounded batches") {
  std::vector<std::string> first;
  std::vector<std::string> second;
  for (int i = 0; i < 200; ++i) {
    (i < 100 ? first : second).push_back(vault_json("vlt_" + std::to_string(i)));
  }
  const auto furnish = [&](Script& script) {
    script.on("GET /v1/vaults?limit=100", page(first, "next"));
    script.on("GET /v1/vaults?limit=100&page=next", page(second, "end"));
    script.on("GET /v1/vaults?limit=100&page=end", page({}));
  };
  Script script;
  furnish(script);
  for (int i = 0; i < 200; ++i) {
    const std::string vault = "vlt_" + std::to_string(i);
    script.on("GET /v1/vaults/" + vault + "/credentials",
              page({credential_json({.vault = vault, .id = "vcrd_" + vault})}));
  }
  CHECK(found(run(script, "find_credentials", Value::map({}))) == 200);
  CHECK(script.log().size() == 203);

  Script refused;
  furnish(refused);
  for (int i = 0; i < 200; ++i) {
    refused.on("GET /v1/vaults/vlt_" + std::to_string(i) + "/credentials", 403, "{}");
  }
  CHECK(result_of(run(refused, "find_credentials", Value::map({}))) == "denied");
  CHECK(refused.log().size() == 3 + managed_agents::kListsAtOnce);
}

}  // namespace quell::test
