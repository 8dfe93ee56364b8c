// The world as a whole: intruder, log, faults, truth, determinism.
#include <chrono>

#include <fmt/format.h>

#include "orchestrator/range/mcp_call.h"
#include "tests/orchestrator/range/world_client.h"

namespace quell::range {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

Reply revoke(WorldClient& client, const std::string& token) {
  Request request = refresh_request({.client_id = client.world->keys().client_id,
                                     .client_secret = client.world->keys().client_secret,
                                     .auth_type = "client_secret_basic"});
  request.target = "/revoke";
  request.body = "token=" + token;
  return client.send(std::move(request));
}

std::string say(const LogLine& line) {
  return fmt::format("{} {} {} {} {} {} {} {}", format_rfc3339(line.at), line.who, line.host,
                     line.method, line.path, to_string(line.effect), line.status, line.note);
}

std::string say(const std::vector<LogLine>& log) {
  std::string text;
  for (const LogLine& line : log) text += say(line) + "\n";
  return text;
}

}  // namespace

// Goal: the leak works from the first second, and rotation in the vault does not end it.
TEST_CASE("the intruder stays through a rotation") {
  WorldClient client("", true);
  client.wait(seconds{60});
  REQUIRE(client
              .post(client.credential(), R"({"auth":{"type":"mcp_oauth","access_token":"new",)"
                                         R"("refresh":{"refresh_token":"other"}}})")
              .status == 200);
  client.wait(minutes{30});
  int refreshes = 0;
  for (const LogLine& line : client.world->intruder_log()) {
    CHECK(line.who == "intruder");
    CHECK(line.status == 200);
    if (line.note == "refresh") ++refreshes;
  }
  CHECK(refreshes == 7);  // every 4 min
  CHECK(client.world->intruder_log().front().note == "tools/list");
  CHECK(client.world->intruder_log().front().at == test_options().start);
  CHECK(client.truth()["thief_in"].as_bool());
  CHECK(client.truth()["thief_last_success"].is_timestamp());
  for (const LogLine& line : client.world->request_log()) CHECK(line.who != "intruder");
}

// Goal: a facilitator who stops the drill stops the intruder, who then goes on as if nothing had
// been.
TEST_CASE("a held intruder does nothing, and afterwards keeps its rhythm") {
  WorldClient held("", true);
  WorldClient free("", true);
  held.wait(seconds{100});
  free.wait(seconds{100});
  held.world->hold_intruder(true, held.now);
  held.world->hold_intruder(true, held.now);  // twice is once
  const std::size_t before = held.world->intruder_log().size();
  held.wait(minutes{1});
  CHECK(held.world->intruder_log().size() == before);
  held.world->hold_intruder(false, held.now);
  held.wait(minutes{5});
  free.wait(minutes{5});
  const std::vector<LogLine>& log = held.world->intruder_log();
  REQUIRE(log.size() == free.world->intruder_log().size());
  for (std::size_t i = 0; i < log.size(); ++i) {
    CHECK(log[i].note == free.world->intruder_log()[i].note);
    CHECK(log[i].at == free.world->intruder_log()[i].at + minutes{i < before ? 0 : 1});
  }
}

