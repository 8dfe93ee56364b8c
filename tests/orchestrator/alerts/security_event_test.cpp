// Signed security events: who may tell quell something, and what a forger tries (threat T49).
#include "orchestrator/alerts/security_event.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "connectors/oauth/jws.h"
#include "orchestrator/alerts/key_set.h"
#include "orchestrator/alerts/sample.h"
#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/base/openssl.h"
#include "state/base/sha256.h"

namespace quell::test {
namespace {

constexpr std::int64_t kNow = 1'767'225'600;
constexpr std::string_view kType = "application/secevent+jwt";
constexpr std::string_view kCompromise =
    "https://schemas.openid.net/secevent/risc/event-type/credential-compromise";
constexpr std::string_view kVerification =
    "https://schemas.openid.net/secevent/ssf/event-type/verification";

/// The trigger sheet's vector SET-1.
constexpr std::string_view kVectorKey =
    R"({"kty":"EC","crv":"P-256","x":"JgyflU__OKcLQMZeX4VOFSmlSkSloCfJ3wBCPS-mn9U","y":"WujVqSsP-SGVen5tG9S7pkRi4A4OtXGo8QFQuEHOLzU","kid":"quell-test-1"})";
constexpr std::string_view kVector =
    "eyJ0eXAiOiJzZWNldmVudCtqd3QiLCJhbGciOiJFUzI1NiIsImtpZCI6InF1ZWxsLXRlc3QtMSJ9."
    "eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLmNvbSIsImp0aSI6InNldC0wMDAxIiwiaWF0IjoxNzY3MjI1NjAwLCJh"
    "dWQiOiJodHRwczovL3F1ZWxsLmV4YW1wbGUuY29tIiwidHhuIjoiODY3NTMwOSIsInN1Yl9pZCI6eyJmb3JtYXQiOiJp"
    "c3Nfc3ViIiwiaXNzIjoiaHR0cHM6Ly9pZHAuZXhhbXBsZS5jb20iLCJzdWIiOiJ1LTAwMDEifSwiZXZlbnRzIjp7Imh0"
    "dHBzOi8vc2NoZW1hcy5vcGVuaWQubmV0L3NlY2V2ZW50L2NhZXAvZXZlbnQtdHlwZS9jcmVkZW50aWFsLWNoYW5nZSI6"
    "eyJjcmVkZW50aWFsX3R5cGUiOiJmaWRvMi1yb2FtaW5nIiwiY2hhbmdlX3R5cGUiOiJyZXZva2UiLCJpbml0aWF0aW5n"
    "X2VudGl0eSI6ImFkbWluIiwiZXZlbnRfdGltZXN0YW1wIjoxNzY3MjI1NTkwfX19."
    "uL6cQ5FaBLsbucesZn-bwiZK46yetdyig2YIlQi1mv6_td58aeJGd9MhVTP9g9UHSXIwMxvPnrwI872j4QBtdg";

Timestamp at(std::int64_t seconds) { return Timestamp(std::chrono::seconds(seconds)); }

std::string pem_of(EVP_PKEY* key, bool is_private) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (is_private) {
    PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  } else {
    PEM_write_bio_PUBKEY(out.get(), key);
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string number(EVP_PKEY* key, const char* name) {
  BIGNUM* value = nullptr;
  REQUIRE(EVP_PKEY_get_bn_param(key, name, &value) == 1);
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(value)), '\0');
  BN_bn2bin(value, reinterpret_cast<unsigned char*>(bytes.data()));
  BN_free(value);
  return base64url_encode(bytes);
}

/// The sender's RSA key, made once.
struct Rsa {
  PkeyPtr key{EVP_RSA_gen(2048)};
  std::string private_pem = pem_of(key.get(), true);
  std::string public_pem = pem_of(key.get(), false);
  std::string jwk = R"({"kty":"RSA","kid":"r1","n":")" + number(key.get(), "n") + R"(","e":")" +
                    number(key.get(), "e") + "\"}";
};
const Rsa& rsa() {
  static const Rsa kRsa;
  return kRsa;
}

std::string set_of(const std::vector<std::string>& keys) {
  std::string text;
  for (const std::string& key : keys) text += (text.empty() ? "" : ",") + key;
  return R"({"keys":[)" + text + "]}";
}

AlertSource source() {
  AlertSource made = preset_of(SourceKind::shared_signals);
  made.name = "idp";
  made.signals.issuer = "https://idp.example.com";
  made.signals.audience = {"https://quell.example.com"};
  made.public_keys = read_key_set(set_of({std::string(kVectorKey), rsa().jwk}));
  return made;
}

