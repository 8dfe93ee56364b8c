#include <csignal>

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include "tests/connectors/transport/exchange.h"
#include "tests/connectors/transport/socket_server.h"
#include "tests/connectors/transport/tls_server.h"

namespace quell {
namespace {

/// Asks a TLS server with a certificate for `as.example` under the name `name`.
struct Attempt {
  std::string name = "as.example";
  bool trusted = true;
  int highest_version = 0;
  std::vector<std::string> server_log{};

  Result<HttpResponse> make() {
    // A client that leaves during the handshake must not end the test by SIGPIPE.
    std::signal(SIGPIPE, SIG_IGN);
    const TestCertificate certificate("as.example");
    SocketServer server([&](Line& line, SocketServer& self) {
      std::string request =
          serve_tls(line.descriptor(), certificate, ok_response("over TLS"), highest_version);
      if (!request.empty()) self.note(std::move(request));
    });
    const std::string port = ":" + std::to_string(server.port());
    CurlOptions options;
    options.pinned_names.push_back(name + port + ":127.0.0.1");
    if (trusted) options.ca_file = certificate.ca_file();
    HttpRequest request = request_to("https://" + name + port + "/", "POST", Effect::mutate);
    request.headers.push_back({.name = "Authorization", .value = "Bearer "});
    request.headers.back().value.append(bound(std::string(kCanary), {"https://" + name + port}),
                                        SecretEncoding::raw);
    Result<HttpResponse> answer = exchange(std::move(request), std::move(options));
    server_log = server.log();
    return answer;
  }
};

TEST_CASE("an extra certificate authority is trusted for the names it signs") {
  Attempt attempt;
  const Result<HttpResponse> answer = attempt.make();
  REQUIRE(answer);
  CHECK(answer->body == "over TLS");
  REQUIRE(attempt.server_log.size() == 1);
  CHECK(attempt.server_log.front().find("Authorization: Bearer " + std::string(kCanary)) !=
        std::string::npos);
}

// Goal: whoever cannot prove his name gets no request, so no secret either, and the mutation may be
// repeated.
TEST_CASE("an unknown authority, another name, an old TLS: nothing is sent") {
  const auto check = [](Attempt attempt, const std::string& message) {
    const Result<HttpResponse> answer = attempt.make();
    REQUIRE(!answer);
    CHECK(answer.error().code == ErrorCode::transient);
    CHECK(answer.error().message == message);
    CHECK(all_text(answer.error()).find(kCanary) == std::string::npos);
    CHECK(attempt.server_log.empty());
  };
  check({.trusted = false},
        "as.example is unreachable: its certificate is not trusted for this name");
  check({.name = "other.example"},
        "other.example is unreachable: its certificate is not trusted for this name");
  check({.highest_version = TLS1_1_VERSION}, "as.example is unreachable: TLS failed");
}

}  // namespace
}  // namespace quell
