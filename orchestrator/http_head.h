#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace quell {

/// Request line and headers that passed every check.
struct HttpHead {
  std::string method{};
  std::string target{};
  std::vector<std::pair<std::string, std::string>> headers{};  // names in lower case
  std::size_t body_bytes = 0;
  bool closes = false;  // the caller said `Connection: close`
};

/// Why a request is not taken: the status to answer and one sentence without a word of the request.
struct HttpRefusal {
  int status = 400;
  std::string_view reason{};
};

/// Longest request target.
inline constexpr std::size_t kHttpTargetBytesMax = 8U << 10U;

/// Reads a head, from the request line to the empty line that ends it, by RFC 9112 sections 2 to 6
/// without its leniencies. What could be read in two ways, by us and by a proxy before us, is
/// refused. A body over `body_bytes_max` is 413 before a byte of it is read.
std::variant<HttpHead, HttpRefusal> parse_http_head(std::string_view head,
                                                    std::size_t body_bytes_max);

/// Is `value` fit for a header of an answer: no control byte but the tab, no line break?
bool is_http_field_value(std::string_view value) noexcept;
bool is_http_token(std::string_view text) noexcept;

/// Words for a status line (RFC 9110 section 15); empty, which RFC 9112 section 4 allows, for a
/// status that this does not know.
std::string_view http_reason_phrase(int status) noexcept;

}  // namespace quell