// Goal: revoking the grant puts the intruder out within one use, and it finds its refresh dead.
TEST_CASE("the intruder is out after a revocation") {
  WorldClient client("", true);
  client.wait(milliseconds{13'000});
  REQUIRE(revoke(client, client.world->leaked().refresh_token).status == 200);
  client.wait(minutes{10});
  const Value truth = client.truth();
  CHECK_FALSE(truth["thief_in"].as_bool());
  CHECK_FALSE(truth["access_token_works"].as_bool());
  CHECK_FALSE(truth["refresh_token_works"].as_bool());
  CHECK_FALSE(truth["thief_refresh_works"].as_bool());
  CHECK_FALSE(truth["credential_refreshable"].as_bool());
  CHECK(truth["bystanders_untouched"].as_bool());
  const Timestamp start = test_options().start;
  CHECK(truth["thief_last_success"].as_timestamp() == start + seconds{12});
  CHECK(truth["thief_first_failure"].as_timestamp() == start + seconds{15});
  bool refused = false;
  for (const LogLine& line : client.world->intruder_log()) {
    if (line.note != "refresh") continue;
    CHECK(line.status == 400);
    if (!refused) CHECK(line.at == start + seconds{17});
    refused = true;
  }
  CHECK(refused);
}

// Goal: with spent_refresh_200 the thief has redeemed first; what the vault holds is spent.
TEST_CASE("spent_refresh_200: the thief rotated") {
  WorldClient client("spent_refresh_200", true);
  REQUIRE_FALSE(client.world->intruder_log().empty());
  CHECK(client.world->intruder_log().front().note == "refresh");
  CHECK(client.world->intruder_log().front().status == 200);
  CHECK(revoke(client, client.world->leaked().refresh_token).status == 200);
  client.wait(seconds{30});
  CHECK(client.truth()["thief_in"].as_bool());
  CHECK(client.truth()["thief_refresh_works"].as_bool());
  CHECK_FALSE(client.truth()["leaked_refresh_token_works"].as_bool());
}

// Goal: the intruder and the platform find their way into a server of the new era.
TEST_CASE("only_modern: simulated clients change era") {
  WorldClient client("only_modern", true);
  client.wait(minutes{2});
  CHECK(client.truth()["thief_in"].as_bool());
  CHECK(client.post(client.credential() + "/mcp_oauth_validate").body["status"].as_string() ==
        "valid");
}

// Goal: jwt_offline: revocation leaves access tokens working, and the truth says so.
TEST_CASE("jwt_offline: the truth follows the MCP server") {
  WorldClient client("jwt_offline", true);
  client.wait(seconds{10});
  REQUIRE(revoke(client, client.world->leaked().refresh_token).status == 200);
  client.wait(minutes{5});
  CHECK(client.truth()["access_token_works"].as_bool());
  CHECK(client.truth()["thief_in"].as_bool());
  CHECK_FALSE(client.truth()["thief_refresh_works"].as_bool());
  client.wait(hours{2});
  CHECK_FALSE(client.truth()["access_token_works"].as_bool());
  CHECK_FALSE(client.truth()["thief_in"].as_bool());
}

// Goal: one seed is one exact history; another seed is another one.
// Method: the same calls at the same times, twice; logs, answers and truth are compared byte by
// byte.
TEST_CASE("same seed, same history") {
  const auto history = [](std::uint64_t seed, const std::string& profile) {
    WorldClient client(profile, true, seed);
    std::string text = client.world->leaked().access_token;
    client.wait(minutes{7});
    text += client.get("/v1/sessions?limit=100").raw.body;
    text += client.post(client.credential() + "/archive").raw.body;
    client.wait(hours{2});
    text += say(client.world->request_log()) + say(client.world->intruder_log());
    return text + to_json(client.truth()) + client.control("GET", "/events").raw.body;
  };
  CHECK(history(7, "") == history(7, ""));
  CHECK(history(7, "") != history(8, ""));
  CHECK(history(11, "throttles,rotation") == history(11, "throttles,rotation"));
}

// Goal: how time is cut into steps does not change what happens.
TEST_CASE("one long wait equals many short ones") {
  WorldClient at_once("", true);
  WorldClient in_steps("", true);
  at_once.wait(minutes{30});
  for (int step = 0; step < 1800; ++step) in_steps.wait(seconds{1});
  CHECK(say(at_once.world->request_log()) == say(in_steps.world->request_log()));
  CHECK(say(at_once.world->intruder_log()) == say(in_steps.world->intruder_log()));
  CHECK(at_once.world->next_timer() == in_steps.world->next_timer());
  CHECK(*at_once.world->next_timer() > at_once.now);
}

// Goal: the log holds every request of clients and of the platform with its effect.
TEST_CASE("request log") {
  WorldClient client;
  client.get("/v1/vaults?limit=5");
  client.post(client.deployment("Hourly triage") + "/pause");
  client.send({.host = Host::mcp_server, .method = "POST", .target = "/mcp"});
  client.send({.host = Host::issuer, .method = "POST", .target = "/introspect"});
  client.control("GET", "/truth");
  const std::vector<LogLine>& log = client.world->request_log();
  REQUIRE(log.size() == 5);
  CHECK(log[0].path == "/v1/vaults");
  CHECK(log[0].effect == Effect::read);
  CHECK(log[0].who == "client");
  CHECK(log[2].effect == Effect::mutate);
  CHECK(log[3].effect == Effect::probe);
  CHECK(log[3].host == "mcp_server");
  CHECK(log[3].status == 401);
  CHECK(log[4].effect == Effect::probe);
  const Value told = client.control("GET", "/log").body["requests"];
  REQUIRE(told.as_list().size() == 5);
  CHECK(keys_of(told.as_list()[2]) ==
        std::vector<std::string>{"at", "effect", "host", "method", "path", "status", "who"});
  CHECK(told.as_list()[2]["effect"].as_string() == "mutate");
}

// Goal: faults meet the next matching requests only, before or after they take effect.
TEST_CASE("faults") {
  WorldClient client;
  const std::string hourly = client.deployment("Hourly triage");
  const auto fault = [&](std::string_view body) {
    return client.control("POST", "/faults", body).status;
  };
  CHECK(fault(R"({"fail_next":{"host":"platform","status":503,"retry_after":2,"count":2}})") ==
        200);
  const Reply refused = client.post(hourly + "/pause");
  CHECK(refused.status == 503);
  CHECK(refused.header("retry-after") == "2");
  CHECK(refused.header("x-quell-range") == "1");
  CHECK(client.get(hourly).status == 503);
  CHECK(client.get(hourly).body["status"].as_string() == "active");

  CHECK(fault(R"({"fail_next":{"reset":true,"effect":"mutate","path":"/pause"}})") == 200);
  CHECK(client.get(hourly).status == 200);
  CHECK(client.post(hourly + "/pause").raw.line == Response::Line::resets);
  CHECK(client.world->request_log().back().status == 200);
  CHECK(client.world->request_log().back().note == "answer lost");
  CHECK(client.get(hourly).body["status"].as_string() == "paused");

  CHECK(fault(R"({"fail_next":{"reset":"before"}})") == 200);
  CHECK(client.post(hourly + "/unpause").raw.line == Response::Line::resets);
  CHECK(client.world->request_log().back().status == 0);
  CHECK(client.world->request_log().back().note == "not handled");
  CHECK(client.get(hourly).body["status"].as_string() == "paused");
  CHECK(fault(R"({"fail_next":{"host":"issuer","hang":true}})") == 200);
  CHECK(revoke(client, client.world->leaked().refresh_token).raw.line == Response::Line::hangs);
  CHECK_FALSE(client.truth()["refresh_token_works"].as_bool());

  CHECK(fault(R"({"latency_ms":250})") == 200);
  CHECK(client.get(hourly).raw.delay == milliseconds{250});
  CHECK(client.control("GET", "/truth").raw.delay == milliseconds{0});
  CHECK(fault(R"({"clear":true})") == 200);
  CHECK(client.get(hourly).raw.delay == milliseconds{0});

  CHECK(fault(R"({"profile_add":"archive_again_400"})") == 200);
  CHECK(client.post(hourly + "/archive").status == 200);
  CHECK(client.post(hourly + "/archive").status == 400);
  for (const std::string_view wrong :
       {R"({"profile_add":"nonsense"})", R"({"latency_ms":-1})", R"({"colour":1})", "[]", "{",
        R"({"fail_next":{"host":"moon","status":500}})", R"({"fail_next":{"status":99}})",
        R"({"fail_next":{"status":500,"reset":true}})", R"({"fail_next":{"reset":"maybe"}})",
        R"({"fail_next":{"status":500,"count":0}})", R"({"fail_next":{"status":500,"x":1}})"}) {
    CAPTURE(wrong);
    CHECK(fault(wrong) == 400);
  }
}

// Goal: the truth names what still runs with the leaked credential, and whether a bystander was
// hit.
TEST_CASE("truth about runtime and bystanders") {
  WorldClient client;
  CHECK(client.truth()["sessions_running"].as_list().size() == 2);
  CHECK(client.truth()["sessions_not_archived"].as_list().size() == 3);
  CHECK(client.truth()["deployments_active"].as_list().size() == 2);
  CHECK_FALSE(client.truth()["credential_archived"].as_bool());
  client.post(client.deployment("Hourly triage") + "/pause");
  client.post(client.deployment("Nightly digest") + "/archive");
  CHECK(client.truth()["deployments_active"].as_list().empty());
  client.erase(client.credential());
  CHECK(client.truth()["credential_archived"].as_bool());
  CHECK(client.truth()["credential_deleted"].as_bool());
  CHECK(client.truth()["bystanders_untouched"].as_bool());
  client.post(client.deployment("Weekly handbook") + "/pause");
  CHECK_FALSE(client.truth()["bystanders_untouched"].as_bool());
  CHECK(client.control("GET", "/truth").body["credential_deleted"].as_bool());
  CHECK(client.control("GET", "/nothing").status == 404);
}

}  // namespace quell::range
