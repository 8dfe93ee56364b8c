#pragma once

#include <memory>
#include <string>
#include <vector>

namespace quell {

/// Key and self-signed certificate for `dns_name`, made afresh; for one test.
struct TestCertificate {
  explicit TestCertificate(const std::string& dns_name);
  ~TestCertificate();
  TestCertificate(const TestCertificate&) = delete;
  TestCertificate& operator=(const TestCertificate&) = delete;

  /// PEM file that trusts it; removed with this object.
  const std::string& ca_file() const noexcept { return ca_file_; }

  struct Parts;
  std::unique_ptr<Parts> parts;

 private:
  std::string ca_file_{};
};

/// Speaks TLS on one accepted connection and answers one request with `response`. Gives what it
/// read: empty when the client left during the handshake.
std::string serve_tls(int descriptor, const TestCertificate& certificate,
                      const std::string& response, int highest_version = 0);

}  // namespace quell
