// The platform's own requests to servers that are no part of the range.
#include <future>

#include "orchestrator/http_server.h"
#include "orchestrator/range/outside.h"
#include "tests/orchestrator/range/world_client.h"

namespace quell::range {
namespace {

constexpr const char* kMcp = "http://127.0.0.1:9/mcp";
constexpr const char* kToken = "http://127.0.0.1:9/token";

/// A foreign MCP server with sessions and its issuer: `good` is the token that works.
struct Foreign {
  std::string good = "at-1";
  bool refreshes = true;
  std::vector<std::string> said{};

  std::optional<Response> answer(std::string_view url, const Request& request) {
    const auto header = [&](std::string_view name) -> std::string {
      for (const auto& [key, value] : request.headers) {
        if (key == name) return value;
      }
      return "";
    };
    if (url == kToken) {
      said.push_back("refresh " + request.body.substr(0, request.body.find('&')));
      if (!refreshes) return Response{.status = 400, .body = R"({"error":"invalid_grant"})"};
      good = "at-2";
      return Response{.body = R"({"access_token":"at-2","expires_in":600})"};
    }
    if (url != kMcp) return std::nullopt;
    const Result<Value> body = parse_json(request.body);
    const std::string method = body ? (*body)["method"].string_or("") : request.method;
    said.push_back(method);
    if (header("authorization") != "Bearer " + good) return Response{.status = 401};
    const bool known = header("mcp-session-id") == "s-1";
    if (method == "initialize") return Response{.headers = {{"mcp-session-id", "s-1"}}};
    return Response{.status = known ? 200 : 400};
  }
};

/// A client of a world whose way out leads to `foreign`.
WorldClient client_of(Foreign& foreign) {
  WorldClient client;
  WorldOptions options = test_options();
  options.intruder = false;
  options.outside = [&foreign](std::string_view url, const Request& request) {
    return foreign.answer(url, request);
  };
  client.world = *World::create(std::move(options));
  return client;
}

std::string foreign_credential(WorldClient& client, const std::string& mcp = kMcp) {
  const Reply made = client.post(
      client.vault() + "/credentials",
      R"({"auth":{"type":"mcp_oauth","mcp_server_url":")" + mcp +
          R"(","access_token":"at-1","refresh":{"refresh_token":"rt-1","client_id":"c",)"
          R"("token_endpoint":")" +
          kToken + R"(","token_endpoint_auth":{"type":"none"}}}})");
  REQUIRE(made.status == 200);
  return client.vault() + "/credentials/" + made.id();
}

using Said = std::vector<std::string>;

}  // namespace

// Goal: validate asks a foreign server what a client of the protocol asks, and leaves nothing open.
TEST_CASE("validate probes a foreign MCP server and closes its session") {
  Foreign foreign;
  WorldClient client = client_of(foreign);
  const std::string credential = foreign_credential(client);
  const Reply checked = client.post(credential + "/mcp_oauth_validate");
  CHECK(checked.body["status"] == Value("valid"));
  CHECK(foreign.said == Said{"initialize", "notifications/initialized", "tools/list", "DELETE"});
  CHECK(client.world->request_log().back().host == "platform");
  CHECK(count_of(client.world->request_log(), "platform", "outside", kMcp) == 4);
}

TEST_CASE("a 401 of a foreign server is followed by a refresh at its own issuer") {
  Foreign foreign{.good = "at-0"};
  WorldClient client = client_of(foreign);
  const std::string credential = foreign_credential(client);
  const Value first = client.post(credential + "/mcp_oauth_validate").body;
  CHECK(first["status"] == Value("unknown"));
  CHECK(first["refresh"]["status"] == Value("succeeded"));
  CHECK(foreign.said == Said{"initialize", "refresh grant_type=refresh_token"});
  CHECK(client.post(credential + "/mcp_oauth_validate").body["status"] == Value("valid"));

  foreign.good = "at-0";
  foreign.refreshes = false;
  const Value dead = client.post(credential + "/mcp_oauth_validate").body;
  CHECK(dead["status"] == Value("invalid"));
  CHECK(dead["refresh"]["status"] == Value("failed"));
  CHECK(dead["refresh"]["http_response"]["status_code"] == Value(400));
}

