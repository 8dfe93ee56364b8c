// The OpenAPI document says what the table does.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include <doctest/doctest.h>

#include "orchestrator/access/access_routes.h"
#include "orchestrator/catalog_routes.h"
#include "orchestrator/drill/drill_desk.h"
#include "orchestrator/notify_routes.h"
#include "orchestrator/owner_api.h"
#include "orchestrator/preflight_desk.h"
#include "state/base/json.h"
#include "tests/orchestrator/engine/bench_world.h"
#include "tests/support/temp_folder.h"

namespace quell::test {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(c - 'A' + 'a');
  return text;
}

/// Every function of the program that makes routes, by its declaration.
std::set<std::string> makers_of_routes() {
  const char* const root = std::getenv("QUELL_SOURCE_DIR");  // NOLINT(concurrency-mt-unsafe)
  REQUIRE(root != nullptr);
  const std::regex declared(R"(std::vector<ApiRoute>\s+(\w+)\()");
  std::set<std::string> makers;
  const auto tree =
      std::filesystem::recursive_directory_iterator(std::string(root) + "/orchestrator");
  for (const auto& entry : tree) {
    if (entry.path().extension() != ".h") continue;
    std::ifstream in(entry.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    for (std::sregex_iterator at(text.begin(), text.end(), declared), end; at != end; ++at)
      makers.insert((*at)[1]);
  }
  return makers;
}

// Goal: no route of quell serve is without its line in the document, nor missing below: a function
// that makes routes and is not known here fails the test.
TEST_CASE("each route stands in the OpenAPI document with its right, names and members") {
  CHECK(makers_of_routes() ==
        std::set<std::string>{// those of the owner's own table
                              "run_reading_routes", "run_command_routes", "record_routes",
                              "connection_routes", "alert_routes", "playbook_check_routes",
                              "kill_switch_routes", "drill_routes", "plan_routes", "radius_routes",
                              // and what quell serve adds to it; `routes` hands access_routes out
                              "catalog_routes", "notify_routes", "preflight_routes",
                              "drill_desk_routes", "access_routes", "routes"});
  Bench bench;
  const ConnectorSet connectors = vendor_connectors();
  ProcessRun process(bench.journal, bench.secrets, bench.vendor, bench.clock, connectors);
  const ChangeFeed feed;
  SystemRandom random;
  OwnerApi owner({.engine = process.engine,
                  .connectors = connectors,
                  .clock = bench.clock,
                  .feed = feed,
                  .random = random,
                  .make_transport = []() -> Result<std::unique_ptr<HttpTransport>> {
                    return make_error(ErrorCode::transient, "nothing is sent here");
                  }});
  const Config config;
  owner.api().add(catalog_routes(config, connectors));
  owner.api().add(notify_routes({.clock = bench.clock, .random = random}));
  PreflightDesk preflights;
  owner.api().add(preflight_routes(preflights));
  DrillDesk drills(random, [](const DrillWish&, const std::function<bool()>&) {
    return Result<Value>(Value());
  });
  owner.api().add(drill_desk_routes(drills));
  const TempFolder folder;
  const auto people = AccessStore::open(folder / "access.db", bench.clock, random);
  REQUIRE(people);
  PasswordQueue passwords({.log2_n = 4}, random);
  owner.api().add(access_routes(
      **people, passwords, [](const Actor&, const std::string&, const std::string&) {}));
  const Value document = openapi_document(owner.api().routes());
  CHECK(document["openapi"].string_or("") == "3.1.0");
  std::set<std::string> operations;
  std::size_t described = 0;
  for (const ApiRoute& route : owner.api().routes()) {
    CAPTURE(route.path);
    CAPTURE(route.method);
    const Value& operation = document["paths"][route.path][lower(std::string(route.method))];
    REQUIRE(operation.is_map());
    CHECK(operation["operationId"].string_or("") == route.operation);
    CHECK(operations.insert(std::string(route.operation)).second);
    CHECK(operation["x-quell-right"].string_or("") == to_string(route.right));
    CHECK(!route.summary.empty());
    CHECK(!route.answer.empty());
    CHECK((route.method == "GET" || route.right != Right::read));
    CHECK((route.method == "GET" || route.method == "POST"));
    std::set<std::string> named;
    for (const Value& parameter : operation["parameters"].list_or_empty())
      named.insert(parameter["name"].string_or(""));
    for (const ApiField& field : route.query) CHECK(named.contains(std::string(field.name)));
    for (std::size_t open = route.path.find('{'); open != std::string_view::npos;
         open = route.path.find('{', open + 1)) {
      CHECK(named.contains(
          std::string(route.path.substr(open + 1, route.path.find('}', open) - open - 1))));
    }
    const Value& members = operation["requestBody"]["content"]["application/json"]["schema"];
    for (const ApiField& field : route.body) {
      CHECK(members["properties"].has(field.name));
      CHECK(!field.about.empty());
    }
    ++described;
  }
  std::size_t in_document = 0;
  for (const auto& [path, methods] : document["paths"].as_map())
    in_document += methods.as_map().size();
  CHECK(in_document == described);
}

}  // namespace
}  // namespace quell::test
