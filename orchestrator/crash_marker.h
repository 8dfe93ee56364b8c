#pragma once

#include <cstdint>
#include <string>

namespace quell {

/// `quell.crashes` for `quell.db`: a line for each death by a fault of our own, with the entry at
/// which it happened and the time in seconds since 1970 (threat T29). SIGKILL and power loss leave
/// none: they are nobody's fault here.
std::string crash_marker_path(const std::string& database);

/// From now on a fatal signal writes its line to `path`, fixed text to stderr, and nothing else: no
/// stack, no arguments. The process then dies of the signal as it would have.
void mark_crashes_in(const std::string& path) noexcept;
/// The last entry that is durable. Any thread.
void set_crash_entry(std::uint64_t seq) noexcept;

/// The last entry of a program that died by itself three times in ten minutes: something restarts
/// it into the same fault, and each time it may have sent something first. 0: it did not.
std::uint64_t repeated_crash(const std::string& path);
/// Forgets the deaths.
void forget_crashes(const std::string& path);

}  // namespace quell
