// Public keys of those who sign tokens: RFC 7517 sets, RFC 7518 section 6 and RFC 8037 section 2
// members, signatures as in RFC 7518 section 3 and RFC 8037 section 3.1.
#include "orchestrator/alerts/key_set.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <utility>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/base/openssl.h"

namespace quell {
namespace {

constexpr std::size_t kSetBytesMax = 256U << 10U;
constexpr std::size_t kExponentBytesMax = 8;
constexpr int kRsaBitsMin = 2'048;  // RFC 7518 section 3.3
constexpr int kRsaBitsMax = 8'192;  // longer ones only cost time
constexpr std::size_t kCoordinateBytes = 32;
constexpr std::size_t kEd25519KeyBytes = 32;

constexpr std::array<std::string_view, 3> kAlgorithmNames{"ES256", "RS256", "EdDSA"};

const unsigned char* as_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

BignumPtr number_of(const std::string& bytes) {
  return BignumPtr(BN_bin2bn(as_bytes(bytes), static_cast<int>(bytes.size()), nullptr));
}

/// One base64url member of a key, decoded; empty when absent or broken.
std::string member_bytes(const Value& jwk, std::string_view member) {
  return base64url_decode(jwk[member].string_or("")).value_or("");
}

PkeyPtr key_from_params(const char* type, OSSL_PARAM_BLD* builder) {
  const ParamsPtr params(OSSL_PARAM_BLD_to_param(builder));
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return PkeyPtr(key);
}

PkeyPtr rsa_key(const Value& jwk) {
  const std::string n = member_bytes(jwk, "n");
  const std::string e = member_bytes(jwk, "e");
  if (n.empty() || n.size() > kRsaBitsMax / 8 || e.empty() || e.size() > kExponentBytesMax)
    return nullptr;
  const BignumPtr modulus = number_of(n);
  const BignumPtr exponent = number_of(e);
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  // An exponent of 1 would make every message its own signature.
  if (!modulus || !exponent || !builder || BN_num_bits(modulus.get()) < kRsaBitsMin ||
      BN_is_odd(modulus.get()) != 1 || BN_is_odd(exponent.get()) != 1 ||
      BN_is_one(exponent.get()) == 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return nullptr;
  }
  return key_from_params("RSA", builder.get());
}

PkeyPtr p256_key(const Value& jwk) {
  const std::string x = member_bytes(jwk, "x");
  const std::string y = member_bytes(jwk, "y");
  if (jwk["crv"].string_or("") != "P-256" || x.size() != kCoordinateBytes ||
      y.size() != kCoordinateBytes) {
    return nullptr;
  }
  const std::string point = "\x04" + x + y;
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1) {
    return nullptr;
  }
  PkeyPtr key = key_from_params("EC", builder.get());
  const PkeyContextPtr context(key ? EVP_PKEY_CTX_new(key.get(), nullptr) : nullptr);
  // A point beside the curve is no key.
  return context && EVP_PKEY_public_check(context.get()) == 1 ? std::move(key) : nullptr;
}

PkeyPtr ed25519_key(const Value& jwk) {
  const std::string x = member_bytes(jwk, "x");
  if (jwk["crv"].string_or("") != "Ed25519" || x.size() != kEd25519KeyBytes) return nullptr;
  return PkeyPtr(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, as_bytes(x), x.size()));
}

struct ReadKey {
  PkeyPtr key{};
  JwsAlgorithm algorithm = JwsAlgorithm::es256;
};

ReadKey key_of(const Value& jwk) {
  const std::string type = jwk["kty"].string_or("");
  if (type == "EC") return {.key = p256_key(jwk), .algorithm = JwsAlgorithm::es256};
  if (type == "RSA") return {.key = rsa_key(jwk), .algorithm = JwsAlgorithm::rs256};
  if (type == "OKP") return {.key = ed25519_key(jwk), .algorithm = JwsAlgorithm::eddsa};
  return {};
}

