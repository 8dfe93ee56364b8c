// Compact JWS: RFC 7515 section 7.1; JWT access tokens: RFC 9068; Ed25519 in JOSE: RFC 8037.
#include "orchestrator/range/issuer_jwt.h"

#include <cstddef>
#include <utility>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "state/base/assert.h"
#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/base/openssl.h"

namespace quell::range {
namespace {

constexpr std::size_t kTokenBytesMax = 8U << 10U;
constexpr std::size_t kEd25519Bytes = 32;
constexpr std::size_t kP256HalfBytes = 32;
constexpr std::string_view kKeyId = "range-1";

bool verifies(EVP_PKEY* key, const EVP_MD* digest, std::string_view signature,
              std::string_view signed_part) {
  const DigestContextPtr context(EVP_MD_CTX_new());
  return context && EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(),
                          bytes_of(signed_part), signed_part.size()) == 1;
}

/// JOSE writes an ECDSA signature as two halves (RFC 7518 section 3.4), OpenSSL reads DER.
std::optional<std::string> der_of_halves(std::string_view halves) {
  if (halves.size() != 2 * kP256HalfBytes) return std::nullopt;
  const EcdsaPtr pair(ECDSA_SIG_new());
  BIGNUM* const r = BN_bin2bn(bytes_of(halves), static_cast<int>(kP256HalfBytes), nullptr);
  BIGNUM* const s =
      BN_bin2bn(bytes_of(halves.substr(kP256HalfBytes)), static_cast<int>(kP256HalfBytes), nullptr);
  if (!pair || ECDSA_SIG_set0(pair.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return std::nullopt;
  }
  unsigned char* out = nullptr;
  const int length = i2d_ECDSA_SIG(pair.get(), &out);
  if (length <= 0) return std::nullopt;
  std::string der(reinterpret_cast<const char*>(out), static_cast<std::size_t>(length));
  OPENSSL_free(out);
  return der;
}

std::optional<Value> json_object(std::string_view encoded) {
  const std::optional<std::string> text = base64url_decode(encoded);
  if (!text) return std::nullopt;
  Result<Value> parsed =
      parse_json(*text, {.bytes_max = kTokenBytesMax, .depth_max = 8, .nodes_max = 200});
  if (!parsed || !parsed->is_map()) return std::nullopt;
  return *std::move(parsed);
}

}  // namespace

struct TokenSigner::Key {
  PkeyPtr handle{};
};

TokenSigner::TokenSigner(std::string_view seed) : key_(std::make_unique<Key>()) {
  QUELL_ASSERT(seed.size() == kEd25519Bytes);
  key_->handle.reset(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(seed), seed.size()));
  QUELL_ASSERT(key_->handle != nullptr);
}

TokenSigner::~TokenSigner() = default;

std::string TokenSigner::sign(const Value& claims) const {
  const Value header = Value::map({{"alg", "EdDSA"}, {"kid", kKeyId}, {"typ", "at+jwt"}});
  std::string token = base64url_encode(to_json(header)) + "." + base64url_encode(to_json(claims));
  const DigestContextPtr context(EVP_MD_CTX_new());
  std::string signature(64, '\0');
  std::size_t length = signature.size();
  QUELL_ASSERT(context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr,
                                             key_->handle.get()) == 1);
  QUELL_ASSERT(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                              &length, bytes_of(token), token.size()) == 1);
  signature.resize(length);
  return token + "." + base64url_encode(signature);
}

std::optional<Value> TokenSigner::verify(std::string_view token) const {
  std::optional<JwtParts> parts = split_jwt(token);
  if (!parts || parts->header["alg"].string_or("") != "EdDSA") return std::nullopt;
  if (!verifies(key_->handle.get(), nullptr, parts->signature, parts->signed_part)) {
    return std::nullopt;
  }
  return std::move(parts->claims);
}

Value TokenSigner::jwk() const {
  std::string raw(kEd25519Bytes, '\0');
  std::size_t length = raw.size();
  QUELL_ASSERT(EVP_PKEY_get_raw_public_key(
                   key_->handle.get(), reinterpret_cast<unsigned char*>(raw.data()), &length) == 1);
  return Value::map({{"kty", "OKP"},
                     {"crv", "Ed25519"},
                     {"use", "sig"},
                     {"alg", "EdDSA"},
                     {"kid", kKeyId},
                     {"x", base64url_encode(raw)}});
}

std::optional<JwtParts> split_jwt(std::string_view token) {
  if (token.size() > kTokenBytesMax) return std::nullopt;
  const std::size_t first = token.find('.');
  const std::size_t last = token.rfind('.');
  if (first == std::string_view::npos || first == last) return std::nullopt;
  const std::string_view claims_part = token.substr(first + 1, last - first - 1);
  if (claims_part.find('.') != std::string_view::npos) return std::nullopt;
  std::optional<Value> header = json_object(token.substr(0, first));
  std::optional<Value> claims = json_object(claims_part);
  std::optional<std::string> signature = base64url_decode(token.substr(last + 1));
  if (!header || !claims || !signature) return std::nullopt;
  return JwtParts{.header = *std::move(header),
                  .claims = *std::move(claims),
                  .signed_part = token.substr(0, last),
                  .signature = *std::move(signature)};
}

bool jwt_signature_holds(const JwtParts& parts, const std::string& public_key_pem) {
  const BioPtr bio(BIO_new_mem_buf(public_key_pem.data(), static_cast<int>(public_key_pem.size())));
  const PkeyPtr key(bio ? PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!key) return false;
  const std::string algorithm = parts.header["alg"].string_or("");
  switch (EVP_PKEY_get_base_id(key.get())) {
    case EVP_PKEY_RSA:
      return algorithm == "RS256" &&
             verifies(key.get(), EVP_sha256(), parts.signature, parts.signed_part);
    case EVP_PKEY_EC: {
      const std::optional<std::string> der = der_of_halves(parts.signature);
      return algorithm == "ES256" && EVP_PKEY_get_bits(key.get()) == 256 && der &&
             verifies(key.get(), EVP_sha256(), *der, parts.signed_part);
    }
    case EVP_PKEY_ED25519:
      return algorithm == "EdDSA" &&
             verifies(key.get(), nullptr, parts.signature, parts.signed_part);
    default:
      return false;  // a key type of OpenSSL's long list that no client registers here
  }
}

}  // namespace quell::range
