#include "orchestrator/hardening.h"

#include <cstdlib>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "orchestrator/socket_activation.h"

namespace quell {
namespace {

constexpr mode_t kOwnerOnly = 077;

std::optional<std::string> environment(const std::string& name) {
  const char* const value =
      std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): before threads begin
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

}  // namespace

bool is_dumpable_build() noexcept {
#ifdef QUELL_DUMPABLE
  return true;
#else
  return false;
#endif
}

void harden_process() noexcept {
  umask(kOwnerOnly);
  // Descriptors that a careless parent left open are none of ours; 0 to 2 are the streams, and what
  // follows may be the service manager's gift.
  const int first_foreign = kFirstActivatedFd + count_activated_fds(environment);
  close_range(static_cast<unsigned>(first_foreign), ~0U, 0);
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &no_core);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (!is_dumpable_build()) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

}  // namespace quell
