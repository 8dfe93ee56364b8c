#include <algorithm>
#include <map>

#include <doctest/doctest.h>

#include "tests/connectors/transport/exchange.h"
#include "tests/connectors/transport/socket_server.h"

namespace quell {
namespace {

bool holds(std::string_view text, std::string_view piece) {
  return text.find(piece) != std::string_view::npos;
}

// Goal: an answer arrives whole, with its headers in lower case and where it came from.
// Method: a server that sends an interim answer, repeated headers, a folded line and a chunked body
// with a trailer.
TEST_CASE("an answer is read as the server meant it") {
  SocketServer server(always(
      "HTTP/1.1 103 Early Hints\r\nX-Interim: 1\r\n\r\n"
      "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"a\"\r\n"
      "www-authenticate:  Basic  \r\nX-Folded: one\r\n two\r\n"
      "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n"));
  const Result<HttpResponse> answer = exchange(request_to(server.url("/a?b=c")));
  REQUIRE(answer);
  CHECK(answer->status == 401);
  CHECK(answer->body == "hello world");
  CHECK(answer->header_all("www-authenticate") ==
        std::vector<std::string_view>{"Bearer realm=\"a\"", "Basic"});
  CHECK(answer->header("x-folded") == "one two");
  CHECK(answer->header("x-interim").empty());
  CHECK(answer->header("x-trailer").empty());
  CHECK(answer->from_loopback);
}

// Goal: what goes over the wire is what the request says and nothing of libcurl's own making.
// Method: every method in turn over one connection and one handle, since a handle is used again.
TEST_CASE("each method has its exact form, also on a handle that served another one") {
  SocketServer server(always(ok_response("")));
  const SystemClock clock;
  CurlTransport transport(clock, loopback_policy());
  const auto send = [&](const std::string& method, std::string_view body, bool typed) {
    HttpRequest request = request_to(server.url("/p"), method, Effect::mutate);
    request.body.append(body);
    if (typed) request.headers.push_back({.name = "Content-Type", .value = "application/json"});
    REQUIRE(exchange(transport, std::move(request)));
    return server.log().back();
  };
  const std::string host = "Host: 127.0.0.1:" + std::to_string(server.port()) + "\r\n";
  const std::string common = host + "User-Agent: quell/" QUELL_VERSION "\r\nAccept: */*\r\n";
  const std::string json = "Content-Type: application/json\r\n";
  const auto length = [](int bytes) { return "Content-Length: " + std::to_string(bytes) + "\r\n"; };
  CHECK(send("GET", "", false) == "GET /p HTTP/1.1\r\n" + common + "\r\n");
  CHECK(send("POST", "{}", true) == "POST /p HTTP/1.1\r\n" + common + json + length(2) + "\r\n{}");
  CHECK(send("POST", "", false) == "POST /p HTTP/1.1\r\n" + common + length(0) + "\r\n");
  CHECK(send("DELETE", "", false) == "DELETE /p HTTP/1.1\r\n" + common + "\r\n");
  CHECK(send("PUT", "", true) == "PUT /p HTTP/1.1\r\n" + common + json + length(0) + "\r\n");
  CHECK(send("PATCH", "a", false) == "PATCH /p HTTP/1.1\r\n" + common + length(1) + "\r\na");
  CHECK(send("DELETE", "b", true) ==
        "DELETE /p HTTP/1.1\r\n" + common + json + length(1) + "\r\nb");
  CHECK(send("GET", "", false) == "GET /p HTTP/1.1\r\n" + common + "\r\n");
  CHECK(server.connections() == 1);
}

TEST_CASE("HEAD waits for no body, and a GET after it does again") {
  SocketServer server([](Line& line, SocketServer& self) {
    for (std::string request = line.read_request(); !request.empty();
         request = line.read_request()) {
      const bool head = request.starts_with("HEAD ");
      self.note(std::move(request));
      line.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
      if (!head) line.send("body");
    }
  });
  const SystemClock clock;
  CurlTransport transport(clock, loopback_policy());
  const Result<HttpResponse> head = exchange(transport, request_to(server.url(), "HEAD"));
  REQUIRE(head);
  CHECK(head->body.empty());
  CHECK(head->header("content-length") == "4");
  const Result<HttpResponse> get = exchange(transport, request_to(server.url()));
  REQUIRE(get);
  CHECK(get->body == "body");
}

// Goal: a long body leaves at once, without a round of "100 Continue", and a header may be empty.
TEST_CASE("a body of two megabytes is sent without asking first") {
  SocketServer server(always(ok_response("{}")));
  HttpRequest request = request_to(server.url(), "POST", Effect::mutate);
  request.body.append(std::string(2U << 20U, 'x'));
  request.headers.push_back({.name = "X-Empty", .value = ""});
  REQUIRE(exchange(std::move(request)));
  const std::string seen = server.log().front();
  CHECK(!holds(seen.substr(0, 400), "Expect"));
  CHECK(holds(seen.substr(0, 400), "X-Empty:\r\n"));
  CHECK(seen.ends_with("xxxx"));
}

// Goal: secrets are written into headers and bodies in the encoding that their place needs.
TEST_CASE("a bound secret reaches its own origin, encoded as asked") {
  SocketServer server(always(ok_response("{}")));
  const std::string origin = server.origin();
  HttpRequest request = request_to(server.url("/revoke"), "POST", Effect::mutate);
  SecretText pair;
  pair.append("client:").append(bound("s3cret+/= ", {origin}), SecretEncoding::form);
  SecretText header("Basic ");
  header.append_base64(std::move(pair));
  request.headers.push_back({.name = "Authorization", .value = std::move(header)});
  request.headers.push_back({.name = "Content-Type", .value = "application/x-www-form-urlencoded"});
  request.body.append("token=").append(bound("a&b=c", {"https://x.example", origin}),
                                       SecretEncoding::form);
  REQUIRE(exchange(std::move(request)));
  const std::string seen = server.log().front();
  CHECK(holds(seen, "Authorization: Basic Y2xpZW50OnMzY3JldCUyQiUyRiUzRCs=\r\n"));
  CHECK(seen.ends_with("\r\n\r\ntoken=a%26b%3Dc"));
}

// Goal: 3xx is an answer like any other; a token is never carried along.
TEST_CASE("a redirect is not followed") {
  SocketServer elsewhere(always(ok_response("{}")));
  for (const int status : {301, 302, 303, 307, 308}) {
    CAPTURE(status);
    SocketServer server(always("HTTP/1.1 " + std::to_string(status) +
                               " Moved\r\nContent-Length: 0\r\nLocation: " + elsewhere.url() +
                               "\r\n\r\n"));
    const Result<HttpResponse> answer = exchange(request_to(server.url(), "POST", Effect::mutate));
    REQUIRE(answer);
    CHECK(answer->status == status);
  }
  CHECK(elsewhere.connections() == 0);
}

// Goal: no decompression, so that a small answer stays small (threat T14).
TEST_CASE("an encoded body is handed over as it came") {
  SocketServer server(always(ok_response("\x1f\x8bnot really gzip", "Content-Encoding: gzip\r\n")));
  const Result<HttpResponse> answer = exchange(request_to(server.url()));
  REQUIRE(answer);
  CHECK(answer->body == "\x1f\x8bnot really gzip");
  CHECK(!holds(server.log().front(), "Accept-Encoding"));
}

// Goal: an MCP server that keeps its event stream open is read as far as the first data line.
// Method: the stream never ends, and the data line comes in two pieces after an empty event.
TEST_CASE("first_event_only stops at the first complete data line") {
  SocketServer server([](Line& line, SocketServer&) {
    line.read_request();
    line.send("HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\n");
    line.send("id: 1\ndata:\n\n: comment\r\nevent: message\r\ndata: {\"a\"");
    line.send(":1}\r\n");
    line.wait_for_hangup();
  });
  HttpRequest request = request_to(server.url(), "POST", Effect::probe);
  request.first_event_only = true;
  const Result<HttpResponse> answer = exchange(std::move(request));
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->body == "{\"a\":1}");
}

TEST_CASE("first_event_only leaves an answer in JSON alone") {
  SocketServer server(always(ok_response("data: 1\n")));
  HttpRequest request = request_to(server.url(), "POST", Effect::probe);
  request.first_event_only = true;
  const Result<HttpResponse> answer = exchange(std::move(request));
  REQUIRE(answer);
  CHECK(answer->body == "data: 1\n");
}

// Goal: hundreds of requests are in flight at once on one thread, each gets its own answer.
// Method: no request is answered before all 200 have arrived; with fewer connections than that the
// test would end in timeouts.
TEST_CASE("200 requests are in flight at once") {
  constexpr std::size_t kRequests = 200;
  SocketServer server([](Line& line, SocketServer& self) {
    std::string request = line.read_request();
    const std::string path = request.substr(4, request.find(' ', 4) - 4);
    self.note(std::move(request));
    while (self.log().size() < kRequests) std::this_thread::yield();
    line.send(ok_response(path));
    line.wait_for_hangup();
  });
  const SystemClock clock;
  CurlTransport transport(clock, loopback_policy(), CurlOptions{.host_connections_max = 256});
  for (Ticket ticket = 1; ticket <= kRequests; ++ticket) {
    transport.start(ticket, request_to(server.url("/" + std::to_string(ticket))));
  }
  std::map<Ticket, std::string> bodies;
  while (bodies.size() < kRequests) {
    for (Completion& done : transport.poll(clock.now() + Duration{30'000})) {
      REQUIRE(done.answer);
      bodies[done.ticket] = done.answer->body;
    }
  }
  CHECK(server.connections() == kRequests);
  CHECK(std::all_of(bodies.begin(), bodies.end(), [](const auto& entry) {
    return entry.second == "/" + std::to_string(entry.first);
  }));
}

// Goal: one origin never gets more connections than configured; the rest waits its turn.
TEST_CASE("connections to one host are bounded and used again") {
  SocketServer server(always(ok_response("{}")));
  const SystemClock clock;
  CurlTransport transport(clock, loopback_policy(), CurlOptions{.host_connections_max = 4});
  constexpr std::size_t kRequests = 300;
  for (Ticket ticket = 0; ticket < kRequests; ++ticket) {
    transport.start(ticket, request_to(server.url()));
  }
  std::size_t answered = 0;
  while (answered < kRequests) {
    for (const Completion& done : transport.poll(clock.now() + Duration{30'000})) {
      CHECK(done.answer);
      ++answered;
    }
  }
  CHECK(server.connections() <= 4);
  CHECK(server.log().size() == kRequests);
}

TEST_CASE("one request too many is refused before it leaves") {
  SocketServer server(always(ok_response("{}")));
  const SystemClock clock;
  CurlTransport transport(clock, loopback_policy(), CurlOptions{.requests_max = 1});
  transport.start(1, request_to(server.url(), "POST", Effect::mutate));
  transport.start(2, request_to(server.url(), "POST", Effect::mutate));
  std::map<Ticket, bool> answered;
  while (answered.size() < 2) {
    for (const Completion& done : transport.poll(clock.now() + Duration{30'000})) {
      answered[done.ticket] = done.answer.has_value();
      if (!done.answer) CHECK(done.answer.error().code == ErrorCode::transient);
    }
  }
  CHECK(answered == std::map<Ticket, bool>{{1, true}, {2, false}});
}

// Goal: poll() returns when it should: at once for a past time, on wake() from another thread, and
// never spins until then.
TEST_CASE("wake ends a poll that has nothing to wait for") {
  const SystemClock clock;
  CurlTransport transport(clock, loopback_policy());
  CHECK(transport.poll(clock.now() - Duration{1}).empty());
  transport.wake();
  CHECK(transport.poll(clock.now() + Duration{600'000}).empty());
  std::thread other([&] { transport.wake(); });
  CHECK(transport.poll(clock.now() + Duration{600'000}).empty());
  other.join();
}

TEST_CASE("a transport that ends with requests in flight ends them too") {
  SocketServer server([](Line& line, SocketServer& self) {
    self.note(line.read_request());
    line.wait_for_hangup();
  });
  const SystemClock clock;
  CurlTransport transport(clock, loopback_policy());
  transport.start(1, request_to(server.url()));
  while (server.log().empty()) CHECK(transport.poll(clock.now() + Duration{5}).empty());
}

}  // namespace
}  // namespace quell
