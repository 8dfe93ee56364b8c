#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "state/base/result.h"

namespace quell {

/// A delivery as somebody kept it in a file.
struct CapturedDelivery {
  std::string target{};                                        // empty: the file holds a body alone
  std::vector<std::pair<std::string, std::string>> headers{};  // names in lower case
  std::string body{};

  bool has_head() const noexcept { return !target.empty(); }
};

/// Reads a request as it went over the wire (a line before the request line is passed over), or a
/// body alone. What stands after Content-Length bytes is not part of it. Error topic "hook".
Result<CapturedDelivery> parse_capture(std::string_view text);

}  // namespace quell
