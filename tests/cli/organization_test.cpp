// A whole organization: what one vendor's breach reaches, and its containment, seen from outside.
#include <algorithm>
#include <set>
#include <string>

#include <doctest/doctest.h>

#include "site.h"

namespace quell::test {
namespace {

constexpr std::string_view kLarge =
    "vaults=700,credentials=3000,sessions=2000,stores=200,deployments=50";
// One person alone answers for a wide plan here.
constexpr std::string_view kPolicy = "policy: {approval_floor: {irreversible: 1, wide: 1}}\n";

std::set<std::string> ids_in(const Value& list) {
  std::set<std::string> ids;
  for (const Value& item : list.as_list())
    ids.emplace(item.is_string() ? item.as_string() : item["id"].as_string());
  return ids;
}

/// Requests that quell sent so far; the platform's own refreshes and sessions are logged beside them.
std::size_t asked_so_far(const Site& site) {
  const Value log = site.control("/log");
  const ValueList& requests = log["requests"].list_or_empty();
  return static_cast<std::size_t>(std::ranges::count_if(requests, [](const Value& request) {
    return request["who"].string_or("") == "client";
  }));
}

/// What the world drew, and the incident that it was drawn around.
std::set<std::string> with(const Value& drawn, const std::set<std::string>& of_incident) {
  std::set<std::string> ids = ids_in(drawn);
  ids.insert(of_incident.begin(), of_incident.end());
  return ids;
}

}  // namespace

// Goal: in an organization of thousands a vendor's reach is found exactly, with no more lists than
// there are pages, and the vendor's breach ends contained with every credential proved.
// Method: the range draws the crowd and knows what belongs to the vendor; quell sees its API alone.
TEST_CASE("a vendor's breach in a whole organization") {
  const Site site("", std::string(kLarge));
  site.configure(site.base_url(), "state/quell.db", std::string(kPolicy));
  const std::string mcp(site.range()["mcp"]["url"].as_string());

  const Value began = site.control("/truth");
  const Value crowd = began["crowd"];
  const std::size_t before = asked_so_far(site);
  const Finished looked = site.run({"radius", mcp, "--since", "2160h", "--json"});
  REQUIRE_MESSAGE(looked.exit == 0, looked.err);
  const Value radius = looked.json();
  CHECK(ids_in(radius["credentials"]) ==
        with(crowd["vendor_credential_ids"], {site.credential_id()}));
  const std::size_t asked = asked_so_far(site) - before;
  // The incident's own deployment goes on starting sessions while quell looks.
  const Value ended = site.control("/truth");
  const std::set<std::string> sessions = ids_in(radius["sessions"]);
  const auto drawn_and = [&](const Value& of_incident) {
    return with(crowd["vendor_session_ids"], ids_in(of_incident));
  };
  CHECK(std::ranges::includes(sessions, drawn_and(began["sessions_not_archived"])));
  CHECK(std::ranges::includes(drawn_and(ended["sessions_not_archived"]), sessions));
  CHECK(ids_in(radius["deployments"]) ==
        with(crowd["vendor_deployment_ids"], ids_in(began["deployments_active"])));
  const std::set<std::string> stores = ids_in(radius["memory_store_ids"]);
  CHECK(stores == ids_in(crowd["writable_store_ids"]));
  // 8 pages of vaults, one of credentials a vault, 21 of sessions in two lists, 1 of deployments,
  // 1 of agents, 3 of stores; versions of each store in reach, threads of each session since.
  const std::size_t inside = crowd["writable_store_ids"].as_list().size() +
                             drawn_and(ended["sessions_not_archived"]).size();
  CHECK(asked <= 8 + 703 + 22 + 1 + 1 + 3 + inside);

  site.post_control("/grants/end", "{}");
  Process run = site.start({"run", "vendor-breach", "--json", "--follow", "--yes", "--no-watch", "-i",
                            "mcp_server_url=" + mcp, "-i",
                            "sample_token=@" + site.folder().path() + "/token"});
  // The vendor's word is a person's to give, once the run asks for it.
  std::string line;
  for (int lines = 0; lines < 20'000 && line.find("manual_requested") == std::string::npos; ++lines)
    line = run.read_line(std::chrono::seconds(120));
  CHECK(site.run({"done", "r1c", "vendor_says"}).exit == 0);
  const Finished done = run.wait(std::chrono::seconds(240));
  CAPTURE(done.err);
  REQUIRE(done.exit == 0);
  const Value document = site.run({"show", "r1c", "--json"}).json();
  CHECK(document["result"].as_string() == "contained");
  CHECK(document["claims"].as_list().size() > 100);
  for (const Value& claim : document["claims"].as_list())
    CHECK(claim["verdict"].as_string() == "proved");
  const Value truth = site.control("/truth");
  CHECK(truth["credential_archived"].as_bool());
  CHECK_FALSE(truth["access_token_works"].as_bool());
  CHECK(truth["bystanders_untouched"].as_bool());
  const Finished after = site.run({"radius", mcp, "--json"});
  CHECK(after.exit == 0);
  CHECK(after.json()["credentials"].as_list().empty());
  CHECK(after.json()["live_sessions"].as_list().empty());
}

}  // namespace quell::test
