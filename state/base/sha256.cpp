#include "state/base/sha256.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "state/base/assert.h"
#include "state/base/bytes.h"
#include "state/base/openssl.h"

namespace quell {

std::string sha256(std::string_view bytes) {
  struct Context {
    // Looked up once: asking OpenSSL for the algorithm costs more than hashing a short text.
    EVP_MD* algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    Context() = default;
    ~Context() {
      EVP_MD_CTX_free(context);
      EVP_MD_free(algorithm);
    }
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
  };
  thread_local const Context reused;
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  unsigned int length = 0;
  QUELL_ASSERT(EVP_DigestInit_ex2(reused.context, reused.algorithm, nullptr) == 1 &&
               EVP_DigestUpdate(reused.context, bytes.data(), bytes.size()) == 1 &&
               EVP_DigestFinal_ex(reused.context, bytes_of(digest), &length) == 1);
  return digest;
}

std::string sha256_hex(std::string_view bytes) { return hex_encode(sha256(bytes)); }

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  std::string mac(SHA256_DIGEST_LENGTH, '\0');
  unsigned int length = 0;
  QUELL_ASSERT(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(bytes),
                    bytes.size(), bytes_of(mac), &length) != nullptr);
  QUELL_ASSERT(length == mac.size());
  return mac;
}

std::string hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info,
                        std::size_t length) {
  QUELL_ASSERT(length <= std::size_t{255} * SHA256_DIGEST_LENGTH);
  const std::string pseudo_random_key = hmac_sha256(salt, key);
  std::string output;
  std::string block;
  for (unsigned char counter = 1; output.size() < length; ++counter) {
    block.append(info).push_back(static_cast<char>(counter));
    block = hmac_sha256(pseudo_random_key, block);
    output += block;
  }
  output.resize(length);
  return output;
}

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() = default;
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  QUELL_ASSERT(EVP_DigestInit_ex2(state_->context, EVP_sha256(), nullptr) == 1);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::string_view bytes) {
  QUELL_ASSERT(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

std::string Sha256::hex() const {
  const State so_far;
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  unsigned int length = 0;
  QUELL_ASSERT(EVP_MD_CTX_copy_ex(so_far.context, state_->context) == 1 &&
               EVP_DigestFinal_ex(so_far.context, bytes_of(digest), &length) == 1);
  return hex_encode(digest);
}

}  // namespace quell
