#include "front_raw_client.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <doctest/doctest.h>

namespace quell::range::test {
namespace {

constexpr int kPatienceMs = 10'000;

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

RawClient::RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

RawClient::~RawClient() { ::close(fd_); }

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool RawClient::fill() {
  pollfd entry{.fd = fd_, .events = POLLIN, .revents = 0};
  REQUIRE_MESSAGE(::poll(&entry, 1, kPatienceMs) == 1, "the server neither answers nor closes");
  std::array<char, 65'536> bytes;
  const ssize_t count = ::recv(fd_, bytes.data(), bytes.size(), 0);
  if (count < 0 && errno == ECONNRESET) was_reset = true;
  if (count <= 0) return false;
  buffer_.append(bytes.data(), static_cast<std::size_t>(count));
  return true;
}

std::string RawClient::receive() {
  while (true) {
    const std::size_t end = buffer_.find("\r\n\r\n");
    if (end != std::string::npos) {
      const std::string length = header_in(buffer_, "content-length");
      std::size_t bytes = 0;
      std::from_chars(length.data(), length.data() + length.size(), bytes);
      const std::size_t total = end + 4 + bytes;
      if (buffer_.size() >= total) {
        std::string answer = buffer_.substr(0, total);
        buffer_.erase(0, total);
        return answer;
      }
    }
    if (!fill()) return std::exchange(buffer_, {});
  }
}

std::string RawClient::receive_all() {
  while (fill()) {
  }
  return std::exchange(buffer_, {});
}

int status_of(std::string_view answer) {
  int status = 0;
  if (answer.starts_with("HTTP/1.1 ") && answer.size() >= 12) {
    std::from_chars(answer.data() + 9, answer.data() + 12, status);
  }
  return status;
}

std::string header_in(std::string_view answer, std::string_view name) {
  std::size_t at = answer.find("\r\n");
  while (at != std::string_view::npos) {
    const std::size_t end = answer.find("\r\n", at + 2);
    if (end == std::string_view::npos || end == at + 2) break;
    const std::string_view line = answer.substr(at + 2, end - at - 2);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && lower_case(line.substr(0, colon)) == name) {
      std::string_view value = line.substr(colon + 1);
      while (value.starts_with(' ')) value.remove_prefix(1);
      return std::string(value);
    }
    at = end;
  }
  return "(absent)";
}

std::string_view body_of(std::string_view answer) {
  const std::size_t end = answer.find("\r\n\r\n");
  return end == std::string_view::npos ? std::string_view{} : answer.substr(end + 4);
}

}  // namespace quell::range::test
