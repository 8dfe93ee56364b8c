// Client assertions: JWS compact serialization (RFC 7515), algorithms of RFC 7518 section 3 and RFC
// 8037 section 3.1, keys of RFC 7517. A signer, hence one of the callers of Secret::reveal().
#include "connectors/oauth/jws.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <climits>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/base/openssl.h"
#include "state/base/sha256.h"
#include "state/base/value.h"

namespace quell {
namespace {

constexpr std::size_t kKeyBytesMax = 32U << 10;
constexpr int kRsaBitsMin = 2048;  // RFC 7518 section 3.3
constexpr std::size_t kEd25519SignatureBytes = 64;
constexpr JsonLimits kJwkLimits{.bytes_max = kKeyBytesMax, .depth_max = 8, .nodes_max = 200};

enum class Algorithm : std::uint8_t { rs256, ps256, es256, es384, eddsa };

struct SigningKey {
  PkeyPtr key{};
  Algorithm algorithm = Algorithm::rs256;
  std::string key_id{};
};

Error bad_key(std::string message) {
  return make_error(
      ErrorCode::invalid, "config", std::move(message),
      "give an RSA (2048 bits or more), EC P-256 or P-384, or Ed25519 private key as JWK or PEM");
}

const unsigned char* as_bytes(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string_view name_of(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::rs256:
      return "RS256";
    case Algorithm::ps256:
      return "PS256";
    case Algorithm::es256:
      return "ES256";
    case Algorithm::es384:
      return "ES384";
    case Algorithm::eddsa:
      return "EdDSA";
  }
  return "";
}

std::optional<Algorithm> algorithm_of(std::string_view name) {
  for (const Algorithm algorithm :
       {Algorithm::rs256, Algorithm::ps256, Algorithm::es256, Algorithm::es384, Algorithm::eddsa}) {
    if (name_of(algorithm) == name) return algorithm;
  }
  return std::nullopt;
}

/// The algorithm that `key` can sign with when nothing else is said; none for a key that we refuse.
std::optional<Algorithm> natural_algorithm(const EVP_PKEY* key) {
  const int type = EVP_PKEY_get_base_id(key);
  if (type == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) >= kRsaBitsMin) return Algorithm::rs256;
  if (type == EVP_PKEY_ED25519) return Algorithm::eddsa;
  if (type == EVP_PKEY_EC && EVP_PKEY_get_bits(key) == 256) return Algorithm::es256;
  if (type == EVP_PKEY_EC && EVP_PKEY_get_bits(key) == 384) return Algorithm::es384;
  return std::nullopt;
}

/// One base64url member of a JWK, decoded; empty when absent or broken.
std::string jwk_bytes(const Value& jwk, std::string_view member) {
  return base64url_decode(jwk[member].string_or("")).value_or("");
}

bool push_number(OSSL_PARAM_BLD* builder, std::vector<BignumPtr>& owned, const char* name,
                 std::string bytes) {
  if (bytes.empty()) return false;
  BignumPtr number(BN_bin2bn(as_bytes(bytes), static_cast<int>(bytes.size()), nullptr));
  wipe(bytes);
  if (!number || OSSL_PARAM_BLD_push_BN(builder, name, number.get()) != 1) return false;
  owned.push_back(std::move(number));
  return true;
}

PkeyPtr key_from_params(const char* type, OSSL_PARAM_BLD* builder) {
  const ParamsPtr params(OSSL_PARAM_BLD_to_param(builder));
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params.get()) != 1) {
    return nullptr;
  }
  return PkeyPtr(key);
}

