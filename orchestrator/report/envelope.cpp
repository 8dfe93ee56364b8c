// CMS by OpenSSL's streaming interface: CMS_encrypt(3), BIO_new_CMS(3).
#include "orchestrator/report/envelope.h"
#include "state/base/openssl.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace quell {
namespace {

constexpr std::size_t kWriteMax = 1U << 20U;

void free_all(STACK_OF(X509) * certificates) { sk_X509_pop_free(certificates, X509_free); }

using Certificates = std::unique_ptr<STACK_OF(X509), Releases<free_all>>;
using Certificate = std::unique_ptr<X509, Releases<X509_free>>;
using Content = std::unique_ptr<CMS_ContentInfo, Releases<CMS_ContentInfo_free>>;

/// What a BIO of ours writes to.
struct Outlet {
  ByteSink sink{};
  Status last = ok();
};

int write_out(BIO* bio, const char* bytes, int size) {
  auto* const outlet = static_cast<Outlet*>(BIO_get_data(bio));
  if (!outlet->last || size <= 0) return -1;
  outlet->last = outlet->sink(std::string_view(bytes, static_cast<std::size_t>(size)));
  return outlet->last ? size : -1;
}

long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* outlet_method() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* const method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "quell outlet");
    BIO_meth_set_write(method, write_out);
    BIO_meth_set_ctrl(method, control);
    return method;
  }();
  return kMethod;
}

Error cannot_encrypt(const std::string& what, const std::string& remedy) {
  ERR_clear_error();
  return make_error(ErrorCode::invalid, "evidence", what, remedy);
}

Result<Certificates> read_certificates(const std::vector<std::string>& files) {
  Certificates all(sk_X509_new_null());
  for (const std::string& path : files) {
    const BioPtr in(BIO_new_file(path.c_str(), "r"));
    Certificate one(in ? PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr) : nullptr);
    if (!one)
      return cannot_encrypt(path + " holds no certificate.",
                            "evidence.recipients lists PEM files of certificates");
    sk_X509_push(all.get(), one.release());
  }
  return all;
}

}  // namespace

struct Envelope::State {
  Outlet outlet{};
  BioPtr out{};
  Content content{};
  BIO* front = nullptr;  // the chain that ends in `out`

  ~State() {
    while (front != nullptr && front != out.get()) {
      BIO* const next = BIO_pop(front);
      BIO_free(front);
      front = next;
    }
  }
};

Envelope::Envelope(std::unique_ptr<State> state) : state_(std::move(state)) {}
Envelope::~Envelope() = default;

Result<std::unique_ptr<Envelope>> Envelope::open(const std::vector<std::string>& certificates,
                                                 ByteSink sink) {
  const Result<Certificates> recipients = read_certificates(certificates);
  if (!recipients) return recipients.error();
  auto state = std::make_unique<State>();
  state->outlet.sink = std::move(sink);
  state->out.reset(BIO_new(outlet_method()));
  if (!state->out) return cannot_encrypt("no memory to encrypt with.", "try again");
  BIO_set_data(state->out.get(), &state->outlet);
  BIO_set_init(state->out.get(), 1);
  constexpr unsigned kFlags = CMS_BINARY | CMS_STREAM | CMS_PARTIAL;
  state->content.reset(
      CMS_encrypt(recipients->get(), nullptr, EVP_aes_256_gcm(), kFlags));
  if (state->content) state->front = BIO_new_CMS(state->out.get(), state->content.get());
  if (state->front == nullptr)
    return cannot_encrypt("a recipient's certificate has a key that nothing can be encrypted to.",
                          "use RSA or elliptic-curve certificates");
  return std::unique_ptr<Envelope>(new Envelope(std::move(state)));
}

Status Envelope::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto size = static_cast<int>(std::min(bytes.size(), kWriteMax));
    const int took = BIO_write(state_->front, bytes.data(), size);
    if (took <= 0) {
      if (!state_->outlet.last) return state_->outlet.last;
      return cannot_encrypt("the evidence could not be encrypted.", "try again");
    }
    bytes.remove_prefix(static_cast<std::size_t>(took));
  }
  return ok();
}

Status Envelope::finish() {
  const bool flushed = BIO_flush(state_->front) > 0;
  if (!state_->outlet.last) return state_->outlet.last;
  if (!flushed) return cannot_encrypt("the evidence could not be encrypted.", "try again");
  return ok();
}

}  // namespace quell
