#include "state/base/random.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include <openssl/rand.h>

#include "state/base/assert.h"
#include "state/base/bytes.h"
#include "state/base/sha256.h"

namespace quell {

std::uint64_t Random::below(std::uint64_t bound) {
  QUELL_ASSERT(bound > 0);
  // Values past the largest multiple of `bound` are drawn again, so that each result is equally
  // likely.
  const std::uint64_t limit = std::numeric_limits<std::uint64_t>::max() / bound * bound;
  while (true) {
    std::array<std::byte, 8> raw{};
    fill(raw);
    std::uint64_t number = 0;
    for (const std::byte byte : raw) number = (number << 8U) | std::to_integer<std::uint64_t>(byte);
    if (number < limit) return number % bound;
  }
}

std::string Random::hex(std::size_t bytes) {
  std::string raw(bytes, '\0');
  fill(std::as_writable_bytes(std::span(raw)));
  return hex_encode(raw);
}

void SystemRandom::fill(std::span<std::byte> out) {
  auto* const first = reinterpret_cast<unsigned char*>(out.data());
  QUELL_ASSERT(RAND_bytes(first, static_cast<int>(out.size())) == 1);
}

void SeededRandom::fill(std::span<std::byte> out) {
  for (std::byte& byte : out) {
    if (buffer_.empty()) {
      buffer_ =
          sha256("quell seeded random " + std::to_string(seed_) + " " + std::to_string(block_++));
    }
    byte = static_cast<std::byte>(buffer_.back());
    buffer_.pop_back();
  }
}

}  // namespace quell
