#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace quell::range::test {

/// A TCP client that sends what it is told, byte by byte, right or wrong.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  /// False when the other side has closed.
  bool send(std::string_view bytes);
  /// One answer framed by its Content-Length, or what came until the line ended. Fails the test
  /// after 10 s.
  std::string receive();
  /// Everything until the other side closes; sets `was_reset` when it did so by a reset.
  std::string receive_all();

  bool was_reset = false;

 private:
  bool fill();

  int fd_;
  std::string buffer_{};
};

/// Status of an answer, 0 if it is none.
int status_of(std::string_view answer);
/// First value of a header of an answer, or "(absent)".
std::string header_in(std::string_view answer, std::string_view name);
std::string_view body_of(std::string_view answer);

}  // namespace quell::range::test
