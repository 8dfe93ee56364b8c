#include "tests/orchestrator/playbook/heap_peak.h"

#include <atomic>
#include <cstdlib>
#include <malloc.h>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define QUELL_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define QUELL_SANITIZED 1
#endif
#endif
#ifndef QUELL_SANITIZED
#define QUELL_SANITIZED 0
#endif

namespace quell::test {
namespace {

std::atomic<std::size_t> in_use{0};
std::atomic<std::size_t> peak{0};

#if !QUELL_SANITIZED
void* counted(std::size_t size) {
  void* const block = std::malloc(size == 0 ? 1 : size);
  if (block == nullptr) std::abort();
  const std::size_t now = in_use.fetch_add(malloc_usable_size(block)) + malloc_usable_size(block);
  std::size_t seen = peak.load();
  while (now > seen && !peak.compare_exchange_weak(seen, now)) {
  }
  return block;
}

void release(void* block) noexcept {
  if (block != nullptr) in_use.fetch_sub(malloc_usable_size(block));
  std::free(block);
}
#endif

}  // namespace

HeapPeak::HeapPeak() noexcept : start_(in_use.load()) { peak.store(start_); }
std::size_t HeapPeak::growth() const noexcept { return peak.load() - start_; }
bool HeapPeak::counts() noexcept { return QUELL_SANITIZED == 0; }

}  // namespace quell::test

#if !QUELL_SANITIZED
// The other forms call these.
void* operator new(std::size_t size) { return quell::test::counted(size); }
void operator delete(void* block) noexcept { quell::test::release(block); }
void operator delete(void* block, std::size_t) noexcept { quell::test::release(block); }
#endif
