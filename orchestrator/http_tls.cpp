// TLS for the listeners, by OpenSSL 3: SSL_CTX_new(3) and its pages; which suites, RFC 9325 section
// 4.2. The library stops here.
#include "orchestrator/http_tls.h"

#include <algorithm>
#include <cstdint>
#include <fcntl.h>
#include <limits>
#include <sys/stat.h>
#include <utility>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

namespace quell {
namespace {

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

constexpr const char* kSuitesOfTls12 = "ECDHE+AESGCM:ECDHE+CHACHA20";
/// Certificates between a client's own and its authority.
constexpr int kClientChainMax = 4;

Error file_error(std::string message, std::string hint) {
  ERR_clear_error();  // its text may quote the file
  return make_error(ErrorCode::invalid, "listen", std::move(message), std::move(hint));
}

/// There is nobody to ask for a passphrase.
int no_passphrase(char*, int, int, void*) { return -1; }

Status use_certificate(SSL_CTX* context, const std::string& path) {
  if (SSL_CTX_use_certificate_chain_file(context, path.c_str()) == 1) return ok();
  return file_error(fmt::format("{} holds no certificate that can be read", path),
                    "name a PEM file that begins with the server's certificate");
}

Status use_key(SSL_CTX* context, const HttpTlsFiles& files) {
  const std::string& path = files.key_file;
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) {
    return file_error(fmt::format("the key file {} cannot be opened", path),
                      "name a PEM file that belongs to the user quell runs as");
  }
  if (Status checked = check_private(file, path); !checked) return checked.error();
  if (Status above = check_folders(path); !above) return above.error();
  const std::unique_ptr<BIO, Free> bio(BIO_new_fd(file.get(), BIO_NOCLOSE));
  const std::unique_ptr<EVP_PKEY, Free> key(
      bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (!key) {
    return file_error(fmt::format("{} holds no private key that can be read", path),
                      "name a PEM file with a key that has no passphrase");
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) == 1 && SSL_CTX_check_private_key(context) == 1) {
    return ok();
  }
  return file_error(fmt::format("the key in {} is not the one of {}", path, files.certificate_file),
                    "name the key that the certificate was made for");
}

/// Who can write to the list of authorities decides who is let in.
Status check_unwritable(const std::string& path) {
  struct stat found {};
  const bool is_ours = ::stat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode) &&
                       (found.st_uid == 0 || found.st_uid == ::geteuid()) &&
                       (found.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  if (!is_ours) {
    return file_error(fmt::format("{} is no file that only we or root can write to", path),
                      fmt::format("chown root {0}; chmod 644 {0}", path));
  }
  return check_folders(path);
}

Status use_client_authorities(SSL_CTX* context, const std::string& path) {
  if (Status checked = check_unwritable(path); !checked) return checked;
  STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(path.c_str());
  if (names != nullptr) SSL_CTX_set_client_CA_list(context, names);  // owned by the context now
  if (names == nullptr || SSL_CTX_load_verify_file(context, path.c_str()) != 1) {
    return file_error(fmt::format("{} holds no certificate that can be read", path),
                      "name a PEM file with the certificates of the clients' authorities");
  }
  SSL_CTX_set_verify_depth(context, kClientChainMax);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  return ok();
}

}  // namespace

struct TlsContext::Parts {
  std::unique_ptr<SSL_CTX, Free> context{};
};

TlsContext::TlsContext(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const HttpTlsFiles& files) {
  auto parts = std::make_unique<Parts>();
  parts->context.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* const context = parts->context.get();
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context, kSuitesOfTls12) != 1) {
    ERR_clear_error();
    return make_error(ErrorCode::internal, "listen", "OpenSSL offers no TLS 1.2 with ECDHE",
                      "look at the system's openssl.cnf");
  }
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  if (Status used = use_certificate(context, files.certificate_file); !used) return used.error();
  if (Status used = use_key(context, files); !used) return used.error();
  if (!files.client_ca_file.empty()) {
    if (Status used = use_client_authorities(context, files.client_ca_file); !used) {
      return used.error();
    }
  }
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(parts)));
}

struct TlsSession::Parts {
  std::shared_ptr<const TlsContext> context{};
  std::unique_ptr<SSL, Free> ssl{};

  /// `count` as a call on `ssl` returned it.
  Moved moved(int count) const {
    if (count > 0) return {Moved::How::done, static_cast<std::size_t>(count)};
    const int why = SSL_get_error(ssl.get(), count);
    ERR_clear_error();  // the queue is the thread's: the next connection must not find it
    if (why == SSL_ERROR_WANT_READ) return {Moved::How::wants_to_read};
    if (why == SSL_ERROR_WANT_WRITE) return {Moved::How::wants_to_write};
    return {};
  }
};

TlsSession::TlsSession(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TlsSession::~TlsSession() = default;

std::unique_ptr<TlsSession> TlsSession::begin(std::shared_ptr<const TlsContext> context, int fd) {
  auto parts = std::make_unique<Parts>();
  parts->ssl.reset(SSL_new(context->parts_->context.get()));
  parts->context = std::move(context);
  if (!parts->ssl || SSL_set_fd(parts->ssl.get(), fd) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  SSL_set_accept_state(parts->ssl.get());
  return std::unique_ptr<TlsSession>(new TlsSession(std::move(parts)));
}

Moved TlsSession::receive(std::span<char> out) {
  const auto most = std::min<std::size_t>(out.size(), std::numeric_limits<int>::max());
  return parts_->moved(SSL_read(parts_->ssl.get(), out.data(), static_cast<int>(most)));
}

Moved TlsSession::send(std::string_view bytes) {
  const auto most = std::min<std::size_t>(bytes.size(), std::numeric_limits<int>::max());
  return parts_->moved(SSL_write(parts_->ssl.get(), bytes.data(), static_cast<int>(most)));
}

void TlsSession::say_goodbye() {
  if (SSL_is_init_finished(parts_->ssl.get()) == 1) SSL_shutdown(parts_->ssl.get());
  ERR_clear_error();
}

bool TlsSession::is_shaking_hands() const { return SSL_is_init_finished(parts_->ssl.get()) != 1; }

bool TlsSession::is_client_verified() const {
  const SSL* const ssl = parts_->ssl.get();
  return SSL_get0_peer_certificate(ssl) != nullptr && SSL_get_verify_result(ssl) == X509_V_OK;
}

}  // namespace quell
