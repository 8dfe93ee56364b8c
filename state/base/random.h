#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace quell {

/// The one source of chance, so that a seed is one exact run.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::byte> out) = 0;

  /// Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
  /// `bytes` random bytes as lower-case hex.
  std::string hex(std::size_t bytes);
};

/// OpenSSL's generator.
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) override;
};

/// Deterministic: SHA-256 in counter mode over the seed. Not for keys.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : seed_(seed) {}
  void fill(std::span<std::byte> out) override;

 private:
  std::uint64_t seed_;
  std::uint64_t block_ = 0;
  std::string buffer_{};
};

}  // namespace quell
