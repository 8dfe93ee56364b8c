#include "process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "state/base/json.h"

namespace quell::test {
namespace {

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  for (std::string& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

}  // namespace

Value Finished::json() const {
  const Result<Value> value = parse_json(out);
  CAPTURE(out);
  CAPTURE(err);
  REQUIRE(value);
  return *value;
}

bool says(Process& process, const std::string& what) {
  constexpr int kLinesMax = 400;
  for (int line = 0; line < kLinesMax; ++line) {
    if (process.read_line().find(what) != std::string::npos) return true;
  }
  return false;
}

std::string quell_path() {
  const char* const build = std::getenv("QUELL_BUILD_DIR");
  REQUIRE(build != nullptr);
  return std::string(build) + "/quell";
}

Process::Process(const std::vector<std::string>& arguments, const Environment& environment,
                 const std::string& input) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  std::array<int, 2> err{};
  REQUIRE(pipe2(in.data(), O_CLOEXEC) == 0);
  REQUIRE(pipe2(out.data(), O_CLOEXEC) == 0);
  REQUIRE(pipe2(err.data(), O_CLOEXEC) == 0);
  std::vector<std::string> words = arguments;
  std::vector<std::string> variables{"PATH=/usr/bin:/bin", "LANG=C.UTF-8"};
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  std::vector<char*> argv = pointers(words);
  std::vector<char*> envp = pointers(variables);
  pid_ = fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  close(err[1]);
  if (!input.empty())
    REQUIRE(::write(in[1], input.data(), input.size()) == static_cast<ssize_t>(input.size()));
  close(in[1]);
  out_fd_ = out[0];
  err_fd_ = err[0];
}

Process::~Process() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (out_fd_ >= 0) close(out_fd_);
  if (err_fd_ >= 0) close(err_fd_);
}

void Process::signal(int number) const { REQUIRE(kill(pid_, number) == 0); }

bool Process::pump(std::chrono::milliseconds patience) {
  std::array<pollfd, 2> ends{pollfd{.fd = out_fd_, .events = POLLIN, .revents = 0},
                             pollfd{.fd = err_fd_, .events = POLLIN, .revents = 0}};
  if (out_fd_ < 0 && err_fd_ < 0) return false;
  if (poll(ends.data(), ends.size(), static_cast<int>(patience.count())) <= 0) return true;
  const auto drain = [](int& fd, short events, std::string& into) {
    if (fd < 0 || events == 0) return;
    std::array<char, 65536> buffer{};
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got > 0) {
      into.append(buffer.data(), static_cast<std::size_t>(got));
    } else if (got == 0 || errno != EINTR) {
      close(fd);
      fd = -1;
    }
  };
  drain(out_fd_, ends[0].revents, out_);
  drain(err_fd_, ends[1].revents, err_);
  return true;
}

std::string Process::read_line(std::chrono::seconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (true) {
    const std::size_t end = out_.find('\n', read_to_);
    if (end != std::string::npos) {
      const std::string line = out_.substr(read_to_, end - read_to_);
      read_to_ = end + 1;
      return line;
    }
    CAPTURE(out_);
    CAPTURE(err_);
    REQUIRE(std::chrono::steady_clock::now() < until);
    REQUIRE(pump(std::chrono::milliseconds(100)));
  }
}

Finished Process::wait(std::chrono::seconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (pump(std::chrono::milliseconds(100))) {
    CAPTURE(out_);
    CAPTURE(err_);
    REQUIRE(std::chrono::steady_clock::now() < until);
  }
  int status = 0;
  REQUIRE(waitpid(pid_, &status, 0) == pid_);
  pid_ = -1;
  return {.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          .out = out_,
          .err = err_};
}

Folder::Folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "quell-test-XXXXXX").string();
  REQUIRE(mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string Folder::write(const std::string& name, const std::string& content,
                          unsigned mode) const {
  const std::string file = path_ + "/" + name;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path());
  std::ofstream(file, std::ios::binary) << content;
  REQUIRE(chmod(file.c_str(), mode) == 0);
  return file;
}

std::vector<std::pair<std::string, std::string>> Folder::files() const {
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path_)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    found.emplace_back(entry.path().string(), std::string(std::istreambuf_iterator<char>(in), {}));
  }
  return found;
}

}  // namespace quell::test
