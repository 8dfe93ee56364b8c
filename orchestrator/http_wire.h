#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "state/private_file.h"

namespace quell {

class TlsContext;
class TlsSession;

using Deadline = std::chrono::steady_clock::time_point;

/// What became of one attempt to move bytes without waiting.
struct Moved {
  enum class How : std::uint8_t { done, wants_to_read, wants_to_write, over };
  How how = How::over;
  std::size_t bytes = 0;  // when done
};

/// One accepted connection, with or without TLS. Not shared: one thread at a time has it.
class HttpWire {
 public:
  /// `fd` is non-blocking; `tls` may be null.
  HttpWire(FileDescriptor fd, std::shared_ptr<const TlsContext> tls);
  ~HttpWire();  // says goodbye and closes
  HttpWire(const HttpWire&) = delete;
  HttpWire& operator=(const HttpWire&) = delete;

  int fd() const noexcept { return fd_.get(); }
  bool is_tls() const noexcept { return tls_ != nullptr; }
  bool is_shaking_hands() const;  // since its first byte
  bool is_client_verified() const;
  /// The caller's numeric address; "unix" on a Unix socket.
  std::string peer() const;

  Moved receive(std::span<char> out);
  Moved send(std::string_view bytes);
  /// Waits as long as it takes, until `due`. False when the other side left or it was too long.
  bool send_all(std::string_view bytes, Deadline due);
  bool is_hung_up() const;

  /// Nothing more is sent; what the other side still sends can be read.
  void end_sending();
  /// The end of this is a reset.
  void cut();
  /// Ends what another thread does with this; the one call that may come from elsewhere.
  void interrupt() const;

 private:
  FileDescriptor fd_;
  std::shared_ptr<const TlsContext> tls_;
  std::unique_ptr<TlsSession> session_{};  // made at the first byte: silence costs no memory
  bool says_goodbye_ = true;
};

/// Milliseconds until `due` for poll() and its like: rounded up, never negative, at most an hour.
int milliseconds_until(Deadline due);

}  // namespace quell
