#include <memory>

#include <doctest/doctest.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "issuer_fixture.h"
#include "orchestrator/range/issuer_jwt.h"
#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell::range::test {
namespace {

using std::chrono::seconds;

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

std::string public_pem(EVP_PKEY* key) {
  BIO* const bio = BIO_new(BIO_s_mem());
  REQUIRE(PEM_write_bio_PUBKEY(bio, key) == 1);
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(bio, &bytes);
  std::string pem(bytes, static_cast<std::size_t>(length));
  BIO_free(bio);
  return pem;
}

std::string raw_signature(EVP_PKEY* key, const EVP_MD* digest, const std::string& text) {
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  REQUIRE(EVP_DigestSignInit(context, nullptr, digest, nullptr, key) == 1);
  std::string signature(1024, '\0');
  std::size_t length = signature.size();
  REQUIRE(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &length,
                         reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1);
  EVP_MD_CTX_free(context);
  signature.resize(length);
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return signature;
  const unsigned char* der = reinterpret_cast<const unsigned char*>(signature.data());
  ECDSA_SIG* const pair = d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(signature.size()));
  std::string halves(64, '\0');
  auto* const out = reinterpret_cast<unsigned char*>(halves.data());
  REQUIRE(BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, 32) == 32);
  REQUIRE(BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + 32, 32) == 32);
  ECDSA_SIG_free(pair);
  return halves;
}

struct Assertion {
  std::string algorithm{};
  std::string client = "keyed";
  std::string audience{};
  std::string id = "one";
  std::int64_t expires = 0;
};

std::string sign(EVP_PKEY* key, const EVP_MD* digest, const Assertion& what) {
  const std::string text = base64url_encode(to_json(Value::map({{"alg", what.algorithm}}))) + "." +
                           base64url_encode(to_json(Value::map({{"iss", what.client},
                                                                {"sub", what.client},
                                                                {"aud", what.audience},
                                                                {"jti", what.id},
                                                                {"exp", what.expires}})));
  return text + "." + base64url_encode(raw_signature(key, digest, text));
}

Fields with_assertion(const std::string& assertion) {
  return {{"token", "unknown"},
          {"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
          {"client_assertion", assertion}};
}

constexpr std::int64_t kSoon =
    std::chrono::duration_cast<seconds>(kStart.time_since_epoch()).count() + 60;

}  // namespace

// Goal: every way of client authentication of the API sheet 1.1 is told from its misuse.
TEST_CASE("client authentication: accepted and refused forms") {
  struct Row {
    const char* name;
    std::string authorization;
    Fields fields;
    int status;
  };
  Pair pair;
  pair.issuer.register_client({.id = "open", .method = ClientMethod::none});
  pair.issuer.register_client({.id = "odd:id", .secret = "s+e%c r:t"});
  const std::string& id = pair.issuer.client_id();
  const std::string& secret = pair.issuer.client_secret();
  const Row rows[] = {
      {"basic", pair.basic(), {}, 200},
      {"scheme without case", "bAsIc" + pair.basic().substr(5), {}, 200},
      {"post", "", {{"client_id", id}, {"client_secret", secret}}, 200},
      {"public", "", {{"client_id", "open"}}, 200},
      {"basic, form-encoded parts",
       "Basic " + base64_encode(form_encode("odd:id") + ":" + form_encode("s+e%c r:t")),
       {},
       200},
      {"basic, raw parts", "Basic " + base64_encode("odd:id:s+e%c r:t"), {}, 401},
      {"nothing", "", {}, 401},
      {"confidential client without secret", "", {{"client_id", id}}, 401},
      {"wrong secret", "", {{"client_id", id}, {"client_secret", "wrong"}}, 401},
      {"wrong secret by basic", "Basic " + base64_encode(id + ":wrong"), {}, 401},
      {"unknown client", "", {{"client_id", "nobody"}, {"client_secret", "x"}}, 401},
      {"public client with a secret", "", {{"client_id", "open"}, {"client_secret", "x"}}, 401},
      {"two methods", pair.basic(), {{"client_id", id}, {"client_secret", secret}}, 400},
      {"basic for another client_id", pair.basic(), {{"client_id", "open"}}, 401},
      {"another scheme", "Bearer " + secret, {}, 401},
      {"broken base64", "Basic %%%", {}, 401},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Fields fields = row.fields;
    fields.emplace_back("token", "unknown");
    const Response answer = pair.post_as(row.authorization, "/revoke", fields);
    CHECK(answer.status == row.status);
    const bool challenged = row.status == 401 && !row.authorization.empty();
    CHECK((header_of(answer, "www-authenticate") != "(absent)") == challenged);
    CHECK(answer.body.find(secret) == std::string::npos);
  }
}

