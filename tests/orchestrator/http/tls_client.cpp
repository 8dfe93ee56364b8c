#include "tls_client.h"

#include <array>
#include <csignal>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "state/base/assert.h"

namespace quell::http::test {
namespace {

constexpr time_t kPatienceSeconds = 10;

struct FreesTls {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

}  // namespace

struct TlsClient::Parts {
  std::unique_ptr<SSL_CTX, FreesTls> context{SSL_CTX_new(TLS_client_method())};
  std::unique_ptr<SSL, FreesTls> ssl{};
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

TlsClient::TlsClient(const Options& options) : parts_(std::make_unique<Parts>()) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to lines that the server has cut
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  QUELL_ASSERT(::connect(parts_->fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
               0);
  const timeval patience{.tv_sec = kPatienceSeconds, .tv_usec = 0};
  ::setsockopt(parts_->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const int yes = 1;
  ::setsockopt(parts_->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  SSL_CTX* const context = parts_->context.get();
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  QUELL_ASSERT(SSL_CTX_load_verify_file(context, options.authority_file.c_str()) == 1);
  SSL_CTX_set_security_level(context, 0);  // it is the server that is to refuse
  if (options.version_max != 0) {
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, options.version_max);
  }
  if (!options.suites.empty()) {
    QUELL_ASSERT(SSL_CTX_set_cipher_list(context, options.suites.c_str()) == 1);
  }
  if (!options.own.certificate.empty()) {
    QUELL_ASSERT(SSL_CTX_use_certificate_file(context, options.own.certificate.c_str(),
                                              SSL_FILETYPE_PEM) == 1);
    QUELL_ASSERT(SSL_CTX_use_PrivateKey_file(context, options.own.key.c_str(), SSL_FILETYPE_PEM) ==
                 1);
  }
  parts_->ssl.reset(SSL_new(context));
  SSL_set_fd(parts_->ssl.get(), parts_->fd);
  X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(parts_->ssl.get()), "127.0.0.1");
  is_open_ = SSL_connect(parts_->ssl.get()) == 1;
  ERR_clear_error();
}

TlsClient::~TlsClient() {
  parts_->ssl.reset();
  ::close(parts_->fd);
}

std::string TlsClient::version() const { return SSL_get_version(parts_->ssl.get()); }

std::string TlsClient::server_name() const {
  const X509* const shown = SSL_get0_peer_certificate(parts_->ssl.get());
  if (shown == nullptr) return {};
  std::array<char, 64> name{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, name.data(),
                            static_cast<int>(name.size()));
  return name.data();
}

void TlsClient::send(const std::string& bytes) {
  SSL_write(parts_->ssl.get(), bytes.data(), static_cast<int>(bytes.size()));
  ERR_clear_error();
}

std::string TlsClient::receive_all() {
  std::string all;
  std::array<char, 16'384> bytes{};
  while (true) {
    const int count = SSL_read(parts_->ssl.get(), bytes.data(), static_cast<int>(bytes.size()));
    ERR_clear_error();
    if (count <= 0) return all;
    all.append(bytes.data(), static_cast<std::size_t>(count));
  }
}

bool TlsClient::renegotiate() {
  const bool is_done =
      SSL_renegotiate(parts_->ssl.get()) == 1 && SSL_do_handshake(parts_->ssl.get()) == 1;
  std::array<char, 1> nothing{};
  const int read = SSL_read(parts_->ssl.get(), nothing.data(), 1);
  const bool is_refused = read <= 0;
  ERR_clear_error();
  return is_done && !is_refused;
}

}  // namespace quell::http::test
