#include "orchestrator/expression/time_zone.h"

#include <algorithm>
#include <cctz/time_zone.h>
#include <string>

namespace quell::expression {
namespace {

std::optional<Duration> fixed_offset(std::string_view zone) {
  if (zone == "UTC" || zone == "Z") return Duration{0};
  const bool is_west = zone.starts_with('-');
  if (is_west || zone.starts_with('+')) zone.remove_prefix(1);
  constexpr std::size_t kSize = 5;  // hh:mm
  if (zone.size() != kSize || zone[2] != ':') return std::nullopt;
  for (const std::size_t at : {0U, 1U, 3U, 4U}) {
    if (zone[at] < '0' || zone[at] > '9') return std::nullopt;
  }
  const int hours = (zone[0] - '0') * 10 + (zone[1] - '0');
  const int minutes = (zone[3] - '0') * 10 + (zone[4] - '0');
  if (hours > 23 || minutes > 59) return std::nullopt;
  const Duration offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  return is_west ? -offset : offset;
}

/// The library would also take a path, and "localtime" from the environment.
bool is_zone_name(std::string_view zone) {
  constexpr std::size_t kNameBytesMax = 64;
  const bool has_letters_only = std::all_of(zone.begin(), zone.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '+' || c == '-' || c == '/';
  });
  return has_letters_only && !zone.empty() && zone.size() <= kNameBytesMax && zone.front() != '/' &&
         zone != "localtime";
}

}  // namespace

std::optional<Duration> zone_offset(std::string_view zone, Timestamp time) {
  if (const std::optional<Duration> fixed = fixed_offset(zone)) return fixed;
  cctz::time_zone found;
  if (!is_zone_name(zone) || !cctz::load_time_zone(std::string(zone), &found)) return std::nullopt;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return std::chrono::seconds(found.lookup(cctz::time_point<cctz::seconds>(seconds)).offset);
}

}  // namespace quell::expression
