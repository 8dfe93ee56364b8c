#include "orchestrator/hardening.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace quell {
namespace {

constexpr mode_t kOwnerOnly = 077;

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
  // Descriptors that a careless parent left open are none of ours; 0 to 2 are the streams.
  close_range(STDERR_FILENO + 1, ~0U, 0);
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &no_core);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (!is_dumpable_build()) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

}  // namespace quell
