#include "orchestrator/expression/conversions.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include <fmt/format.h>

#include "orchestrator/expression/text.h"

namespace quell::expression {
namespace {

/// `.5`, `.25` of nanoseconds within a second: the digits that are needed, or nothing.
std::string fraction_text(std::int64_t nanos) {
  if (nanos == 0) return {};
  std::string digits = fmt::format(".{:09}", nanos);
  while (digits.back() == '0') digits.pop_back();
  return digits;
}

std::string timestamp_text(FineTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time.time);
  const std::chrono::year_month_day date(day);
  const std::int64_t ms = (time.time - day).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     ms / 3'600'000, ms / 60'000 % 60, ms / 1'000 % 60,
                     fraction_text(ms % 1'000 * kNanosPerMilli + time.nanos));
}

/// The shortest digits that read back as the same number; an exponent only where plain digits would
/// be long.
std::string double_text(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  constexpr double kPlainMax = 1e21;
  constexpr double kPlainMin = 1e-6;
  const double size = std::fabs(number);
  const bool is_plain = size == 0 || (size >= kPlainMin && size < kPlainMax);
  std::array<char, 64> buffer{};
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), number,
                    is_plain ? std::chars_format::fixed : std::chars_format::scientific);
  return {buffer.data(), end};
}

}  // namespace

std::optional<double> parse_double(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  // "nan(...)" is C's, not ours.
  if (text.empty() || text.find('(') != std::string_view::npos) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    // from_chars does not tell too large from too small.
    value = std::strtod(std::string(text).c_str(), nullptr);
    if (std::isinf(value)) return std::nullopt;
    return value;
  }
  if (error != std::errc{}) return std::nullopt;
  return value;
}

Computed to_int(const Value& from) {
  if (from.is_int()) return from;
  if (from.is_timestamp()) {
    return Value(std::int64_t{
        std::chrono::floor<std::chrono::seconds>(from.as_timestamp()).time_since_epoch().count()});
  }
  if (from.is_number()) {
    // The ends themselves are refused: a double there may stand for an integer beyond.
    constexpr double kEnd = 9'223'372'036'854'775'808.0;
    const double number = from.as_number();
    if (!(number > -kEnd && number < kEnd)) return failed("the double is outside the range of int");
    return Value(static_cast<std::int64_t>(number));
  }
  if (!from.is_string()) return failed(kNoSuchOverload);
  std::string_view text = from.as_string();
  if (text.starts_with('+') && text.size() > 1 && is_digit(text[1])) text.remove_prefix(1);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) {
    return failed("the string is outside the range of int");
  }
  if (error != std::errc{} || end != text.data() + text.size()) {
    return failed("the string is not an integer", "decimal digits with an optional sign");
  }
  return Value(number);
}

Computed to_double(const Value& from) {
  if (from.is_number()) return from;
  if (from.is_int()) return Value(static_cast<double>(from.as_int()));
  if (!from.is_string()) return failed(kNoSuchOverload);
  const std::optional<double> number = parse_double(from.as_string());
  if (!number) return failed("the string is not a number in the range of double");
  return Value(*number);
}

Computed to_bool(const Value& from) {
  if (from.is_bool()) return from;
  if (!from.is_string()) return failed(kNoSuchOverload);
  constexpr std::array<std::string_view, 5> kTrue{"true", "True", "TRUE", "t", "1"};
  constexpr std::array<std::string_view, 5> kFalse{"false", "False", "FALSE", "f", "0"};
  const std::string& text = from.as_string();
  if (std::find(kTrue.begin(), kTrue.end(), text) != kTrue.end()) return Value(true);
  if (std::find(kFalse.begin(), kFalse.end(), text) != kFalse.end()) return Value(false);
  return failed("the string is neither true nor false");
}

