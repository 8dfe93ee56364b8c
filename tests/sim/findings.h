#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quell::sim {

/// An invariant that did not hold.
struct Violation {
  std::string invariant{};  // its name
  std::string seen{};
};

/// What one seed brought to light, and where its trace goes.
class Findings {
 public:
  explicit Findings(std::function<void(std::string_view)> trace) : trace_(std::move(trace)) {}

  void violated(std::string invariant, std::string seen) {
    tell("VIOLATED " + invariant + ": " + seen);
    if (violations_.size() < kViolationsMax)
      violations_.push_back({.invariant = std::move(invariant), .seen = std::move(seen)});
  }
  bool none() const noexcept { return violations_.empty(); }
  const std::vector<Violation>& violations() const noexcept { return violations_; }

  bool is_traced() const noexcept { return static_cast<bool>(trace_); }
  void tell(std::string_view line) const {
    if (trace_) trace_(line);
  }

 private:
  static constexpr std::size_t kViolationsMax = 20;

  std::function<void(std::string_view)> trace_;
  std::vector<Violation> violations_{};
};

}  // namespace quell::sim
