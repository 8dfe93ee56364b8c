// What keeps the leaked credential alive, and what ends it: API sheet sections 1.2, 2.3 and 2.4.
#include <chrono>

#include "orchestrator/range/mcp_call.h"
#include "tests/orchestrator/range/world_client.h"

namespace quell::range {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

/// Revokes the leaked refresh token at the issuer, as its client.
Reply revoke(WorldClient& client, const std::string& token) {
  Request request = refresh_request({.client_id = client.world->keys().client_id,
                                     .client_secret = client.world->keys().client_secret,
                                     .auth_type = "client_secret_basic"});
  request.target = "/revoke";
  request.body = "token=" + token;
  return client.send(std::move(request));
}

std::size_t events_of(WorldClient& client, std::string_view type) {
  std::size_t count = 0;
  const Reply reply = client.control("GET", "/events");
  for (const Value& event : reply.body["events"].as_list()) {
    if (event["type"].string_or("") == type) ++count;
  }
  return count;
}

}  // namespace

// Goal: untouched, the credential outlives its access token by hours, without any session.
TEST_CASE("background refresh keeps a credential alive and ends with the archive") {
  WorldClient client;
  client.wait(hours{3});
  CHECK(client.truth()["access_token_works"].as_bool());
  CHECK(client.truth()["vault_refreshes"].as_bool());
  const std::size_t refreshes =
      count_of(client.world->request_log(), "platform", "issuer", "/token");
  CHECK(refreshes == 22);  // every 480 s
  CHECK(client.post(client.credential() + "/mcp_oauth_validate").body["status"].as_string() ==
        "valid");

  REQUIRE(client.post(client.credential() + "/archive").status == 200);
  client.wait(hours{1});
  CHECK(count_of(client.world->request_log(), "platform", "issuer", "/token") == refreshes);
  CHECK_FALSE(client.truth()["vault_refreshes"].as_bool());
  // The issuer was told nothing: the grant itself lives on.
  CHECK(client.truth()["refresh_token_works"].as_bool());
  CHECK_FALSE(client.truth()["access_token_works"].as_bool());  // the last one has expired
}

// Goal: running sessions use the MCP server with the credential and lose it with the archive.
TEST_CASE("running sessions resolve again") {
  WorldClient client;
  client.wait(minutes{2});
  const std::string session = "/v1/sessions/" + client.sessions("running").front();
  CHECK(client.get(session + "/events?types[]=agent.mcp_tool_use").body["data"].as_list().size() >=
        10);
  CHECK(client.get(session + "/events?types[]=session.error").body["data"].as_list().empty());
  REQUIRE(client.post(client.credential() + "/archive").status == 200);
  client.wait(seconds{21});
  const Value errors = client.get(session + "/events?types[]=session.error").body["data"];
  REQUIRE_FALSE(errors.as_list().empty());
  CHECK(errors.as_list().front()["error"]["type"].as_string() == "mcp_authentication_failed_error");
  CHECK(client.get(session).body["status"].as_string() == "running");
}

// Goal: after the grant is revoked, validate tries the stored refresh token and says that it is
// dead; this is the best proof there is.
TEST_CASE("validate after a revocation") {
  WorldClient client;
  REQUIRE(revoke(client, client.world->leaked().refresh_token).status == 200);
  CHECK_FALSE(client.truth()["refresh_token_works"].as_bool());
  const Value said = client.post(client.credential() + "/mcp_oauth_validate").body;
  CHECK(keys_of(said) == std::vector<std::string>{"credential_id", "has_refresh_token", "mcp_probe",
                                                  "refresh", "status", "type", "validated_at",
                                                  "vault_id"});
  CHECK(said["type"].as_string() == "vault_credential_validation");
  CHECK(said["status"].as_string() == "invalid");
  CHECK(said["has_refresh_token"].as_bool());
  CHECK(said["mcp_probe"]["method"].as_string() == "initialize");
  CHECK(said["mcp_probe"]["http_response"]["status_code"].as_int() == 401);
  CHECK(said["refresh"]["status"].as_string() == "failed");
  CHECK(said["refresh"]["http_response"]["status_code"].as_int() == 400);
  CHECK(said["refresh"]["http_response"]["body"].as_string().find("invalid_grant") !=
        std::string::npos);
  CHECK_FALSE(said["refresh"]["http_response"]["body_truncated"].as_bool());
  CHECK(events_of(client, "vault_credential.refresh_failed") == 1);
}

