#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace quell {

/// A run of one journal: `r17x`, its number and a check letter (number mod 19 of
/// `bcdfghjkmnpqrstvwxz`), so that one wrong digit or two swapped ones are noticed on the phone. A
/// drill's run starts with `d`.
struct RunId {
  std::uint64_t number = 0;  // from 1
  bool drill = false;

  auto operator<=>(const RunId&) const = default;
};

std::string to_string(RunId id);
/// The full form only; a wrong check letter gives nothing.
std::optional<RunId> parse_run_id(std::string_view text);

}  // namespace quell
