// Each platform profile changes what docs/range.md says it changes.
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include "tests/orchestrator/range/world_client.h"

namespace quell::range {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kInterrupt = R"({"events":[{"type":"user.interrupt"}]})";
constexpr std::string_view kRefreshNull = R"({"auth":{"type":"mcp_oauth","refresh":null}})";

}  // namespace

// Goal: unknown names are refused with the nearest known one, and lists are read leniently.
TEST_CASE("profile names") {
  WorldOptions options = test_options("throttles, sloow_propagation");
  const auto made = World::create(options);
  REQUIRE_FALSE(made);
  CHECK(made.error().code == ErrorCode::invalid);
  CHECK(made.error().hint.find("slow_propagation") != std::string::npos);
  std::set<std::string> names;
  for (const auto& [name, what] : profiles()) {
    names.insert(name);
    CHECK_FALSE(what.empty());
    CHECK(World::create(test_options(" , " + name + ",")));
  }
  CHECK(names.size() == profiles().size());
}

// Goal: the manual names every profile, with the words that the program uses where both are short.
TEST_CASE("docs/range.md lists every profile") {
  const char* const root = std::getenv("QUELL_SOURCE_DIR");  // NOLINT(concurrency-mt-unsafe)
  if (root == nullptr) return;                               // run by hand, without ctest
  std::ifstream file(std::string(root) + "/docs/range.md");
  const std::string manual{std::istreambuf_iterator<char>(file), {}};
  for (const auto& profile : profiles()) {
    const std::string name(profile.first);
    CAPTURE(name);
    CHECK(manual.find("| `" + name + "` | ") != std::string::npos);
  }
}

TEST_CASE("archive_while_running_409") {
  WorldClient client("archive_while_running_409");
  const std::string session = "/v1/sessions/" + client.sessions("running").front();
  CHECK(client.post(session + "/archive").status == 409);
  CHECK(client.erase(session).status == 409);
}

TEST_CASE("archive_again_400") {
  WorldClient client("archive_again_400");
  const std::string session = "/v1/sessions/" + client.sessions("idle").front();
  for (const std::string& path :
       {client.credential(), client.vault(), session, client.deployment("Hourly triage")}) {
    CAPTURE(path);
    CHECK(client.post(path + "/archive").status == 200);
    CHECK(client.post(path + "/archive").status == 400);
    CHECK(client.get(path).body["archived_at"].is_string());
  }
  const std::string environment =
      "/v1/environments/" +
      client.get("/v1/environments").body["data"].as_list().front()["id"].as_string();
  CHECK(client.post(environment + "/archive").status == 200);
  CHECK(client.post(environment + "/archive").status == 200);  // documented as accepted
}

// Goal: the three readings of refresh: null that the sheet leaves open.
TEST_CASE("refresh_null") {
  WorldClient clears;
  CHECK(clears.post(clears.credential(), kRefreshNull).body["auth"]["refresh"].is_null());
  CHECK_FALSE(clears.truth()["vault_refreshes"].as_bool());
  WorldClient ignores("refresh_null_ignored");
  CHECK(ignores.post(ignores.credential(), kRefreshNull).body["auth"]["refresh"].is_map());
  CHECK(ignores.truth()["credential_refreshable"].as_bool());
  WorldClient refuses("refresh_null_400");
  CHECK(refuses.post(refuses.credential(), kRefreshNull).status == 400);
}

// Goal: with slow_propagation a session goes on with the archived credential's token for up to 60
// s.
TEST_CASE("slow_propagation") {
  const auto errors_after = [](std::string profile, seconds wait) {
    WorldClient client(std::move(profile));
    client.wait(seconds{4});
    const std::string session = "/v1/sessions/" + client.sessions("running").front();
    REQUIRE(client.post(client.credential() + "/archive").status == 200);
    client.wait(wait);
    return client.get(session + "/events?types[]=session.error").body["data"].as_list().size();
  };
  CHECK(errors_after("", seconds{30}) > 0);
  CHECK(errors_after("slow_propagation", seconds{30}) == 0);
  CHECK(errors_after("slow_propagation", seconds{70}) > 0);
}

TEST_CASE("validate_inconclusive") {
  WorldClient client("validate_inconclusive");
  const Value said = client.post(client.credential() + "/mcp_oauth_validate").body;
  CHECK(said["status"].as_string() == "unknown");
  CHECK(said["refresh"]["status"].as_string() == "connect_error");
}

TEST_CASE("drops_next_page") {
  WorldClient client("drops_next_page");
  const Value page = client.get("/v1/sessions?limit=1").body;
  CHECK(page["data"].as_list().size() == 1);
  CHECK(page["next_page"].is_null());
}

// Goal: a key of another workspace sees empty lists and 404 while everything lives (T9).
TEST_CASE("other_workspace") {
  WorldClient client("other_workspace");
  for (const std::string& path :
       {std::string("/v1/vaults?include_archived=true"), std::string("/v1/sessions"),
        std::string("/v1/deployments"), std::string("/v1/agents"), std::string("/v1/environments"),
        std::string("/v1/deployment_runs")}) {
    CAPTURE(path);
    const Reply list = client.get(path);
    CHECK(list.status == 200);
    CHECK(list.body["data"].as_list().empty());
  }
  CHECK(client.get(client.vault()).status == 404);
  CHECK(client.get(client.credential()).status == 404);
  CHECK(client.post(client.credential() + "/archive").status == 404);
  CHECK(client.get(client.vault() + "/credentials").status == 404);
  client.wait(seconds{600});
  CHECK(client.truth()["credential_refreshable"].as_bool());
  CHECK(client.truth()["deployments_active"].as_list().size() == 2);
}

// Goal: an interrupted session starts again twice: once by itself, once between a client's look and
// its archive; the third interrupt holds.
TEST_CASE("session_restarts") {
  WorldClient client("session_restarts");
  const std::string session = "/v1/sessions/" + client.sessions("running").front();
  const auto status = [&] { return client.get(session).body["status"].as_string(); };
  client.post(session + "/events", kInterrupt);
  client.wait(milliseconds{400});
  CHECK(status() == "idle");
  client.wait(milliseconds{600});
  CHECK(status() == "running");

  client.post(session + "/events", kInterrupt);
  client.wait(seconds{1});
  CHECK(status() == "idle");
  CHECK(client.post(session + "/archive").status == 400);
  CHECK(status() == "running");

  client.post(session + "/events", kInterrupt);
  client.wait(seconds{1});
  CHECK(client.post(session + "/archive").status == 200);
}

// Goal: refusals come by seed, say how long to wait, and never twice running.
TEST_CASE("throttles") {
  WorldClient client("throttles");
  int refused = 0;
  bool before = false;
  for (int call = 0; call < 200; ++call) {
    const Reply reply = client.get("/v1/vaults");
    const bool now = reply.status == 429;
    CHECK_FALSE((before && now));
    if (now) {
      ++refused;
      CHECK(reply.error_type() == "rate_limit_error");
      CHECK(reply.header("retry-after") == "1");
    }
    before = now;
  }
  CHECK(refused > 5);
  CHECK(refused < 60);
}

}  // namespace quell::range