// Goal: validate mints. A dead access token beside a live refresh token comes back to life.
TEST_CASE("validate can mint") {
  WorldClient client;
  REQUIRE(
      client
          .post(client.credential(), R"({"auth":{"type":"mcp_oauth","access_token":"worthless"}})")
          .status == 200);
  const Value said = client.post(client.credential() + "/mcp_oauth_validate").body;
  CHECK(said["status"].as_string() == "unknown");
  CHECK(said["refresh"]["status"].as_string() == "succeeded");
  CHECK(said["refresh"]["http_response"].is_null());
  const Value again = client.post(client.credential() + "/mcp_oauth_validate").body;
  CHECK(again["status"].as_string() == "valid");
  CHECK(again["mcp_probe"].is_null());
  CHECK(again["refresh"].is_null());
}

// Goal: the remaining rows of the validation object: no refresh token, no answering server.
TEST_CASE("validate without a refresh token or without a server") {
  WorldClient client;
  REQUIRE(client
              .post(client.credential(),
                    R"({"auth":{"type":"mcp_oauth","access_token":"worthless","refresh":null}})")
              .status == 200);
  const Value bare = client.post(client.credential() + "/mcp_oauth_validate").body;
  CHECK(bare["status"].as_string() == "invalid");
  CHECK_FALSE(bare["has_refresh_token"].as_bool());
  CHECK(bare["refresh"]["status"].as_string() == "no_refresh_token");

  const Reply far =
      client.post(client.vault() + "/credentials",
                  R"({"auth":{"type":"mcp_oauth","mcp_server_url":"https://far.example.com/mcp",)"
                  R"("access_token":"t"}})");
  const Value unreachable =
      client.post(client.vault() + "/credentials/" + far.id() + "/mcp_oauth_validate").body;
  CHECK(unreachable["status"].as_string() == "unknown");
  CHECK(unreachable["mcp_probe"]["http_response"].is_null());
  CHECK(unreachable["refresh"].is_null());
}

// Goal: overwriting the refresh token ends the background refresh, and the platform says so; the
// thief's copy of the grant lives on.
TEST_CASE("rotation breaks the refresh and not the grant") {
  WorldClient client;
  REQUIRE(client
              .post(client.credential(), R"({"auth":{"type":"mcp_oauth","access_token":"new",)"
                                         R"("refresh":{"refresh_token":"dead"}}})")
              .status == 200);
  client.wait(minutes{20});
  CHECK(events_of(client, "vault_credential.refresh_failed") == 1);
  CHECK_FALSE(client.truth()["credential_refreshable"].as_bool());
  CHECK(client.truth()["vault_refreshes"].as_bool());
  CHECK(client.truth()["thief_refresh_works"].as_bool());
}

// Goal: a dead access token is undone by the platform's own refresh while a session meets the 401.
TEST_CASE("a refused access token is replaced while the refresh token lives") {
  WorldClient client;
  REQUIRE(
      client
          .post(client.credential(), R"({"auth":{"type":"mcp_oauth","access_token":"worthless"}})")
          .status == 200);
  client.wait(minutes{1});  // running sessions meet 401, and the platform refreshes
  CHECK(client.post(client.credential() + "/mcp_oauth_validate").body["status"].as_string() ==
        "valid");
}

// Goal: hosts outside the world are a broken connection, retried and never an error of the range.
TEST_CASE("a token endpoint elsewhere is a connect error") {
  WorldClient client;
  const std::string vault = client.post("/v1/vaults", R"({"display_name":"x"})").id();
  const Reply made = client.post(
      "/v1/vaults/" + vault + "/credentials",
      R"({"auth":{"type":"mcp_oauth","mcp_server_url":"http://mcp.range.test/mcp",)"
      R"("access_token":"t","expires_at":"2031-03-04T05:16:07Z","refresh":{"refresh_token":"r",)"
      R"("client_id":"c","token_endpoint":"https://far.example.com/token",)"
      R"("token_endpoint_auth":{"type":"none"}}}})");
  REQUIRE(made.status == 200);
  const Value said =
      client.post("/v1/vaults/" + vault + "/credentials/" + made.id() + "/mcp_oauth_validate").body;
  CHECK(said["status"].as_string() == "unknown");
  CHECK(said["refresh"]["status"].as_string() == "connect_error");
  CHECK(said["refresh"]["http_response"].is_null());
  client.wait(minutes{30});
  CHECK(events_of(client, "vault_credential.refresh_failed") == 1);
}

}  // namespace quell::range
