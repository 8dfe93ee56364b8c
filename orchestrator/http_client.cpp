// Requests to a server of ours on its Unix socket, by cpp-httplib 0.11.4. The library stops here.
#include "orchestrator/http_client.h"

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <fmt/format.h>
#include <httplib.h>

namespace quell {
namespace {

constexpr std::chrono::seconds kCallTimeout{15};
constexpr std::size_t kCallBodyBytesMax = 4U << 20U;
/// The library wants a port for a Unix socket too and does nothing with it.
constexpr int kPortOfUnixSocket = 1;

}  // namespace

Result<HttpReply> call_unix_socket(const std::string& path, const std::string& method,
                                   const std::string& target, const std::string& body) {
  httplib::Client client(path, kPortOfUnixSocket);
  client.set_address_family(AF_UNIX);
  client.set_connection_timeout(kCallTimeout);
  client.set_read_timeout(kCallTimeout);
  client.set_write_timeout(kCallTimeout);
  client.set_decompress(false);
  httplib::Request request;
  request.method = method;
  request.path = target;
  request.headers = {{"Host", "localhost"}, {"Content-Type", "application/json"}};
  request.body = body;
  HttpReply reply;
  request.content_receiver = [&reply](const char* bytes, std::size_t size, std::uint64_t,
                                      std::uint64_t) {
    if (reply.body.size() + size > kCallBodyBytesMax) return false;
    reply.body.append(bytes, size);
    return true;
  };
  const httplib::Result answer = client.send(request);
  if (!answer) {
    if (answer.error() == httplib::Error::Connection ||
        answer.error() == httplib::Error::ConnectionTimeout) {
      return make_error(ErrorCode::transient, "state", fmt::format("nobody listens at {}", path),
                        "quell resume takes an unfinished run up");
    }
    return make_error(ErrorCode::unknown, "state",
                      fmt::format("{} was asked and did not answer", path),
                      "look at `quell runs` before you send it again");
  }
  reply.status = answer->status;
  for (const auto& [name, value] : answer->headers) reply.headers.emplace_back(name, value);
  return reply;
}

}  // namespace quell