/// Whether the set lets this key check signatures (RFC 7517 sections 4.2 and 4.3).
bool is_for_signatures(const Value& jwk) {
  if (jwk.has("use") && jwk["use"].string_or("") != "sig") return false;
  if (!jwk.has("key_ops")) return true;
  return std::ranges::any_of(jwk["key_ops"].list_or_empty(),
                             [](const Value& one) { return one.string_or("") == "verify"; });
}

std::string to_der(EVP_PKEY* key) {
  const int size = i2d_PUBKEY(key, nullptr);
  if (size <= 0) return {};
  std::string der(static_cast<std::size_t>(size), '\0');
  unsigned char* at = reinterpret_cast<unsigned char*>(der.data());
  i2d_PUBKEY(key, &at);
  return der;
}

/// JWS has r and s side by side at full width (RFC 7518 section 3.4), OpenSSL wants DER.
std::string der_of_ecdsa(std::string_view raw) {
  if (raw.size() != 2 * kCoordinateBytes) return {};
  BignumPtr r = number_of(std::string(raw.substr(0, kCoordinateBytes)));
  BignumPtr s = number_of(std::string(raw.substr(kCoordinateBytes)));
  const EcdsaPtr signature(ECDSA_SIG_new());
  if (!r || !s || !signature || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
  // Owned by the signature now.
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  const int size = i2d_ECDSA_SIG(signature.get(), nullptr);
  if (size <= 0) return {};
  std::string der(static_cast<std::size_t>(size), '\0');
  unsigned char* at = reinterpret_cast<unsigned char*>(der.data());
  i2d_ECDSA_SIG(signature.get(), &at);
  return der;
}

}  // namespace

std::string_view to_string(JwsAlgorithm algorithm) noexcept {
  return kAlgorithmNames[static_cast<std::size_t>(algorithm)];
}

std::optional<JwsAlgorithm> jws_algorithm_from_string(std::string_view text) noexcept {
  const auto* const found = std::find(kAlgorithmNames.begin(), kAlgorithmNames.end(), text);
  if (found == kAlgorithmNames.end()) return std::nullopt;
  return static_cast<JwsAlgorithm>(found - kAlgorithmNames.begin());
}

std::vector<PublicKey> read_key_set(std::string_view body) {
  const Result<Value> document =
      parse_json(body, {.bytes_max = kSetBytesMax, .depth_max = 8, .nodes_max = 4'000});
  std::vector<PublicKey> keys;
  if (!document || !document->is_map()) return keys;
  for (const Value& jwk : (*document)["keys"].list_or_empty()) {
    if (keys.size() >= kKeysMax) break;
    if (!jwk.is_map() || !is_for_signatures(jwk)) continue;
    PublicKey key{.id = jwk["kid"].string_or("")};
    if (key.id.empty() || key.id.size() > kKeyIdBytesMax) continue;
    const ReadKey read = key_of(jwk);
    if (!read.key) continue;
    if (jwk.has("alg") && jwk["alg"].string_or("") != to_string(read.algorithm)) continue;
    key.bytes = to_der(read.key.get());
    key.algorithm = read.algorithm;
    if (!key.bytes.empty()) keys.push_back(std::move(key));
  }
  return keys;
}

bool is_signed_jws(JwsAlgorithm algorithm, const PublicKey& key, std::string_view message,
                   std::string_view signature) {
  if (key.algorithm != algorithm) return false;
  const unsigned char* at = as_bytes(key.bytes);
  const PkeyPtr loaded(d2i_PUBKEY(nullptr, &at, static_cast<long>(key.bytes.size())));
  const DigestContextPtr context(EVP_MD_CTX_new());
  if (!loaded || !context) return false;
  std::string given(signature);
  if (algorithm == JwsAlgorithm::es256) given = der_of_ecdsa(signature);
  const EVP_MD* const digest = algorithm == JwsAlgorithm::eddsa ? nullptr : EVP_sha256();
  return !given.empty() &&
         EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, loaded.get()) == 1 &&
         EVP_DigestVerify(context.get(), as_bytes(given), given.size(), as_bytes(message),
                          message.size()) == 1;
}

}  // namespace quell
