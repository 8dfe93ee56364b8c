#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "connectors/http_transport.h"

namespace quell {

/// Takes an answer apart as it arrives and stops at its limits. The body is collected in a buffer
/// that leaves no copy behind when it grows.
class ResponseReader {
 public:
  struct Limits {
    std::size_t header_bytes_max = 64U << 10;  // all header blocks and trailers together
    std::size_t body_bytes_max = 4U << 20;
    bool first_event_only = false;
  };
  enum class Stop : std::uint8_t { none, headers_too_long, body_too_long, event_complete };

  void begin(Limits limits);

  /// One line of a header block, its line end included. False: read no further.
  bool take_header_line(std::string_view line);
  /// Some more of the body. False: read no further.
  bool take_body(std::string_view bytes);

  Stop stop() const noexcept { return stop_; }
  bool has_seen_anything() const noexcept { return header_bytes_ > 0; }
  /// The answer; the reader is empty afterwards.
  HttpResponse take(int status);

 private:
  /// Looks for a complete, non-empty `data:` line (WHATWG HTML, "Server-sent events") in what has
  /// not been looked at.
  void scan_for_event();
  bool is_event_stream() const;

  Limits limits_{};
  HttpResponse response_{};
  std::size_t header_bytes_ = 0;
  std::size_t line_start_ = 0;  // of the first line of the body that is not complete yet
  bool body_began_ = false;
  Stop stop_ = Stop::none;
};

}  // namespace quell
