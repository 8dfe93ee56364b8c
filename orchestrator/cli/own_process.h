#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace quell::cli {

/// How this program starts itself once more.
struct OwnProcess {
  std::vector<std::string> words{};  // behind the name of the program
  int out = -1;                      // its standard output
  int err = -1;                      // and standard error; -1: nowhere
  /// `NAME=VALUE`, and nothing else; null: what this process has.
  const std::vector<std::string>* environment = nullptr;
  bool apart = false;  // Ctrl-C on this terminal is not for it
};

/// Starts it with no input and no signal blocked. 0: it did not start. One with an environment of
/// its own ends when the calling thread does, however that comes.
pid_t start_own_process(OwnProcess how);

/// First of all in such a process; false when it is alone already.
bool end_with_parent();

}  // namespace quell::cli
