#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "orchestrator/http_wire.h"
#include "state/base/result.h"

namespace quell {

/// What a listener's certificate is made of; PEM files.
struct HttpTlsFiles {
  std::string certificate_file{};  // the server's, then the ones up to its authority
  std::string key_file{};          // ours alone: mode 0600
  /// With it clients are asked for a certificate of these authorities: one that does not check out
  /// ends the handshake, none at all is for the handler to judge by HttpCall::client_verified.
  std::string client_ca_file{};
};

/// One loaded set of files, never changed. TLS 1.2 and 1.3; of 1.2 only forward-secret suites with
/// authenticated encryption (RFC 9325 section 4.2); no renegotiation, no resumption, so that
/// nobody's old session outlives a change of the files.
class TlsContext {
 public:
  /// Error topic "listen": a file that is not there or not PEM, a key that others can read or that
  /// does not belong to the certificate.
  static Result<std::shared_ptr<const TlsContext>> load(const HttpTlsFiles& files);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

 private:
  friend class TlsSession;
  struct Parts;
  explicit TlsContext(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// TLS on one accepted, non-blocking connection; borrows its descriptor. The handshake happens
/// within the first calls of receive().
class TlsSession {
 public:
  /// Null when there is no memory for it.
  static std::unique_ptr<TlsSession> begin(std::shared_ptr<const TlsContext> context, int fd);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  Moved receive(std::span<char> out);
  Moved send(std::string_view bytes);
  /// Tells the other side that nothing more comes, without waiting.
  void say_goodbye();
  bool is_shaking_hands() const;
  /// Did the client show a certificate of an authority in `client_ca_file`?
  bool is_client_verified() const;

 private:
  struct Parts;
  explicit TlsSession(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace quell