Computed to_duration(const Value& from) {
  if (from.is_duration()) return from;
  if (!from.is_string()) return failed(kNoSuchOverload);
  struct Unit {
    std::string_view name;
    std::int64_t nanos;
  };
  // "ms" before "m", so that the longer unit is tried first.
  constexpr std::array<Unit, 7> kUnits{{{"ms", 1'000'000},
                                        {"us", 1'000},
                                        {"\xc2\xb5s", 1'000},
                                        {"ns", 1},
                                        {"h", 3'600'000'000'000},
                                        {"m", 60'000'000'000},
                                        {"s", 1'000'000'000}}};
  Computed malformed =
      failed("the string is not a duration", "numbers with h, m, s or ms, as in 1h30m");
  Computed too_large = failed("the duration is out of range", "at most about 292 years");
  std::string_view text = from.as_string();
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return Value(Duration{0});
  if (text.empty()) return malformed;
  std::int64_t total = 0;
  while (!text.empty()) {
    std::int64_t whole = 0;
    std::size_t digits = 0;
    for (; !text.empty() && is_digit(text[0]); text.remove_prefix(1), ++digits) {
      if (__builtin_mul_overflow(whole, std::int64_t{10}, &whole) ||
          __builtin_add_overflow(whole, std::int64_t{text[0] - '0'}, &whole)) {
        return too_large;
      }
    }
    std::string_view fraction;
    if (text.starts_with('.')) {
      text.remove_prefix(1);
      const auto* const end = std::find_if_not(text.begin(), text.end(), is_digit);
      fraction = text.substr(0, static_cast<std::size_t>(end - text.begin()));
      text.remove_prefix(fraction.size());
    }
    const auto* const unit = std::find_if(kUnits.begin(), kUnits.end(), [text](const Unit& known) {
      return text.starts_with(known.name);
    });
    if (digits + fraction.size() == 0 || unit == kUnits.end()) return malformed;
    text.remove_prefix(unit->name.size());
    std::int64_t part = 0;
    if (__builtin_mul_overflow(whole, unit->nanos, &part) ||
        __builtin_add_overflow(total, part, &total)) {
      return too_large;
    }
    std::int64_t scale = unit->nanos;
    for (const char digit : fraction) {
      if (scale % 10 != 0 && digit != '0') {
        return failed("the duration is finer than a nanosecond");
      }
      scale /= 10;
      if (__builtin_add_overflow(total, scale * (digit - '0'), &total)) return too_large;
    }
  }
  return Value(duration_of(is_negative ? -total : total));
}

Computed to_timestamp(const Value& from) {
  if (from.is_timestamp()) return from;
  if (from.is_int()) {
    constexpr std::int64_t kFirst = -62'135'596'800;  // 0001-01-01T00:00:00Z
    constexpr std::int64_t kLast = 253'402'300'799;   // 9999-12-31T23:59:59Z
    if (from.as_int() < kFirst || from.as_int() > kLast) {
      return failed("the timestamp is out of range", "the years 1 to 9999");
    }
    return Value(Timestamp(std::chrono::seconds(from.as_int())));
  }
  if (!from.is_string()) return failed(kNoSuchOverload);
  const std::optional<FineTime> time = parse_rfc3339_fine(from.as_string());
  if (!time) {
    return failed("the string is not a timestamp in range", "RFC 3339, as in 2026-11-22T03:41:00Z");
  }
  if (!in_range(time->time)) return failed("the timestamp is out of range", "the years 1 to 9999");
  return Value(*time);
}

std::optional<std::string> plain_text(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::string:
      return value.as_string();
    case Value::Kind::integer:
      return fmt::format("{}", value.as_int());
    case Value::Kind::number:
      return double_text(value.as_number());
    case Value::Kind::boolean:
      return value.as_bool() ? "true" : "false";
    case Value::Kind::timestamp:
      return timestamp_text(value.as_fine_time());
    case Value::Kind::duration:
      return format_seconds(value.as_fine_duration());
    case Value::Kind::null:
    case Value::Kind::list:
    case Value::Kind::map:
    case Value::Kind::secret:
    case Value::Kind::entries:
      break;
  }
  return std::nullopt;
}

bool in_range(Timestamp time) noexcept {
  constexpr std::int64_t kFirst = -62'135'596'800'000;
  constexpr std::int64_t kLast = 253'402'300'799'999;
  const std::int64_t ms = time.time_since_epoch().count();
  return ms >= kFirst && ms <= kLast;
}

// Both go around the one millisecond below the least nanosecond, which 64 bits do not hold.
std::int64_t nanos_of(FineDuration duration) noexcept {
  const bool borrows = duration.whole.count() < 0 && duration.nanos > 0;
  return borrows ? (duration.whole.count() + 1) * kNanosPerMilli + (duration.nanos - kNanosPerMilli)
                 : duration.whole.count() * kNanosPerMilli + duration.nanos;
}

FineDuration duration_of(std::int64_t nanos) noexcept {
  const std::int64_t rest = nanos % kNanosPerMilli;
  return {.whole = Duration(nanos / kNanosPerMilli - (rest < 0 ? 1 : 0)),
          .nanos = static_cast<std::int32_t>(rest < 0 ? rest + kNanosPerMilli : rest)};
}

bool in_range(Duration duration) noexcept {
  constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max() / kNanosPerMilli;
  return duration.count() >= -kEnd && duration.count() <= kEnd;
}

}  // namespace quell::expression
