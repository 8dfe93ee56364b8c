// The organization's API keys in the simulated world (API sheet 1.11).
#include <string>

#include <doctest/doctest.h>

#include "world_client.h"

namespace quell::range {
namespace {

Reply admin(WorldClient& client, std::string_view method, const std::string& target,
            std::string_view body = "", std::string key = {}) {
  Request request{.host = Host::platform,
                  .method = std::string(method),
                  .target = "/v1/organizations/api_keys" + target,
                  .headers = {{"x-api-key", key.empty() ? client.world->keys().admin_key : key},
                              {"anthropic-version", "2026-10-21"}},
                  .body = std::string(body)};
  return client.send(std::move(request));
}

/// How the platform answers a harmless call with the leaked key.
int leaked_key(WorldClient& client) {
  Request request = client.request("GET", "/v1/vaults");
  request.headers[0].second = "Bearer " + client.world->keys().leaked_api_key;
  return client.send(std::move(request)).status;
}

}  // namespace

TEST_CASE("the list pages by id and wants a key of the admin API") {
  WorldClient client;
  const Reply all = admin(client, "GET", "?limit=1");
  REQUIRE(all.status == 200);
  CHECK(all.body["has_more"].bool_or(false));
  const std::string first = all.body["last_id"].string_or("");
  CHECK(first == client.world->keys().leaked_api_key_id);  // newest first
  const Reply rest = admin(client, "GET", "?limit=1&after_id=" + first);
  CHECK_FALSE(rest.body["has_more"].bool_or(true));
  CHECK(rest.body["data"].list_or_empty().size() == 1);
  CHECK(admin(client, "GET", "?before_id=" + rest.body["first_id"].string_or(""))
            .body["first_id"]
            .string_or("") == first);
  CHECK(admin(client, "GET", "?status=inactive").body["data"].list_or_empty().empty());
  CHECK(admin(client, "GET", "?page=x").status == 400);
  CHECK(admin(client, "GET", "?limit=0").status == 400);
  CHECK(admin(client, "GET", "", "", client.world->keys().api_key).status == 401);
  CHECK(keys_of(all.body["data"].list_or_empty().front()) ==
        std::vector<std::string>{"created_at", "created_by", "expires_at", "id", "name",
                                 "partial_key_hint", "principal", "scope", "status", "type"});
}

// Goal: a key is dead from the moment its record says so, and lives again when it does.
TEST_CASE("a key that is switched off is refused, and switched on again it is not") {
  WorldClient client;
  const std::string path = "/" + client.world->keys().leaked_api_key_id;
  CHECK(leaked_key(client) == 200);
  CHECK(admin(client, "POST", path, R"({"status":"inactive"})").body["status"].string_or("") ==
        "inactive");
  CHECK(leaked_key(client) == 401);
  CHECK(admin(client, "POST", path, R"({"status":"active"})").status == 200);
  CHECK(leaked_key(client) == 200);
  CHECK(admin(client, "POST", path, R"({"status":"expired"})").status == 400);
  CHECK(admin(client, "POST", path, R"({"colour":"red"})").status == 400);
  CHECK(admin(client, "POST", "/apikey_of_nobody", R"({"status":"inactive"})").status == 404);
  CHECK(client.get("/v1/vaults").status == 200);
}

TEST_CASE("an intruder with a leaked key is in until it is switched off") {
  WorldClient client("steals_api_key", true);
  client.wait(std::chrono::seconds{10});
  CHECK(client.truth()["thief_in"].bool_or(false));
  admin(client, "POST", "/" + client.world->keys().leaked_api_key_id, R"({"status":"inactive"})");
  client.wait(std::chrono::seconds{10});
  CHECK_FALSE(client.truth()["thief_in"].bool_or(true));
}

TEST_CASE("after containment the grant is dead and the schedules stand still") {
  WorldClient client("after_containment", true);
  client.wait(std::chrono::seconds{10});
  CHECK_FALSE(client.truth()["thief_in"].bool_or(true));
  for (const std::string& id : client.world->leaked().deployment_ids)
    CHECK(client.get("/v1/deployments/" + id).body["status"].string_or("") == "paused");
}

}  // namespace quell::range
