#include "tests/connectors/transport/tls_server.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "state/base/assert.h"

namespace quell {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

void add_extension(X509* certificate, int nid, const std::string& value) {
  const std::unique_ptr<X509_EXTENSION, Free> extension(
      X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str()));
  QUELL_ASSERT(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

}  // namespace

struct TestCertificate::Parts {
  std::unique_ptr<EVP_PKEY, Free> key{};
  std::unique_ptr<X509, Free> certificate{};
};

TestCertificate::TestCertificate(const std::string& dns_name) : parts(std::make_unique<Parts>()) {
  constexpr long kDaySeconds = 86'400;
  parts->key.reset(EVP_EC_gen("P-256"));
  parts->certificate.reset(X509_new());
  X509* const certificate = parts->certificate.get();
  QUELL_ASSERT(parts->key && certificate != nullptr);
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -kDaySeconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate), kDaySeconds);
  X509_set_pubkey(certificate, parts->key.get());
  X509_NAME* const name = X509_get_subject_name(certificate);
  const std::string common_name = "quell test";
  X509_NAME_add_entry_by_NID(
      name, NID_commonName, MBSTRING_UTF8,
      std::vector<unsigned char>(common_name.begin(), common_name.end()).data(),
      static_cast<int>(common_name.size()), -1, 0);
  X509_set_issuer_name(certificate, name);
  add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate, NID_subject_alt_name, "DNS:" + dns_name);
  QUELL_ASSERT(X509_sign(certificate, parts->key.get(), EVP_sha256()) > 0);

  const char* const folder = std::getenv("TMPDIR");
  ca_file_ = std::string(folder != nullptr ? folder : "/tmp") + "/quell-test-ca-XXXXXX";
  const int descriptor = mkstemp(ca_file_.data());
  QUELL_ASSERT(descriptor >= 0);
  std::FILE* const file = fdopen(descriptor, "w");
  QUELL_ASSERT(file != nullptr && PEM_write_X509(file, certificate) == 1);
  std::fclose(file);
}

TestCertificate::~TestCertificate() { unlink(ca_file_.c_str()); }

std::string serve_tls(int descriptor, const TestCertificate& certificate,
                      const std::string& response, int highest_version) {
  const std::unique_ptr<SSL_CTX, Free> context(SSL_CTX_new(TLS_server_method()));
  QUELL_ASSERT(context);
  // Level 0 lets the old versions in, so that it is the client that refuses them.
  SSL_CTX_set_cipher_list(context.get(), "DEFAULT:@SECLEVEL=0");
  SSL_CTX_use_certificate(context.get(), certificate.parts->certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), certificate.parts->key.get());
  if (highest_version != 0) {
    SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context.get(), highest_version);
  }
  const std::unique_ptr<SSL, Free> ssl(SSL_new(context.get()));
  SSL_set_fd(ssl.get(), descriptor);
  std::string request;
  if (SSL_accept(ssl.get()) != 1) return request;
  while (request.find("\r\n\r\n") == std::string::npos) {
    std::array<char, 4096> buffer{};
    const int got = SSL_read(ssl.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (got <= 0) return request;
    request.append(buffer.data(), static_cast<std::size_t>(got));
  }
  SSL_write(ssl.get(), response.data(), static_cast<int>(response.size()));
  SSL_shutdown(ssl.get());
  return request;
}

}  // namespace quell
