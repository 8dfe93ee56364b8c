// Requests to servers of ours, by cpp-httplib 0.11.4. The library stops here.
#include "orchestrator/http_client.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <fmt/format.h>
#include <httplib.h>

namespace quell {
namespace {

constexpr std::chrono::seconds kCallTimeout{15};
constexpr std::chrono::seconds kTakeTimeout{600};
constexpr std::size_t kCallBodyBytesMax = 64U << 20U;
/// The library wants a port for a Unix socket too and does nothing with it.
constexpr int kPortOfUnixSocket = 1;

/// Sends the question; the library's own word on what went wrong becomes one of ours.
Result<HttpReply> ask(httplib::Client& client, const HttpQuestion& question,
                      httplib::Headers headers, const Error& nobody, const Error& lost) {
  client.set_connection_timeout(kCallTimeout);
  client.set_read_timeout(question.take ? kTakeTimeout : kCallTimeout);
  client.set_write_timeout(kCallTimeout);
  client.set_decompress(false);
  client.set_follow_location(false);
  httplib::Request request;
  request.method = question.method;
  request.path = question.target;
  request.headers = std::move(headers);
  for (const auto& [name, value] : question.headers) request.headers.emplace(name, value);
  if (!question.body.empty()) request.headers.emplace("Content-Type", "application/json");
  request.body = question.body;
  HttpReply reply;
  bool is_taken = false;
  request.response_handler = [&](const httplib::Response& head) {
    constexpr int kOk = 200;
    is_taken = question.take && head.status == kOk;
    return true;
  };
  request.content_receiver = [&](const char* bytes, std::size_t size, std::uint64_t,
                                 std::uint64_t) {
    if (is_taken) return question.take(std::string_view(bytes, size));
    if (reply.body.size() + size > kCallBodyBytesMax) return false;
    reply.body.append(bytes, size);
    return true;
  };
  const httplib::Result answer = client.send(request);
  if (!answer) {
    // Before the request left: nobody there, or not who they should be.
    constexpr std::array kNothingSent{httplib::Error::Connection, httplib::Error::ConnectionTimeout,
                                      httplib::Error::SSLConnection,
                                      httplib::Error::SSLLoadingCerts,
                                      httplib::Error::SSLServerVerification};
    const bool was_sent =
        std::find(kNothingSent.begin(), kNothingSent.end(), answer.error()) == kNothingSent.end();
    return was_sent ? lost : nobody;
  }
  reply.status = answer->status;
  for (const auto& [name, value] : answer->headers) reply.headers.emplace_back(name, value);
  return reply;
}

}  // namespace

Result<HttpReply> call_unix_socket(const std::string& path, const HttpQuestion& question) {
  httplib::Client client(path, kPortOfUnixSocket);
  client.set_address_family(AF_UNIX);
  return ask(
      client, question, {{"Host", "localhost"}},
      make_error(ErrorCode::transient, "state", fmt::format("nobody listens at {}", path),
                 "quell resume takes an unfinished run up"),
      make_error(ErrorCode::unknown, "state", fmt::format("{} was asked and did not answer", path),
                 "look at `quell runs` before you send it again"));
}

Result<HttpReply> call_origin(const std::string& origin, const Secret& token,
                              const HttpQuestion& question) {
  httplib::Client client(origin);
  client.enable_server_certificate_verification(true);
  return ask(client, question, {{"Authorization", "Bearer " + std::string(token.reveal())}},
             make_error(ErrorCode::transient, "server",
                        fmt::format("{} is unreachable, or its certificate is not one of its name.",
                                    origin),
                        "compare --server with panel.listen there; SSL_CERT_FILE names an "
                        "authority of your own"),
             make_error(ErrorCode::unknown, "server",
                        fmt::format("{} was asked and did not answer", origin),
                        "look at `quell runs --server` before you send it again"));
}

}  // namespace quell
