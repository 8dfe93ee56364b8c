#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include <doctest/doctest.h>

#include "connectors/url.h"
#include "front_raw_client.h"
#include "front_world.h"
#include "orchestrator/http_server.h"
#include "orchestrator/range/front.h"
#include "state/base/json.h"

namespace quell::range::test {
namespace {

/// Fast enough that a test sees hours, slow enough that order holds.
constexpr double kSpeed = 1'000;

std::uint16_t port_of(const std::string& url) {
  const Result<Url> parsed = parse_url(url);
  REQUIRE(parsed);
  return parsed->port;
}

std::string get(const std::string& url, const std::string& target) {
  RawClient client(port_of(url));
  client.send("GET " + target + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  return client.receive_all();
}

}  // namespace

// Goal: four ports are four hosts of one world, and each answer carries the marker once.
TEST_CASE("the front serves each host on its own port") {
  const SystemClock clock;
  const auto front = start(clock);
  const WorldOptions urls = front->options();
  const std::pair<std::string, Host> hosts[] = {{urls.platform_url, Host::platform},
                                                {urls.issuer_url, Host::issuer},
                                                {urls.mcp_url, Host::mcp_server},
                                                {urls.control_url, Host::control}};
  for (const auto& [url, at] : hosts) {
    const Host host = at;
    const std::string answer = get(url, "/a?b=c");
    CHECK(body_of(answer) == "GET /a?b=c ");
    const std::size_t first = answer.find("x-quell-range: 1");
    REQUIRE(first != std::string::npos);
    CHECK(answer.find("x-quell-range", first + 1) == std::string::npos);
    front->with_world([&](World& world, Timestamp) {
      CHECK(dynamic_cast<EchoWorld&>(world).seen.back().request.host == host);
    });
  }
  RawClient odd(port_of(urls.issuer_url));
  odd.send("GET / HTTP/1.1\r\n\r\n");
  CHECK(header_in(odd.receive_all(), "x-quell-range") == "1");
}

// Goal: timers happen although nobody asks, in the clock's time.
TEST_CASE("timers run by themselves at the speed of the clock") {
  const ScaledClock clock(kSpeed, SystemClock().now());
  const auto front = start(clock);
  std::size_t ticks = 0;
  while (ticks < 10) {
    std::this_thread::yield();
    front->with_world([&](World& world, Timestamp now) {
      const EchoWorld& echo = dynamic_cast<const EchoWorld&>(world);
      ticks = echo.ticks.size();
      if (ticks > 0) CHECK(echo.ticks.back() <= now);
    });
  }
  CHECK(ticks >= 10);
}

TEST_CASE("delays and broken lines of the world reach the wire") {
  const ScaledClock clock(kSpeed, SystemClock().now());
  const auto front = start(clock);
  CHECK(status_of(get(front->options().mcp_url, "/delay")) == 200);
  RawClient cut(port_of(front->options().mcp_url));
  cut.send("GET /reset HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(cut.receive_all().empty());
  CHECK(cut.was_reset);
  RawClient hung(port_of(front->options().mcp_url));
  hung.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n");
  front->stop();
  CHECK(hung.receive_all().empty());
}

// Goal: one lock stands around the world however many call at once.
TEST_CASE("parallel callers see one world") {
  constexpr int kThreads = 16;
  constexpr int kRounds = 25;
  const SystemClock clock;
  const auto front = start(clock);
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const std::string& url =
          i % 2 == 0 ? front->options().platform_url : front->options().mcp_url;
      RawClient client(static_cast<std::uint16_t>(parse_url(url)->port));
      for (int round = 0; round < kRounds; ++round) {
        client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        if (status_of(client.receive()) == 200) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == kThreads * kRounds);
  front->with_world([&](World& world, Timestamp) {
    const EchoWorld& echo = dynamic_cast<const EchoWorld&>(world);
    CHECK(echo.seen.size() == static_cast<std::size_t>(kThreads * kRounds));
    for (std::size_t i = 1; i < echo.seen.size(); ++i) {
      CHECK(echo.seen[i - 1].at <= echo.seen[i].at);
    }
  });
}

TEST_CASE("a front that cannot start says why") {
  const SystemClock clock;
  const Result<std::unique_ptr<SocketFront>> high =
      SocketFront::start({}, clock, 65'533, make_echo);
  REQUIRE_FALSE(high);
  CHECK(high.error().topic == "listen");
  const Result<std::unique_ptr<SocketFront>> failing =
      SocketFront::start({}, clock, 0, [](WorldOptions) -> Result<std::unique_ptr<World>> {
        return make_error(ErrorCode::invalid, "unknown profile");
      });
  REQUIRE_FALSE(failing);
  CHECK(failing.error().message == "unknown profile");
}

// Goal: the line of `quell range` has the members that design section 3 promises.
TEST_CASE("ready line") {
  const WorldOptions options{.seed = 9,
                             .profile = "lying_200",
                             .platform_url = "http://127.0.0.1:1",
                             .issuer_url = "http://127.0.0.1:2",
                             .mcp_url = "http://127.0.0.1:3",
                             .control_url = "http://127.0.0.1:4"};
  const EchoWorld world(options);
  const std::string line = ready_line(world, options, 42);
  CHECK(line.find('\n') == std::string::npos);
  CHECK(line ==
        R"({"control_url":"http://127.0.0.1:4","issuer":{"client_id":"client_1",)"
        R"("client_secret":"secret_1","url":"http://127.0.0.1:2"},"leaked":{"access_token":"at_1",)"
        R"("api_key":"","api_key_id":"","credential_id":"vcrd_1","deployment_ids":[],)"
        R"("refresh_token":"rt_1","vault_id":"vlt_1"},)"
        R"("mcp":{"url":"http://127.0.0.1:3/mcp"},"pid":42,"platform":{"admin_key":"admin_1",)"
        R"("api_key":"key_1","base_url":"http://127.0.0.1:1",)"
        R"("log_url":"http://127.0.0.1:4/log","webhook_secret":"whsec_1"},)"
        R"("profile":"lying_200","ready":true,"seed":9})");
}

// Goal: the real world behind real sockets: key checked, log served, intruder running.
TEST_CASE("the range as a whole answers over sockets") {
  const SystemClock clock;
  const auto front = start(clock, World::create);
  const WorldOptions& urls = front->options();
  Keys keys;
  Leaked leaked;
  front->with_world([&](World& world, Timestamp) {
    keys = world.keys();
    leaked = world.leaked();
  });
  RawClient platform(port_of(urls.platform_url));
  platform.send("GET /v1/vaults/" + leaked.vault_id +
                " HTTP/1.1\r\nHost: a\r\nx-api-key: " + keys.api_key +
                "\r\nanthropic-version: 2023-06-01\r\n"
                "anthropic-beta: managed-agents-2026-04-01\r\n\r\n");
  const std::string vault = platform.receive();
  CHECK(status_of(vault) == 200);
  CHECK(header_in(vault, "x-quell-range") == "1");
  CHECK(status_of(get(urls.issuer_url, "/.well-known/oauth-authorization-server")) == 200);
  CHECK(status_of(get(urls.mcp_url, "/.well-known/oauth-protected-resource/mcp")) == 200);
  const std::string log = get(urls.control_url, "/log");
  CHECK(status_of(log) == 200);
  CHECK(parse_json(body_of(log)));
}

// Goal: a webhook reaches its receiver, which may ask the range before it answers.
// Method: a receiver that reads the truth in its handler; were the range locked meanwhile, neither
// would get on.
TEST_CASE("webhooks leave the range while it answers others") {
  const SystemClock clock;
  const auto front = start(clock, World::create);
  const WorldOptions& urls = front->options();
  std::atomic<int> good = 0;
  Result<std::unique_ptr<HttpServer>> receiver = HttpServer::start({}, [&](const HttpCall& call) {
    const bool is_signed = call.header("webhook-signature").starts_with("v1,");
    if (is_signed && status_of(get(urls.control_url, "/truth")) == 200) ++good;
    return HttpReply{.status = 204};
  });
  REQUIRE(receiver);
  const auto post = [](const std::string& url, const std::string& head, const std::string& body) {
    RawClient client(port_of(url));
    client.send("POST " + head + "Host: a\r\nConnection: close\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body);
    return status_of(client.receive_all());
  };
  const std::string wish = R"({"url":"http://127.0.0.1:)" + std::to_string((*receiver)->port()) +
                           R"(/","events":["vault.created"]})";
  REQUIRE(post(urls.control_url, "/webhooks HTTP/1.1\r\n", wish) == 200);
  std::string key;
  front->with_world([&](World& world, Timestamp) { key = world.keys().api_key; });
  REQUIRE(post(urls.platform_url,
               "/v1/vaults HTTP/1.1\r\nx-api-key: " + key +
                   "\r\nanthropic-version: 2023-06-01\r\n"
                   "anthropic-beta: managed-agents-2026-04-01\r\n",
               R"({"display_name":"a"})") == 200);
  bool is_over = false;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (!is_over && std::chrono::steady_clock::now() < end) {
    is_over = get(urls.control_url, "/webhooks").find(R"("status":204)") != std::string::npos;
  }
  CHECK(is_over);
  CHECK(good == 1);
}

}  // namespace quell::range::test
