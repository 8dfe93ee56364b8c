#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <sys/stat.h>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "front_raw_client.h"
#include "orchestrator/http_client.h"
#include "orchestrator/http_head.h"
#include "orchestrator/http_server.h"
#include "tests/support/temp_folder.h"

namespace quell::range::test {
namespace {

using Steady = std::chrono::steady_clock;

HttpReply echo(const HttpCall& call) {
  return {.headers = {{"content-type", "text/plain"}},
          .body = call.method + " " + call.target + " " + call.body};
}

std::unique_ptr<HttpServer> serve(HttpServerOptions options, HttpHandler handler = echo) {
  Result<std::unique_ptr<HttpServer>> server =
      HttpServer::start(std::move(options), std::move(handler));
  REQUIRE(server);
  return *std::move(server);
}

std::string ask(const HttpServer& server, const std::string& bytes) {
  RawClient client(server.port());
  client.send(bytes);
  return client.receive_all();
}

}  // namespace

// Goal: every shape that the API sheet 2.5 found dangerous, or that two readers could read in two
// ways, is refused before a handler sees it.
// Method: raw bytes over a socket; the handler counts its calls.
TEST_CASE("refused requests never reach the handler") {
  struct Row {
    const char* name;
    std::string bytes;
    int status;
  };
  const std::string get = "GET / HTTP/1.1\r\n";
  const std::string host = "Host: a\r\n";
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  const Row rows[] = {
      {"chunked", post + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411},
      {"chunked and length", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 411},
      {"coded twice", post + "Transfer-Encoding: gzip, chunked\r\nContent-Length: 1\r\n\r\n", 411},
      {"no length", post + "\r\n", 411},
      {"two lengths", post + "Content-Length: 5\r\nContent-Length: 3\r\n\r\nhello", 400},
      {"two equal lengths", post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
      {"length list", post + "Content-Length: 5, 5\r\n\r\nhello", 400},
      {"negative length", post + "Content-Length: -1\r\n\r\n", 400},
      {"signed length", post + "Content-Length: +5\r\n\r\nhello", 400},
      {"hex length", post + "Content-Length: 0x5\r\n\r\nhello", 400},
      {"empty length", post + "Content-Length: \r\n\r\n", 400},
      {"too large, body withheld", post + "Content-Length: 1001\r\n\r\n", 413},
      {"endless length", post + "Content-Length: 99999999999999999999\r\n\r\n", 413},
      {"compressed body", post + "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", 415},
      {"range", get + host + "Range: bytes=0-,0-,0-\r\n\r\n", 416},
      {"expect", post + "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n", 417},
      {"upgrade", get + host + "Upgrade: h2c\r\n\r\n", 417},
      {"no host", get + "\r\n", 400},
      {"two hosts", get + host + host + "\r\n", 400},
      {"empty host", get + "Host:\r\n\r\n", 400},
      {"body on GET", get + host + "Content-Length: 1\r\n\r\nx", 400},
      {"bare line feeds", "GET / HTTP/1.1\nHost: a\n\n", 400},
      {"one bare line feed", get + "Host: a\n\r\n", 400},
      {"bare carriage return", get + "Host: a\rX: b\r\n\r\n", 400},
      {"folded header", get + host + "X: a\r\n b\r\n\r\n", 400},
      {"space before colon", get + "Host : a\r\n\r\n", 400},
      {"header without colon", get + host + "nonsense\r\n\r\n", 400},
      {"NUL in a value", get + host + "X: a" + std::string(1, '\0') + "b\r\n\r\n", 400},
      {"byte above ASCII in a value", get + host + "X: \xc3\xa4\r\n\r\n", 400},
      {"shadowing name", get + host + "REMOTE_ADDR: 6.6.6.6\r\n\r\n", 400},
      {"empty first line", "\r\n" + get + host + "\r\n", 400},
      {"absolute target", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"space in target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"version 1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", 505},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 501},
      {"TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"lower-case method", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"not HTTP", "hello\r\n\r\n", 400},
      {"long target", "GET /" + std::string(8'192, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
  };
  std::atomic<int> calls = 0;
  HttpServerOptions options;
  options.body_bytes_max = 1'000;
  options.fixed_headers = {{"x-quell-range", "1"}};
  const auto server = serve(options, [&](const HttpCall&) {
    ++calls;
    return HttpReply{};
  });
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const std::string answer = ask(*server, row.bytes);
    CHECK(status_of(answer) == row.status);
    CHECK(header_in(answer, "x-quell-range") == "1");
    CHECK(header_in(answer, "connection") == "close");
  }
  CHECK(calls == 0);
}

// Goal: a head has an end: in bytes, in lines and in time (slowloris, API sheet 2.5).
TEST_CASE("heads without end are cut off") {
  HttpServerOptions options;
  options.head_deadline = Duration(200);
  options.request_deadline = Duration(400);
  const auto server = serve(options);
  const std::string begin = "GET / HTTP/1.1\r\nHost: a\r\n";

  CHECK(status_of(ask(*server, begin + "X: " + std::string(20'000, 'a'))) == 431);
  std::string many = begin;
  for (int i = 0; i < 200; ++i) many += "X: a\r\n";
  CHECK(status_of(ask(*server, many + "\r\n")) == 431);
  std::string enough = begin;
  for (int i = 0; i < 99; ++i) enough += "X: a\r\n";
  CHECK(status_of(ask(*server, enough + "\r\n")) == 200);

  const Steady::time_point before = Steady::now();
  CHECK(status_of(ask(*server, begin)) == 408);
  CHECK(status_of(ask(*server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")) ==
        408);
  CHECK(ask(*server, "").empty());  // silence is not answered, just closed
  CHECK(Steady::now() - before < std::chrono::seconds(3));
}

// Goal: a drip does not stretch the deadline: it counts from the first byte, not from the last.
TEST_CASE("a head that drips is late all the same") {
  HttpServerOptions options;
  options.head_deadline = Duration(300);
  const auto server = serve(options);
  RawClient client(server->port());
  std::atomic<bool> ended = false;
  std::thread dripping([&] {
    const std::string line = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    client.send(line);
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock(mutex);
    while (!ended) {
      never.wait_for(lock, std::chrono::milliseconds(50));
      if (!client.send("a")) break;
    }
  });
  const Steady::time_point before = Steady::now();
  const std::string answer = client.receive();
  ended = true;
  dripping.join();
  CHECK(status_of(answer) == 408);
  CHECK(Steady::now() - before < std::chrono::seconds(2));
}

// Goal: what is well formed arrives as it was sent, query and body included.
TEST_CASE("accepted requests") {
  const auto server = serve({}, [](const HttpCall& call) {
    HttpReply reply = echo(call);
    reply.headers.emplace_back("x-seen", std::string(call.header("x-odd")));
    reply.headers.emplace_back("x-from", call.remote_address);
    return reply;
  });
  const std::string answer = ask(
      *server,
      "POST /a%2Fb?v=x?y&w=a=b HTTP/1.1\r\nhOsT: a\r\nX-Odd:\t a%0d%0ab \r\nContent-Length: 5\r\n"
      "Accept-Encoding: br, gzip\r\n\r\nhello");
  CHECK(status_of(answer) == 200);
  CHECK(body_of(answer) == "POST /a%2Fb?v=x?y&w=a=b hello");
  CHECK(header_in(answer, "x-seen") == "a%0d%0ab");
  CHECK(header_in(answer, "x-from") == "127.0.0.1");
  CHECK(header_in(answer, "content-encoding") == "(absent)");
  const std::string head = ask(*server, "HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(status_of(head) == 200);
  CHECK(body_of(head).empty());
  CHECK(header_in(head, "content-length") == "8");
  for (const char* method : {"PUT", "PATCH", "DELETE", "OPTIONS"}) {
    CHECK(status_of(ask(*server, std::string(method) +
                                     " / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")) ==
          200);
  }
  CHECK(status_of(ask(*server, "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n")) == 200);
}

// Goal: answers cannot be split, and a failing handler tells nothing (CVE-2026-21428, 2026-28434).
TEST_CASE("answers are framed by the server alone") {
  const auto server = serve({}, [](const HttpCall& call) -> HttpReply {
    if (call.target == "/throws") throw std::runtime_error("canary-secret");
    return {.status = 201,
            .headers = {{"x-good", "1"},
                        {"x-bad", "a\r\nx-injected: 1"},
                        {"x bad", "1"},
                        {"content-length", "1"},
                        {"Transfer-Encoding", "chunked"},
                        {"www-authenticate", "Bearer a"},
                        {"www-authenticate", "Basic b"}},
            .body = "hello"};
  });
  const std::string answer = ask(*server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(status_of(answer) == 201);
  CHECK(header_in(answer, "x-good") == "1");
  CHECK(answer.find("x-injected") == std::string::npos);
  CHECK(header_in(answer, "x bad") == "(absent)");
  CHECK(header_in(answer, "content-length") == "5");
  CHECK(header_in(answer, "transfer-encoding") == "(absent)");
  CHECK(answer.find("Bearer a") != std::string::npos);
  CHECK(answer.find("Basic b") != std::string::npos);
  CHECK(body_of(answer) == "hello");
  const std::string failed = ask(*server, "GET /throws HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(status_of(failed) == 500);
  CHECK(failed.find("canary-secret") == std::string::npos);
}

// Goal: without keep-alive a connection carries one request, so nothing can hide behind its body.
TEST_CASE("one request per connection unless keep-alive is on") {
  const std::string two = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
  const auto once = serve({});
  const std::string answer = ask(*once, two);
  CHECK(header_in(answer, "connection") == "close");
  CHECK(answer.find("GET /2") == std::string::npos);

  HttpServerOptions options;
  options.keep_alive = true;
  const auto often = serve(options);
  RawClient client(often->port());
  client.send(two);
  CHECK(body_of(client.receive()) == "GET /1 ");
  CHECK(body_of(client.receive()) == "GET /2 ");
  client.send("POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET /4 HTTP/1.1\r\n");
  CHECK(body_of(client.receive()) == "POST /3 hi");
  client.send("Host: a\r\nConnection: close\r\n\r\n");
  CHECK(body_of(client.receive()) == "GET /4 ");
  CHECK(client.receive_all().empty());
}

// Goal: the range serves many callers at once over kept connections, in any order, without mixing.
TEST_CASE("sixty-four parallel keep-alive connections") {
  constexpr std::size_t kClients = 64;
  constexpr int kRounds = 20;
  HttpServerOptions options;
  options.keep_alive = true;
  options.connections_max = kClients;
  const auto server = serve(options);
  std::atomic<int> good = 0;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<RawClient>(server->port()));
  }
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kClients; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < kRounds; ++round) {
        const std::string body = std::to_string(i) + ":" + std::to_string(round);
        clients[i]->send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                         std::to_string(body.size()) + "\r\n\r\n" + body);
        if (body_of(clients[i]->receive()) == "POST /x " + body) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == static_cast<int>(kClients) * kRounds);
}

// Goal: connections are bounded; when each has a request in hand the one too many is told so, and
// otherwise the one that only waits makes room.
TEST_CASE("the connection over the bound gets 503, or the place of one that waits") {
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  std::atomic<int> busy = 0;
  HttpServerOptions options;
  options.keep_alive = true;
  options.connections_max = 2;
  const auto server = serve(options, [&](const HttpCall& call) {
    if (call.target == "/busy") {
      ++busy;
      released.wait();
    }
    return echo(call);
  });
  const std::string request = "GET /busy HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string last = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  RawClient first(server->port());
  RawClient second(server->port());
  first.send(request);
  second.send(request);
  while (busy < 2) std::this_thread::yield();
  CHECK(server->connections() == 2);
  const std::string shed = ask(*server, last);
  CHECK(status_of(shed) == 503);
  CHECK(header_in(shed, "retry-after") == "1");
  release.set_value();
  CHECK(status_of(first.receive()) == 200);
  CHECK(status_of(second.receive()) == 200);
  second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");  // so that the first one waits longer
  CHECK(status_of(second.receive()) == 200);
  while (server->connections() > 2) std::this_thread::yield();
  CHECK(status_of(ask(*server, last)) == 200);
  CHECK(first.receive_all().empty());
  second.send(last);
  CHECK(status_of(second.receive()) == 200);
}

// Goal: faults of the range reach the wire: delay, cut line, silence.
TEST_CASE("delays, resets and hangs") {
  HttpServerOptions options;
  options.answer_deadline = Duration(300);
  const auto server = serve(options, [](const HttpCall& call) {
    HttpReply reply = echo(call);
    if (call.target == "/delay") reply.delay = Duration(100);
    if (call.target == "/reset") reply.line = HttpReply::Line::resets;
    if (call.target == "/hang") reply.line = HttpReply::Line::hangs;
    return reply;
  });
  const Steady::time_point before = Steady::now();
  CHECK(status_of(ask(*server, "GET /delay HTTP/1.1\r\nHost: a\r\n\r\n")) == 200);
  CHECK(Steady::now() - before >= std::chrono::milliseconds(100));
  RawClient cut(server->port());
  cut.send("GET /reset HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(cut.receive_all().empty());
  CHECK(cut.was_reset);
  CHECK(ask(*server, "GET /hang HTTP/1.1\r\nHost: a\r\n\r\n").empty());
}

// Goal: stop() is prompt whatever the connections do, and joins.
// Method: one idle, one mid-head, one delayed, one hung, one whose handler runs until released.
TEST_CASE("stop while busy") {
  std::promise<void> entered;
  std::promise<void> release;
  std::future<void> released = release.get_future();
  HttpServerOptions options;
  options.keep_alive = true;
  auto server = serve(options, [&](const HttpCall& call) {
    HttpReply reply = echo(call);
    if (call.target == "/delay") reply.delay = Duration(60'000);
    if (call.target == "/hang") reply.line = HttpReply::Line::hangs;
    if (call.target == "/busy") {
      entered.set_value();
      released.wait();
    }
    return reply;
  });
  RawClient idle(server->port());
  RawClient mid_head(server->port());
  mid_head.send("GET / HTTP/1.1\r\nHo");
  RawClient delayed(server->port());
  delayed.send("GET /delay HTTP/1.1\r\nHost: a\r\n\r\n");
  RawClient hung(server->port());
  hung.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n");
  RawClient busy(server->port());
  busy.send("GET /busy HTTP/1.1\r\nHost: a\r\n\r\n");
  entered.get_future().wait();
  while (server->connections() < 5) std::this_thread::yield();
  const Steady::time_point before = Steady::now();
  std::thread stopping([&] { server->stop(); });
  CHECK(mid_head.receive_all().empty());
  CHECK(delayed.receive_all().empty());
  CHECK(hung.receive_all().empty());
  CHECK(idle.receive_all().empty());
  release.set_value();
  stopping.join();
  CHECK(Steady::now() - before < std::chrono::seconds(2));
  server->stop();  // twice is harmless
}

TEST_CASE("a server that was never served or is destroyed at once ends cleanly") {
  const Result<std::unique_ptr<HttpServer>> bound = HttpServer::bind({});
  REQUIRE(bound);
  CHECK((*bound)->port() != 0);
  for (int i = 0; i < 20; ++i) serve({});
}

// Goal: two servers never share a port unnoticed (the library's default is SO_REUSEPORT).
TEST_CASE("a port that is taken is an error") {
  const auto server = serve({});
  HttpServerOptions options;
  options.port = server->port();
  const Result<std::unique_ptr<HttpServer>> second = HttpServer::bind(options);
  REQUIRE_FALSE(second);
  CHECK(second.error().topic == "listen");
  CHECK_FALSE(second.error().hint.empty());
}

// Goal: the owner's socket is ours alone, replaces a dead one, never a live one or another file.
TEST_CASE("a Unix socket: mode, call, stale and live ones") {
  const TempFolder folder;
  HttpServerOptions options;
  options.unix_socket = folder / "quell.sock";
  const Result<HttpReply> nobody =
      call_unix_socket(options.unix_socket, {.method = "GET", .target = "/"});
  REQUIRE_FALSE(nobody);
  CHECK(nobody.error().topic == "state");
  CHECK(nobody.error().code == ErrorCode::transient);
  {
    auto server = serve(options);
    struct stat info {};
    REQUIRE(::stat(options.unix_socket.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0600U);
    const Result<HttpReply> answer = call_unix_socket(
        options.unix_socket, {.method = "POST", .target = "/api/v1/x?a=b", .body = "{\"k\":1}"});
    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(answer->body == "POST /api/v1/x?a=b {\"k\":1}");
    const Result<HttpReply> empty =
        call_unix_socket(options.unix_socket, {.method = "POST", .target = "/"});
    REQUIRE(empty);
    CHECK(empty->body == "POST / ");
    const Result<std::unique_ptr<HttpServer>> second = HttpServer::bind(options);
    REQUIRE_FALSE(second);
    CHECK(second.error().topic == "listen");
    // What a killed owner leaves behind: the file without a listener.
    std::filesystem::rename(options.unix_socket, folder / "left");
    server->stop();
    std::filesystem::rename(folder / "left", options.unix_socket);
  }
  {
    const auto again = serve(options);
    CHECK(call_unix_socket(options.unix_socket, {.method = "GET", .target = "/"}));
  }
  CHECK_FALSE(std::filesystem::exists(options.unix_socket));
  std::ofstream(options.unix_socket) << "mine";
  CHECK_FALSE(HttpServer::bind(options));
  CHECK(std::filesystem::exists(options.unix_socket));
  options.unix_socket = folder / std::string(120, 'a');
  CHECK_FALSE(HttpServer::bind(options));
}

// Goal: no prefix and no single changed byte of a good head is read as another request.
TEST_CASE("damaged heads are refused or read as what they then say") {
  const std::string good = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n";
  REQUIRE(std::holds_alternative<HttpHead>(parse_http_head(good, 100)));
  for (std::size_t end = 0; end < good.size(); ++end) {
    CHECK(std::holds_alternative<HttpRefusal>(parse_http_head(good.substr(0, end), 100)));
  }
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const char byte : {'\0', '\r', '\n', ' ', '\t', ':', '\x7f', '\xff'}) {
      std::string bad = good;
      bad[at] = byte;
      const auto parsed = parse_http_head(bad, 100);
      const auto* head = std::get_if<HttpHead>(&parsed);
      if (head == nullptr || bad == good) continue;
      CHECK(head->target.starts_with('/'));
      const bool has_host = head->headers.size() <= 2 && !head->headers.empty();
      CHECK(has_host);
      CHECK(head->body_bytes <= 100);
    }
  }
}

}  // namespace quell::range::test
