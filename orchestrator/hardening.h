#pragma once

namespace quell {

/// First lines of main (threat T38): umask 077, inherited descriptors closed, no core file, no ptrace by the same user, no new
/// privileges. Sanitizer and debug builds stay dumpable; `quell --version` says so.
void harden_process() noexcept;

/// True when this build may be dumped and traced.
bool is_dumpable_build() noexcept;

/// Overwrites the value of every environment variable named in `secret_names` (a null-terminated list) where it lay when the
/// process began, so that /proc/PID/environ no longer shows it. Read them first.
void forget_environment(const char* const* secret_names) noexcept;

}  // namespace quell
