#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/egress_policy.h"
#include "connectors/http_transport.h"
#include "state/base/clock.h"

namespace quell {

struct CurlOptions {
  std::string ca_file{};            // PEM; trusted besides the system's certificates
  long host_connections_max = 512;  // per scheme, host and port
  long connections_max = 1'024;     // in all, idle ones included
  std::size_t requests_max = 8192;  // in flight and waiting; one more is refused as `transient`
  /// `host:port:address`: answers for names instead of DNS, TLS still checks the name. Never from
  /// a document or an input.
  std::vector<std::string> pinned_names{};
};

/// HttpTransport over one libcurl multi handle: hundreds of requests in flight on the one thread
/// that calls start() and poll().
///
/// It holds what must hold for every request whoever composed it: TLS is verified, no redirect is
/// followed, no proxy used, nothing decompressed; the address is checked against the policy at
/// connect and again before each request on a pooled connection (threat T6); a secret leaves only
/// for its origins (T2, T7); headers, body and time are capped (T13, T14); and a request that may
/// change something is never sent twice. At most 30 s and `body_bytes_max` for configured origins,
/// HTTP/1.1, 10 s and 256 KiB for untrusted ones, 64 KiB of headers, 5 s to connect.
class CurlTransport final : public HttpTransport {
 public:
  /// `clock` outlives the transport.
  CurlTransport(const Clock& clock, EgressPolicy policy, CurlOptions options = {});
  ~CurlTransport() override;
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;

  void start(Ticket ticket, HttpRequest request) override;
  std::vector<Completion> poll(Timestamp until) override;
  void wake() override;

  /// For a configuration that was read again; holds for every request that has not been sent yet,
  /// on pooled connections too.
  void set_policy(EgressPolicy policy);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace quell
