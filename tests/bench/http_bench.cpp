// What the server at the edge costs: requests a second and memory, beside a bare cpp-httplib that
// does no more than answer. Figures for people, so no test: a shared machine has slow moments.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>
#include <httplib.h>

#include "orchestrator/http_server.h"
#include "state/base/assert.h"

namespace quell::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kHelp =
    R"(bench_http - what the HTTP server costs, on the standard output
usage: bench_http [--help]
Requests a second of our server and of a bare cpp-httplib: four callers, a new connection per request, a POST of
512 bytes, answered 202; the best of five rounds, taken in turns. Then the resident memory of ours with 300 connections
that say nothing. Exit codes: 0 always, 2 for an unknown argument.
)";

constexpr int kRounds = 5;
constexpr int kRequests = 2'000;  // per round
constexpr int kCallers = 4;
constexpr std::size_t kBodyBytes = 512;
constexpr std::size_t kIdle = 300;

/// A server in a process of its own; `serve` writes its port to the descriptor and does not return.
class Process {
 public:
  explicit Process(const std::function<void(int)>& serve) {
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
  ~Process() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  std::uint16_t port() const { return port_; }
  double resident_mib() const {
    std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
    double pages = 0;
    statm >> pages >> pages;
    return pages * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1U << 20U);
  }

 private:
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

void tell(int end, std::uint16_t port) {
  QUELL_ASSERT(::write(end, &port, sizeof port) == sizeof port);
}

void serve_ours(int end) {
  const auto server =
      HttpServer::start({}, [](const HttpCall&) { return HttpReply{.status = 202}; });
  QUELL_ASSERT(server);
  tell(end, (*server)->port());
  while (true) ::pause();
}

void serve_bare(int end) {
  httplib::Server server;
  server.Post("/hook",
              [](const httplib::Request&, httplib::Response& answer) { answer.status = 202; });
  tell(end, static_cast<std::uint16_t>(server.bind_to_any_port("127.0.0.1")));
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

bool ask(std::uint16_t port, const std::string& request) {
  const int fd = connect_to(port);
  bool is_good = ::send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
                 static_cast<ssize_t>(request.size());
  std::string answer;
  std::array<char, 1'024> bytes{};
  for (ssize_t count = 1; count > 0;) {
    count = ::recv(fd, bytes.data(), bytes.size(), 0);
    if (count > 0) answer.append(bytes.data(), static_cast<std::size_t>(count));
  }
  ::close(fd);
  return is_good && answer.starts_with("HTTP/1.1 202");
}

double requests_per_second(const Process& server) {
  const std::string request = fmt::format(
      "POST /hook HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}",
      kBodyBytes, std::string(kBodyBytes, 'x'));
  std::atomic<int> left = kRequests;
  std::atomic<int> good = 0;
  const Clock::time_point start = Clock::now();
  std::vector<std::thread> callers;
  callers.reserve(kCallers);
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      while (left-- > 0) good += ask(server.port(), request) ? 1 : 0;
    });
  }
  for (std::thread& caller : callers) caller.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (good != kRequests) fmt::print("{} of {} requests failed\n", kRequests - good, kRequests);
  return good / seconds;
}

double resident_with_idle(const Process& server) {
  std::vector<int> idle;
  for (std::size_t i = 0; i < kIdle; ++i) idle.push_back(connect_to(server.port()));
  requests_per_second(server);  // by now all of them are accepted
  const double mib = server.resident_mib();
  for (const int fd : idle) ::close(fd);
  return mib;
}

int run(const std::vector<std::string_view>& arguments) {
  if (!arguments.empty()) {
    fmt::print("{}", kHelp);
    return arguments.front() == "--help" ? 0 : 2;
  }
  const Process ours(serve_ours);
  const Process bare(serve_bare);
  double ours_best = 0;
  double bare_best = 0;
  for (int i = 0; i < kRounds; ++i) {
    ours_best = std::max(ours_best, requests_per_second(ours));
    bare_best = std::max(bare_best, requests_per_second(bare));
  }
  fmt::print("ours               {:10.0f} requests/s\n", ours_best);
  fmt::print("bare cpp-httplib   {:10.0f} requests/s\n", bare_best);
  fmt::print("ratio              {:10.2f}\n\n", ours_best / bare_best);
  fmt::print("with {} idle connections: ours {:.1f} MiB\n", kIdle, resident_with_idle(ours));
  return 0;
}

}  // namespace
}  // namespace quell::bench

int main(int argc, char** argv) { return quell::bench::run({argv + 1, argv + argc}); }