ValueMap good_claims() {
  return {{"iss", "https://idp.example.com"},
          {"aud", "https://quell.example.com"},
          {"iat", kNow},
          {"jti", "set-1"},
          {"sub_id", Value::map({{"format", "email"}, {"email", "u@example.com"}})},
          {"events", Value::map({{std::string(kCompromise),
                                  Value::map({{"credential_type", "app"}})}})}};
}

std::string signed_by_sender(ValueMap claims, std::string_view type = "secevent+jwt",
                             std::string_view key_id = "r1") {
  const auto token = sign_claims(Secret::copy_of(rsa().private_pem), key_id, type,
                                 Value(std::move(claims)));
  REQUIRE(token.has_value());
  return *token;
}

/// A token of these two texts, signed by the sender's RSA key whatever the header says.
std::string signed_raw(const std::string& header, const std::string& claims) {
  const std::string input = base64url_encode(header) + "." + base64url_encode(claims);
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  REQUIRE(EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, rsa().key.get()) == 1);
  std::size_t size = 256;
  std::string signature(size, '\0');
  REQUIRE(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                         reinterpret_cast<const unsigned char*>(input.data()), input.size()) == 1);
  EVP_MD_CTX_free(context);
  return input + "." + base64url_encode(signature);
}

using Verified = std::variant<VerifiedDelivery, DeliveryRefusal>;

Verified deliver(const AlertSource& to, const std::string& token, std::int64_t now = kNow,
                 std::string_view content_type = kType, const std::string& bearer = "") {
  std::vector<std::pair<std::string, std::string>> headers{
      {"content-type", std::string(content_type)}};
  if (!bearer.empty()) headers.emplace_back("authorization", "Bearer " + bearer);
  return verify_delivery(to, {.body = token, .headers = headers}, at(now));
}

/// `status why err`, or "taken".
std::string verdict(const Verified& verified) {
  const auto* const refused = std::get_if<DeliveryRefusal>(&verified);
  if (refused == nullptr) return "taken";
  return std::to_string(refused->status) + " " + std::string(refused->why) + " " +
         std::string(refused->err);
}

std::string without(const std::string& name, Value instead = {}) {
  ValueMap claims = good_claims();
  claims.erase(name);
  if (!instead.is_null()) claims.emplace(name, std::move(instead));
  return verdict(deliver(source(), signed_by_sender(std::move(claims))));
}

}  // namespace

TEST_CASE("the sheet's event is taken, and says what it is about") {
  const Verified verified = deliver(source(), std::string(kVector));
  REQUIRE(verdict(verified) == "taken");
  const auto& delivery = std::get<VerifiedDelivery>(verified);
  CHECK(delivery.key == "key quell-test-1");
  REQUIRE(delivery.alerts.size() == 1);
  const ReceivedAlert& alert = delivery.alerts.front();
  CHECK(alert.event == "https://schemas.openid.net/secevent/caep/event-type/credential-change");
  CHECK(alert.body["sub_id"]["sub"].string_or("") == "u-0001");
  CHECK(alert.body["txn"].string_or("") == "8675309");
  CHECK(alert.quiet.empty());
}

