#pragma once

#include <optional>
#include <string_view>

#include "state/base/clock.h"

namespace quell::expression {

/// How far `zone` is ahead of UTC at `time`: a fixed offset (`UTC`, `Z`, `+05:30`, `-08:00`,
/// `02:00`) or a name of the IANA time zone database ("Australia/Sydney"), read from this machine's
/// copy. None for an unknown zone.
std::optional<Duration> zone_offset(std::string_view zone, Timestamp time);

}  // namespace quell::expression
