// Answers that go on: event streams of API sheet section 0.4 on sockets.
#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "connectors/url.h"
#include "front_raw_client.h"
#include "front_world.h"
#include "orchestrator/http_server.h"
#include "orchestrator/range/front.h"
#include "tests/orchestrator/range/world_client.h"

namespace quell::range::test {
namespace {

constexpr std::size_t kStreams = 64;
constexpr int kTriesMax = 10'000;

std::unique_ptr<RawClient> open(const SocketFront& front, const std::string& target) {
  auto client = std::make_unique<RawClient>(parse_url(front.options().platform_url)->port);
  client->send("GET " + target + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  return client;
}

}  // namespace

// Goal: each piece arrives by itself, and an end can be told from a cut.
TEST_CASE("a stream is sent in chunks and ends with the empty one") {
  const SystemClock clock;
  const auto front = start(clock, make_echo);
  const std::string answer = open(*front, "/follow/one")->receive_all();
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(header_in(answer, "transfer-encoding") == "chunked");
  CHECK(header_in(answer, "content-type") == "text/event-stream");
  CHECK(header_in(answer, "x-quell-range") == "1");
  const std::string chunk = "16\r\nevent: tick\ndata: {}\n\n\r\n";
  CHECK(body_of(answer) == chunk + chunk + chunk + "0\r\n\r\n");
}

TEST_CASE("stopping the front ends every stream") {
  const SystemClock clock;
  const auto front = start(clock, make_echo);
  const auto client = open(*front, "/follow/endless");
  std::string seen;
  std::thread reader([&] { seen = client->receive_all(); });
  bool is_open = false;
  for (int i = 0; i < kTriesMax && !is_open; ++i) {
    front->with_world(
        [&](World& world, Timestamp) { is_open = !dynamic_cast<EchoWorld&>(world).seen.empty(); });
    std::this_thread::yield();
  }
  front->stop();
  reader.join();
  CHECK(is_open);
}

// Goal: streams cannot take every thread of the server, and a reader that leaves makes room.
TEST_CASE("the number of streams is bounded") {
  const SystemClock clock;
  const auto front = start(clock, make_echo);
  std::vector<std::unique_ptr<RawClient>> open_ones;
  for (std::size_t i = 0; i < kStreams; ++i) open_ones.push_back(open(*front, "/follow/endless"));
  std::size_t seen = 0;
  for (int i = 0; i < kTriesMax && seen < kStreams; ++i) {
    front->with_world(
        [&](World& world, Timestamp) { seen = dynamic_cast<EchoWorld&>(world).seen.size(); });
    std::this_thread::yield();
  }
  REQUIRE(seen == kStreams);
  // A reader that left is noticed between two pieces.
  const auto answers = [&](int status) {
    for (int i = 0; i < kTriesMax; ++i) {
      const auto client = open(*front, "/follow/one");
      if (status_of(client->receive_all()) == status) return true;
    }
    return false;
  };
  CHECK(answers(529));
  open_ones.clear();
  CHECK(answers(200));
}

// Goal: a reader of a session hears what happens from now on, and no more once it is over.
TEST_CASE("a session's stream tells what happens to it") {
  WorldClient client;
  const std::string session = "/v1/sessions/" + client.sessions("idle").front();
  const Reply opened = client.get(session + "/events/stream?event_deltas[]=agent.message");
  REQUIRE(opened.raw.stream);
  CHECK(opened.header("content-type") == "text/event-stream");
  const std::string thread =
      client.get(session + "/threads").body["data"].as_list().front()["id"].as_string();
  const Reply of_thread = client.get(session + "/threads/" + thread + "/stream");
  REQUIRE(of_thread.raw.stream);
  CHECK(client.get(session + "/threads/sthr_none/stream").status == 404);
  CHECK(client.get("/v1/sessions/sesn_none/events/stream").status == 404);

  EventStream stream = *opened.raw.stream;
  CHECK(client.world->follow(stream, client.now).text.empty());
  client.post(session + "/events",
              R"({"events":[{"type":"user.message","content":[]},{"type":"user.interrupt"}]})");
  const StreamPart part = client.world->follow(stream, client.now);
  CHECK_FALSE(part.ended);
  CHECK(part.text.starts_with("event: user.message\ndata: {"));
  CHECK(part.text.find("\n\nevent: session.status_running\ndata: {") != std::string::npos);
  CHECK(client.world->follow(stream, client.now).text.empty());
  client.wait(std::chrono::seconds{1});
  CHECK(client.world->follow(stream, client.now).text.starts_with("event: session.status_idle\n"));
  REQUIRE(client.post(session + "/archive").status == 200);
  const StreamPart last = client.world->follow(stream, client.now);
  CHECK(last.text.starts_with("event: session.status_terminated\n"));
  CHECK(last.ended);
  EventStream other = *of_thread.raw.stream;
  CHECK(client.world->follow(other, client.now).ended);
  EventStream gone{.session_id = "sesn_none"};
  CHECK(client.world->follow(gone, client.now).ended);
}

// Goal: what a source throws is no one's business, and nothing hangs for it.
TEST_CASE("a source that fails ends its answer") {
  std::atomic<int> pieces = 0;
  Result<std::unique_ptr<HttpServer>> server = HttpServer::start({}, [&](const HttpCall&) {
    HttpReply reply;
    reply.more = [&]() -> std::optional<std::string> {
      if (++pieces > 1) throw std::runtime_error("secret");
      return "one";
    };
    return reply;
  });
  REQUIRE(server);
  RawClient client((*server)->port());
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string answer = client.receive_all();
  CHECK(body_of(answer) == "3\r\none\r\n0\r\n\r\n");
}

}  // namespace quell::range::test
