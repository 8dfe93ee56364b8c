#include <algorithm>
#include <memory>
#include <thread>

#include <doctest/doctest.h>

#include "front_world.h"
#include "orchestrator/range/in_process_transport.h"

namespace quell::range::test {
namespace {

constexpr Timestamp kFrontStart{std::chrono::seconds(1'795'314'700)};

WorldOptions urls() {
  return {.start = kFrontStart,
          .platform_url = "http://127.0.0.1:8101",
          .issuer_url = "http://127.0.0.1:8102",
          .mcp_url = "http://127.0.0.1:8103",
          .control_url = "http://127.0.0.1:8104"};
}

HttpRequest request(std::string url, Effect effect = Effect::read, std::string method = "GET") {
  HttpRequest out;
  out.method = std::move(method);
  out.url = std::move(url);
  out.effect = effect;
  return out;
}

struct Simulation {
  explicit Simulation(InProcessOptions options = {})
      : world(urls()), clock(kFrontStart), http(world, urls(), clock, std::move(options)) {}

  EchoWorld world;
  ManualClock clock;
  InProcessTransport http;
};

constexpr Timestamp at(int ms) { return kFrontStart + Duration(ms); }

}  // namespace

// Goal: URLs find their host, and nothing else is reachable.
TEST_CASE("requests go to the host of their origin") {
  Simulation sim;
  const std::pair<const char*, Host> hosts[] = {{"http://127.0.0.1:8101/a?b=c", Host::platform},
                                                {"http://127.0.0.1:8102/a?b=c", Host::issuer},
                                                {"http://127.0.0.1:8103/a?b=c", Host::mcp_server},
                                                {"http://127.0.0.1:8104/a?b=c", Host::control}};
  Ticket ticket = 0;
  for (const auto& [url, host] : hosts) {
    HttpRequest post = request(url, Effect::mutate, "POST");
    post.headers.push_back({.name = "X-Name", .value = "value"});
    post.body = SecretText("hello");
    sim.http.start(++ticket, std::move(post));
    const std::vector<Completion> done = sim.http.poll(at(10));
    REQUIRE(done.size() == 1);
    CHECK(done[0].ticket == ticket);
    REQUIRE(done[0].answer);
    CHECK(done[0].answer->body == "POST /a?b=c hello");
    CHECK(done[0].answer->header("x-quell-range") == "1");
    CHECK(done[0].answer->from_loopback);
    const Request& seen = sim.world.seen.back().request;
    CHECK(seen.host == host);
    const std::pair<std::string, std::string> named("x-name", "value");
    CHECK(std::ranges::find(seen.headers, named) != seen.headers.end());
  }
  sim.http.start(9, request("https://elsewhere.example/"));
  std::vector<Completion> done = sim.http.poll(at(10));
  REQUIRE(done.size() == 1);
  CHECK(done[0].answer.error().code == ErrorCode::transient);
  sim.http.start(10, request("no url"));
  done = sim.http.poll(at(10));
  REQUIRE(done.size() == 1);
  CHECK_FALSE(done[0].answer);
  CHECK(sim.world.seen.size() == 4);
  CHECK(sim.http.in_flight() == 0);
}

// Goal: the seam guards secrets as the real transport does (threats T1, T2, T7).
TEST_CASE("a secret reaches only the origins it is bound to") {
  Simulation sim;
  const auto with_secret = [](const std::string& url) {
    HttpRequest out = request(url);
    BoundSecret bound{.secret = std::make_shared<const Secret>(Secret::copy_of("canary")),
                      .origins = {"http://127.0.0.1:8102"}};
    SecretText value("Bearer ");
    value.append(std::move(bound), SecretEncoding::raw);
    out.headers.push_back({.name = "Authorization", .value = std::move(value)});
    return out;
  };
  sim.http.start(1, with_secret("http://127.0.0.1:8103/mcp"));
  std::vector<Completion> done = sim.http.poll(at(10));
  REQUIRE(done.size() == 1);
  CHECK(done[0].answer.error().code == ErrorCode::invalid);
  CHECK(done[0].answer.error().message.find("canary") == std::string::npos);
  CHECK(sim.world.seen.empty());
  sim.http.start(2, with_secret("http://127.0.0.1:8102/token"));
  done = sim.http.poll(at(10));
  REQUIRE(done.size() == 1);
  CHECK(done[0].answer);
  CHECK(sim.world.seen.back().request.headers.back().second == "Bearer canary");
}

// Goal: simulated time is exact: half the latency each way, delays on top, timers in between.
TEST_CASE("poll moves a manual clock from event to event") {
  Simulation sim({.latency = Duration(100)});
  sim.http.start(1, request("http://127.0.0.1:8101/a"));
  sim.http.start(2, request("http://127.0.0.1:8101/delay"));
  std::vector<Completion> done = sim.http.poll(at(5'000));
  REQUIRE(done.size() == 1);
  CHECK(done[0].ticket == 1);
  CHECK(sim.clock.now() == at(100));
  CHECK(sim.world.seen[0].at == at(50));
  CHECK(sim.world.ticks.empty());
  done = sim.http.poll(at(5'000));
  REQUIRE(done.size() == 1);
  CHECK(done[0].ticket == 2);
  CHECK(sim.clock.now() == at(600));
  CHECK(sim.http.poll(at(5'000)).empty());
  CHECK(sim.clock.now() == at(5'000));
  CHECK(sim.world.ticks.size() == 5);
  CHECK(sim.http.poll(at(4'000)).empty());  // the past is no place to wait for
  CHECK(sim.clock.now() == at(5'000));
}

TEST_CASE("poll returns when nothing can happen any more, and at a wake") {
  Simulation sim;
  sim.http.wake();
  CHECK(sim.http.poll(at(5'000)).empty());
  CHECK(sim.clock.now() == kFrontStart);
  sim.world.silence();
  CHECK(sim.http.poll(Timestamp::max()).empty());
  CHECK(sim.clock.now() == kFrontStart);
}

// Goal: a lost answer is doubt for whatever may have taken effect, and only trouble for a read.
TEST_CASE("broken lines, lost answers and time-outs") {
  struct Row {
    const char* path;
    Effect effect;
    bool loses;
    ErrorCode code;
    int done_at_ms;
  };
  constexpr Row kRows[] = {
      {"/reset", Effect::read, false, ErrorCode::transient, 100},
      {"/reset", Effect::mutate, false, ErrorCode::unknown, 100},
      {"/reset", Effect::probe, false, ErrorCode::unknown, 100},
      {"/hang", Effect::read, false, ErrorCode::transient, 3'000},
      {"/hang", Effect::mutate, false, ErrorCode::unknown, 3'000},
      {"/a", Effect::mutate, true, ErrorCode::unknown, 100},
      {"/a", Effect::read, true, ErrorCode::transient, 100},
      {"/large", Effect::mutate, false, ErrorCode::invalid, 100},
  };
  for (const Row& row : kRows) {
    CAPTURE(row.path);
    Simulation sim({.latency = Duration(100),
                    .loses_answer = [&](const Request&, Timestamp) { return row.loses; }});
    HttpRequest out = request(std::string("http://127.0.0.1:8101") + row.path, row.effect);
    out.timeout = Duration(3'000);
    out.body_bytes_max = 1'000;
    sim.http.start(1, std::move(out));
    std::vector<Completion> done;
    while (done.empty()) done = sim.http.poll(at(10'000));
    REQUIRE(done.size() == 1);
    REQUIRE_FALSE(done[0].answer);
    CHECK(done[0].answer.error().code == row.code);
    CHECK(sim.clock.now() == at(row.done_at_ms));
    CHECK(sim.world.seen.size() == 1);  // it was taken all the same
  }
}

// Goal: the MCP probe reads as far as the first event that says something (API sheet 7.1).
TEST_CASE("first_event_only gives the payload of the first event with data") {
  Simulation sim;
  HttpRequest out = request("http://127.0.0.1:8103/events", Effect::probe);
  out.first_event_only = true;
  sim.http.start(1, std::move(out));
  const std::vector<Completion> done = sim.http.poll(at(10));
  REQUIRE(done.size() == 1);
  REQUIRE(done[0].answer);
  CHECK(done[0].answer->body == R"({"a":1})");
}

// Goal: hundreds in flight complete each once, in order of their times, the same at every run.
TEST_CASE("many exchanges at once are deterministic") {
  const auto run = [] {
    Simulation sim({.latency = Duration(50)});
    for (Ticket ticket = 0; ticket < 512; ++ticket) {
      const char* path = ticket % 3 == 0 ? "/delay" : "/a";
      sim.http.start(ticket, request(std::string("http://127.0.0.1:8101") + path));
    }
    std::vector<Ticket> order;
    while (sim.http.in_flight() > 0) {
      for (const Completion& each : sim.http.poll(at(60'000))) order.push_back(each.ticket);
    }
    return order;
  };
  const std::vector<Ticket> order = run();
  CHECK(order.size() == 512);
  CHECK(order == run());
}

// Goal: with a clock of its own the transport sleeps, and another thread can end that.
TEST_CASE("with a running clock poll waits for answers and for wake") {
  const ScaledClock clock(1'000, SystemClock().now());
  WorldOptions options = urls();
  options.start = clock.now();
  EchoWorld world(options);
  InProcessTransport http(world, options, clock, {.latency = Duration(2'000)});
  http.start(1, request("http://127.0.0.1:8101/a"));
  const std::vector<Completion> done = http.poll(clock.now() + Duration(60'000));
  REQUIRE(done.size() == 1);
  CHECK(done[0].answer);
  std::thread waker([&] { http.wake(); });
  CHECK(http.poll(Timestamp::max()).empty());
  waker.join();
}

}  // namespace quell::range::test
