// What the server at the edge costs: requests a second and memory, beside a bare cpp-httplib that
// does no more than answer. Figures for people, so no test: a shared machine has slow moments.

#include <algorithm>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "http_caller.h"
#include "orchestrator/http_server.h"
#include "state/base/assert.h"

namespace quell::bench {
namespace {

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

void serve_ours(int end) {
  const auto server =
      HttpServer::start({}, [](const HttpCall&) { return HttpReply{.status = 202}; });
  QUELL_ASSERT(server);
  tell_port(end, (*server)->port());
  while (true) ::pause();
}

double requests_per_second(const ServerProcess& server) {
  const std::string request = fmt::format(
      "POST /hook HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}",
      kBodyBytes, std::string(kBodyBytes, 'x'));
  return posts_per_second(server.port(), kRequests, kCallers, [&](int) { return request; });
}

double resident_with_idle(const ServerProcess& server) {
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
  const ServerProcess ours(serve_ours);
  const ServerProcess bare(serve_bare);
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
