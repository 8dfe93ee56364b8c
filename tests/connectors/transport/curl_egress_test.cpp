#include <cstdlib>

#include <doctest/doctest.h>

#include "connectors/url.h"
#include "tests/connectors/transport/exchange.h"
#include "tests/connectors/transport/socket_server.h"

namespace quell {
namespace {

Result<HttpResponse> exchange_under(EgressPolicy policy, HttpRequest request,
                                    CurlOptions options = {}) {
  const SystemClock clock;
  CurlTransport transport(clock, std::move(policy), std::move(options));
  return exchange(transport, std::move(request));
}

// Goal: no spelling of a private address gets past the check (threat T6).
// Method: the spellings of egress sheet section 3.2, over https, with a server that would notice.
TEST_CASE("every spelling of loopback is refused at connect") {
  SocketServer server(always(ok_response("{}")));
  const std::string port = ":" + std::to_string(server.port());
  for (const std::string host :
       {"127.0.0.1", "2130706433", "0177.0.0.1", "127.1", "0x7f000001", "0x7f.1", "localhost",
        "LOCALHOST", "localhost.", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1]",
        "[0:0:0:0:0:0:0:1]", "%31%32%37.0.0.1", "rebound.example"}) {
    CAPTURE(host);
    CurlOptions options;
    options.pinned_names.push_back("rebound.example" + port + ":127.0.0.1");
    const Result<HttpResponse> answer =
        exchange_under(EgressPolicy(), request_to("https://" + std::string(host) + port + "/"),
                       std::move(options));
    REQUIRE(!answer);
    CHECK(answer.error().code == ErrorCode::invalid);
    CHECK(answer.error().topic == "egress");
    CAPTURE(answer.error().message);
    CHECK(answer.error().message.find("a loopback address") != std::string::npos);
    CHECK(answer.error().hint == "add \"127.0.0.0/8\" to egress.allow_private if that is intended");
  }
  CHECK(server.connections() == 0);
}

// Goal: the error says which name led where, and the line that would allow it.
TEST_CASE("a private address is refused with the line to add") {
  struct Row {
    std::string address;
    std::string message;
    std::string hint;
  };
  const Row rows[] = {
      {"10.2.0.9", "mcp.corp.example is 10.2.0.9, a private address",
       "add \"10.2.0.9/32\" to egress.allow_private if that is intended"},
      {"fd12::9", "mcp.corp.example is fd12::9, a private address",
       "add \"fd12::9/128\" to egress.allow_private if that is intended"},
      {"169.254.169.254", "mcp.corp.example is 169.254.169.254, a cloud metadata address",
       "such addresses stay refused whatever is listed; compare the name with its DNS entry"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.address);
    CurlOptions options;
    options.pinned_names.push_back("mcp.corp.example:443:" + std::string(row.address));
    const Result<HttpResponse> answer =
        exchange_under(EgressPolicy(), request_to("https://mcp.corp.example/"), options);
    REQUIRE(!answer);
    CHECK(answer.error().topic == "egress");
    CHECK(answer.error().message == row.message);
    CHECK(answer.error().hint == row.hint);
  }
}

// Goal: metadata stays shut although somebody listed the network around it.
TEST_CASE("listed or not, metadata is not connected to") {
  const Result<EgressPolicy> policy = EgressPolicy::make({"169.254.0.0/16"}, true);
  REQUIRE(policy);
  for (const std::string host :
       {"169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]"}) {
    CAPTURE(host);
    const Result<HttpResponse> answer =
        exchange_under(*policy, request_to("https://" + std::string(host) + "/"));
    REQUIRE(!answer);
    CHECK(answer.error().topic == "egress");
  }
}

// Goal: plain http is for loopback alone, and only where that is open.
TEST_CASE("plain http") {
  SocketServer server(always(ok_response("{}")));
  const Result<EgressPolicy> corp = EgressPolicy::make({"10.0.0.0/8"}, false);
  REQUIRE(corp);
  const Result<HttpResponse> shut = exchange_under(*corp, request_to(server.url()));
  REQUIRE(!shut);
  CHECK(shut.error().topic == "egress");
  CHECK(shut.error().message == server.origin() + " is plain http, which is for loopback alone");
  CHECK(server.connections() == 0);

  // Loopback open: a name that leads elsewhere is still refused, at connect.
  const Result<EgressPolicy> both = EgressPolicy::make({"10.0.0.0/8", "127.0.0.0/8"}, false);
  REQUIRE(both);
  for (const std::string address : {"10.2.0.9", "93.184.215.14"}) {
    CAPTURE(address);
    CurlOptions options;
    options.pinned_names.push_back("plain.example:80:" + std::string(address));
    const Result<HttpResponse> answer =
        exchange_under(*both, request_to("http://plain.example/"), options);
    REQUIRE(!answer);
    CHECK(answer.error().topic == "egress");
    CHECK(answer.error().message ==
          "http://plain.example is plain http, which is for loopback alone");
  }
  CHECK(exchange_under(*both, request_to(server.url())));
}

// Goal: a pooled connection is no way around a policy that became stricter.
TEST_CASE("a connection from the pool is checked again") {
  SocketServer server(always(ok_response("{}")));
  const SystemClock clock;
  CurlTransport transport(clock, loopback_policy());
  REQUIRE(exchange(transport, request_to(server.url(), "POST", Effect::mutate)));
  // 127.0.0.2 keeps plain http open, so that only the check of the address can refuse.
  const Result<EgressPolicy> other = EgressPolicy::make({"127.0.0.2/32"}, false);
  REQUIRE(other);
  transport.set_policy(*other);
  const Result<HttpResponse> answer =
      exchange(transport, request_to(server.url(), "POST", Effect::mutate));
  REQUIRE(!answer);
  CHECK(answer.error().code == ErrorCode::invalid);
  CHECK(answer.error().topic == "egress");
  CHECK(server.log().size() == 1);
  CHECK(server.connections() == 1);
}

// Goal: proxy variables are not honoured: behind a proxy the check would see the proxy's address.
TEST_CASE("a proxy of the environment gets nothing") {
  SocketServer proxy(always(ok_response("from the proxy")));
  SocketServer server(always(ok_response("from the server")));
  const char* const names[] = {"http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"};
  for (const char* const name : names) setenv(name, proxy.url().c_str(), 1);
  const Result<HttpResponse> answer = exchange(request_to(server.url()));
  for (const char* const name : names) unsetenv(name);
  REQUIRE(answer);
  CHECK(answer->body == "from the server");
  CHECK(proxy.connections() == 0);
}

// Goal: a secret is never sent to an origin it is not bound to, in a header or in a body
// (threats T2 and T7), and no word about it tells what it is.
TEST_CASE("a secret for another origin stays here") {
  SocketServer server(always(ok_response("{}")));
  const std::string own = server.origin();
  const std::string canary(kCanary);
  struct Row {
    std::string name;
    std::vector<std::string> origins;
  };
  const Row rows[] = {
      {"nowhere", {}},
      {"another host", {"https://platform.example"}},
      {"another scheme", {"https" + own.substr(4)}},
      {"another port", {"http://127.0.0.1"}},
      {"a prefix", {own.substr(0, own.size() - 1)}},
      {"empty", {""}},
  };
  for (const Row& row : rows) {
    for (const bool in_body : {false, true}) {
      CAPTURE(row.name);
      CAPTURE(in_body);
      HttpRequest request = request_to(server.url(), "POST", Effect::mutate);
      SecretText text("x=");
      if (in_body) {
        text.append(bound(canary, row.origins), SecretEncoding::form);
        request.body = std::move(text);
      } else {
        SecretText pair;
        pair.append(bound(canary, row.origins), SecretEncoding::raw);
        text.append_base64(std::move(pair));
        request.headers.push_back({.name = "Authorization", .value = std::move(text)});
      }
      const Result<HttpResponse> answer = exchange(std::move(request));
      REQUIRE(!answer);
      CHECK(answer.error().code == ErrorCode::invalid);
      CHECK(answer.error().topic == "egress");
      CHECK(answer.error().message == std::string("the secret in ") +
                                          (in_body ? "the body" : "header Authorization") +
                                          " may not be sent to " + own);
      CHECK(all_text(answer.error()).find(canary) == std::string::npos);
    }
  }
  CHECK(server.connections() == 0);
  CHECK(server.log().empty());
}

// Goal: loopback is told by the connected address, not by the name.
TEST_CASE("from_loopback follows the address") {
  SocketServer server(always(ok_response("{}")));
  CurlOptions options;
  options.pinned_names.push_back("named.example:" + std::to_string(server.port()) + ":127.0.0.1");
  const Result<HttpResponse> answer =
      exchange(request_to("http://named.example:" + std::to_string(server.port()) + "/"), options);
  REQUIRE(answer);
  CHECK(answer->from_loopback);
}

TEST_CASE("a file of certificates that is not there is our own fault") {
  SocketServer server([](Line& line, SocketServer&) { line.wait_for_hangup(); });
  const Result<HttpResponse> answer =
      exchange(request_to("https://127.0.0.1:" + std::to_string(server.port()) + "/"),
               CurlOptions{.ca_file = "/nonexistent/ca.pem"});
  REQUIRE(!answer);
  CHECK(answer.error().code == ErrorCode::invalid);
}

}  // namespace
}  // namespace quell
