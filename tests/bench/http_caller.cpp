#include "http_caller.h"

#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>
#include <httplib.h>

#include "state/base/assert.h"

namespace quell::bench {

ServerProcess::ServerProcess(const std::function<void(int)>& serve) {
  std::array<int, 2> ends{};
  QUELL_ASSERT(::pipe(ends.data()) == 0);
  pid_ = ::fork();
  QUELL_ASSERT(pid_ >= 0);
  if (pid_ == 0) {
    serve(ends[1]);
    ::_exit(1);
  }
  ::close(ends[1]);
  QUELL_ASSERT(::read(ends[0], &port_, sizeof port_) == sizeof port_);
  ::close(ends[0]);
}

ServerProcess::~ServerProcess() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

double ServerProcess::resident_mib() const {
  std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
  double pages = 0;
  statm >> pages >> pages;
  return pages * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1U << 20U);
}

void tell_port(int end, std::uint16_t port) {
  QUELL_ASSERT(::write(end, &port, sizeof port) == sizeof port);
}

void serve_bare(int end) {
  httplib::Server server;
  server.Post("/hook",
              [](const httplib::Request&, httplib::Response& answer) { answer.status = 202; });
  tell_port(end, static_cast<std::uint16_t>(server.bind_to_any_port("127.0.0.1")));
  server.listen_after_bind();
}

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  QUELL_ASSERT(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

std::string ask(std::uint16_t port, const std::string& request) {
  const int fd = connect_to(port);
  std::string answer;
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
      static_cast<ssize_t>(request.size())) {
    std::array<char, 4'096> bytes{};
    for (ssize_t count = 1; count > 0;) {
      count = ::recv(fd, bytes.data(), bytes.size(), 0);
      if (count > 0) answer.append(bytes.data(), static_cast<std::size_t>(count));
    }
  }
  ::close(fd);
  return answer;
}

double posts_per_second(std::uint16_t port, int count, int callers,
                        const std::function<std::string(int)>& request_of) {
  std::vector<std::string> requests;
  requests.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) requests.push_back(request_of(i));
  std::atomic<std::size_t> next = 0;
  std::atomic<int> good = 0;
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(callers));
  for (int i = 0; i < callers; ++i) {
    threads.emplace_back([&] {
      for (std::size_t at = next++; at < requests.size(); at = next++)
        good += ask(port, requests[at]).starts_with("HTTP/1.1 202") ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (good != count) fmt::print("{} of {} requests failed\n", count - good, count);
  return good / seconds;
}

}  // namespace quell::bench
