#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "state/base/clock.h"
#include "state/base/value.h"

namespace quell::expression {

/// A value, or CEL's reason why there is none.
struct Computed {
  Computed(Value result) : value(std::move(result)) {}  // NOLINT(google-explicit-constructor)
  Computed(std::nullopt_t, std::string why, std::string remedy)
      : reason(std::move(why)), hint(std::move(remedy)) {}

  std::optional<Value> value{};
  std::string reason{};
  std::string hint{};
};

inline Computed failed(std::string_view reason, std::string_view hint = {}) {
  return {std::nullopt, std::string(reason), std::string(hint)};
}

inline constexpr std::string_view kNoSuchOverload = "no such overload";
inline constexpr std::string_view kResultTooLarge = "the result is too large";

/// A decimal floating-point number with optional sign, `inf` or `nan`; none for other text and for
/// numbers too large for a double. What is too small becomes zero.
std::optional<double> parse_double(std::string_view text);

// The conversions of cel-spec langdef, "List of Standard Definitions". None quotes its argument,
// which may come from outside.
Computed to_int(const Value& from);
Computed to_double(const Value& from);
Computed to_bool(const Value& from);
/// CEL's spelling: a sign, then decimal numbers with h, m, s, ms, us or ns (`1h30m`, `-1.5s`).
Computed to_duration(const Value& from);
/// RFC 3339 or seconds since 1970.
Computed to_timestamp(const Value& from);

/// What string() gives, and what a value becomes inside a longer text; none for a null, list, map
/// or secret. Timestamps are RFC 3339 in UTC with the fraction they need, durations decimal
/// seconds.
std::optional<std::string> plain_text(const Value& value);

inline constexpr std::int64_t kNanosPerMilli = 1'000'000;

/// The years 1 to 9999 (cel-spec langdef, "Timestamps").
bool in_range(Timestamp time) noexcept;
/// What 64 bits of nanoseconds hold, about 292 years either way: the bound of the public
/// conformance suite. Durations of other sources may be longer: in_range() is asked first.
std::int64_t nanos_of(FineDuration duration) noexcept;
FineDuration duration_of(std::int64_t nanos) noexcept;
bool in_range(Duration duration) noexcept;

}  // namespace quell::expression
