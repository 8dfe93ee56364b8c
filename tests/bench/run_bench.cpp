// How fast quell does its main job beside the least program that does it: N credentials, each read,
// archived and read back, every step durable before the next. Prints a table with ratios; for
// people, not a test. `bench_run QUELL [--quick]`.
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <poll.h>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "floor_program.h"
#include "vault_server.h"

namespace quell::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// A folder of its own for each measurement.
class Site {
 public:
  Site(const Server& server, std::size_t in_flight, const std::string& limits, bool approves)
      : folder_(std::filesystem::temp_directory_path() / fmt::format("quell-bench-{}", getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    write("key", "bench-key");
    std::filesystem::permissions(folder_ / "key", std::filesystem::perms::owner_read);
    write("quell.yaml", fmt::format(R"(state: {{sqlite: state/quell.db}}
playbooks: [.]
connections:
  platform: {{kind: managed_agents, base_url: "http://127.0.0.1:{}", api_key: "secret://file/key"{}}}
  issuer: {{kind: oauth}}
)",
                                    server.port, limits));
    write("bench-archive.yaml", fmt::format(R"(quell: 1
id: bench-archive
title: Archive every credential
purpose: Measure how fast that goes.
steps:
  - id: found
    use: platform.find_credentials
{}  - id: purge
    use: platform.archive_credential
    foreach: {{items: "${{steps.found.credentials}}", as: c, key: "${{c.id}}", concurrency: {}, max: 20000}}
    with: {{vault_id: "${{c.vault_id}}", credential_id: "${{c.id}}"}}
    plane: holder
    kills: [refresh]
    irreversible: true
    verify: [{{probe: platform.credential_is_archived, with: {{vault_id: "${{c.vault_id}}", credential_id: "${{c.id}}"}}}}]
)",
                                            approves ? "  - id: go\n    approve: {within: 1h, "
                                                       "on_timeout: abort}\n"
                                                     : "",
                                            in_flight));
  }
  ~Site() { std::filesystem::remove_all(folder_); }
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  std::string database() const { return (folder_ / "floor.db").string(); }
  const std::filesystem::path& folder() const { return folder_; }
  std::string output() const {
    std::ifstream in(folder_ / "out");
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }
  std::filesystem::path folder_;
};

pid_t start_quell(const std::string& quell, const Site& site,
                  const std::vector<std::string>& arguments) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  if (chdir(site.folder().c_str()) != 0) _exit(126);
  setenv("HOME", site.folder().c_str(), 1);
  const int out = open("out", O_CREAT | O_TRUNC | O_WRONLY, 0600);
  dup2(out, STDOUT_FILENO);
  const int err = open("err", O_CREAT | O_TRUNC | O_WRONLY, 0600);
  dup2(err, STDERR_FILENO);
  std::vector<char*> argv{const_cast<char*>(quell.c_str())};
  for (const std::string& one : arguments) argv.push_back(const_cast<char*>(one.c_str()));
  argv.push_back(nullptr);
  execv(quell.c_str(), argv.data());
  _exit(127);
}

struct Ended {
  double seconds = 0;
  int exit = 0;
  long peak_kib = 0;
  double user = 0;  // seconds of the processor
  double system = 0;
};

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

Ended wait_for(pid_t pid, Clock::time_point start) {
  int status = 0;
  rusage usage{};
  wait4(pid, &status, 0, &usage);
  return {.seconds = std::chrono::duration<double>(Clock::now() - start).count(),
          .exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
          .peak_kib = usage.ru_maxrss,
          .user = seconds_of(usage.ru_utime),
          .system = seconds_of(usage.ru_stime)};
}

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

