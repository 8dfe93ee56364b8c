// Profile poisoned: what a session wrote to memory, who reads it, and what is true of it.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "state/base/sha256.h"
#include "tests/orchestrator/range/world_client.h"

namespace quell::range {
namespace {

Reply call(WorldClient& client, std::string_view method, const std::string& target,
           std::string_view body = "") {
  Request request = client.request(method, target, body);
  if (target.starts_with("/v1/memory_stores"))
    request.headers.back().second = "agent-memory-2026-07-22";
  return client.send(std::move(request));
}

std::string store_of(WorldClient& client) {
  return "/v1/memory_stores/" + client.world->injected().memory_store_id;
}

}  // namespace

// Goal: the incident is there as the sheet's objects show it: versions by a session, mounts with
// access, child, inline and advisor threads, both forms of rosters.
// Method: the API's answers.
TEST_CASE("a poisoned world shows who wrote what and who works for whom") {
  WorldClient client("poisoned");
  const Injected injected = client.world->injected();
  const Reply versions = call(
      client, "GET", store_of(client) + "/memory_versions?session_id=" + injected.session_id);
  REQUIRE(versions.body["data"].as_list().size() == 2);
  for (const Value& version : versions.body["data"].as_list()) {
    CHECK(version["created_by"] == Value::map({{"type", "session_actor"},
                                               {"session_id", injected.session_id}}));
  }
  const Reply session = call(client, "GET", "/v1/sessions/" + injected.session_id);
  CHECK(session.body["status"] == Value("running"));
  const Value& mount = session.body["resources"].as_list().front();
  CHECK(mount["access"] == Value("read_write"));
  CHECK(mount["name"] == Value("Front desk"));
  CHECK(session.body["agent"]["multiagent"]["type"] == Value("coordinator"));

  const Reply threads = call(client, "GET", "/v1/sessions/" + injected.session_id + "/threads");
  std::multiset<std::string> kinds;
  for (const Value& thread : threads.body["data"].as_list())
    kinds.insert(thread["agent"]["type"].as_string());
  CHECK(kinds == std::multiset<std::string>{"advisor", "agent", "agent", "inline"});
}

// Goal: a poison comes back as long as its session runs, and no longer.
// Method: put the good content back; wait; stop the session; put it back again; wait.
TEST_CASE("a session that runs writes its poison again") {
  WorldClient client("poisoned");
  const Injected injected = client.world->injected();
  const auto put_back = [&] {
    const Value all = call(client, "GET", store_of(client) + "/memories?view=full").body["data"];
    for (const Value& memory : all.as_list()) {
      if (memory["path"] != Value("/refunds.md")) continue;
      const Reply versions = call(
          client, "GET",
          store_of(client) + "/memory_versions?view=full&limit=20&memory_id=" +
              memory["id"].as_string());
      const Value& first = versions.body["data"].as_list().back();
      const Value body = Value::map({{"content", first["content"]}});
      CHECK(call(client, "POST", store_of(client) + "/memories/" + memory["id"].as_string(),
                 to_json(body))
                .status == 200);
    }
  };
  CHECK(client.truth()["memory_poisoned"].as_list().size() == 2);
  CHECK_FALSE(client.truth()["memory_restored"].as_bool());
  put_back();
  CHECK(client.truth()["memory_restored"].as_bool());
  CHECK(client.truth()["memory_poisoned"].as_list().size() == 1);
  client.wait(std::chrono::seconds{30});
  CHECK_FALSE(client.truth()["memory_restored"].as_bool());
  CHECK(client.truth()["memory_untouched"].as_bool());

  const std::string session = "/v1/sessions/" + injected.session_id;
  call(client, "POST", session + "/events", R"({"events":[{"type":"user.interrupt"}]})");
  client.wait(std::chrono::seconds{1});
  CHECK(call(client, "POST", session + "/archive").status == 200);
  put_back();
  client.wait(std::chrono::seconds{60});
  CHECK(client.truth()["memory_restored"].as_bool());
  // The history still holds it.
  CHECK(client.truth()["memory_poisoned_versions"].as_list().size() == 3);
}

// Goal: without the profile nothing of it is there, and the seed makes the same world as ever.
// Method: the truth.
TEST_CASE("an ordinary incident has no memory in it") {
  WorldClient client;
  CHECK(client.world->injected().session_id.empty());
  CHECK(client.truth()["memory_poisoned"].as_list().empty());
}

// Goal: a mount names a store that is there and open.
// Method: each mistake.
TEST_CASE("a session mounts only stores that are there") {
  WorldClient client("poisoned");
  const Value session =
      call(client, "GET", "/v1/sessions/" + client.world->injected().session_id).body;
  const auto create = [&](const std::string& store, const std::string& access) {
    return call(client, "POST", "/v1/sessions",
                fmt::format(R"({{"agent":"{}","environment_id":"{}","resources":[)"
                            R"({{"type":"memory_store","memory_store_id":"{}","access":"{}"}}]}})",
                            session["agent"]["id"].as_string(),
                            session["environment_id"].as_string(), store, access))
        .status;
  };
  const std::string store = client.world->injected().memory_store_id;
  CHECK(create(store, "read_only") == 200);
  CHECK(create(store, "append") == 400);
  CHECK(create("memstore_none", "read_only") == 404);
  CHECK(call(client, "POST", store_of(client) + "/archive").status == 200);
  CHECK(create(store, "read_only") == 400);
}

}  // namespace quell::range
