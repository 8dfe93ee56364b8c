#include "connectors/oauth/client_auth.h"

#include <memory>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "connectors/oauth/jws.h"
#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/base/openssl.h"
#include "state/base/sha256.h"
#include "tests/connectors/oauth/web.h"

namespace quell {
namespace {

using namespace test;

ClientIdentity client(ClientAuth method, std::string secret) {
  return ClientIdentity{.client_id = "app one",
                        .method = method,
                        .secret = secret_ptr(std::move(secret)),
                        .origins = {"https://as.example"}};
}

struct Wire {
  std::string authorization{};
  std::string body{};
};

Wire wire(const ClientIdentity& who, AuthForm form) {
  SeededRandom random(1);
  HttpRequest request;
  request.body.append("token=t");
  REQUIRE(authenticate(request, who, form, "https://as.example", at(kNow), random));
  Wire out;
  for (const HttpHeader& header : request.headers) {
    if (header.name != "Authorization") continue;
    const Secret value = header.value.render();
    out.authorization = std::string(value.reveal());
  }
  const Secret body = request.body.render();
  out.body = std::string(body.reveal());
  return out;
}

// Goal: section 1.1 of the API sheet: each method's exact bytes, with a secret that holds every
// awkward character.
TEST_CASE("each method has its exact wire form") {
  const std::string secret = "a:b+c%d/e=f g";
  const ClientIdentity basic = client(ClientAuth::client_secret_basic, secret);
  CHECK(wire(basic, AuthForm::as_configured).authorization ==
        "Basic " + base64_encode("app+one:a%3Ab%2Bc%25d%2Fe%3Df+g"));
  CHECK(wire(basic, AuthForm::as_configured).body == "token=t");
  CHECK(wire(basic, AuthForm::basic_raw).authorization ==
        "Basic " + base64_encode("app one:" + secret));
  CHECK(wire(basic, AuthForm::other_secret_method).authorization.empty());
  CHECK(wire(basic, AuthForm::other_secret_method).body ==
        "token=t&client_id=app+one&client_secret=a%3Ab%2Bc%25d%2Fe%3Df+g");

  const ClientIdentity post = client(ClientAuth::client_secret_post, secret);
  CHECK(wire(post, AuthForm::as_configured).authorization.empty());
  CHECK(wire(post, AuthForm::as_configured).body ==
        "token=t&client_id=app+one&client_secret=a%3Ab%2Bc%25d%2Fe%3Df+g");
  CHECK(wire(post, AuthForm::other_secret_method).authorization ==
        "Basic " + base64_encode("app+one:a%3Ab%2Bc%25d%2Fe%3Df+g"));
  CHECK(wire(post, AuthForm::other_secret_method).body == "token=t");

  const ClientIdentity none = client(ClientAuth::none, secret);
  CHECK(wire(none, AuthForm::as_configured).authorization.empty());
  CHECK(wire(none, AuthForm::as_configured).body == "token=t&client_id=app+one");
}

// Goal: a refused client is tried in one other way at most, and the raw form only after a 401 and
// only when it differs.
TEST_CASE("the next form of authentication") {
  const ClientIdentity awkward = client(ClientAuth::client_secret_basic, "a:b");
  ClientIdentity plain = client(ClientAuth::client_secret_basic, "abc");
  plain.client_id = "app";
  const ClientIdentity post = client(ClientAuth::client_secret_post, "a:b");
  using enum AuthForm;
  CHECK(next_form(awkward, as_configured, 401) == basic_raw);
  CHECK(next_form(awkward, as_configured, 400) == other_secret_method);
  CHECK(next_form(awkward, basic_raw, 401) == other_secret_method);
  CHECK(next_form(awkward, other_secret_method, 401) == std::nullopt);
  CHECK(next_form(plain, as_configured, 401) == other_secret_method);
  CHECK(next_form(post, as_configured, 401) == other_secret_method);
  CHECK(next_form(post, other_secret_method, 401) == std::nullopt);
  for (const ClientAuth method :
       {ClientAuth::none, ClientAuth::private_key_jwt, ClientAuth::client_secret_jwt}) {
    CHECK(next_form(client(method, "a:b"), as_configured, 401) == std::nullopt);
  }
}

// --- Keys made for this test alone
// ----------------------------------------------------------------------------------

std::string pem_of(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

std::string number(EVP_PKEY* key, const char* name, int width = 0) {
  BIGNUM* value = nullptr;
  REQUIRE(EVP_PKEY_get_bn_param(key, name, &value) == 1);
  const BignumPtr owned(value);
  const int size = width > 0 ? width : BN_num_bytes(value);
  std::string bytes(static_cast<std::size_t>(size), '\0');
  BN_bn2binpad(value, reinterpret_cast<unsigned char*>(bytes.data()), size);
  return base64url_encode(bytes);
}

std::string rsa_jwk(EVP_PKEY* key, const std::string& extra, bool with_primes) {
  std::string out = R"({"kty":"RSA")" + extra + R"(,"n":")" + number(key, "n") + R"(","e":")" +
                    number(key, "e") + R"(","d":")" + number(key, "d") + "\"";
  if (with_primes) {
    out += R"(,"p":")" + number(key, OSSL_PKEY_PARAM_RSA_FACTOR1) + R"(","q":")" +
           number(key, OSSL_PKEY_PARAM_RSA_FACTOR2) + R"(","dp":")" +
           number(key, OSSL_PKEY_PARAM_RSA_EXPONENT1) + R"(","dq":")" +
           number(key, OSSL_PKEY_PARAM_RSA_EXPONENT2) + R"(","qi":")" +
           number(key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1) + "\"";
  }
  return out + "}";
}

std::string ec_jwk(EVP_PKEY* key, const std::string& curve, int width) {
  return R"({"kty":"EC","crv":")" + curve + R"(","x":")" +
         number(key, OSSL_PKEY_PARAM_EC_PUB_X, width) + R"(","y":")" +
         number(key, OSSL_PKEY_PARAM_EC_PUB_Y, width) + R"(","d":")" +
         number(key, OSSL_PKEY_PARAM_PRIV_KEY, width) + R"("})";
}

