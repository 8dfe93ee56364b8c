#pragma once

namespace quell {

/// First lines of main (threat T38): umask 077, inherited descriptors closed (but for sockets that
/// the service manager passes to this process, sd_listen_fds(3)), no core file, no ptrace by the
/// same user, no new privileges. Sanitizer and debug builds stay dumpable; `quell
/// --version` says so.
void harden_process() noexcept;

/// True when this build may be dumped and traced.
bool is_dumpable_build() noexcept;

}  // namespace quell