// Goal: nobody but the configured sender gets anything in (T49).
TEST_CASE("the hostile set is refused, each for its own reason") {
  const std::string claims = to_json(Value(good_claims()));
  const auto raw = [&](const std::string& header) {
    return verdict(deliver(source(), signed_raw(header, claims)));
  };
  REQUIRE(raw(R"({"alg":"RS256","kid":"r1","typ":"secevent+jwt"})") == "taken");
  SUBCASE("no algorithm, with and without a signature") {
    const std::string none = R"({"alg":"none","kid":"r1","typ":"secevent+jwt"})";
    CHECK(raw(none) == "400 algorithm invalid_key");
    const std::string bare = base64url_encode(none) + "." + base64url_encode(claims) + ".";
    CHECK(verdict(deliver(source(), bare)) == "400 algorithm invalid_key");
  }
  SUBCASE("HS256 under the sender's public key as everybody can read it") {
    const std::string input =
        base64url_encode(R"({"alg":"HS256","kid":"r1","typ":"secevent+jwt"})") + "." +
        base64url_encode(claims);
    for (const std::string& key : {rsa().public_pem, rsa().jwk}) {
      const std::string forged = input + "." + base64url_encode(hmac_sha256(key, input));
      CHECK(verdict(deliver(source(), forged)) == "400 algorithm invalid_key");
    }
  }
  SUBCASE("an algorithm that fits another key, or that nobody allowed") {
    CHECK(raw(R"({"alg":"ES256","kid":"r1","typ":"secevent+jwt"})") ==
          "400 signature authentication_failed");
    AlertSource strict = source();
    strict.signals.algorithms = {JwsAlgorithm::es256};
    CHECK(verdict(deliver(strict, signed_by_sender(good_claims()))) ==
          "400 algorithm invalid_key");
  }
  SUBCASE("a key that the token brings along or names an address for") {
    const PkeyPtr own(EVP_RSA_gen(2048));
    const std::string jwk = R"({"kty":"RSA","kid":"r1","n":")" + number(own.get(), "n") +
                            R"(","e":"AQAB"})";
    for (const std::string& more :
         {std::string(R"("jku":"https://evil.example/jwks","kid":"evil")"),
          R"("jwk":)" + jwk + R"(,"kid":"x")",
          std::string(R"("x5u":"https://evil.example/c.pem")")}) {
      CHECK(raw(R"({"alg":"RS256","typ":"secevent+jwt",)" + more + "}") ==
            "400 unknown key invalid_key");
    }
    const auto forged = sign_claims(Secret::copy_of(pem_of(own.get(), true)), "r1", "secevent+jwt",
                                    Value(good_claims()));
    REQUIRE(forged.has_value());
    CHECK(verdict(deliver(source(), *forged)) == "400 signature authentication_failed");
    // Beside a known kid an address changes nothing.
    CHECK(raw(R"({"alg":"RS256","kid":"r1","jku":"https://evil.example","typ":"secevent+jwt"})") ==
          "taken");
  }
  SUBCASE("tokens of another kind, and what must be understood") {
    CHECK(raw(R"({"alg":"RS256","kid":"r1","typ":"at+jwt"})") == "400 typ invalid_request");
    CHECK(raw(R"({"alg":"RS256","kid":"r1"})") == "400 typ invalid_request");
    CHECK(raw(R"({"alg":"RS256","kid":"r1","typ":"Application/SecEvent+JWT"})") == "taken");
    CHECK(raw(R"({"alg":"RS256","kid":"r1","typ":"secevent+jwt","crit":["b64"],"b64":false})") ==
          "400 crit invalid_request");
  }
  SUBCASE("a member that stands twice") {
    CHECK(raw(R"({"alg":"none","alg":"RS256","kid":"r1","typ":"secevent+jwt"})") ==
          "400 token invalid_request");
    const std::string twice = R"({"iss":"https://evil.example",)" + claims.substr(1);
    CHECK(verdict(deliver(source(),
                          signed_raw(R"({"alg":"RS256","kid":"r1","typ":"secevent+jwt"})",
                                     twice))) == "400 token invalid_request");
  }
}

TEST_CASE("a token of the right sender must be for us, of now, and an event") {
  CHECK(without("iss", "https://idp.example.com/") == "400 issuer invalid_issuer");
  CHECK(without("iss") == "400 issuer invalid_issuer");
  CHECK(without("aud", "https://other.example") == "400 audience invalid_audience");
  CHECK(without("aud") == "400 audience invalid_audience");
  ValueList several;
  several.emplace_back("https://other.example");
  CHECK(without("aud", Value(several)) == "400 audience invalid_audience");
  several.emplace_back("https://quell.example.com");
  CHECK(without("aud", Value(several)) == "taken");
  CHECK(without("iat") == "400 time invalid_request");
  CHECK(without("iat", kNow - 86'401) == "400 time invalid_request");
  CHECK(without("iat", kNow - 86'400) == "taken");
  CHECK(without("iat", kNow + 300) == "taken");
  CHECK(without("iat", kNow + 301) == "400 time invalid_request");
  CHECK(without("exp", kNow - 1) == "400 time invalid_request");
  CHECK(without("jti") == "400 id invalid_request");
  CHECK(without("jti", std::string(257, 'j')) == "400 id invalid_request");
  CHECK(without("events") == "400 events invalid_request");
  CHECK(without("events", Value::map({})) == "400 events invalid_request");
  CHECK(without("events", Value::map({{"x", "y"}})) == "400 events invalid_request");
  ValueMap id_token = good_claims();
  id_token.emplace("sub", "u-1");
  id_token.emplace("exp", kNow + 60);
  CHECK(verdict(deliver(source(), signed_by_sender(id_token))) == "400 time invalid_request");
}

TEST_CASE("what is no compact token is told from one that is forged") {
  const std::string good = signed_by_sender(good_claims());
  for (const std::string& bad :
       {std::string(), std::string("."), std::string("a.b"), good + ".x", good + "=", good + "\n",
        "{\"payload\":\"" + good + "\"}", good.substr(0, good.rfind('.')),
        "!" + good.substr(1), base64url_encode("[]") + good.substr(good.find('.'))}) {
    CAPTURE(bad);
    CHECK(verdict(deliver(source(), bad)) == "400 token invalid_request");
  }
  CHECK(verdict(deliver(source(), std::string((64U << 10U) + 1, 'a'))) == "413 size ");
  CHECK(verdict(deliver(source(), good, kNow, "application/json")) ==
        "400 content type invalid_request");
  CHECK(verdict(deliver(source(), good, kNow, "Application/SecEvent+JWT; charset=utf-8")) ==
        "taken");
}

// Goal: no byte of a token can be changed.
TEST_CASE("every changed character of the sheet's event is noticed") {
  for (std::size_t i = 0; i < kVector.size(); ++i) {
    std::string changed(kVector);
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    if (changed == kVector) continue;
    CAPTURE(i);
    CHECK(verdict(deliver(source(), changed)) != "taken");
  }
}

TEST_CASE("an event is known again by issuer and id, however it is signed") {
  const auto key_of = [](const Verified& verified) {
    REQUIRE(verdict(verified) == "taken");
    return std::get<VerifiedDelivery>(verified).alerts.front().replay_key;
  };
  const std::string first = key_of(deliver(source(), signed_by_sender(good_claims())));
  ValueMap again = good_claims();
  again["iat"] = kNow + 5;
  CHECK(key_of(deliver(source(), signed_by_sender(again))) == first);
  again["jti"] = "set-2";
  CHECK(key_of(deliver(source(), signed_by_sender(again))) != first);
}

TEST_CASE("a bearer token that was agreed on is asked for besides") {
  AlertSource both = source();
  both.keys.push_back(
      {.secret = std::make_shared<const Secret>(Secret::copy_of("agreed")), .named_at = "here"});
  const std::string good = signed_by_sender(good_claims());
  CHECK(verdict(deliver(both, good)) == "401 no token authentication_failed");
  CHECK(verdict(deliver(both, good, kNow, kType, "other")) == "401 token authentication_failed");
  CHECK(verdict(deliver(both, good, kNow, kType, "agreed")) == "taken");
  ValueMap foreign = good_claims();
  foreign["iss"] = "https://evil.example";
  CHECK(verdict(deliver(both, signed_by_sender(foreign), kNow, kType, "agreed")) ==
        "400 issuer invalid_issuer");
  CHECK_FALSE(sample_delivery(both, "a", at(kNow), "http://127.0.0.1").has_value());
}

TEST_CASE("an event about the stream itself begins nothing") {
  ValueMap claims = good_claims();
  claims["events"] =
      Value::map({{std::string(kVerification), Value::map({{"state", "abc"}})}});
  const Verified verified = deliver(source(), signed_by_sender(claims));
  REQUIRE(verdict(verified) == "taken");
  const ReceivedAlert& alert = std::get<VerifiedDelivery>(verified).alerts.front();
  CHECK(alert.event == kVerification);
  CHECK(alert.quiet == "about the stream");
}

// Goal: what an issuer publishes is used for signatures alone, and only where it is a sound key.
TEST_CASE("which members of a key set are keys") {
  const auto count = [](const std::string& jwk) { return read_key_set(set_of({jwk})).size(); };
  const std::string ec(kVectorKey);
  const auto with = [&](const std::string& more) {
    return count(ec.substr(0, ec.size() - 1) + "," + more + "}");
  };
  CHECK(count(ec) == 1);
  CHECK(count(rsa().jwk) == 1);
  CHECK(count(R"({"kty":"OKP","crv":"Ed25519","kid":"e","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})") == 1);
  CHECK(with(R"("use":"sig","alg":"ES256","key_ops":["verify"])") == 1);
  CHECK(with(R"("use":"enc")") == 0);
  CHECK(with(R"("alg":"ES384")") == 0);
  CHECK(with(R"("key_ops":["encrypt"])") == 0);
  std::string nameless = ec;
  nameless.replace(nameless.find("kid"), 3, "name");
  CHECK(count(nameless) == 0);
  std::string beside = ec;
  beside[beside.find("JgyflU") + 1] = 'h';
  CHECK(count(beside) == 0);
  const std::string n = base64url_encode(std::string(256, '\xff'));
  CHECK(count(R"({"kty":"RSA","kid":"a","n":")" + n + R"(","e":"AQAB"})") == 1);
  CHECK(count(R"({"kty":"RSA","kid":"a","n":")" + n + R"(","e":"AQ"})") == 0);
  CHECK(count(R"({"kty":"RSA","kid":"a","n":")" + base64url_encode(std::string(128, '\xff')) +
              R"(","e":"AQAB"})") == 0);
  CHECK(count(R"({"kty":"RSA","kid":"a","n":")" + base64url_encode(std::string(1'025, '\xff')) +
              R"(","e":"AQAB"})") == 0);
  CHECK(count(R"({"kty":"oct","kid":"a","k":"c2VjcmV0"})") == 0);
  CHECK(read_key_set("no JSON").empty());
  CHECK(read_key_set(R"({"keys":[1,"x",{}]})").empty());
}

}  // namespace quell::test
