#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "certificates.h"

namespace quell::http::test {

/// One TLS connection to a server on 127.0.0.1, whose certificate is checked against `authority`.
class TlsClient {
 public:
  struct Options {
    std::uint16_t port = 0;
    std::string authority_file{};
    Authority::Files own{};  // empty: the client shows no certificate
    int version_max = 0;     // as OpenSSL numbers them; 0: the newest
    std::string suites{};    // of TLS 1.2, empty: the library's
  };
  /// Shakes hands; is_open() tells whether that went well.
  explicit TlsClient(const Options& options);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool is_open() const noexcept { return is_open_; }
  std::string version() const;
  /// Common name of the server's certificate.
  std::string server_name() const;
  void send(const std::string& bytes);
  /// Everything until the server closes.
  std::string receive_all();
  /// Asks for new keys in the middle of the connection; false when the server refuses.
  bool renegotiate();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
  bool is_open_ = false;
};

}  // namespace quell::http::test
