#include <sys/socket.h>

#include <doctest/doctest.h>

#include "tests/connectors/transport/exchange.h"
#include "tests/connectors/transport/socket_server.h"

namespace quell {
namespace {

/// How a request of each effect ends at a server that breaks.
struct Ends {
  ErrorCode read = ErrorCode::transient;
  ErrorCode probe = ErrorCode::transient;
  ErrorCode mutate = ErrorCode::unknown;
  ErrorCode notify = ErrorCode::unknown;
};

void check_ends(const std::string& url, Ends ends, Duration timeout = Duration{20'000}) {
  const std::pair<Effect, ErrorCode> rows[] = {{Effect::read, ends.read},
                                               {Effect::probe, ends.probe},
                                               {Effect::mutate, ends.mutate},
                                               {Effect::notify, ends.notify}};
  for (const auto& [sent, code] : rows) {
    const Effect effect = sent;
    CAPTURE(to_string(effect));
    HttpRequest request = request_to(url, effect == Effect::read ? "GET" : "POST", effect);
    request.timeout = timeout;
    const Result<HttpResponse> answer = exchange(std::move(request));
    REQUIRE(!answer);
    CAPTURE(all_text(answer.error()));
    CHECK(to_string(answer.error().code) == to_string(code));
    CHECK(answer.error().message.find("curl") == std::string::npos);
    CHECK(all_text(answer.error()).find(kCanary) == std::string::npos);
  }
}

constexpr Ends kNothingLeft{.mutate = ErrorCode::transient, .notify = ErrorCode::transient};
constexpr Ends kAnswerLost{};
constexpr Ends kTooLong{.read = ErrorCode::invalid, .probe = ErrorCode::invalid};

/// A port on 127.0.0.1 where nobody listens any more.
std::string dead_url() {
  const SocketServer gone([](Line&, SocketServer&) {});
  return gone.url();
}

// Goal: what surely never left may be repeated, whatever it would have done.
TEST_CASE("nothing left: a refused connection, an unknown name, TLS with a plain server") {
  check_ends(dead_url(), kNothingLeft);
  check_ends("https://no-such-host.invalid/", kNothingLeft);
  SocketServer plain([](Line& line, SocketServer& self) {
    line.send("HTTP/1.1 400 Bad Request\r\n" + std::string(kCanary) + "\r\n\r\n");
    line.reset();
    self.note("");
  });
  check_ends("https://127.0.0.1:" + std::to_string(plain.port()) + "/", kNothingLeft);
}

TEST_CASE("an unreachable host is named, with what to do") {
  const Result<HttpResponse> answer = exchange(request_to("https://mcp.tracker.invalid/mcp"));
  REQUIRE(!answer);
  CHECK(answer.error().message == "mcp.tracker.invalid is unreachable: no such host");
  CHECK(answer.error().hint == "compare the URL with quell.yaml; nothing was sent");
  const Result<HttpResponse> refused = exchange(request_to(dead_url()));
  REQUIRE(!refused);
  CHECK(refused.error().message == "127.0.0.1 is unreachable: the connection was refused");
}

// Goal: a request that may have arrived is never called safe to repeat.
// Method: servers that break after reading it, at each stage of the answer.
TEST_CASE("the answer is lost: hang-up, reset, half an answer, another protocol") {
  const auto breaking = [](std::string sent, bool reset) {
    return [sent = std::move(sent), reset](Line& line, SocketServer&) {
      line.read_request();
      line.send(sent);
      if (reset) line.reset();
    };
  };
  const std::string canary(kCanary);
  SUBCASE("hang-up before the answer") {
    SocketServer server(breaking("", false));
    check_ends(server.url(), kAnswerLost);
  }
  SUBCASE("reset before the answer") {
    SocketServer server(breaking("", true));
    check_ends(server.url(), kAnswerLost);
  }
  SUBCASE("half a status line") {
    SocketServer server(breaking("HTTP/1.1 2", false));
    check_ends(server.url(), kAnswerLost);
  }
  SUBCASE("half the headers") {
    SocketServer server(breaking("HTTP/1.1 200 OK\r\nX-A: " + canary, true));
    check_ends(server.url(), kAnswerLost);
  }
  SUBCASE("half the body") {
    SocketServer server(breaking("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + canary, false));
    check_ends(server.url(), kAnswerLost);
  }
  SUBCASE("chunks that do not end") {
    SocketServer server(
        breaking("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n", false));
    check_ends(server.url(), kAnswerLost);
  }
  SUBCASE("a chunk without a length") {
    SocketServer server(
        breaking("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + canary + "\r\n", false));
    check_ends(server.url(), kAnswerLost);
  }
  SUBCASE("no HTTP at all") {
    SocketServer server(breaking("220 " + canary + " ESMTP ready, and so on\r\n", false));
    check_ends(server.url(), {.read = ErrorCode::invalid, .probe = ErrorCode::invalid});
  }
}

// Goal: total time is bounded, before the first byte and between any two (threat T13).
TEST_CASE("a silent server and a slow drip run into the timeout") {
  SUBCASE("no answer") {
    SocketServer server([](Line& line, SocketServer&) { line.wait_for_hangup(); });
    check_ends(server.url(), kAnswerLost, Duration{300});
    HttpRequest request = request_to(server.url());
    request.timeout = Duration{300};
    CHECK(exchange(std::move(request)).error().message == "127.0.0.1 did not answer within 300 ms");
  }
  SUBCASE("an endless drip") {
    SocketServer server([](Line& line, SocketServer&) {
      line.read_request();
      line.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
      for (int i = 0; i < 20 && line.send("x"); ++i) std::this_thread::yield();
      line.wait_for_hangup();
    });
    HttpRequest request = request_to(server.url(), "POST", Effect::mutate);
    request.timeout = Duration{300};
    request.body_bytes_max = 2'000'000'000;
    const Result<HttpResponse> answer = exchange(std::move(request));
    REQUIRE(!answer);
    CHECK(answer.error().code == ErrorCode::unknown);
    CHECK(answer.error().message == "127.0.0.1 did not finish its answer in time");
  }
  SUBCASE("TLS that is never answered: nothing left") {
    SocketServer server([](Line& line, SocketServer&) { line.wait_for_hangup(); });
    check_ends("https://127.0.0.1:" + std::to_string(server.port()) + "/", kNothingLeft,
               Duration{300});
  }
}

// Goal: memory stays flat whatever a server sends (threat T14).
TEST_CASE("limits: header flood, endless body, announced size, chunked bomb") {
  const auto flooding = [](std::string head, std::string piece) {
    return [head = std::move(head), piece = std::move(piece)](Line& line, SocketServer&) {
      line.read_request();
      if (!line.send(head)) return;
      while (line.send(piece)) {
      }
    };
  };
  const std::string canary(kCanary);
  SUBCASE("headers without end") {
    SocketServer server(
        flooding("HTTP/1.1 200 OK\r\n", "X-Flood: " + canary + std::string(1000, 'h') + "\r\n"));
    check_ends(server.url(), kTooLong);
    CHECK(exchange(request_to(server.url())).error().message ==
          "127.0.0.1 sent headers of more than 64 KiB");
  }
  SUBCASE("interim answers without end") {
    SocketServer server(flooding("", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"));
    CHECK(exchange(request_to(server.url())).error().code == ErrorCode::invalid);
  }
  SUBCASE("a body without end") {
    SocketServer server(flooding("HTTP/1.1 200 OK\r\n\r\n", canary + std::string(60'000, 'b')));
    check_ends(server.url(), kTooLong);
    CHECK(exchange(request_to(server.url())).error().message ==
          "127.0.0.1 sent a body of more than 4096 KiB");
  }
  SUBCASE("an announced size is refused before it arrives") {
    SocketServer server(flooding("HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n", "x"));
    check_ends(server.url(), kTooLong);
  }
  SUBCASE("chunks without end") {
    std::string chunk = "10000\r\n" + std::string(0x10000, 'c') + "\r\n";
    SocketServer server(
        flooding("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", std::move(chunk)));
    check_ends(server.url(), kTooLong);
  }
  SUBCASE("events without data") {
    SocketServer server(flooding("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
                                 std::string(1000, ':') + "\n"));
    HttpRequest request = request_to(server.url(), "POST", Effect::probe);
    request.first_event_only = true;
    CHECK(exchange(std::move(request)).error().code == ErrorCode::invalid);
  }
  SUBCASE("an untrusted origin gets 256 KiB and HTTP/1.1, whatever the request allows") {
    SocketServer server(flooding("HTTP/1.1 200 OK\r\n\r\n", std::string(10'000, 'u')));
    HttpRequest request = request_to(server.url());
    request.trust = Trust::untrusted;
    const Result<HttpResponse> answer = exchange(std::move(request));
    REQUIRE(!answer);
    CHECK(answer.error().message == "127.0.0.1 sent a body of more than 256 KiB");
  }
}

TEST_CASE("exactly as much as the limit allows is taken") {
  SocketServer server(always(ok_response(std::string(1000, 'x'))));
  HttpRequest fits = request_to(server.url());
  fits.body_bytes_max = 1000;
  CHECK(exchange(std::move(fits)));
  HttpRequest over = request_to(server.url());
  over.body_bytes_max = 999;
  CHECK(exchange(std::move(over)).error().code == ErrorCode::invalid);
}

// Goal: libcurl's own repeat on a dead pooled connection never sends a mutation twice.
// Method: the first request is answered and the connection kept; the second is read and the
// connection closed without a word. libcurl takes that for a stale connection and would try again.
TEST_CASE("a mutation whose pooled connection dies is not sent again") {
  SocketServer server([](Line& line, SocketServer& self) {
    for (const std::string& answer : {ok_response("{}"), std::string()}) {
      std::string request = line.read_request();
      if (request.empty()) return;
      self.note(std::move(request));
      line.send(answer);
    }
  });
  const SystemClock clock;
  CurlTransport transport(clock, loopback_policy());
  REQUIRE(exchange(transport, request_to(server.url("/first"), "POST", Effect::mutate)));
  const Result<HttpResponse> lost =
      exchange(transport, request_to(server.url("/second"), "POST", Effect::mutate));
  REQUIRE(!lost);
  CHECK(lost.error().code == ErrorCode::unknown);
  CHECK(server.log().size() == 2);

  // A read may be repeated, and is.
  REQUIRE(exchange(transport, request_to(server.url("/third"))));
  CHECK(exchange(transport, request_to(server.url("/fourth"))));
  CHECK(server.log().size() == 5);
}

// Goal: an untrusted origin cannot keep or share a connection.
TEST_CASE("requests to untrusted origins each have a connection of their own") {
  SocketServer server(always(ok_response("{}")));
  const SystemClock clock;
  CurlTransport transport(clock, loopback_policy());
  for (int i = 0; i < 3; ++i) {
    HttpRequest request = request_to(server.url());
    request.trust = Trust::untrusted;
    CHECK(exchange(transport, std::move(request)));
  }
  CHECK(exchange(transport, request_to(server.url())));
  CHECK(server.connections() == 4);
}

// Goal: a header cannot smuggle a second one in, nor say what the transport alone decides.
TEST_CASE("requests that cannot be sent as they are") {
  SocketServer server(always(ok_response("{}")));
  const auto code_of = [&](HttpHeader header) {
    HttpRequest request = request_to(server.url());
    request.headers.push_back(std::move(header));
    const Result<HttpResponse> answer = exchange(std::move(request));
    return answer ? "sent" : std::string(to_string(answer.error().code));
  };
  CHECK(code_of({.name = "X-A", .value = "b"}) == "sent");
  CHECK(code_of({.name = "X-A", .value = "b\r\nX-B: c"}) == "invalid");
  CHECK(code_of({.name = "X-A", .value = "b\nc"}) == "invalid");
  CHECK(code_of({.name = "X-A", .value = std::string("b\0c", 3)}) == "invalid");
  CHECK(code_of({.name = "X A", .value = "b"}) == "invalid");
  CHECK(code_of({.name = "X-A:", .value = "b"}) == "invalid");
  CHECK(code_of({.name = "", .value = "b"}) == "invalid");
  for (const std::string name : {"Host", "content-length", "Transfer-Encoding", "connection",
                                 "Expect", "TE", "upgrade", "Origin", "User-Agent"}) {
    CAPTURE(name);
    CHECK(code_of({.name = name, .value = "b"}) == "invalid");
  }
  CHECK(exchange(request_to("ftp://127.0.0.1/")).error().code == ErrorCode::invalid);
  CHECK(exchange(request_to(server.url(), "GE T")).error().code == ErrorCode::invalid);
  CHECK(exchange(request_to(server.url(), "")).error().code == ErrorCode::invalid);
  HttpRequest with_body = request_to(server.url());
  with_body.body.append("x");
  CHECK(exchange(std::move(with_body)).error().code == ErrorCode::invalid);
  CHECK(server.log().size() == 1);
}

}  // namespace
}  // namespace quell
