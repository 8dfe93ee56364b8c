// Checks what senders signed; hence one of the callers of Secret::reveal().
#include "orchestrator/alerts/signature.h"

#include <array>
#include <cstddef>
#include <limits>
#include <memory>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "state/base/bytes.h"
#include "state/base/openssl.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

constexpr std::string_view kWebhookPrefix = "whsec_";
constexpr std::size_t kWebhookKeyBytesMin = 24;
constexpr std::size_t kWebhookKeyBytesMax = 64;
constexpr std::size_t kEd25519KeyBytes = 32;
constexpr std::size_t kPemBytesMax = 4'096;

/// The key's bytes; the caller wipes them.
std::optional<std::string> key_bytes(KeyForm form, const Secret& secret) {
  const std::string_view text = secret.reveal();
  switch (form) {
    case KeyForm::text:
      return text.empty() ? std::nullopt : std::optional<std::string>(text);
    case KeyForm::hex:
      return hex_decode(text);
    case KeyForm::base64:
      return base64_decode(text);
    case KeyForm::whsec:
      break;
  }
  if (!text.starts_with(kWebhookPrefix)) return std::nullopt;
  std::optional<std::string> key = base64_decode(text.substr(kWebhookPrefix.size()));
  if (!key || key->size() < kWebhookKeyBytesMin || key->size() > kWebhookKeyBytesMax)
    return std::nullopt;
  return key;
}

PkeyPtr read_p256(std::string_view pem) {
  if (pem.size() > kPemBytesMax) return nullptr;
  const BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  PkeyPtr key(PEM_read_bio_PUBKEY(in.get(), nullptr, nullptr, nullptr));
  std::array<char, 32> group{};
  std::size_t size = 0;
  if (!key || EVP_PKEY_is_a(key.get(), "EC") != 1 ||
      EVP_PKEY_get_group_name(key.get(), group.data(), group.size(), &size) != 1 ||
      std::string_view(group.data(), size) != "prime256v1") {
    return nullptr;
  }
  return key;
}

bool verifies(EVP_PKEY* key, const EVP_MD* digest, std::string_view message,
              std::string_view signature) {
  const DigestContextPtr context(EVP_MD_CTX_new());
  return context && EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message),
                          message.size()) == 1;
}

}  // namespace

std::optional<std::string> mac_of(Digest digest, KeyForm form, const Secret& secret,
                                  std::string_view before, std::string_view bytes) {
  std::optional<std::string> own = key_bytes(form, secret);
  if (!own || own->empty()) return std::nullopt;
  std::string key(before);
  key += *own;
  std::string mac(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  const EVP_MD* const md = digest == Digest::sha256 ? EVP_sha256() : EVP_sha512();
  const bool made =
      key.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()) &&
      HMAC(md, key.data(), static_cast<int>(key.size()), bytes_of(bytes), bytes.size(),
           reinterpret_cast<unsigned char*>(mac.data()), &size) != nullptr;
  wipe(*own);
  wipe(key);
  if (!made) return std::nullopt;
  mac.resize(size);
  return mac;
}

bool is_of_form(KeyForm form, const Secret& secret) {
  std::optional<std::string> key = key_bytes(form, secret);
  const bool good = key && !key->empty();
  if (key) wipe(*key);
  return good;
}

bool is_secret(const Secret& secret, std::string_view given) {
  return !secret.empty() && equal_constant_time(sha256(secret.reveal()), sha256(given));
}

bool is_signed_ed25519(std::string_view public_key, std::string_view message,
                       std::string_view signature) {
  if (public_key.size() != kEd25519KeyBytes) return false;
  const PkeyPtr key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(public_key),
                                                public_key.size()));
  return key && verifies(key.get(), nullptr, message, signature);
}

bool is_signed_p256(std::string_view pem, std::string_view message, std::string_view signature) {
  const PkeyPtr key = read_p256(pem);
  return key && verifies(key.get(), EVP_sha256(), message, signature);
}

bool is_p256_key(std::string_view pem) { return read_p256(pem) != nullptr; }

}  // namespace quell
