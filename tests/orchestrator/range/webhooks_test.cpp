// Webhooks of the simulated platform: API sheet sections 4.1, 4.4 and 4.5.
#include <fmt/format.h>

#include "state/base/bytes.h"
#include "state/base/sha256.h"
#include "tests/orchestrator/range/world_client.h"

namespace quell::range {
namespace {

using std::chrono::seconds;

constexpr const char* kAll = R"({"url":"http://127.0.0.1:9/hooks"})";

std::string header_of(const Delivery& delivery, std::string_view name) {
  for (const auto& [key, value] : delivery.request.headers) {
    if (key == name) return value;
  }
  return "";
}

/// What is due now, each answered with `status`.
std::vector<Delivery> deliver(WorldClient& client, int status) {
  std::vector<Delivery> due = client.world->take_deliveries(client.now);
  for (const Delivery& one : due) client.world->delivered(one.number, status, client.now);
  return due;
}

WorldClient listening(const char* wish = kAll) {
  WorldClient client;
  REQUIRE(client.control("POST", "/webhooks", wish).status == 200);
  return client;
}

}  // namespace

// Goal: a delivery verifies as the standard says, and says no more than which object changed.
TEST_CASE("a webhook is thin, and signed over its id, time and body") {
  WorldClient client = listening();
  REQUIRE(client.post(client.credential() + "/archive").status == 200);
  const std::vector<Delivery> due = deliver(client, 204);
  REQUIRE(due.size() == 1);
  const std::string& body = due[0].request.body;
  const Result<Value> event = parse_json(body);
  REQUIRE(event);
  CHECK(due[0].url == "http://127.0.0.1:9/hooks");
  CHECK(keys_of(*event) == std::vector<std::string>{"created_at", "data", "id", "type"});
  CHECK(keys_of((*event)["data"]) ==
        std::vector<std::string>{"id", "organization_id", "type", "vault_id", "workspace_id"});
  CHECK((*event)["data"]["type"] == Value("vault_credential.archived"));
  CHECK((*event)["data"]["id"] == Value(client.world->leaked().credential_id));
  CHECK((*event)["id"] == Value(header_of(due[0], "webhook-id")));

  const auto key = base64_decode(client.world->keys().webhook_secret.substr(6));
  REQUIRE(key);
  const std::string at = header_of(due[0], "webhook-timestamp");
  CHECK(at == fmt::format("{}", client.now.time_since_epoch() / seconds{1}));
  const std::string mac =
      hmac_sha256(*key, header_of(due[0], "webhook-id") + "." + at + "." + body);
  CHECK(header_of(due[0], "webhook-signature") == "v1," + base64_encode(mac));
  CHECK_FALSE(client.world->next_delivery());
}

// Goal: three attempts with one id and a new signature each, then no more.
TEST_CASE("a receiver that fails is tried three times") {
  WorldClient client =
      listening(R"({"url":"http://127.0.0.1:9/hooks","events":["vault_credential.archived"]})");
  REQUIRE(client.post(client.credential() + "/archive").status == 200);
  std::vector<Timestamp> times;
  std::vector<std::string> ids;
  std::vector<std::string> signatures;
  for (int second = 0; second < 200; ++second) {
    for (const Delivery& one : deliver(client, second % 2 == 0 ? 500 : 0)) {
      times.push_back(client.now);
      ids.push_back(header_of(one, "webhook-id"));
      signatures.push_back(header_of(one, "webhook-signature"));
    }
    client.wait(seconds{1});
  }
  REQUIRE(times.size() == 3);
  CHECK(times[1] - times[0] >= seconds{5});
  CHECK(times[1] - times[0] <= seconds{11});
  CHECK(times[2] - times[1] >= seconds{30});
  CHECK(times[2] - times[1] <= seconds{61});
  CHECK(ids[1] == ids[0]);
  CHECK(ids[2] == ids[0]);
  CHECK(signatures[1] != signatures[0]);
  const Value over = client.control("GET", "/webhooks").body["deliveries"];
  REQUIRE(over.as_list().size() == 1);
  CHECK(over.as_list().front()["attempts"] == Value(3));
}

TEST_CASE("a redirect disables the receiver at once") {
  WorldClient client = listening();
  REQUIRE(client.post("/v1/vaults", R"({"display_name":"a"})").status == 200);
  REQUIRE(client.post("/v1/vaults", R"({"display_name":"b"})").status == 200);
  CHECK(deliver(client, 302).size() == 2);
  REQUIRE(client.post("/v1/vaults", R"({"display_name":"c"})").status == 200);
  client.wait(seconds{300});
  CHECK(deliver(client, 204).empty());
  const Value endpoints = client.control("GET", "/webhooks").body["endpoints"];
  CHECK(endpoints.as_list().front()["disabled"] == Value(true));
}

TEST_CASE("a receiver hears of the types it asked for, from its registration on") {
  WorldClient client;
  REQUIRE(client.post("/v1/vaults", R"({"display_name":"before"})").status == 200);
  REQUIRE(client
              .control("POST", "/webhooks",
                       R"({"url":"http://localhost:9/","events":["vault.created"]})")
              .status == 200);
  const Reply made = client.post("/v1/vaults", R"({"display_name":"after"})");
  REQUIRE(client.post("/v1/vaults/" + made.id() + "/archive").status == 200);
  const std::vector<Delivery> due = deliver(client, 200);
  REQUIRE(due.size() == 1);
  CHECK(due[0].request.body.find(made.id()) != std::string::npos);
}

TEST_CASE("a receiver beyond this machine is refused") {
  WorldClient client;
  for (const char* wish :
       {R"({"url":"http://192.0.2.1/"})", R"({"url":"https://127.0.0.1/"})", R"({"url":"x"})",
        R"({"url":"http://127.0.0.1/","more":1})", "[]", "{}", ""}) {
    CAPTURE(wish);
    CHECK(client.control("POST", "/webhooks", wish).status == 400);
  }
  for (int i = 0; i < 8; ++i) CHECK(client.control("POST", "/webhooks", kAll).status == 200);
  CHECK(client.control("POST", "/webhooks", kAll).status == 400);
}

// Goal: who listens changes nothing of what happens; the same seed signs the same bytes.
TEST_CASE("webhooks leave the rest of the world as it is") {
  WorldClient quiet;
  WorldClient heard = listening();
  WorldClient again = listening();
  for (WorldClient* client : {&quiet, &heard, &again}) {
    client->post("/v1/vaults", R"({"display_name":"a"})");
    client->wait(std::chrono::hours{1});
  }
  CHECK(quiet.get("/v1/vaults").raw.body == heard.get("/v1/vaults").raw.body);
  CHECK(quiet.get("/v1/sessions").raw.body == heard.get("/v1/sessions").raw.body);
  const std::vector<Delivery> one = deliver(heard, 200);
  const std::vector<Delivery> two = deliver(again, 200);
  REQUIRE(one.size() == two.size());
  REQUIRE_FALSE(one.empty());
  for (std::size_t i = 0; i < one.size(); ++i) {
    CHECK(one[i].request.headers == two[i].request.headers);
    CHECK(one[i].request.body == two[i].request.body);
  }
}

// Goal: a drill can put a fresh grant into a vault: it works, and it is not the leaked one's.
TEST_CASE("the control host mints a grant") {
  WorldClient client;
  const Value grant = client.control("POST", "/grants").body;
  CHECK(keys_of(grant) ==
        std::vector<std::string>{"access_token", "expires_at", "refresh_token", "token_endpoint"});
  CHECK(grant["access_token"] != Value(client.world->leaked().access_token));
  Request probe{.host = Host::mcp_server,
                .method = "POST",
                .target = "/mcp",
                .headers = {{"content-type", "application/json"},
                            {"accept", "application/json, text/event-stream"},
                            {"authorization", "Bearer " + grant["access_token"].as_string()}},
                .body = R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})"};
  CHECK(client.send(probe).status == 200);
}

// Goal: an injected failure reads like one of the platform's own.
TEST_CASE("a fault has the type of its status and one request id") {
  WorldClient client;
  for (const auto& [status, type] :
       {std::pair(401, "authentication_error"), std::pair(429, "rate_limit_error"),
        std::pair(500, "api_error"), std::pair(529, "overloaded_error")}) {
    client.control("POST", "/faults", fmt::format(R"({{"fail_next":{{"status":{}}}}})", status));
    const Reply reply = client.get("/v1/vaults");
    CHECK(reply.status == status);
    CHECK(reply.error_type() == type);
    CHECK(reply.body["request_id"] == Value(reply.header("request-id")));
  }
}

}  // namespace quell::range
