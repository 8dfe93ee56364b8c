#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "state/base/value.h"

namespace quell::test {

struct Finished {
  int exit = -1;  // 128 + signal when a signal ended it
  std::string out{};
  std::string err{};
  /// stdout as one JSON document; fails the test when it is none.
  Value json() const;
};

using Environment = std::vector<std::pair<std::string, std::string>>;

/// A program under test with its own environment; ended by its pid at the latest when this dies.
class Process {
 public:
  Process(const std::vector<std::string>& arguments, const Environment& environment,
          const std::string& input = "");
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const noexcept { return pid_; }
  /// The next line of its stdout; waits for it at most `patience`, then fails the test.
  std::string read_line(std::chrono::seconds patience = std::chrono::seconds(20));
  void signal(int number) const;
  /// Waits until it ends, and for all it prints; fails the test after `patience`.
  Finished wait(std::chrono::seconds patience = std::chrono::seconds(60));
  /// Everything printed on stdout so far.
  const std::string& seen() const noexcept { return out_; }

 private:
  bool pump(std::chrono::milliseconds patience);

  pid_t pid_ = -1;
  int out_fd_ = -1;
  int err_fd_ = -1;
  std::string out_{};
  std::string err_{};
  std::size_t read_to_ = 0;
};

inline bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// Reads on until the process says `what`; false when it has said 400 other lines before.
bool says(Process& process, const std::string& what);

/// The program under test: `quell` of this build.
std::string quell_path();

/// A folder that goes away with the test.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const noexcept { return path_; }
  std::string write(const std::string& name, const std::string& content,
                    unsigned mode = 0600) const;
  /// Every regular file below it with its content.
  std::vector<std::pair<std::string, std::string>> files() const;

 private:
  std::string path_{};
};

}  // namespace quell::test