// Goal: sessions and the background refresh use the same way, and a session opens one conversation.
TEST_CASE("a running session talks to a foreign server in one conversation") {
  Foreign foreign;
  WorldClient client = client_of(foreign);
  foreign_credential(client);
  const std::string agent =
      client
          .post("/v1/agents",
                std::string(R"({"name":"a","model":"m","mcp_servers":[{"type":"url","name":"n",)") +
                    R"("url":")" + kMcp +
                    R"("}],"tools":[{"type":"mcp_toolset","mcp_server_name":"n"}]})")
          .id();
  const Value environments = client.get("/v1/environments").body;
  const std::string environment = environments["data"].as_list().front()["id"].as_string();
  REQUIRE(client
              .post("/v1/sessions", R"({"agent":")" + agent + R"(","environment_id":")" +
                                        environment + R"(","vault_ids":[")" +
                                        client.world->leaked().vault_id +
                                        R"("],"initial_events":[{"type":"user.message",)"
                                        R"("content":[]}]})")
              .status == 200);
  client.wait(std::chrono::seconds{25});
  CHECK(foreign.said ==
        Said{"initialize", "notifications/initialized", "tools/list", "tools/list", "tools/list"});
}

// Goal: without a way out nothing leaves; with one, the range never calls itself.
TEST_CASE("an address that cannot be reached is a broken connection") {
  WorldClient closed;
  const std::string alone = foreign_credential(closed);
  const Value nowhere = closed.post(alone + "/mcp_oauth_validate").body;
  CHECK(nowhere["status"] == Value("unknown"));
  CHECK(nowhere["mcp_probe"]["http_response"].is_null());

  Foreign foreign;
  WorldClient client = client_of(foreign);
  for (const char* host : {"http://platform.range.test", "http://control.range.test"}) {
    const std::string credential = foreign_credential(client, std::string(host) + "/mcp");
    CHECK(client.post(credential + "/mcp_oauth_validate").body["status"] == Value("unknown"));
  }
  CHECK(foreign.said.empty());
}

// Goal: the caller of the socket front reaches loopback and nothing else, within its bounds.
TEST_CASE("the way out leads to plain loopback servers only") {
  HttpServerOptions options;
  options.body_bytes_max = 1024;
  Result<std::unique_ptr<HttpServer>> server = HttpServer::start(options, [](const HttpCall& call) {
    if (call.target == "/hang") return HttpReply{.line = HttpReply::Line::hangs};
    if (call.target == "/away") {
      return HttpReply{.status = 302, .headers = {{"location", "/there"}}};
    }
    if (call.target == "/large") return HttpReply{.body = std::string(300U << 10U, 'x')};
    return HttpReply{.headers = {{"content-type", "text/plain"}}, .body = call.body};
  });
  REQUIRE(server);
  const std::string base = "http://127.0.0.1:" + std::to_string((*server)->port());
  const std::string port = base.substr(base.rfind(':'));
  const Request request{
      .host = Host::issuer, .method = "POST", .headers = {{"accept", "*/*"}}, .body = "hello"};
  OutsideCaller caller;
  const auto answer = caller.fetch(base + "/", request);
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->body == "hello");
  CHECK(caller.fetch("http://localhost" + port + "/", request));
  const auto away = caller.fetch(base + "/away", request);
  REQUIRE(away);
  CHECK(away->status == 302);
  CHECK_FALSE(caller.fetch(base + "/large", request));
  for (const char* url : {"https://127.0.0.1/", "http://192.0.2.1/", "http://example.com/",
                          "http://127.0.0.1.example.com/", "ftp://127.0.0.1/", ""}) {
    CAPTURE(url);
    CHECK_FALSE(caller.fetch(url, request));
  }
  auto hung = std::async(std::launch::async,
                         [&] { return caller.fetch(base + "/hang", request).has_value(); });
  while ((*server)->connections() == 0) std::this_thread::yield();
  caller.stop();
  CHECK_FALSE(hung.get());
}

}  // namespace quell::range
