#pragma once

namespace quell {

/// Ends the process with fixed text: a broken invariant of our own, never a fault of outside data.
/// We can restart from a journal but not from a wrong one, so it stays on in release.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace quell

#define QUELL_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::quell::assertion_failed(#condition, __FILE__, __LINE__))