PkeyPtr rsa_from_jwk(const Value& jwk) {
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  std::vector<BignumPtr> owned;
  struct Member {
    const char* param;
    const char* name;
    bool required;  // the primes only make signing faster
  };
  const Member members[] = {
      {OSSL_PKEY_PARAM_RSA_N, "n", true},           {OSSL_PKEY_PARAM_RSA_E, "e", true},
      {OSSL_PKEY_PARAM_RSA_D, "d", true},           {OSSL_PKEY_PARAM_RSA_FACTOR1, "p", false},
      {OSSL_PKEY_PARAM_RSA_FACTOR2, "q", false},    {OSSL_PKEY_PARAM_RSA_EXPONENT1, "dp", false},
      {OSSL_PKEY_PARAM_RSA_EXPONENT2, "dq", false}, {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, "qi", false},
  };
  for (const Member& member : members) {
    if (!member.required && !jwk.has(member.name)) continue;
    if (!push_number(builder.get(), owned, member.param, jwk_bytes(jwk, member.name)))
      return nullptr;
  }
  return key_from_params("RSA", builder.get());
}

PkeyPtr ec_from_jwk(const Value& jwk) {
  const std::string curve = jwk["crv"].string_or("");
  const std::size_t width = curve == "P-256" ? 32 : curve == "P-384" ? 48 : 0;
  const std::string x = jwk_bytes(jwk, "x");
  const std::string y = jwk_bytes(jwk, "y");
  std::string d = jwk_bytes(jwk, "d");
  if (width == 0 || x.size() != width || y.size() != width || d.size() != width) return nullptr;
  const std::string point = "\x04" + x + y;
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  std::vector<BignumPtr> owned;
  if (OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.c_str(),
                                      0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1 ||
      !push_number(builder.get(), owned, OSSL_PKEY_PARAM_PRIV_KEY, std::move(d))) {
    return nullptr;
  }
  return key_from_params("EC", builder.get());
}

PkeyPtr okp_from_jwk(const Value& jwk) {
  if (jwk["crv"].string_or("") != "Ed25519") return nullptr;
  std::string d = jwk_bytes(jwk, "d");
  PkeyPtr key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, as_bytes(d), d.size()));
  wipe(d);
  return key;
}

Result<SigningKey> key_from_jwk(std::string_view text) {
  const Result<Value> jwk = parse_json(text, kJwkLimits);
  if (!jwk || !jwk->is_map()) return bad_key("the private key is no JWK");
  SigningKey out;
  const std::string type = (*jwk)["kty"].string_or("");
  if (type == "RSA") out.key = rsa_from_jwk(*jwk);
  if (type == "EC") out.key = ec_from_jwk(*jwk);
  if (type == "OKP") out.key = okp_from_jwk(*jwk);
  if (!out.key)
    return bad_key(
        "the private JWK is incomplete or of a type that quell does not sign with");
  const std::optional<Algorithm> natural = natural_algorithm(out.key.get());
  if (!natural) return bad_key("the private key is too small or of an unknown type");
  const Value& named = (*jwk)["alg"];
  out.algorithm = *natural;
  if (named.is_string()) {
    const std::optional<Algorithm> wanted = algorithm_of(named.as_string());
    const bool pss = wanted == Algorithm::ps256 && *natural == Algorithm::rs256;
    if (wanted != natural && !pss)
      return bad_key("the `alg` of the private JWK does not fit its key");
    out.algorithm = *wanted;
  }
  out.key_id = (*jwk)["kid"].string_or("");
  return out;
}

/// No passphrase is ever asked for on a terminal: an encrypted PEM file is refused.
int no_passphrase(char*, int, int, void*) { return 0; }

Result<SigningKey> key_from_pem(std::string_view text) {
  const BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  SigningKey out;
  if (bio) out.key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!out.key) return bad_key("the private key is no unencrypted PEM key");
  const std::optional<Algorithm> natural = natural_algorithm(out.key.get());
  if (!natural) return bad_key("the private key is too small or of an unknown type");
  out.algorithm = *natural;
  return out;
}

Result<SigningKey> load_key(const Secret& private_key) {
  const std::string_view text = private_key.reveal();
  if (text.size() > kKeyBytesMax) return bad_key("the private key is longer than 32 KiB");
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start != std::string_view::npos && text[start] == '{') return key_from_jwk(text);
  return key_from_pem(text);
}

