// What alerts cost quell serve: how many a second are taken durably, and how long it is from an
// alert to the last of six calls that contain. Figures for people, so no test.

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "bench_site.h"
#include "http_caller.h"
#include "orchestrator/alerts/sample.h"
#include "orchestrator/alerts/source.h"
#include "state/base/assert.h"
#include "state/base/json.h"
#include "vault_server.h"

namespace quell::bench {
namespace {

constexpr std::string_view kHelp =
    R"(bench_alerts - what alerts cost, on the standard output
usage: bench_alerts PATH_OF_QUELL
Signed alerts a second that quell serve answers once its journal holds them, eight callers and a new connection each, beside a
bare cpp-httplib that only answers; then the time from an alert to the last of six sequential calls at no latency.
Exit codes: 0 always, 2 for a wrong argument.
)";
constexpr int kRounds = 3;
constexpr int kAlerts = 4'000;  // per round
constexpr int kCallers = 8;
constexpr std::size_t kRuns = 300;
constexpr std::size_t kVaultSize = 20;
constexpr std::string_view kSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

constexpr std::size_t kCalls = 6;

/// Six credentials of a vault, one after the other, as the alert names them.
constexpr std::string_view kSixCalls = R"(quell: 1
id: six-calls
title: Six calls
purpose: Measure how soon the last of them leaves.
inputs:
  vault_id: {type: string, required: true}
  credential_ids: {type: list, of: string, max: 6, required: true}
settings: {lock: "${inputs.vault_id}"}
steps:
  - id: purge
    use: platform.archive_credential
    foreach: {items: "${inputs.credential_ids}", as: id, key: "${id}", concurrency: 1, max: 6}
    with: {vault_id: "${inputs.vault_id}", credential_id: "${id}"}
    plane: holder
    kills: [refresh]
    irreversible: true
    verify: none
    reason: What is measured is the way to the last call.
)";
/// The same where the alert names the vault alone, and each is read back.
constexpr std::string_view kListed = R"(quell: 1
id: listed
title: List, six calls, read back
purpose: Measure how soon the last of them leaves.
inputs:
  vault_id: {type: string, required: true}
settings: {lock: "${inputs.vault_id}"}
steps:
  - id: found
    use: platform.find_credentials
    with: {vault_ids: ["${inputs.vault_id}"]}
  - id: purge
    use: platform.archive_credential
    foreach: {items: "${steps.found.credentials}", as: c, key: "${c.id}", concurrency: 1, max: 6}
    with: {vault_id: "${c.vault_id}", credential_id: "${c.id}"}
    plane: holder
    kills: [refresh]
    irreversible: true
    verify: [{probe: platform.credential_is_archived, with: {vault_id: "${c.vault_id}", credential_id: "${c.id}"}}]
)";

AlertSource sender() {
  AlertSource source = preset_of(SourceKind::standard_webhooks);
  source.name = "bench";
  source.keys.push_back({.secret = std::make_shared<const Secret>(Secret::copy_of(kSecret))});
  return source;
}

/// A signed delivery of `body`, known by `id`.
std::string delivery(const AlertSource& source, const std::string& id, const std::string& body) {
  const Timestamp now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  const auto sample = sign_delivery(source, id, now, "", body);
  QUELL_ASSERT(sample);
  std::string head;
  for (const HttpHeader& header : sample->headers)
    head += header.name + ": " + header.value.redacted() + "\r\n";
  return fmt::format(
      "POST /hooks/bench HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{}Content-Length: "
      "{}\r\n\r\n{}",
      head, body.size(), body);
}

std::string event(const std::string& type, std::size_t vault) {
  std::string ids;
  for (std::size_t i = 0; i < kCalls; ++i)
    ids += fmt::format(R"({}"vcrd_{:06}")", i == 0 ? "" : ",", vault * kVaultSize + i);
  return fmt::format(
      R"({{"type":"event","id":"whe_{0}","created_at":"2026-01-01T00:00:00Z","data":{{"type":"{1}","id":"vcrd_{2:06}","vault_id":"vlt_{0:06}","credential_ids":[{3}],"organization_id":"00000000-0000-4000-8000-000000000001","workspace_id":"00000000-0000-4000-8000-000000000002"}}}})",
      vault, type, vault * kVaultSize, ids);
}