std::string okp_jwk(EVP_PKEY* key) {
  std::string seed(32, '\0');
  std::size_t size = seed.size();
  REQUIRE(EVP_PKEY_get_raw_private_key(key, reinterpret_cast<unsigned char*>(seed.data()), &size) ==
          1);
  return R"({"kty":"OKP","crv":"Ed25519","kid":"ed-1","d":")" + base64url_encode(seed) + R"("})";
}

std::vector<std::string> split(const std::string& jws) {
  const std::size_t first = jws.find('.');
  const std::size_t second = jws.find('.', first + 1);
  REQUIRE(second != std::string::npos);
  return {jws.substr(0, first), jws.substr(first + 1, second - first - 1), jws.substr(second + 1)};
}

const unsigned char* bytes_of(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string der_of(const std::string& raw) {
  const int half = static_cast<int>(raw.size() / 2);
  const std::unique_ptr<ECDSA_SIG, Releases<ECDSA_SIG_free>> signature(ECDSA_SIG_new());
  ECDSA_SIG_set0(signature.get(), BN_bin2bn(bytes_of(raw), half, nullptr),
                 BN_bin2bn(bytes_of(raw) + half, half, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

bool verifies(EVP_PKEY* key, const std::string& jws, const std::string& algorithm) {
  const std::vector<std::string> parts = split(jws);
  const Value header = *parse_json(*base64url_decode(parts[0]));
  if (header["alg"] != Value(algorithm)) return false;
  std::string signature = *base64url_decode(parts[2]);
  if (algorithm.starts_with("ES")) signature = der_of(signature);
  const EVP_MD* digest = algorithm == "EdDSA"   ? nullptr
                         : algorithm == "ES384" ? EVP_sha384()
                                                : EVP_sha256();
  const std::unique_ptr<EVP_MD_CTX, Releases<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  REQUIRE(EVP_DigestVerifyInit(context.get(), &options, digest, nullptr, key) == 1);
  if (algorithm == "PS256") {
    EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST);
  }
  const std::string input = parts[0] + "." + parts[1];
  return EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(input),
                          input.size()) == 1;
}

std::string signed_by(const std::string& key_text, const std::string& key_id = "") {
  const AssertionClaims claims{.client_id = "app",
                               .audience = "https://as.example",
                               .jwt_id = "id-1",
                               .issued_at = at("2031-03-04T05:06:07.900Z")};
  const Result<Secret> signature = sign_assertion(Secret::copy_of(key_text), key_id, claims);
  REQUIRE_MESSAGE(signature.has_value(), (signature ? std::string{} : signature.error().message));
  return std::string(signature->reveal());
}

// Goal: assertions of every supported key verify with its public half, from JWK and from PEM, and
// carry the right claims.
TEST_CASE("assertions are signed by every kind of key") {
  const PkeyPtr rsa(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}));
  const PkeyPtr p256(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  const PkeyPtr p384(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384"));
  const PkeyPtr ed(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  CHECK(verifies(rsa.get(), signed_by(pem_of(rsa.get())), "RS256"));
  CHECK(verifies(rsa.get(), signed_by(rsa_jwk(rsa.get(), "", true)), "RS256"));
  CHECK(verifies(rsa.get(), signed_by(rsa_jwk(rsa.get(), "", false)), "RS256"));
  CHECK(verifies(rsa.get(), signed_by(rsa_jwk(rsa.get(), R"(,"alg":"PS256")", true)), "PS256"));
  CHECK(verifies(p256.get(), signed_by(pem_of(p256.get())), "ES256"));
  CHECK(verifies(p256.get(), signed_by(ec_jwk(p256.get(), "P-256", 32)), "ES256"));
  CHECK(verifies(p384.get(), signed_by(pem_of(p384.get())), "ES384"));
  CHECK(verifies(p384.get(), signed_by(ec_jwk(p384.get(), "P-384", 48)), "ES384"));
  CHECK(verifies(ed.get(), signed_by(pem_of(ed.get())), "EdDSA"));
  CHECK(verifies(ed.get(), signed_by(okp_jwk(ed.get())), "EdDSA"));

  const Value header =
      *parse_json(*base64url_decode(split(signed_by(okp_jwk(ed.get()), "ignored"))[0]));
  CHECK(header["kid"] == Value("ed-1"));
  CHECK((*parse_json(*base64url_decode(split(signed_by(pem_of(ed.get()), "pem-1"))[0])))["kid"] ==
        Value("pem-1"));
  const Value claims = *parse_json(*base64url_decode(split(signed_by(pem_of(ed.get())))[1]));
  CHECK(
      to_json(claims) ==
      R"({"aud":"https://as.example","exp":1930367287,"iat":1930367167,"iss":"app","jti":"id-1","sub":"app"})");
}

// Goal: a key that does not serve is refused when the configuration is loaded, and its text is
// never quoted.
TEST_CASE("unfit keys are refused without quoting them") {
  const PkeyPtr small(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{1024}));
  const PkeyPtr p521(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-521"));
  const PkeyPtr rsa(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}));
  const std::vector<std::string> texts{
      "",
      "canary",
      "{canary",
      R"({"kty":"canary"})",
      R"({"kty":"RSA","n":"canary"})",
      R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"})",
      R"({"kty":"EC","crv":"secp256k1"})",
      R"({"kty":"OKP","crv":"Ed25519","d":"canary"})",
      R"({"kty":"OKP","crv":"X25519","d":"canary"})",
      R"({"kty":"oct","k":"canary"})",
      "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n",
      pem_of(small.get()),
      pem_of(p521.get()),
      rsa_jwk(rsa.get(), R"(,"alg":"ES256")", true),
      rsa_jwk(rsa.get(), R"(,"alg":"none")", true),
      std::string(40'000, '{'),
  };
  for (const std::string& text : texts) {
    CAPTURE(text.substr(0, 40));
    const Status usable = check_signing_key(Secret::copy_of(text));
    REQUIRE_FALSE(usable);
    CHECK(usable.error().code == ErrorCode::invalid);
    CHECK(describe(usable.error()).find("canary") == std::string::npos);
  }
}

// Goal: the assertion's body form, a fresh id each time, and HS256 over the client's secret.
TEST_CASE("assertions stand in the body, each with an id of its own") {
  const ClientIdentity who = client(ClientAuth::client_secret_jwt, "shared-secret");
  SeededRandom random(3);
  std::set<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    HttpRequest request;
    request.body.append("token=t");
    REQUIRE(authenticate(request, who, AuthForm::as_configured, "https://as.example", at(kNow),
                         random));
    const Secret rendered = request.body.render();
    Seen seen;
    seen.body = std::string(rendered.reveal());
    CHECK(seen.form("client_id") == "app one");
    CHECK(seen.form("client_assertion_type") ==
          "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    CHECK(request.headers.empty());
    CHECK(request.body.redacted().find("eyJ") == std::string::npos);
    CHECK_FALSE(request.body.may_go_to("https://evil.example"));
    const std::vector<std::string> parts = split(seen.form("client_assertion"));
    CHECK(*base64url_decode(parts[2]) == hmac_sha256("shared-secret", parts[0] + "." + parts[1]));
    ids.insert((*parse_json(*base64url_decode(parts[1])))["jti"].string_or(""));
  }
  CHECK(ids.size() == 3);
}

}  // namespace
}  // namespace quell
