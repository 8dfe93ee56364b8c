#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "state/base/random.h"
#include "state/base/secret.h"

namespace quell {

/// An API token as a caller shows it: `quell_api_ID_` and 43 characters of base62, which are 256
/// bits, and six of their CRC-32. The prefix lets scanners find one that leaked.
struct ApiToken {
  std::string id{};    // 12 hex digits
  std::string hash{};  // SHA-256 of the whole text, 32 raw bytes: all that is kept

  static Secret make(Random& random);
  /// Nothing for a text that no token of ours can be; a slip of the pen is one.
  static std::optional<ApiToken> read(std::string_view text);
};

}  // namespace quell
