#include "orchestrator/http_wire.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <utility>

#include "orchestrator/http_tls.h"

namespace quell {
namespace {

bool wait_for(int fd, short events, Deadline due) {
  pollfd entry{.fd = fd, .events = events, .revents = 0};
  while (true) {
    const int ready = ::poll(&entry, 1, milliseconds_until(due));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

Moved moved(ssize_t count, Moved::How wanted) {
  if (count >= 0) return {Moved::How::done, static_cast<std::size_t>(count)};
  if (errno == EAGAIN || errno == EINTR) return {wanted};
  return {};
}

}  // namespace

int milliseconds_until(Deadline due) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(due - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

HttpWire::HttpWire(FileDescriptor fd, std::shared_ptr<const TlsContext> tls)
    : fd_(std::move(fd)), tls_(std::move(tls)) {}

HttpWire::~HttpWire() {
  if (session_ && says_goodbye_) session_->say_goodbye();
}

bool HttpWire::is_shaking_hands() const { return session_ && session_->is_shaking_hands(); }

bool HttpWire::is_client_verified() const { return session_ && session_->is_client_verified(); }

std::string HttpWire::peer() const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  auto* const general = reinterpret_cast<sockaddr*>(&address);
  if (::getpeername(fd(), general, &length) != 0) return {};
  if (address.ss_family == AF_UNIX) return "unix";
  std::array<char, NI_MAXHOST> name{};
  if (::getnameinfo(general, length, name.data(), name.size(), nullptr, 0, NI_NUMERICHOST) != 0) {
    return {};
  }
  return name.data();
}

Moved HttpWire::receive(std::span<char> out) {
  if (tls_ && !session_) session_ = TlsSession::begin(tls_, fd());
  if (session_) return session_->receive(out);
  if (tls_) return {};
  const Moved got = moved(::recv(fd(), out.data(), out.size(), 0), Moved::How::wants_to_read);
  return got.how == Moved::How::done && got.bytes == 0 ? Moved{} : got;
}

Moved HttpWire::send(std::string_view bytes) {
  if (session_) return session_->send(bytes);
  if (tls_) return {};
  return moved(::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL), Moved::How::wants_to_write);
}

bool HttpWire::send_all(std::string_view bytes, Deadline due) {
  while (!bytes.empty()) {
    const Moved sent = send(bytes);
    switch (sent.how) {
      case Moved::How::done:
        bytes.remove_prefix(sent.bytes);
        break;
      case Moved::How::wants_to_read:
        if (!wait_for(fd(), POLLIN, due)) return false;
        break;
      case Moved::How::wants_to_write:
        if (!wait_for(fd(), POLLOUT, due)) return false;
        break;
      case Moved::How::over:
        return false;
    }
  }
  return true;
}

bool HttpWire::is_hung_up() const {
  return wait_for(fd(), POLLRDHUP, std::chrono::steady_clock::now());
}

void HttpWire::end_sending() {
  if (session_ && std::exchange(says_goodbye_, false)) session_->say_goodbye();
  ::shutdown(fd(), SHUT_WR);
}

void HttpWire::cut() {
  says_goodbye_ = false;
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void HttpWire::interrupt() const { ::shutdown(fd(), SHUT_RDWR); }

}  // namespace quell
