#pragma once

#include <cstddef>

namespace quell::test {

/// The greatest growth of the heap since it was made, in bytes that operator new handed out and
/// malloc rounded up. The program that links heap_peak.cpp counts all of them; a sanitizer has an
/// operator new of its own, and nothing is counted there.
class HeapPeak {
 public:
  HeapPeak() noexcept;
  std::size_t growth() const noexcept;
  static bool counts() noexcept;

 private:
  std::size_t start_;
};

}  // namespace quell::test
