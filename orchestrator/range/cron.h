#pragma once

#include <array>
#include <bitset>
#include <optional>
#include <string_view>

#include "state/base/clock.h"

namespace quell::range {

/// A five-field cron expression (minute, hour, day of month, month, day of week) in UTC, with `*`,
/// numbers, ranges, lists and steps. When both day fields are restricted either one suffices, as
/// cron has always read it.
class Cron {
 public:
  static std::optional<Cron> parse(std::string_view expression);

  /// The first minute after `after` that matches, looking at most four years ahead.
  std::optional<Timestamp> next(Timestamp after) const;

 private:
  std::bitset<60> minutes_{};
  std::bitset<24> hours_{};
  std::bitset<32> days_{};
  std::bitset<13> months_{};
  std::bitset<8> weekdays_{};  // 0 and 7 are Sunday
  bool any_day_ = false;
  bool any_weekday_ = false;
};

}  // namespace quell::range
