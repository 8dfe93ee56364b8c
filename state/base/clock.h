#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "state/base/result.h"

namespace quell {

using Duration = std::chrono::milliseconds;
using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

/// A time with the nanoseconds that only the expression language keeps: `nanos` is what lies beyond
/// the whole milliseconds, 0 to 999,999.
struct FineTime {
  Timestamp time{};
  std::int32_t nanos = 0;
  auto operator<=>(const FineTime&) const = default;
};
/// Likewise; of a negative one, `whole` is the next lower millisecond.
struct FineDuration {
  Duration whole{};
  std::int32_t nanos = 0;
  auto operator<=>(const FineDuration&) const = default;
};

/// The one source of time. It may run faster than real time (drills) or only when told (tests).
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const = 0;
  /// How long a thread may sleep, in real time, until this clock shows `due`; zero if it is past.
  virtual std::chrono::nanoseconds real_time_until(Timestamp due) const = 0;
  /// How far the clock that people see has moved away from this one since it began.
  virtual Duration jumped() const { return Duration{0}; }
};

/// UTC by the system's clock as it stood when this one was made, and from then on by the time that
/// passed: whoever sets the system's clock moves no deadline (threat T36). Time asleep counts.
class SystemClock final : public Clock {
 public:
  SystemClock();
  Timestamp now() const override;
  std::chrono::nanoseconds real_time_until(Timestamp due) const override;
  Duration jumped() const override;

 private:
  std::chrono::nanoseconds began_;  // since 1970, when the machine was switched on
};

/// Starts at `start` when it is made and runs `speed` times as fast as the monotonic clock.
class ScaledClock final : public Clock {
 public:
  ScaledClock(double speed, Timestamp start);
  Timestamp now() const override;
  std::chrono::nanoseconds real_time_until(Timestamp due) const override;

 private:
  double speed_;
  Timestamp start_;
  std::chrono::steady_clock::time_point steady_start_;
};

/// Moves only by `advance_to`; simulations and tests jump from timer to timer.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start) : now_(start) {}
  Timestamp now() const override { return now_; }
  std::chrono::nanoseconds real_time_until(Timestamp) const override {
    return std::chrono::nanoseconds{0};
  }
  /// Never moves backwards.
  void advance_to(Timestamp due);
  void advance(Duration by) { advance_to(now_ + by); }
  /// Somebody sets the clock that people see.
  void jump(Duration by) { jumped_ += by; }
  Duration jumped() const override { return jumped_; }

 private:
  Timestamp now_;
  Duration jumped_{0};
};

/// RFC 3339 in UTC with milliseconds: `2026-11-22T02:31:40.112Z`.
std::string format_rfc3339(Timestamp time);
/// Decimal seconds with the digits they need: `90s`, `-1.5s`.
std::string format_seconds(FineDuration duration);
/// `02:31:40Z` on the day of `today`, else `2026-11-20 16:02Z`.
std::string format_clock_time(Timestamp time, Timestamp today);
/// RFC 3339 with any offset and up to nine fractional digits (cut to milliseconds).
std::optional<Timestamp> parse_rfc3339(std::string_view text);
/// As above, not cut.
std::optional<FineTime> parse_rfc3339_fine(std::string_view text);

/// The language's spelling: `500ms`, `15m`, `2h30m`, `90s`, `1d`. Refuses negative, empty and
/// overflowing text.
std::optional<Duration> parse_duration(std::string_view text);
/// What people read: `840 ms`, `4.2 s`, `1 min 12 s`, `2 h 10 min`, `3 days`.
std::string format_duration(Duration duration);

}  // namespace quell