void measure(const std::string& quell, const Row& row, int times) {
  std::vector<double> floor;
  std::vector<double> bare;
  std::vector<double> own;
  double requests = 0;
  long peak = 0;
  double user = 0;
  double system = 0;
  for (int i = 0; i < times; ++i) {
    const ServerOptions options{.credentials = row.credentials,
                                .latency_ms = row.latency_ms,
                                .per_second = row.per_second};
    const std::string limits =
        row.per_second == 0 ? ""
                            : fmt::format(", limits: {{read: {0}/s, write: {0}/s}}", row.per_second);
    for (const bool durable : {true, false}) {
      const Server server = start_server(options);
      const Site site(server, row.in_flight, limits, false);
      const double seconds = run_floor({.port = server.port,
                                        .credentials = row.credentials,
                                        .in_flight = row.in_flight,
                                        .database = durable ? site.database() : "",
                                        .per_second = row.per_second});
      (durable ? floor : bare).push_back(seconds);
      stop_server(server);
    }
    const Server server = start_server(options);
    const Site site(server, row.in_flight, limits, false);
    const auto start = Clock::now();
    const Ended ended =
        wait_for(start_quell(quell, site, {"run", "bench-archive", "--yes", "--json", "--quiet"}),
                 start);
    const Seen seen = ask_server(server);
    stop_server(server);
    if (ended.exit != 0) {
      fmt::print("quell ended with {}: {}\n", ended.exit, site.output().substr(0, 300));
      return;
    }
    own.push_back(ended.seconds);
    requests = static_cast<double>(seen.requests) / static_cast<double>(row.credentials);
    peak = std::max(peak, ended.peak_kib);
    user = ended.user;
    system = ended.system;
  }
  const double ratio = median(own) / median(floor);
  const bool met = (row.target == 0 || ratio <= row.target) &&
                   (row.target_seconds == 0 || median(own) <= row.target_seconds);
  fmt::print("{:34} {:8.3f} {:8.3f} {:8.3f} {:6.2f} {:9.2f} {:8.0f} {:8.3f} {:8.3f}  {}\n", row.name, median(bare),
             median(floor), median(own), ratio, requests, static_cast<double>(peak) / 1024, user, system,
             met ? "ok" : "OVER");
  std::fflush(stdout);
}

void kill_and_resume(const std::string& quell) {
  const Server server = start_server({.credentials = 1'000, .latency_ms = 10});
  const Site site(server, 64, "", false);
  const auto start = Clock::now();
  const pid_t first = start_quell(quell, site, {"run", "bench-archive", "--yes", "--json", "--quiet"});
  while (ask_server(server).archives < 500 && Clock::now() - start < std::chrono::seconds(20))
    usleep(1'000);
  kill(first, SIGKILL);
  wait_for(first, start);
  const Seen before = ask_server(server);
  const auto again = Clock::now();
  const Ended ended = wait_for(start_quell(quell, site, {"resume", "--json", "--quiet"}), again);
  const Seen seen = ask_server(server);
  stop_server(server);
  fmt::print("kill -9 at {} of 1000, resume: exit {}, {:.3f} s after the restart; archived {}, twice "
             "{}, without a look {}\n",
             before.archives, ended.exit, ended.seconds, seen.archives - seen.archived_twice,
             seen.archived_twice, seen.blind_repeats);
}

void idle(const std::string& quell) {
  const Server server = start_server({.credentials = 20});
  const Site site(server, 1, "", true);
  const auto start = Clock::now();
  const pid_t pid = start_quell(quell, site, {"run", "bench-archive"});
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
  fmt::print("idle, waiting for an approval: {:.1f} MiB PSS (20), {:.1f} MiB peak RSS; ready after "
             "{:.3f} s (0.1)\n",
             static_cast<double>(pss) / 1024, static_cast<double>(ended.peak_kib) / 1024, ready);
}

}  // namespace
}  // namespace quell::bench

int main(int argc, char** argv) {
  using quell::bench::Row;
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
      {"100 at 20 requests/s", 100, 5, 64, 20, 1.05, 0},
  };
  fmt::print("{:34} {:>8} {:>8} {:>8} {:>6} {:>9} {:>8} {:>8} {:>8}\n", "", "bare s", "floor s",
             "quell s", "ratio", "requests", "MiB", "user s", "system s");
  for (const Row& row : rows) {
    if (!only.empty() && row.name.find(only) == std::string::npos) continue;
    if (quick && (row.per_second != 0 || row.credentials > 1'000)) continue;
    quell::bench::measure(quell, row, quick ? 1 : 3);
  }
  if (!only.empty()) return 0;
  quell::bench::kill_and_resume(quell);
  quell::bench::idle(quell);
  return 0;
}
