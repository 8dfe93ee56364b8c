// How fast quell does its main job beside the least program that does it: N credentials, each read,
// archived and read back, every step durable before the next. Prints a table with ratios; for
// people, not a test. `bench_run QUELL [--quick]`.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "bench_site.h"
#include "floor_program.h"
#include "vault_server.h"

namespace quell::bench {
namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Row {
  std::string name;
  std::size_t credentials;
  int latency_ms;
  std::size_t in_flight;
  int per_second;
  double target;  // times the floor if below 10, else no target
  double target_seconds;
};

std::string limits_of(const Row& row) {
  return row.per_second == 0
             ? ""
             : fmt::format(", limits: {{read: {0}/s, write: {0}/s}}", row.per_second);
}

/// Seconds to containment by `quell plan`.
double announced(const std::string& quell, const Row& row) {
  const Server server = start_server(
      {.credentials = row.credentials, .latency_ms = row.latency_ms, .per_second = row.per_second});
  const Site site(server, row.in_flight, limits_of(row), false);
  wait_for(start_program(quell, site, {"plan", "bench-archive", "--json"}), Clock::now());
  stop_server(server);
  constexpr std::string_view kName = "\"contain_s\":";
  const std::string plan = site.output();
  const std::size_t at = plan.find(kName);
  return at == std::string::npos ? 0 : std::strtod(plan.c_str() + at + kName.size(), nullptr);
}

void measure(const std::string& quell, const Row& row, int times) {
  std::vector<double> floor;
  std::vector<double> bare;
  std::vector<double> own;
  double requests = 0;
  double busier = 0;  // requests of the kind, read or write, that there were more of
  long peak = 0;
  double user = 0;
  double system = 0;
  for (int i = 0; i < times; ++i) {
    const ServerOptions options{
        .credentials = row.credentials, .latency_ms = row.latency_ms, .per_second = row.per_second};
    for (const bool durable : {true, false}) {
      const Server server = start_server(options);
      const Site site(server, row.in_flight, limits_of(row), false);
      const auto start = Clock::now();
      const pid_t program =
          start_program("/proc/self/exe", site,
                        {"--floor", std::to_string(server.port), std::to_string(row.credentials),
                         std::to_string(row.in_flight), std::to_string(row.per_second),
                         durable ? site.database() : ""});
      (durable ? floor : bare).push_back(wait_for(program, start).seconds);
      stop_server(server);
    }
    const Server server = start_server(options);
    const Site site(server, row.in_flight, limits_of(row), false);
    const auto start = Clock::now();
    const Ended ended = wait_for(
        start_program(quell, site, {"run", "bench-archive", "--yes", "--json", "--quiet"}), start);
    const Seen seen = ask_server(server);
    stop_server(server);
    if (ended.exit != 0) {
      fmt::print("quell ended with {}: {}\n", ended.exit, site.output());
      return;
    }
    own.push_back(ended.seconds);
    requests = static_cast<double>(seen.requests) / static_cast<double>(row.credentials);
    busier = static_cast<double>(std::max(seen.archives, seen.requests - seen.archives));
    peak = std::max(peak, ended.peak_kib);
    user = ended.user;
    system = ended.system;
  }
  const double ratio = median(own) / median(floor);
  const bool met = (row.target == 0 || ratio <= row.target) &&
                   (row.target_seconds == 0 || median(own) <= row.target_seconds);
  fmt::print("{:34} {:8.3f} {:8.3f} {:8.3f} {:6.2f} {:9.2f} {:8.0f} {:8.3f} {:8.3f}  {}\n",
             row.name, median(bare), median(floor), median(own), ratio, requests,
             static_cast<double>(peak) / 1024, user, system, met ? "ok" : "OVER");
  if (row.per_second > 0) {
    const double best = busier / row.per_second;
    fmt::print("{:34} {:8.3f} s is the best for as many requests: {:.2f} times (1.05)\n", "", best,
               median(own) / best);
    const double told = announced(quell, row);
    fmt::print("{:34} {:8.3f} s is what the plan announced: {:.2f} times (0.90 to 1.10)\n", "",
               told, median(own) / told);
  }
  std::fflush(stdout);
}

void kill_and_resume(const std::string& quell) {
  const Server server = start_server({.credentials = 1'000, .latency_ms = 10});
  const Site site(server, 64, "", false);
  const auto start = Clock::now();
  const pid_t first =
      start_program(quell, site, {"run", "bench-archive", "--yes", "--json", "--quiet"});
  while (ask_server(server).archives < 500 && Clock::now() - start < std::chrono::seconds(20))
    usleep(1'000);
  kill(first, SIGKILL);
  wait_for(first, start);
  const Seen before = ask_server(server);
  const auto again = Clock::now();
  const Ended ended = wait_for(start_program(quell, site, {"resume", "--json", "--quiet"}), again);
  const Seen seen = ask_server(server);
  stop_server(server);
  fmt::print(
      "kill -9 at {} of 1000, resume: exit {}, {:.3f} s after the restart; archived {}, twice "
      "{}, without a look {}\n",
      before.archives, ended.exit, ended.seconds, seen.archives - seen.archived_twice,
      seen.archived_twice, seen.blind_repeats);
}

void idle(const std::string& quell) {
  const Server server = start_server({.credentials = 20});
  const Site site(server, 1, "", true);
  const auto start = Clock::now();
  const pid_t pid = start_program(quell, site, {"run", "bench-archive"});
  double ready = 0;
  while (Clock::now() - start < std::chrono::seconds(10)) {
    if (site.output().find("waiting for") != std::string::npos) {
      ready = std::chrono::duration<double>(Clock::now() - start).count();
      break;
    }
    usleep(500);
  }
  std::ifstream smaps(fmt::format("/proc/{}/smaps_rollup", pid));
  std::string word;
  long pss = 0;
  while (smaps >> word) {
    if (word == "Pss:") smaps >> pss;
  }
  kill(pid, SIGTERM);
  const Ended ended = wait_for(pid, start);
  stop_server(server);
  fmt::print(
      "idle, waiting for an approval: {:.1f} MiB PSS (20), {:.1f} MiB peak RSS; ready after "
      "{:.3f} s (0.1)\n",
      static_cast<double>(pss) / 1024, static_cast<double>(ended.peak_kib) / 1024, ready);
}

}  // namespace
}  // namespace quell::bench

int main(int argc, char** argv) {
  using quell::bench::Row;
  // The floor is a program as quell is one: it too is loaded before it works.
  if (argc == 7 && std::string_view(argv[1]) == "--floor") {
    quell::bench::run_floor({.port = std::atoi(argv[2]),
                             .credentials = std::strtoul(argv[3], nullptr, 10),
                             .in_flight = std::strtoul(argv[4], nullptr, 10),
                             .database = argv[6],
                             .per_second = std::atoi(argv[5])});
    return 0;
  }
  if (argc < 2) {
    fmt::print("usage: bench_run PATH_OF_QUELL [--quick]\n");
    return 2;
  }
  const std::string quell = std::filesystem::absolute(argv[1]).string();
  const bool quick = argc > 2 && std::string_view(argv[2]) == "--quick";
  const std::string only = argc > 2 && !quick ? argv[2] : "";
  const std::vector<Row> rows{
      {"1,000, no latency, 64 in flight", 1'000, 0, 64, 0, 1.5, 0},
      {"10,000, no latency, 64 in flight", 10'000, 0, 64, 0, 1.5, 0},
      {"1,000, 50 ms, 64 in flight", 1'000, 50, 64, 0, 0, 2.6},
      {"1,000, 50 ms, 512 in flight", 1'000, 50, 512, 0, 0, 0.5},
      {"100 at 20 requests/s", 100, 5, 64, 20, 0, 0},
  };
  fmt::print("{:34} {:>8} {:>8} {:>8} {:>6} {:>9} {:>8} {:>8} {:>8}\n", "", "bare s", "floor s",
             "quell s", "ratio", "requests", "MiB", "user s", "system s");
  for (const Row& row : rows) {
    if (!only.empty() && row.name.find(only) == std::string::npos) continue;
    if (quick && (row.per_second != 0 || row.credentials > 1'000)) continue;
    quell::bench::measure(quell, row, quick ? 1 : 5);
  }
  if (!only.empty()) return 0;
  quell::bench::kill_and_resume(quell);
  quell::bench::idle(quell);
  return 0;
}
