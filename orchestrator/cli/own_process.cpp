#include "orchestrator/cli/own_process.h"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <spawn.h>
#include <string>
#include <sys/prctl.h>
#include <unistd.h>
#include <utility>

namespace quell::cli {
namespace {

// Names the process that this one must not outlive.
constexpr const char* kParent = "QUELL_PARENT";

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

pid_t start_own_process(OwnProcess how) {
  std::vector<std::string> words = std::move(how.words);
  words.insert(words.begin(), "quell");
  std::vector<char*> argv = pointers_to(words);
  std::vector<std::string> settings;
  if (how.environment != nullptr) {
    settings = *how.environment;
    settings.push_back(std::string(kParent) + "=" + std::to_string(::getpid()));
  }
  std::vector<char*> envp = pointers_to(settings);
  posix_spawn_file_actions_t streams;
  posix_spawn_file_actions_init(&streams);
  posix_spawn_file_actions_addopen(&streams, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&streams, how.out, STDOUT_FILENO);
  if (how.err < 0) {
    posix_spawn_file_actions_addopen(&streams, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  } else {
    posix_spawn_file_actions_adddup2(&streams, how.err, STDERR_FILENO);
  }
  // A thread that takes no signals may have started it; the program must take them.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, static_cast<short>(POSIX_SPAWN_SETSIGMASK |
                                                           (how.apart ? POSIX_SPAWN_SETPGROUP : 0)));
  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, "/proc/self/exe", &streams, &attributes, argv.data(),
                                   how.environment == nullptr ? environ : envp.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&streams);
  return failed == 0 ? pid : 0;
}

bool end_with_parent() {
  const char* const parent = ::getenv(kParent);  // NOLINT(concurrency-mt-unsafe): no thread yet
  if (parent == nullptr) return true;
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  return std::to_string(::getppid()) == parent;  // else it died before
}

}  // namespace quell::cli
