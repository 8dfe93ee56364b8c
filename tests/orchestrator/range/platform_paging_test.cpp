// Lists: API sheet section 0.3.
#include <algorithm>

#include <fmt/format.h>

#include "tests/orchestrator/range/world_client.h"

namespace quell::range {
namespace {

std::vector<std::string> ids_of(const Value& page) {
  std::vector<std::string> ids;
  for (const Value& one : page["data"].list_or_empty()) ids.push_back(one["id"].string_or(""));
  return ids;
}

std::vector<std::string> walk(WorldClient& client, const std::string& path) {
  std::vector<std::string> all;
  std::string next;
  for (int page = 0; page < 100; ++page) {
    const Reply reply = client.get(path + (next.empty() ? "" : "&page=" + next));
    REQUIRE(reply.status == 200);
    for (std::string& id : ids_of(reply.body)) all.push_back(std::move(id));
    if (reply.body["next_page"].is_null()) return all;
    next = reply.body["next_page"].as_string();
  }
  FAIL("the list does not end");
  return all;
}

}  // namespace

// Goal: following next_page gives every object once, newest first, whatever the page size.
TEST_CASE("pages cover a list exactly once") {
  WorldClient client;
  for (int made = 0; made < 22; ++made) {
    REQUIRE(client.post("/v1/vaults", fmt::format(R"({{"display_name":"v{}"}})", made)).status ==
            200);
  }
  const std::vector<std::string> whole = walk(client, "/v1/vaults?limit=100");
  CHECK(whole.size() == 25);
  CHECK(client.get("/v1/vaults/" + whole.front()).body["display_name"].as_string() == "v21");
  for (const int limit : {1, 2, 7, 24, 25, 26}) {
    CAPTURE(limit);
    CHECK(walk(client, fmt::format("/v1/vaults?limit={}", limit)) == whole);
  }
  CHECK(ids_of(client.get("/v1/vaults").body).size() == 20);
}

// Goal: limits and cursors outside the rules are refused and not guessed at.
TEST_CASE("bad limits and cursors") {
  WorldClient client;
  const std::string foreign =
      client.get("/v1/vaults?limit=1").body["next_page"].string_or("missing");
  for (const std::string& query :
       {std::string("/v1/vaults?limit=0"), std::string("/v1/vaults?limit=101"),
        std::string("/v1/vaults?limit=x"), std::string("/v1/vaults?page=page_%21"),
        std::string("/v1/vaults?page=cursor"), "/v1/agents?page=" + foreign,
        std::string("/v1/deployment_runs?limit=1001"),
        std::string("/v1/vaults?include_archived=yes")}) {
    CAPTURE(query);
    CHECK(client.get(query).status == 400);
  }
}

// Goal: sessions page both ways; their cursor keeps its order and its time filter.
TEST_CASE("sessions page in both directions") {
  WorldClient client;
  const std::vector<std::string> all = walk(client, "/v1/sessions?limit=1");
  REQUIRE(all.size() == 4);
  std::vector<std::string> rising = walk(client, "/v1/sessions?limit=3&order=asc");
  std::ranges::reverse(rising);
  CHECK(rising == all);

  const Reply first = client.get("/v1/sessions?limit=2");
  CHECK(first.body["prev_page"].is_null());
  CHECK(first.body.has("prev_page"));
  const std::string next = first.body["next_page"].as_string();
  const Reply second = client.get("/v1/sessions?limit=2&page=" + next);
  CHECK(second.body["next_page"].is_null());
  const Reply back =
      client.get("/v1/sessions?limit=2&page=" + second.body["prev_page"].as_string());
  CHECK(ids_of(back.body) == ids_of(first.body));
  CHECK(back.body["prev_page"].is_null());
  CHECK(client.get("/v1/sessions?limit=2&order=asc&page=" + next).status == 400);
  CHECK(client.get("/v1/sessions?created_at[gt]=2040-01-01T00:00:00Z&page=" + next).status == 400);
  CHECK_FALSE(client.get("/v1/vaults").body.has("prev_page"));
}

// Goal: each filter of the sheet narrows the list as it says, encoded as clients encode it.
TEST_CASE("filters") {
  WorldClient client;
  const auto count = [&](const std::string& query) {
    return ids_of(client.get(query).body).size();
  };
  CHECK(count("/v1/sessions?statuses%5B%5D=running&statuses%5B%5D=idle") == 4);
  CHECK(count("/v1/sessions?statuses=running") == 3);
  CHECK(count("/v1/sessions?statuses[]=terminated") == 0);
  CHECK(client.get("/v1/sessions?statuses[]=asleep").status == 400);
  CHECK(count("/v1/sessions?created_at%5Bgte%5D=2031-03-04T05%3A06%3A07Z") == 4);
  CHECK(count("/v1/sessions?created_at[gt]=2031-03-04T05:06:07Z") == 0);
  CHECK(client.get("/v1/sessions?created_at[gte]=yesterday").status == 400);
  CHECK(client.get("/v1/sessions?created_at[since]=2031-03-04T05:06:07Z").status == 400);
  CHECK(client.get("/v1/sessions?agent_version=1").status == 400);
  const std::string agent = client.get("/v1/sessions?statuses[]=idle")
                                .body["data"]
                                .as_list()[0]["agent"]["id"]
                                .as_string();
  CHECK(count("/v1/sessions?agent_id=" + agent + "&agent_version=1") == 3);
  CHECK(count("/v1/deployments?agent_id=" + agent) == 2);

  const std::string hourly = client.deployment("Hourly triage");
  REQUIRE(client.post(hourly + "/pause").status == 200);
  CHECK(count("/v1/deployments?status=paused") == 1);
  CHECK(count("/v1/deployments?status=active") == 2);
  CHECK(client.get("/v1/deployments?status=active&include_archived=true").status == 400);
  const std::string run = client.post(hourly + "/run").body["session_id"].as_string();
  const std::string deployment_id = hourly.substr(hourly.rfind('/') + 1);
  CHECK(ids_of(client.get("/v1/sessions?deployment_id=" + deployment_id).body) ==
        std::vector<std::string>{run});
  CHECK(count("/v1/deployment_runs?trigger_type=manual&has_error=false&deployment_id=" +
              deployment_id) == 1);
  CHECK(count("/v1/deployment_runs?trigger_type=schedule") == 0);
  CHECK(count("/v1/deployment_runs?has_error=true") == 0);

  REQUIRE(client.post(client.credential() + "/archive").status == 200);
  CHECK(count(client.vault() + "/credentials?limit=100") == 0);
  CHECK(count(client.vault() + "/credentials?include_archived=true") == 1);
}

}  // namespace quell::range