// Goal: private_key_jwt holds for the registered key only, once, in time, for this issuer.
TEST_CASE("private_key_jwt") {
  struct Kind {
    const char* algorithm;
    Key key;
    const EVP_MD* digest;
  };
  Kind kinds[3] = {
      {"RS256", Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048})), EVP_sha256()},
      {"ES256", Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")), EVP_sha256()},
      {"EdDSA", Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")), nullptr}};
  for (const Kind& kind : kinds) {
    CAPTURE(kind.algorithm);
    Pair pair;
    pair.issuer.register_client({.id = "keyed",
                                 .method = ClientMethod::private_key_jwt,
                                 .public_key_pem = public_pem(kind.key.get())});
    const auto status = [&](const Assertion& what) {
      const std::string assertion = sign(kind.key.get(), kind.digest, what);
      return pair.post_as("", "/revoke", with_assertion(assertion)).status;
    };
    const Assertion good{
        .algorithm = kind.algorithm, .audience = pair.issuer.url(), .expires = kSoon};
    CHECK(status(good) == 200);
    CHECK(status(good) == 401);  // a replay
    Assertion next = good;
    next.id = "two";
    next.audience = pair.issuer.token_endpoint();
    CHECK(status(next) == 200);
    next.id = "three";
    next.audience = "https://elsewhere.example";
    CHECK(status(next) == 401);
    next = good;
    next.id = "four";
    next.expires = kSoon - 60;
    CHECK(status(next) == 401);
    next.expires = kSoon + 3'600;
    CHECK(status(next) == 401);
    next = good;
    next.id = "five";
    next.algorithm = "none";
    CHECK(status(next) == 401);
    next = good;
    next.client = pair.issuer.client_id();
    next.id = "six";
    CHECK(status(next) == 401);
    CHECK(pair.post_as("", "/revoke", {{"token", "x"}, {"client_id", "keyed"}}).status == 401);
  }
  Pair pair;
  pair.issuer.register_client({.id = "keyed",
                               .method = ClientMethod::private_key_jwt,
                               .public_key_pem = public_pem(kinds[1].key.get())});
  const std::string foreign =
      sign(kinds[2].key.get(), nullptr,
           {.algorithm = "ES256", .audience = pair.issuer.url(), .expires = kSoon});
  CHECK(pair.post_as("", "/revoke", with_assertion(foreign)).status == 401);
}

// Goal: the token endpoint gives what RFC 6749 sections 5.1, 5.2 and 6 and RFC 8707 ask for.
TEST_CASE("the refresh grant and its refusals") {
  Pair pair;
  const Issuer::Grant grant = pair.mint();
  const Response fresh = pair.refresh(grant.refresh_token);
  CHECK(fresh.status == 200);
  CHECK(header_of(fresh, "cache-control") == "no-store");
  const Value tokens = json_of(fresh);
  CHECK(tokens["token_type"].string_or("") == "Bearer");
  CHECK(tokens["expires_in"].int_or(0) == 600);
  CHECK(tokens["refresh_token"].string_or("") == grant.refresh_token);
  const std::string access = tokens["access_token"].string_or("");
  CHECK(access != grant.access_token);
  CHECK(pair.server.accepts(access, kStart));
  CHECK(pair.server.accepts(access, kStart + Issuer::kAccessTokenLifetime - Duration(1)));
  CHECK_FALSE(pair.server.accepts(access, kStart + Issuer::kAccessTokenLifetime));

  struct Row {
    Fields fields;
    const char* error;
  };
  const std::string& refresh_token = grant.refresh_token;
  const Row rows[] = {
      {{{"refresh_token", refresh_token}}, "invalid_request"},
      {{{"grant_type", "refresh_token"}}, "invalid_request"},
      {{{"grant_type", "refresh_token"}, {"refresh_token", "nope"}}, "invalid_grant"},
      {{{"grant_type", "refresh_token"}, {"refresh_token", grant.access_token}}, "invalid_grant"},
      {{{"grant_type", "authorization_code"}, {"code", "x"}}, "invalid_grant"},
      {{{"grant_type", "client_credentials"}}, "unsupported_grant_type"},
      {{{"grant_type", "refresh_token"},
        {"refresh_token", refresh_token},
        {"resource", "https://other.example/mcp"}},
       "invalid_target"},
      {{{"grant_type", "refresh_token"}, {"refresh_token", refresh_token}, {"scope", "admin"}},
       "invalid_scope"},
  };
  for (const Row& row : rows) {
    const Response refused = pair.post("/token", row.fields);
    CHECK(refused.status == 400);
    CHECK(json_of(refused)["error"].string_or("") == row.error);
  }
  const Response bound = pair.post("/token", {{"grant_type", "refresh_token"},
                                              {"refresh_token", refresh_token},
                                              {"resource", pair.server.endpoint()},
                                              {"scope", "mcp:use"}});
  CHECK(bound.status == 200);
  const Issuer::Grant foreign = pair.issuer.mint("somebody", pair.server.endpoint(), kStart);
  CHECK(pair.refresh(foreign.refresh_token).status == 400);
}

// Goal: introspection tells the owner the facts and everybody else exactly `{"active":false}`.
TEST_CASE("introspection") {
  Pair pair;
  const Issuer::Grant grant = pair.mint();
  const Value facts = json_of(pair.post("/introspect", {{"token", grant.access_token}}));
  CHECK(facts["active"].bool_or(false));
  CHECK(facts["client_id"].string_or("") == pair.issuer.client_id());
  CHECK(facts["aud"].string_or("") == pair.server.endpoint());
  CHECK(facts["exp"].int_or(0) - facts["iat"].int_or(0) == 600);
  CHECK(pair.post_as("", "/introspect", {{"token", grant.access_token}}).status == 401);
  const std::string no = R"({"active":false})";
  CHECK(pair.post("/introspect", {{"token", "unknown"}}).body == no);
  const Issuer::Grant foreign = pair.issuer.mint("somebody", pair.server.endpoint(), kStart);
  CHECK(pair.post("/introspect", {{"token", foreign.access_token}}).body == no);
  CHECK(pair.post("/introspect", {{"token", grant.access_token}}, grant.expires_at).body == no);
  Pair without("no_introspection");
  CHECK(without.post("/introspect", {{"token", "x"}}).status == 404);
}

// Goal: discovery finds what exists, and only that.
TEST_CASE("metadata and key set") {
  Pair pair;
  for (const char* path :
       {"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"}) {
    const Value document = json_of(pair.get(path));
    CHECK(document["issuer"].string_or("") == pair.options.issuer_url);
    CHECK(document["token_endpoint"].string_or("") == pair.issuer.token_endpoint());
    CHECK(document["revocation_endpoint"].string_or("") == pair.issuer.revocation_endpoint());
    CHECK(document["introspection_endpoint"].string_or("") == pair.issuer.introspection_endpoint());
    CHECK(document["revocation_endpoint_auth_methods_supported"].list_or_empty().size() == 4);
  }
  CHECK(json_of(pair.get("/jwks"))["keys"].list_or_empty().size() == 1);
  CHECK(pair.get("/token").status == 405);
  CHECK(pair.get("/elsewhere").status == 404);
  Pair poor("no_revocation_endpoint,no_introspection");
  const Value document = json_of(poor.get("/.well-known/oauth-authorization-server"));
  CHECK_FALSE(document.has("revocation_endpoint"));
  CHECK_FALSE(document.has("revocation_endpoint_auth_methods_supported"));
  CHECK_FALSE(document.has("introspection_endpoint"));
}

// Goal: one seed is one exact issuer, signatures included; another seed is another.
TEST_CASE("the issuer is deterministic") {
  for (const char* profile : {"", "jwt_offline", "rotation"}) {
    Pair one(profile);
    Pair two(profile);
    Pair other(profile, 8);
    const Issuer::Grant grant = one.mint();
    CHECK(grant.access_token == two.mint().access_token);
    CHECK(grant.access_token != other.mint().access_token);
    CHECK(one.refresh(grant.refresh_token).body == two.refresh(grant.refresh_token).body);
    CHECK(one.get("/jwks").body == two.get("/jwks").body);
  }
}

TEST_CASE("a JWT of the issuer has the claims of RFC 9068 and verifies against its key set") {
  Pair pair("jwt_offline");
  const Issuer::Grant grant = pair.mint();
  const std::optional<JwtParts> parts = split_jwt(grant.access_token);
  REQUIRE(parts);
  CHECK(parts->header["typ"].string_or("") == "at+jwt");
  CHECK(parts->claims["iss"].string_or("") == pair.issuer.url());
  CHECK(parts->claims["aud"].string_or("") == pair.server.endpoint());
  CHECK(parts->claims["exp"].int_or(0) - parts->claims["iat"].int_or(0) == 3'600);
  const Value jwk = json_of(pair.get("/jwks"))["keys"].list_or_empty().at(0);
  const std::optional<std::string> raw = base64url_decode(jwk["x"].string_or(""));
  REQUIRE(raw);
  const Key key(EVP_PKEY_new_raw_public_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(raw->data()), raw->size()));
  CHECK(jwt_signature_holds(*parts, public_pem(key.get())));
}

}  // namespace quell::range::test