void append(const Site& site, const std::string& name, const std::string& text) {
  std::ofstream(site.folder() / name, std::ios::app) << text;
}

/// One way to contain what an alert names, and what it must have been told for that.
struct Job {
  std::string_view title{};
  std::string_view id{};
  std::string_view playbook{};
  std::string_view more_inputs{};
};
constexpr std::array<Job, 2> kJobs{{
    {"alert to the last of 6 calls", "six-calls", kSixCalls,
     R"(, credential_ids: "${alert.body.data.credential_ids}")"},
    {"with a list before, each read back", "listed", kListed, ""},
}};

/// The configuration of a daemon whose one route may act by itself once it is armed.
void configure(const Site& site, const Job& job) {
  append(site, "hook.key", std::string(kSecret));
  std::filesystem::permissions(site.folder() / "hook.key", std::filesystem::perms::owner_read);
  append(site, std::string(job.id) + ".yaml", std::string(job.playbook));
  append(site, "quell.yaml",
         fmt::format(R"(policy:
  auto: {{irreversible_per_run: 100, irreversible_per_hour: 1000000, runs_per_hour: 1000000}}
hooks: {{listen: "127.0.0.1:0"}}
alerts:
  sources:
    bench: {{kind: standard_webhooks, secrets: ["secret://file/hook.key"], rate: 100000/s}}
  routes:
    - from: [bench]
      when: ${{alert.body.data.type == "vault_credential.leaked"}}
      playbook: {}
      inputs: {{vault_id: "${{alert.body.data.vault_id}}"{}}}
      mode: auto
      irreversible: true
      scope: ["vlt_*", "vcrd_*"]
)",
                     job.id, job.more_inputs));
}

/// quell serve in the folder of a site.
class Daemon {
 public:
  Daemon(const std::string& quell, const Site& site)
      : start_(Clock::now()), pid_(start_program(quell, site, {"serve", "--json"})) {
    while (port_ == 0 && Clock::now() - start_ < std::chrono::seconds(10)) {
      const std::string text = site.output();
      const Result<Value> ready = parse_json(text.substr(0, text.find('\n')));
      if (ready && ready->is_map() && (*ready)["hooks"].is_string()) {
        const std::string address = (*ready)["hooks"].as_string();
        port_ = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
      } else {
        usleep(1'000);
      }
    }
    if (port_ == 0) fmt::print("quell serve did not start: {}\n", site.output());
  }
  ~Daemon() {
    kill(pid_, SIGTERM);
    wait_for(pid_, start_);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  Clock::time_point start_;
  pid_t pid_;
  std::uint16_t port_ = 0;
};

std::string digest_of_route(const std::string& quell, const Site& site) {
  wait_for(start_program(quell, site, {"hook", "routes", "--json"}), Clock::now());
  const Result<Value> routes = parse_json(site.output());
  if (!routes || (*routes)["routes"].list_or_empty().empty()) {
    fmt::print("no digest: {}\n", site.output());
    return "";
  }
  return (*routes)["routes"].list_or_empty().front()["digest"].string_or("");
}

void measure_rate(const std::string& quell, const Server& server) {
  const Site site(server, 1, "", false);
  configure(site, kJobs[0]);
  const Daemon daemon(quell, site);
  const ServerProcess bare(serve_bare);
  if (daemon.port() == 0) return;
  const AlertSource source = sender();
  double ours_best = 0;
  double bare_best = 0;
  for (int round = 0; round < kRounds; ++round) {
    ours_best = std::max(ours_best, posts_per_second(daemon.port(), kAlerts, kCallers, [&](int i) {
                           return delivery(source, fmt::format("msg_{}_{}", round, i),
                                           event("agent.updated", 1));
                         }));
    const std::string request = fmt::format(
        "POST /hook HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}",
        event("agent.updated", 1).size(), event("agent.updated", 1));
    bare_best = std::max(
        bare_best, posts_per_second(bare.port(), kAlerts, kCallers, [&](int) { return request; }));
  }
  fmt::print("alerts taken durably     {:10.0f} a second (2,000)\n", ours_best);
  fmt::print("bare cpp-httplib answers {:10.0f} a second\n", bare_best);
  fmt::print("ratio                    {:10.2f}\n\n", ours_best / bare_best);
}

/// The value below which a `share` of `values` lies.
double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(static_cast<double>(values.size() - 1) * share)];
}