/// JWS wants r and s side by side at full width (RFC 7518 section 3.4), OpenSSL gives DER.
std::optional<std::string> raw_ecdsa(const std::string& der, int width) {
  const unsigned char* at = as_bytes(der);
  const EcdsaPtr signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  if (!signature) return std::nullopt;
  std::string out(static_cast<std::size_t>(width) * 2, '\0');
  unsigned char* bytes = reinterpret_cast<unsigned char*>(out.data());
  if (BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), bytes, width) != width ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), bytes + width, width) != width) {
    return std::nullopt;
  }
  return out;
}

std::optional<std::string> sign_bytes(const SigningKey& key, const std::string& input) {
  const EVP_MD* digest = nullptr;
  if (key.algorithm != Algorithm::eddsa)
    digest = key.algorithm == Algorithm::es384 ? EVP_sha384() : EVP_sha256();
  const DigestContextPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;  // owned by `context`
  if (!context || EVP_DigestSignInit(context.get(), &options, digest, nullptr, key.key.get()) != 1)
    return std::nullopt;
  if (key.algorithm == Algorithm::ps256 &&
      (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
       EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1)) {
    return std::nullopt;
  }
  std::size_t size = 0;
  if (EVP_DigestSign(context.get(), nullptr, &size, as_bytes(input), input.size()) != 1)
    return std::nullopt;
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     as_bytes(input), input.size()) != 1) {
    return std::nullopt;
  }
  signature.resize(size);
  if (key.algorithm == Algorithm::es256) return raw_ecdsa(signature, 32);
  if (key.algorithm == Algorithm::es384) return raw_ecdsa(signature, 48);
  if (key.algorithm == Algorithm::eddsa && size != kEd25519SignatureBytes) return std::nullopt;
  return signature;
}

std::string signing_input(std::string_view algorithm, std::string_view key_id,
                          std::string_view type, const Value& claims) {
  ValueMap header{{"alg", algorithm}, {"typ", type}};
  if (!key_id.empty()) header.emplace("kid", key_id);
  return base64url_encode(to_json(Value(std::move(header)))) + "." +
         base64url_encode(to_json(claims));
}

Value claims_value(const AssertionClaims& claims) {
  const std::int64_t issued =
      std::chrono::duration_cast<std::chrono::seconds>(claims.issued_at.time_since_epoch()).count();
  return Value::map({
      {"iss", claims.client_id},
      {"sub", claims.client_id},
      {"aud", claims.audience},
      {"jti", claims.jwt_id},
      {"iat", issued},
      {"exp", issued + std::int64_t{kAssertionLifetime.count()}},
  });
}

}  // namespace

Result<std::string> sign_claims(const Secret& private_key, std::string_view key_id,
                                std::string_view type, const Value& claims) {
  const Result<SigningKey> key = load_key(private_key);
  if (!key) return key.error();
  const std::string_view kid = key->key_id.empty() ? key_id : std::string_view(key->key_id);
  std::string input = signing_input(name_of(key->algorithm), kid, type, claims);
  const std::optional<std::string> signature = sign_bytes(*key, input);
  if (!signature) return bad_key("the private key could not sign");
  return input + "." + base64url_encode(*signature);
}

Result<Secret> sign_assertion(const Secret& private_key, std::string_view key_id,
                              const AssertionClaims& claims) {
  Result<std::string> token = sign_claims(private_key, key_id, "JWT", claims_value(claims));
  if (!token) return token.error();
  return Secret(*std::move(token));
}

Result<Secret> sign_assertion_hs256(const Secret& client_secret, const AssertionClaims& claims) {
  std::string input = signing_input("HS256", "", "JWT", claims_value(claims));
  const std::string signature = hmac_sha256(client_secret.reveal(), input);
  return Secret(input + "." + base64url_encode(signature));
}

Status check_signing_key(const Secret& private_key) {
  const Result<SigningKey> key = load_key(private_key);
  if (!key) return key.error();
  return ok();
}

}  // namespace quell
