#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <sys/types.h>

namespace quell::bench {

/// A server in a process of its own; `serve` writes its port to the descriptor by tell_port() and
/// does not return.
class ServerProcess {
 public:
  explicit ServerProcess(const std::function<void(int)>& serve);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  std::uint16_t port() const { return port_; }
  double resident_mib() const;

 private:
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};
void tell_port(int end, std::uint16_t port);

/// A bare cpp-httplib that answers 202 to whatever is posted to `/hook`; for ServerProcess.
void serve_bare(int end);

int connect_to(std::uint16_t port);
/// The answer to `request` on a connection of its own, which the server closes.
std::string ask(std::uint16_t port, const std::string& request);

/// `count` requests by `callers` threads, the one of each number as `request_of` makes it; gives
/// how many a second were answered 202, and tells of the others.
double posts_per_second(std::uint16_t port, int count, int callers,
                        const std::function<std::string(int)>& request_of);

}  // namespace quell::bench
