// What open pages cost a run: one over 3,000 credentials with twenty live pages on it, beside the
// same run that nobody looks at. Figures for people, so no test.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "bench_site.h"
#include "http_caller.h"
#include "vault_server.h"

namespace quell::bench {
namespace {

constexpr std::string_view kHelp =
    R"(bench_panel - what open pages cost a run, on the standard output
usage: bench_panel PATH_OF_QUELL
A run over 3,000 credentials at 10 ms a request by quell serve, with nobody looking and with twenty live pages, each of which holds
its stream of events open and fetches the page again, six tenths of a second after the last time at the earliest, when something moved. Nine rounds each.
Exit codes: 0 always, 2 for a wrong argument.
)";
constexpr int kRounds = 9;
constexpr std::size_t kCredentials = 3'000;
constexpr int kPages = 20;
constexpr std::chrono::milliseconds kFetchEvery{600};
constexpr std::chrono::milliseconds kLookEvery{20};
constexpr std::chrono::seconds kPatience{60};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

double resident_mib(pid_t pid) {
  std::ifstream in(fmt::format("/proc/{}/statm", pid));
  long pages = 0;
  long resident = 0;
  in >> pages >> resident;
  return static_cast<double>(resident * sysconf(_SC_PAGESIZE)) / (1024.0 * 1024.0);
}

std::string run_quell(const std::string& quell, const Site& site,
                      const std::vector<std::string>& arguments) {
  wait_for(start_program(quell, site, arguments), Clock::now());
  std::string text = site.output();
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string get(std::uint16_t port, const std::string& token, const std::string& path) {
  return ask(port, fmt::format("GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer "
                               "{}\r\nConnection: close\r\n\r\n",
                               path, port, token));
}

/// One browser with the page of a run open.
class Page {
 public:
  Page(std::uint16_t port, std::string token, std::string run)
      : port_(port),
        token_(std::move(token)),
        run_(std::move(run)),
        reader_([this] { follow(); }) {}
  ~Page() {
    stops_ = true;
    ::shutdown(stream_, SHUT_RDWR);
    reader_.join();
    ::close(stream_);
  }
  Page(const Page&) = delete;
  Page& operator=(const Page&) = delete;

  /// Seconds from an event to the page that shows it, the wait of at most a second included.
  const std::vector<double>& delays() const { return delays_; }
  std::size_t bytes() const { return bytes_; }

 private:
  void follow() {
    // A browser has a machine of its own; here it gives way to what is measured.
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 10);
    const std::string request = fmt::format(
        "GET /api/v1/runs/{}/events HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer "
        "{}\r\n\r\n",
        run_, port_, token_);
    if (::send(stream_, request.data(), request.size(), MSG_NOSIGNAL) < 0) return;
    Clock::time_point fetched{};
    std::array<char, 65'536> buffer{};
    while (!stops_) {
      if (::recv(stream_, buffer.data(), buffer.size(), 0) <= 0) return;
      const Clock::time_point moved = Clock::now();
      while (!stops_ && Clock::now() - fetched < kFetchEvery)
        std::this_thread::sleep_for(kLookEvery);
      const std::string page = get(port_, token_, "/runs/" + run_);
      fetched = Clock::now();
      delays_.push_back(seconds_since(moved));
      bytes_ = page.size();
    }
  }

  std::uint16_t port_;
  std::string token_;
  std::string run_;
  int stream_ = connect_to(port_);
  std::atomic<bool> stops_{false};
  std::vector<double> delays_{};
  std::size_t bytes_ = 0;
  std::thread reader_;  // last: it uses what stands above
};

struct Measured {
  double seconds = 0;  // from the approval to the last call that archives
  double grown_mib = 0;
  std::vector<double> delays{};
  std::size_t page_bytes = 0;
};

std::optional<Measured> measure(const std::string& quell, int pages) {
  const Server server = start_server({.credentials = kCredentials, .latency_ms = 10});
  const Site site(server, 64, "", true);
  std::ofstream(site.folder() / "quell.yaml", std::ios::app)
      << "panel: {listen: \"127.0.0.1:0\"}\n";
  std::vector<std::string> tokens;
  for (int i = 0; i < std::max(pages, 1); ++i) {
    tokens.push_back(run_quell(
        quell, site, {"token", "create", fmt::format("page{}", i), "--role", "viewer", "--quiet"}));
  }
  const pid_t daemon = start_program(quell, site, {"serve", "--json"});
  std::uint16_t port = 0;
  for (const auto begun = Clock::now(); port == 0 && Clock::now() - begun < kPatience;) {
    std::this_thread::sleep_for(kLookEvery);
    constexpr std::string_view kAt = "\"panel\":\"http://127.0.0.1:";
    const std::string said = site.output();
    if (const std::size_t at = said.find(kAt); at != std::string::npos)
      port = static_cast<std::uint16_t>(std::stoi(said.substr(at + kAt.size())));
  }
  if (port == 0) {
    fmt::print("quell serve did not come up: {}\n", site.output());
    kill(daemon, SIGKILL);
    wait_for(daemon, Clock::now());
    stop_server(server);
    return std::nullopt;
  }
  // The log of the daemon is what stands in `out`; commands that follow write elsewhere.
  const auto quietly = [&](const std::vector<std::string>& arguments) {
    std::vector<std::string> command{"-c", "exec \"$0\" \"$@\" >>said 2>&1", quell};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const pid_t child = fork();
    if (child == 0) {
      if (chdir(site.folder().c_str()) != 0) _exit(126);
      setenv("HOME", site.folder().c_str(), 1);
      std::vector<char*> argv{const_cast<char*>("sh")};
      for (std::string& one : command) argv.push_back(one.data());
      argv.push_back(nullptr);
      execv("/bin/sh", argv.data());
      _exit(127);
    }
    return child;
  };
  const pid_t runner = quietly({"run", "bench-archive", "--json", "--quiet"});
  std::string run;
  for (const auto begun = Clock::now(); run.empty() && Clock::now() - begun < kPatience;) {
    std::this_thread::sleep_for(kLookEvery);
    const std::string rows = get(port, tokens.front(), "/api/v1/runs");
    constexpr std::string_view kAt = "\"run\":\"";
    if (const std::size_t at = rows.find(kAt); at != std::string::npos)
      run = rows.substr(at + kAt.size(), rows.find('"', at + kAt.size()) - at - kAt.size());
  }
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const double before = resident_mib(daemon);
  Measured measured;
  {
    std::vector<std::unique_ptr<Page>> open;
    for (int i = 0; i < pages; ++i)
      open.push_back(std::make_unique<Page>(port, tokens[static_cast<std::size_t>(i)], run));
    const auto begun = Clock::now();
    const std::string document = get(port, tokens.front(), "/api/v1/runs/" + run);
    constexpr std::string_view kAt = "\"digest\":\"";
    const std::string digest = document.substr(document.find(kAt) + kAt.size(), 64);
    if (wait_for(quietly({"approve", run, "--digest", digest}), begun).exit != 0)
      kill(daemon, SIGKILL);
    wait_for(runner, begun);
    measured.seconds = static_cast<double>(ask_server(server).last_archive_ns) / 1e9 -
                       std::chrono::duration<double>(begun.time_since_epoch()).count();
    measured.grown_mib = resident_mib(daemon) - before;
    for (const auto& page : open) {
      measured.delays.insert(measured.delays.end(), page->delays().begin(), page->delays().end());
      measured.page_bytes = page->bytes();
    }
  }
  kill(daemon, SIGTERM);
  wait_for(daemon, Clock::now());
  stop_server(server);
  if (run.empty()) {
    fmt::print("no run began\n");
    return std::nullopt;
  }
  return measured;
}

int bench(const std::string& quell) {
  std::vector<double> alone;
  std::vector<double> watched;
  std::vector<double> alone_mib;
  std::vector<double> watched_mib;
  std::vector<double> delays;
  std::size_t bytes = 0;
  for (int round = 0; round < kRounds; ++round) {
    for (const int pages : {0, kPages}) {
      const std::optional<Measured> measured = measure(quell, pages);
      if (!measured) return 0;
      (pages == 0 ? alone : watched).push_back(measured->seconds);
      (pages == 0 ? alone_mib : watched_mib).push_back(measured->grown_mib);
      delays.insert(delays.end(), measured->delays.begin(), measured->delays.end());
      if (pages > 0) bytes = measured->page_bytes;
    }
  }
  std::sort(delays.begin(), delays.end());
  const double p99 = delays.empty() ? 0 : delays[delays.size() * 99 / 100];
  fmt::print("{} credentials, nobody looks    {:7.3f} s  {:6.1f} MiB more than before\n",
             kCredentials, median(alone), median(alone_mib));
  fmt::print("{} credentials, {} live pages  {:7.3f} s  {:6.1f} MiB more than before\n",
             kCredentials, kPages, median(watched), median(watched_mib));
  fmt::print("time {:.3f} times (1.05), memory {:+.1f} MiB (40)\n", median(watched) / median(alone),
             median(watched_mib) - median(alone_mib));
  fmt::print(
      "a page of {} KiB shows what moved after {:.2f} s, 99 of 100 after {:.2f} s, all after "
      "{:.2f} s\n",
      bytes / 1024, median(delays), p99, delays.empty() ? 0 : delays.back());
  return 0;
}

}  // namespace
}  // namespace quell::bench

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  if (argc != 2 || std::string_view(argv[1]).starts_with("-")) {
    fmt::print("{}", quell::bench::kHelp);
    return argc == 2 && std::string_view(argv[1]) == "--help" ? 0 : 2;
  }
  return quell::bench::bench(std::filesystem::absolute(argv[1]).string());
}
