#include "bench_site.h"

#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

namespace quell::bench {
namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

Site::Site(const Server& server, std::size_t in_flight, const std::string& limits, bool approves)
    : folder_(std::filesystem::temp_directory_path() /
              fmt::format("quell-bench-{}-{}", getpid(), server.port)) {
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

Site::~Site() { std::filesystem::remove_all(folder_); }

std::string Site::output() const {
  std::ifstream in(folder_ / "out");
  return {std::istreambuf_iterator<char>(in), {}};
}

void Site::write(const std::string& name, const std::string& text) {
  std::ofstream(folder_ / name) << text;
}

pid_t start_program(const std::string& program, const Site& site,
                    const std::vector<std::string>& arguments) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  if (chdir(site.folder().c_str()) != 0) _exit(126);
  setenv("HOME", site.folder().c_str(), 1);
  const int out = open("out", O_CREAT | O_TRUNC | O_WRONLY, 0600);
  dup2(out, STDOUT_FILENO);
  const int err = open("err", O_CREAT | O_TRUNC | O_WRONLY, 0600);
  dup2(err, STDERR_FILENO);
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& one : arguments) argv.push_back(const_cast<char*>(one.c_str()));
  argv.push_back(nullptr);
  execv(program.c_str(), argv.data());
  _exit(127);
}

Ended wait_for(pid_t pid, Clock::time_point start) {
  int status = 0;
  rusage usage{};
  wait4(pid, &status, 0, &usage);
  return {.seconds = seconds_since(start),
          .exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
          .peak_kib = usage.ru_maxrss,
          .user = seconds_of(usage.ru_utime),
          .system = seconds_of(usage.ru_stime)};
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace quell::bench
