#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "orchestrator/expression/evaluator.h"
#include "state/base/value.h"

namespace quell::expression {

/// Counts what one evaluation does and builds.
class Budget {
 public:
  explicit Budget(const Scope& scope) : scope_(scope) {}

  /// False when the steps are used up. The inputs are counted only when the base allowance is.
  bool spend(std::uint64_t steps) {
    used_ += steps;
    return used_ <= allowed_ || extend();
  }

  /// What reading or copying so many bytes costs.
  static constexpr std::uint64_t steps_of_bytes(std::size_t bytes) noexcept {
    constexpr std::size_t kBytesPerStep = 64;
    return bytes / kBytesPerStep;
  }

  /// The size of a value inside a new container: references to the inputs are free, text counts
  /// when it is `fresh`, and a container that this evaluation built counts each time it is referred
  /// to, since it is written out each time.
  std::size_t bytes_of(const Value& value, bool is_fresh) const;

  /// Remembers a list or map as built here with `content` bytes; false when that is too much.
  bool built(const Value& container, std::size_t content);
  bool is_built(const Value& container) const;

 private:
  bool extend();

  const Scope& scope_;
  std::uint64_t used_ = 0;
  std::uint64_t allowed_ = kStepsMax;
  bool extended_ = false;
  // By address: containers live as long as the evaluation can reach them, and those of the inputs
  // longer, so an address is used again only for another built one.
  std::unordered_map<const void*, std::size_t> built_{};
};

}  // namespace quell::expression
