#include "tests/connectors/transport/socket_server.h"

#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <memory>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "state/base/assert.h"

namespace quell {
namespace {

std::size_t content_length(std::string_view head) {
  constexpr std::string_view kName = "Content-Length: ";
  const std::size_t at = head.find(kName);
  std::size_t length = 0;
  if (at != std::string_view::npos) {
    const std::string_view digits = head.substr(at + kName.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), length);
  }
  return length;
}

}  // namespace

Line::~Line() {
  if (descriptor_ >= 0) close(descriptor_);
}

std::string Line::read_request() {
  for (;;) {
    const std::size_t head_end = unread_.find("\r\n\r\n");
    if (head_end != std::string::npos) {
      const std::size_t size =
          head_end + 4 + content_length(std::string_view(unread_).substr(0, head_end));
      if (unread_.size() >= size) {
        std::string request = unread_.substr(0, size);
        unread_.erase(0, size);
        return request;
      }
    }
    std::array<char, 16384> buffer{};
    const ssize_t got = recv(descriptor_, buffer.data(), buffer.size(), 0);
    if (got <= 0) return {};
    unread_.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

bool Line::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void Line::reset() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(std::exchange(descriptor_, -1));
}

void Line::wait_for_hangup() {
  while (!read_request().empty()) {
  }
}

SocketServer::SocketServer(Serve serve) : serve_(std::move(serve)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  // The socket interface wants its addresses as the general type.
  auto* const general = static_cast<sockaddr*>(static_cast<void*>(&address));
  QUELL_ASSERT(bind(listener_, general, size) == 0 && listen(listener_, 1024) == 0);
  QUELL_ASSERT(getsockname(listener_, general, &size) == 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

SocketServer::~SocketServer() {
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  close(listener_);
}

void SocketServer::accept_all() {
  for (;;) {
    const int descriptor = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (descriptor < 0) return;
    ++connections_;
    threads_.emplace_back([this, descriptor] {
      Line line(descriptor);
      serve_(line, *this);
    });
  }
}

std::string SocketServer::url(std::string_view path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
}

void SocketServer::note(std::string request) {
  const std::scoped_lock lock(mutex_);
  log_.push_back(std::move(request));
}

std::vector<std::string> SocketServer::log() const {
  const std::scoped_lock lock(mutex_);
  return log_;
}

SocketServer::Serve always(std::string response) {
  return [response = std::move(response)](Line& line, SocketServer& server) {
    for (std::string request = line.read_request(); !request.empty();
         request = line.read_request()) {
      server.note(std::move(request));
      if (!line.send(response)) return;
    }
  };
}

std::string ok_response(std::string_view body, std::string_view headers) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n" + std::string(headers) + "\r\n" + std::string(body);
}

}  // namespace quell
