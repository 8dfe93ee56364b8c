#include "orchestrator/socket_activation.h"

#include <arpa/inet.h>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <iostream>
#include <map>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <doctest/doctest.h>

#include "orchestrator/hardening.h"
#include "orchestrator/http_listener.h"
#include "orchestrator/http_server.h"
#include "tests/orchestrator/range/front_raw_client.h"

namespace quell::http::test {
namespace {

using Variables = std::map<std::string, std::string>;

EnvironmentGetter getter(Variables variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

std::optional<std::string> real_environment(const std::string& name) {
  const char* const value =
      std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): the child has one thread
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

/// What this process has not written yet must not be written twice.
pid_t fork_quietly() {
  std::cout.flush();
  return ::fork();
}

/// Runs `work` in a process of its own and gives its exit code.
template <typename Work>
int in_child(const Work& work) {
  const pid_t pid = fork_quietly();
  REQUIRE(pid >= 0);
  if (pid == 0) ::_exit(work());
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// What the manager does between fork and exec: the sockets from 3 on, and the variables.
void pass(const std::vector<int>& fds, const std::string& names) {
  std::vector<int> high;
  high.reserve(fds.size());
  for (const int fd : fds) high.push_back(::fcntl(fd, F_DUPFD, 100));
  int next = kFirstActivatedFd;
  for (const int fd : high) ::dup2(fd, next++);
  // NOLINTBEGIN(concurrency-mt-unsafe): the child has one thread
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  ::setenv("LISTEN_FDS", std::to_string(fds.size()).c_str(), 1);
  ::setenv("LISTEN_FDNAMES", names.c_str(), 1);
  // NOLINTEND(concurrency-mt-unsafe)
}

enum Exit { fine, not_found, not_kept, not_closed, not_on_exec, no_server, accepted };

}  // namespace

// Goal: a process that is given a socket serves on it, and keeps no other descriptor.
// Method: this process listens and is the manager and the client; a forked one is the daemon.
TEST_CASE("a passed socket is served") {
  Result<FileDescriptor> listener = listen_on_port("127.0.0.1", 0);
  REQUIRE(listener);
  const std::uint16_t port = port_of_listener(*listener);
  const pid_t pid = fork_quietly();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    pass({listener->get()}, "hooks");
    ::dup2(listener->get(), kFirstActivatedFd + 1);  // left open by a careless parent
    harden_process();
    if (::fcntl(kFirstActivatedFd, F_GETFD) < 0) ::_exit(Exit::not_kept);
    if (::fcntl(kFirstActivatedFd + 1, F_GETFD) >= 0) ::_exit(Exit::not_closed);
    const auto sockets = activated_sockets(real_environment);
    if (!sockets || sockets->size() != 1 || !sockets->contains("hooks")) ::_exit(Exit::not_found);
    if (::fcntl(kFirstActivatedFd, F_GETFD) != FD_CLOEXEC) ::_exit(Exit::not_on_exec);
    HttpServerOptions options;
    options.listen_fd = sockets->at("hooks");
    Result<std::unique_ptr<HttpServer>> server = HttpServer::start(
        options, [](const HttpCall& call) { return HttpReply{.body = "got " + call.body}; });
    if (!server || (*server)->port() == 0) ::_exit(Exit::no_server);
    while (true) ::pause();
  }
  range::test::RawClient client(port);
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  CHECK(range::test::body_of(client.receive_all()) == "got hi");
  ::kill(pid, SIGKILL);
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  if (WIFEXITED(status)) MESSAGE("the child's complaint: " << WEXITSTATUS(status));
  CHECK(WIFSIGNALED(status));
}

// Goal: what is no socket to listen on, has no name of ours, or has one twice is never served.
TEST_CASE("sockets that are refused") {
  const auto listener = listen_on_port("127.0.0.1", 0);
  const auto other = listen_on_port("127.0.0.1", 0);
  REQUIRE(listener);
  REQUIRE(other);
  const FileDescriptor silent(::socket(AF_INET, SOCK_STREAM, 0));
  const FileDescriptor datagrams(::socket(AF_INET, SOCK_DGRAM, 0));
  const FileDescriptor file(::open("/dev/null", O_RDONLY));
  struct Row {
    std::vector<int> fds;
    std::string names;
    bool is_good;
  };
  const Row rows[] = {
      {{listener->get(), other->get()}, "hooks:panel", true},
      {{listener->get(), other->get()}, "panel:hooks", true},
      {{listener->get(), other->get()}, "hooks:hooks", false},
      {{listener->get(), other->get()}, "hooks", false},
      {{listener->get()}, "unknown", false},
      {{listener->get()}, "", false},
      {{silent.get()}, "hooks", false},
      {{datagrams.get()}, "hooks", false},
      {{file.get()}, "hooks", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.names);
    const int code = in_child([&] {
      pass(row.fds, row.names);
      const auto sockets = activated_sockets(real_environment);
      if (!sockets) return sockets.error().hint.empty() ? Exit::not_found : Exit::fine;
      return sockets->size() == row.fds.size() ? Exit::accepted : Exit::not_found;
    });
    CHECK(code == (row.is_good ? Exit::accepted : Exit::fine));
  }
  CHECK_FALSE(adopt_listener(::dup(silent.get())));
}

// Goal: the variables of another process, or nonsense, pass nothing.
TEST_CASE("variables that are not for us") {
  const std::string us = std::to_string(::getpid());
  CHECK(count_activated_fds(getter({{"LISTEN_PID", us}, {"LISTEN_FDS", "2"}})) == 2);
  const Variables none[] = {
      {},
      {{"LISTEN_FDS", "1"}},
      {{"LISTEN_PID", us}},
      {{"LISTEN_PID", "1"}, {"LISTEN_FDS", "1"}},
      {{"LISTEN_PID", us + "x"}, {"LISTEN_FDS", "1"}},
      {{"LISTEN_PID", us}, {"LISTEN_FDS", "-1"}},
      {{"LISTEN_PID", us}, {"LISTEN_FDS", "0"}},
      {{"LISTEN_PID", us}, {"LISTEN_FDS", "17"}},
      {{"LISTEN_PID", us}, {"LISTEN_FDS", "99999999999"}},
      {{"LISTEN_PID", us}, {"LISTEN_FDS", " 1"}},
  };
  for (const Variables& variables : none) {
    CHECK(count_activated_fds(getter(variables)) == 0);
    const auto sockets = activated_sockets(getter(variables));
    REQUIRE(sockets);
    CHECK(sockets->empty());
  }
}

}  // namespace quell::http::test
