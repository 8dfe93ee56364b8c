#include "orchestrator/http_listener.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <fcntl.h>
#include <iterator>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

namespace quell {
namespace {

constexpr int kBacklog = 512;
constexpr int kStream = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

Error taken_error(const std::string& where) {
  return make_error(ErrorCode::conflict, "listen", fmt::format("{} cannot be listened on", where),
                    "another process may hold it: stop that one or choose another");
}

void set_flag(int fd, int level, int name) {
  const int yes = 1;
  ::setsockopt(fd, level, name, &yes, sizeof yes);
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(path, std::begin(address.sun_path));
  return address;
}

/// A socket file of ours that nobody serves is in the way of a new one.
Status clear_socket_path(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return ok();
  const Error taken =
      make_error(ErrorCode::conflict, "listen", fmt::format("{} cannot be listened on", path),
                 "another process serves it, or it is no socket: move it away");
  if (!S_ISSOCK(info.st_mode) || info.st_uid != ::geteuid()) return taken;
  const FileDescriptor probe(::socket(AF_UNIX, kStream, 0));
  const sockaddr_un address = address_of(path);
  const bool is_dead =
      probe.valid() &&
      ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno == ECONNREFUSED;
  if (!is_dead || ::unlink(path.c_str()) != 0) return taken;
  return ok();
}

}  // namespace

Result<FileDescriptor> listen_on_port(const std::string& host, std::uint16_t port) {
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  const std::unique_ptr<addrinfo, FreeAddresses> list(failed == 0 ? found : nullptr);
  for (const addrinfo* at = list.get(); at != nullptr; at = at->ai_next) {
    FileDescriptor listener(::socket(at->ai_family, kStream, 0));
    if (!listener.valid()) continue;
    set_flag(listener.get(), SOL_SOCKET, SO_REUSEADDR);
    set_flag(listener.get(), IPPROTO_TCP, TCP_NODELAY);  // accepted ones inherit it
    if (at->ai_family == AF_INET6) set_flag(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY);
    if (::bind(listener.get(), at->ai_addr, at->ai_addrlen) == 0 &&
        ::listen(listener.get(), kBacklog) == 0) {
      return listener;
    }
  }
  return taken_error(fmt::format("{}:{}", host, port));
}

Result<FileDescriptor> listen_on_path(const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return make_error(ErrorCode::invalid, "listen", "the path of the socket is too long",
                      "a Unix socket's path has at most 107 bytes");
  }
  if (Status cleared = clear_socket_path(path); !cleared) return cleared.error();
  FileDescriptor listener(::socket(AF_UNIX, kStream, 0));
  const sockaddr_un address = address_of(path);
  // The file takes its mode from the descriptor when it is bound, so it is never open to others.
  if (!listener.valid() || ::fchmod(listener.get(), S_IRUSR | S_IWUSR) != 0 ||
      ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), kBacklog) != 0) {
    return taken_error(path);
  }
  return listener;
}

Result<FileDescriptor> adopt_listener(int fd) {
  FileDescriptor listener(fd);
  if (!is_listening_stream(fd) || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
      ::fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
    return make_error(ErrorCode::invalid, "listen",
                      fmt::format("descriptor {} is no listening stream socket", fd),
                      "let the socket unit say ListenStream= and Accept=no");
  }
  return listener;
}

bool is_listening_stream(int fd) noexcept {
  int listens = 0;
  int type = 0;
  socklen_t length = sizeof listens;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) != 0) return false;
  length = sizeof type;
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && listens == 1 &&
         type == SOCK_STREAM;
}

std::uint16_t port_of_listener(const FileDescriptor& listener) noexcept {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  auto* const general = reinterpret_cast<sockaddr*>(&address);
  if (::getsockname(listener.get(), general, &length) != 0) return 0;
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  }
  return 0;
}

}  // namespace quell
