#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace quell {

/// One challenge of a `WWW-Authenticate` field (RFC 9110 section 11.6.1): scheme and parameters,
/// names in lower case.
struct Challenge {
  std::string scheme{};
  std::map<std::string, std::string, std::less<>> params{};

  /// The parameter `name` (lower case), or empty.
  std::string_view param(std::string_view name) const noexcept;
};

/// Reads the values of all `WWW-Authenticate` fields of one answer: several challenges may share a
/// field or come in several. Bounded: 16 KiB in all, 16 challenges, 32 parameters each. A field is
/// read up to its first fault; a challenge with a fault or a repeated parameter is left out, since
/// two readers could understand it differently.
std::vector<Challenge> parse_challenges(const std::vector<std::string_view>& fields);

/// The first challenge of scheme Bearer, or null.
const Challenge* find_bearer(const std::vector<Challenge>& challenges) noexcept;

}  // namespace quell
