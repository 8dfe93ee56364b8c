#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "orchestrator/http_head.h"

namespace quell {

struct HttpRequestBounds {
  std::size_t head_bytes_max = 0;
  std::size_t head_lines_max = 0;
  std::size_t body_bytes_max = 0;
};

/// A request that is there in full.
struct ReceivedRequest {
  HttpHead head{};
  std::string body{};
};

/// Cuts what one connection delivers into requests, however it was cut into pieces on the way. Does
/// no I/O and never looks at a byte of a head twice, so a drip costs no more than a burst.
class HttpRequestReader {
 public:
  explicit HttpRequestReader(HttpRequestBounds bounds) : bounds_(bounds) {}

  void append(std::string_view bytes) { buffer_.append(bytes); }

  /// The next request; or why there will be none, after which the connection is over; or nothing as
  /// long as bytes are missing. What follows a request is kept for the next one.
  std::optional<std::variant<ReceivedRequest, HttpRefusal>> next();

  /// Is nothing of a request there yet?
  bool is_empty() const noexcept { return !head_ && buffer_.empty(); }
  /// Is the head complete, and the body not?
  bool is_in_body() const noexcept { return head_.has_value(); }
  /// What this holds in memory.
  std::size_t held_bytes() const noexcept { return buffer_.capacity(); }
  /// Forgets everything.
  void clear();

 private:
  /// Bytes of the head once its last line is there.
  std::optional<std::variant<std::size_t, HttpRefusal>> find_head_end();

  HttpRequestBounds bounds_;
  std::string buffer_{};  // the head being read, then the body being read
  std::size_t line_start_ = 0;
  std::size_t scanned_ = 0;
  std::size_t lines_ = 0;
  std::optional<HttpHead> head_{};  // of the body being read
};

}  // namespace quell
