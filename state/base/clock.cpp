#include "state/base/clock.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <ctime>
#include <limits>

namespace quell {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_days;

std::string padded(std::int64_t number, std::size_t width) {
  std::string text = std::to_string(number);
  if (text.size() < width) text.insert(0, width - text.size(), '0');
  return text;
}

struct Civil {
  std::int64_t year, month, day, hour, minute, second, millisecond;
};

Civil civil(Timestamp time) {
  const sys_days day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::int64_t ms = (time - day).count();
  return {.year = static_cast<int>(date.year()),
          .month = static_cast<unsigned>(date.month()),
          .day = static_cast<unsigned>(date.day()),
          .hour = ms / 3'600'000,
          .minute = ms / 60'000 % 60,
          .second = ms / 1'000 % 60,
          .millisecond = ms % 1'000};
}

/// Reads exactly `width` digits at `at` and moves past them; -1 when they are not there.
int read_digits(std::string_view text, std::size_t& at, std::size_t width) {
  if (at + width > text.size()) return -1;
  int number = 0;
  for (std::size_t end = at + width; at < end; ++at) {
    if (text[at] < '0' || text[at] > '9') return -1;
    number = number * 10 + (text[at] - '0');
  }
  return number;
}

bool read_char(std::string_view text, std::size_t& at, std::string_view any_of) {
  if (at >= text.size() || any_of.find(text[at]) == std::string_view::npos) return false;
  ++at;
  return true;
}

/// `fraction` of `of` as decimal digits behind a point, without zeros at the end; nothing for 0.
std::string fraction_text(std::uint64_t fraction, std::uint64_t of) {
  if (fraction == 0) return {};
  std::string digits = std::to_string(of + fraction).substr(1);
  while (digits.back() == '0') digits.pop_back();
  return "." + digits;
}

std::chrono::nanoseconds wall_time() { return std::chrono::system_clock::now().time_since_epoch(); }

std::chrono::nanoseconds time_since_boot() {
  timespec time{};
  clock_gettime(CLOCK_BOOTTIME, &time);
  return seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

SystemClock::SystemClock() : began_(wall_time() - time_since_boot()) {}

Timestamp SystemClock::now() const {
  return Timestamp(std::chrono::floor<milliseconds>(began_ + time_since_boot()));
}

Duration SystemClock::jumped() const {
  return std::chrono::duration_cast<Duration>(wall_time() - time_since_boot() - began_);
}

std::chrono::nanoseconds SystemClock::real_time_until(Timestamp due) const {
  return std::max(std::chrono::nanoseconds(due - now()), std::chrono::nanoseconds{0});
}

ScaledClock::ScaledClock(double speed, Timestamp start)
    : speed_(speed),
      start_(start),
      steady_start_(std::chrono::steady_clock::now()) {
  QUELL_ASSERT(speed > 0);
}

Timestamp ScaledClock::now() const {
  const std::chrono::duration<double, std::milli> real =
      std::chrono::steady_clock::now() - steady_start_;
  return start_ + milliseconds(static_cast<std::int64_t>(real.count() * speed_));
}

std::chrono::nanoseconds ScaledClock::real_time_until(Timestamp due) const {
  const double left_ms = static_cast<double>((due - now()).count()) / speed_;
  // A rounding short of the due millisecond would spin: one tick more is one tick late at most.
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::max(left_ms, 0.0) * 1e6) +
                                  (left_ms > 0 ? 1000 : 0));
}

void ManualClock::advance_to(Timestamp due) { now_ = std::max(now_, due); }

std::string format_rfc3339(Timestamp time) {
  const Civil c = civil(time);
  return padded(c.year, 4) + "-" + padded(c.month, 2) + "-" + padded(c.day, 2) + "T" +
         padded(c.hour, 2) + ":" + padded(c.minute, 2) + ":" + padded(c.second, 2) + "." +
         padded(c.millisecond, 3) + "Z";
}

std::string format_seconds(FineDuration duration) {
  constexpr std::int64_t kNanosPerMilli = 1'000'000;
  const bool is_negative = duration.whole.count() < 0;
  // Of a negative one, milliseconds are counted downwards and nanoseconds up from there.
  const bool borrows = is_negative && duration.nanos > 0;
  const auto ms = static_cast<std::uint64_t>(duration.whole.count() + (borrows ? 1 : 0));
  const std::uint64_t size = is_negative ? 0 - ms : ms;
  const auto nanos =
      static_cast<std::uint64_t>(borrows ? kNanosPerMilli - duration.nanos : duration.nanos);
  return (is_negative ? "-" : "") + std::to_string(size / 1'000) +
         fraction_text(size % 1'000 * kNanosPerMilli + nanos, 1'000'000'000) + "s";
}

std::string format_clock_time(Timestamp time, Timestamp today) {
  const Civil c = civil(time);
  const std::string minutes_text = padded(c.hour, 2) + ":" + padded(c.minute, 2);
  if (std::chrono::floor<days>(time) == std::chrono::floor<days>(today)) {
    return minutes_text + ":" + padded(c.second, 2) + "Z";
  }
  return padded(c.year, 4) + "-" + padded(c.month, 2) + "-" + padded(c.day, 2) + " " +
         minutes_text + "Z";
}

std::optional<Timestamp> parse_rfc3339(std::string_view text) {
  const std::optional<FineTime> fine = parse_rfc3339_fine(text);
  return fine ? std::optional<Timestamp>(fine->time) : std::nullopt;
}

std::optional<FineTime> parse_rfc3339_fine(std::string_view text) {
  std::size_t at = 0;
  const int year = read_digits(text, at, 4);
  if (year < 0 || !read_char(text, at, "-")) return std::nullopt;
  const int month = read_digits(text, at, 2);
  if (month < 0 || !read_char(text, at, "-")) return std::nullopt;
  const int day = read_digits(text, at, 2);
  if (day < 0 || !read_char(text, at, "Tt ")) return std::nullopt;
  const int hour = read_digits(text, at, 2);
  if (hour < 0 || hour > 23 || !read_char(text, at, ":")) return std::nullopt;
  const int minute = read_digits(text, at, 2);
  if (minute < 0 || minute > 59 || !read_char(text, at, ":")) return std::nullopt;
  const int second = read_digits(text, at, 2);
  if (second < 0 || second > 60) return std::nullopt;
  constexpr std::int64_t kNanosPerMilli = 1'000'000;
  std::int64_t fraction = 0;  // nanoseconds
  if (read_char(text, at, ".")) {
    std::int64_t scale = 100'000'000;
    std::size_t digits = 0;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      if (++digits > 9) return std::nullopt;
      fraction += (text[at] - '0') * scale;
      scale /= 10;
      ++at;
    }
    if (digits == 0) return std::nullopt;
  }
  std::int64_t offset_minutes = 0;
  if (!read_char(text, at, "Zz")) {
    if (at >= text.size()) return std::nullopt;
    const char sign = text[at];
    if (!read_char(text, at, "+-")) return std::nullopt;
    const int offset_hour = read_digits(text, at, 2);
    if (offset_hour < 0 || offset_hour > 23 || !read_char(text, at, ":")) return std::nullopt;
    const int offset_minute = read_digits(text, at, 2);
    if (offset_minute < 0 || offset_minute > 59) return std::nullopt;
    offset_minutes = (std::int64_t{offset_hour} * 60 + offset_minute) * (sign == '-' ? -1 : 1);
  }
  if (at != text.size()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return FineTime{.time = Timestamp(sys_days(date)) + hours(hour) + minutes(minute) +
                          seconds(second) + milliseconds(fraction / kNanosPerMilli) -
                          minutes(offset_minutes),
                  .nanos = static_cast<std::int32_t>(fraction % kNanosPerMilli)};
}

std::optional<Duration> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::int64_t ms;
  };
  // "ms" before "m", so that the longer unit is tried first.
  constexpr std::array<Unit, 5> kUnits{
      {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  constexpr std::int64_t kDurationMsMax = std::int64_t{366} * 100 * 86'400'000;
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  std::size_t at = 0;
  std::int64_t last_unit = std::numeric_limits<std::int64_t>::max();
  while (at < text.size()) {
    std::int64_t number = 0;
    const std::size_t first = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      number = number * 10 + (text[at] - '0');
      if (number > kDurationMsMax) return std::nullopt;
      ++at;
    }
    if (at == first) return std::nullopt;
    const auto* const unit = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) {
      return text.substr(at).starts_with(u.name);
    });
    // Larger units first, each once: "2h30m", never "30m2h".
    if (unit == kUnits.end() || unit->ms >= last_unit) return std::nullopt;
    if (number > kDurationMsMax / unit->ms) return std::nullopt;
    total += number * unit->ms;
    if (total > kDurationMsMax) return std::nullopt;
    last_unit = unit->ms;
    at += unit->name.size();
  }
  return Duration(total);
}

// A negative one calls itself once.
// NOLINTNEXTLINE(misc-no-recursion)
std::string format_duration(Duration duration) {
  const std::int64_t ms = duration.count();
  if (ms < 0) return "-" + format_duration(-duration);
  if (ms < 1'000) return std::to_string(ms) + " ms";
  if (ms < 10'000 && ms % 1'000 != 0) {
    return std::to_string(ms / 1'000) + "." + std::to_string(ms % 1'000 / 100) + " s";
  }
  const std::int64_t s = ms / 1'000;
  if (s < 60) return std::to_string(s) + " s";
  if (s < 3'600) {
    const std::string rest = s % 60 == 0 ? "" : " " + std::to_string(s % 60) + " s";
    return std::to_string(s / 60) + " min" + rest;
  }
  if (s < std::int64_t{48} * 3'600) {
    const std::string rest = s / 60 % 60 == 0 ? "" : " " + std::to_string(s / 60 % 60) + " min";
    return std::to_string(s / 3'600) + " h" + rest;
  }
  return std::to_string(s / 86'400) + " days";
}

}  // namespace quell
