#include "orchestrator/range/cron.h"

#include <charconv>
#include <chrono>
#include <cstddef>
#include <vector>

namespace quell::range {
namespace {

constexpr std::size_t kExpressionBytesMax = 128;
constexpr int kDaysAheadMax = 4 * 366;

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto at = text.find(by);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

template <std::size_t N>
bool read_field(std::string_view text, unsigned low, unsigned high, std::bitset<N>& out) {
  for (std::string_view part : split(text, ',')) {
    unsigned step = 1;
    if (const auto slash = part.find('/'); slash != std::string_view::npos) {
      const auto given = number(part.substr(slash + 1));
      if (!given || *given == 0) return false;
      step = *given;
      part = part.substr(0, slash);
    }
    unsigned first = low;
    unsigned last = high;
    if (part != "*") {
      const auto dash = part.find('-');
      const auto from = number(part.substr(0, dash));
      if (!from) return false;
      first = *from;
      last = step > 1 ? high : first;
      if (dash != std::string_view::npos) {
        const auto to = number(part.substr(dash + 1));
        if (!to) return false;
        last = *to;
      }
    }
    if (first < low || last > high || first > last) return false;
    for (unsigned value = first; value <= last; value += step) out.set(value);
  }
  return true;
}

}  // namespace

std::optional<Cron> Cron::parse(std::string_view expression) {
  if (expression.size() > kExpressionBytesMax) return std::nullopt;
  std::vector<std::string_view> fields;
  for (const std::string_view field : split(expression, ' ')) {
    if (!field.empty()) fields.push_back(field);
  }
  Cron cron;
  if (fields.size() != 5 || !read_field(fields[0], 0, 59, cron.minutes_) ||
      !read_field(fields[1], 0, 23, cron.hours_) || !read_field(fields[2], 1, 31, cron.days_) ||
      !read_field(fields[3], 1, 12, cron.months_) || !read_field(fields[4], 0, 7, cron.weekdays_)) {
    return std::nullopt;
  }
  if (cron.weekdays_[7]) cron.weekdays_.set(0);
  cron.any_day_ = fields[2] == "*";
  cron.any_weekday_ = fields[4] == "*";
  return cron;
}

std::optional<Timestamp> Cron::next(Timestamp after) const {
  using namespace std::chrono;
  const auto start = floor<minutes>(after) + minutes{1};
  auto day = floor<days>(start);
  for (int looked = 0; looked < kDaysAheadMax; ++looked, day += days{1}) {
    const year_month_day date{day};
    if (!months_[static_cast<unsigned>(date.month())]) continue;
    const bool by_day = days_[static_cast<unsigned>(date.day())];
    const bool by_weekday = weekdays_[weekday{day}.c_encoding()];
    const bool matches = any_day_ || any_weekday_ ? by_day && by_weekday : by_day || by_weekday;
    if (!matches) continue;
    for (std::size_t hour = 0; hour < 24; ++hour) {
      if (!hours_[hour]) continue;
      for (std::size_t minute = 0; minute < 60; ++minute) {
        const auto at = day + hours{hour} + minutes{minute};
        if (minutes_[minute] && at >= start) return time_point_cast<milliseconds>(at);
      }
    }
  }
  return std::nullopt;
}

}  // namespace quell::range