/// What nobody can do without: a durable page, then a call, six times; in the same rhythm.
double floor_of_delay(const Server& server, const Site& site) {
  const int file = ::open((site.folder() / "floor").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const int fd = connect_to(static_cast<std::uint16_t>(server.port));
  const std::string page(4'096, 'x');
  const std::string call = "POST /v1/vaults/vlt_999999/credentials/x/archive HTTP/1.1\r\n\r\n";
  std::array<char, 4'096> answer{};
  std::vector<double> delays;
  for (std::size_t run = 0; run < kRuns; ++run) {
    const auto start = Clock::now();
    double last = 0;
    for (std::size_t i = 0; i < kCalls; ++i) {
      QUELL_ASSERT(::pwrite(file, page.data(), page.size(),
                            static_cast<off_t>(page.size() * (kCalls * run + i))) > 0);
      QUELL_ASSERT(::fdatasync(file) == 0);
      last = seconds_since(start) * 1e3;
      QUELL_ASSERT(::send(fd, call.data(), call.size(), MSG_NOSIGNAL) > 0);
      QUELL_ASSERT(::recv(fd, answer.data(), answer.size(), 0) > 0);
    }
    delays.push_back(last);
    usleep(10'000);
  }
  ::close(fd);
  ::close(file);
  return percentile(delays, 0.5);
}

/// How long it is from an alert to the last call of `job`, over the vaults from `first` on.
void measure_delay(const std::string& quell, const Server& server, const Job& job,
                   std::size_t first) {
  const Site site(server, 1, "", false);
  configure(site, job);
  const std::string digest = digest_of_route(quell, site);
  append(site, "quell.yaml", "      armed: true\n      digest: " + digest + "\n");
  const Daemon daemon(quell, site);
  if (daemon.port() == 0) return;
  const AlertSource source = sender();
  std::vector<double> delays;
  std::vector<double> answers;
  const std::size_t before = ask_server(server).archives;
  for (std::size_t run = 0; run < kRuns; ++run) {
    const std::size_t wanted = before + (run + 1) * kCalls;
    const std::string request =
        delivery(source, fmt::format("run_{}", run), event("vault_credential.leaked", first + run));
    const auto start = Clock::now();
    const std::string answer = ask(daemon.port(), request);
    answers.push_back(seconds_since(start) * 1e3);
    if (!answer.starts_with("HTTP/1.1 202") || answer.find("\"run\":\"r") == std::string::npos) {
      fmt::print("not taken: {}\n", answer);
      return;
    }
    // Asked only when it should be over: the server that answers has one thread.
    Seen seen;
    do {
      usleep(10'000);
      seen = ask_server(server);
    } while (seen.archives < wanted && seconds_since(start) < 5);
    if (seen.archives != wanted) {
      fmt::print("{} of {} calls came\n", seen.archives, wanted);
      return;
    }
    usleep(10'000);  // the run's end, so that the next alert finds the daemon idle
    const auto begun = static_cast<double>(start.time_since_epoch() / std::chrono::nanoseconds(1));
    delays.push_back((static_cast<double>(seen.last_archive_ns) - begun) / 1e6);
  }
  const double median = percentile(delays, 0.5);
  const double floor = floor_of_delay(server, site);
  fmt::print(
      "{:35} median {:.2f} ms (3), 99th percentile {:.2f} ms (10), {} runs\n"
      "  six durable pages and calls alone median {:.2f} ms, ratio {:.2f}\n"
      "  alert to its answer               median {:.2f} ms, 99th percentile {:.2f} ms\n",
      job.title, median, percentile(delays, 0.99), kRuns, floor, median / floor,
      percentile(answers, 0.5), percentile(answers, 0.99));
}

}  // namespace
}  // namespace quell::bench

int main(int argc, char** argv) {
  using namespace quell::bench;
  if (argc != 2 || std::string_view(argv[1]) == "--help") {
    fmt::print("{}", kHelp);
    return argc == 2 ? 0 : 2;
  }
  const std::string quell = std::filesystem::absolute(argv[1]).string();
  const Server server = start_server({.credentials = kJobs.size() * kRuns * kVaultSize});
  measure_rate(quell, server);
  for (std::size_t i = 0; i < kJobs.size(); ++i) measure_delay(quell, server, kJobs[i], i * kRuns);
  stop_server(server);
  return 0;
}
