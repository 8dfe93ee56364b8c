// Deliveries as their senders document them, each with its signature; then each of them broken.
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include "orchestrator/alerts/source.h"

namespace quell::test {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr std::int64_t kVectorTime = 1'767'225'600;  // 2026-01-01T00:00:00Z

struct Vector {
  std::string name{};
  SourceKind kind = SourceKind::hmac;
  std::vector<std::string> secrets{};
  Headers headers{};
  std::string body{};
  std::int64_t at = kVectorTime;
  SignatureRule rule{};  // of the generic kind
  std::vector<PublicKey> public_keys{};
  bool signs_time = false;
};

const std::string kWebhookBody =
    R"({"type":"credential.leaked","timestamp":"2026-01-01T00:00:00Z","data":{"id":"cred_01TEST","provider":"aws","kind":"access_key"}})";
const std::string kWebhookSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const std::string kWebhookSignature = "v1,ybkkwkN2KTN+zywHQP6cq+TMzTgT3CXBeRULsyU8H4M=";
const std::string kOldSignature = "v1,YZT7dYqYjIHJEJQRlR0b3T55jwmnVA34qb9hsUcMTZc=";
const std::string kGrafanaBody = R"({"receiver":"quell","status":"firing","alerts":[]})";
const std::string kGitguardianBody =
    R"({"source":"GitGuardian","action":"incident_triggered","incident":{"id":3759}})";
const std::string kPartnerKey =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAESnbbFNNYI6wE9EYmk4F5APYjz9j4\n"
    "z2x4mBOZj3zwMHGLKN5rdk1x7ww1/F8BnheU+9mdbWOySpwG3Uyg8pa67g==\n"
    "-----END PUBLIC KEY-----\n";

Headers webhook_headers(const std::string& signature) {
  return {{"webhook-id", "msg_quelltest0001"},
          {"webhook-timestamp", "1767225600"},
          {"webhook-signature", signature}};
}

std::string ed25519_key() {
  return std::string(
      "\xd7\x5a\x98\x01\x82\xb1\x0a\xb7\xd5\x4b\xfe\xd3\xc9\x64\x07\x3a"
      "\x0e\xe1\x72\xf3\xda\xa6\x23\x25\xaf\x02\x1a\x68\xf7\x07\x51\x1a",
      32);
}

std::vector<Vector> vectors() {
  std::vector<Vector> list;
  list.push_back({.name = "Standard Webhooks v1",
                  .kind = SourceKind::standard_webhooks,
                  .secrets = {kWebhookSecret},
                  .headers = webhook_headers(kWebhookSignature),
                  .body = kWebhookBody,
                  .signs_time = true});
  list.push_back({.name = "Standard Webhooks, two signatures while a secret is rotated",
                  .kind = SourceKind::standard_webhooks,
                  .secrets = {kWebhookSecret},
                  .headers = webhook_headers(kOldSignature + " " + kWebhookSignature),
                  .body = kWebhookBody,
                  .signs_time = true});
  list.push_back({.name = "Standard Webhooks v1a",
                  .kind = SourceKind::standard_webhooks,
                  .headers = webhook_headers("v1a,b6jqugAcU2UA9/oLVeLZY9YmxPrqI54eaIUfheeID2Jk/"
                                             "fhecR3g9tfbXKD6d/YE00NAoS6/1bij+Z5Vh2oeDA=="),
                  .body = kWebhookBody,
                  .public_keys = {{.id = "1", .bytes = ed25519_key()}},
                  .signs_time = true});
  list.push_back(
      {.name = "GitHub",
       .kind = SourceKind::github,
       .secrets = {"quell-gh-secret-1"},
       .headers = {{"x-hub-signature-256",
                    "sha256="
                    "3cc29c1a565830115c4c9d2ad82316bd5739165fbcfc924b430958876a91b4a7"}},
       .body = R"({"action":"created","alert":{"number":42,"secret_type":"aws_access_key_id"}})"});
  list.push_back({.name = "GitHub, beyond ASCII",
                  .kind = SourceKind::github,
                  .secrets = {"quell-gh-secret-1"},
                  .headers = {{"x-hub-signature-256",
                               "sha256="
                               "f120af3766bd69388d44da6495ab1bbf3600d2fea1599a6fd6b4eeee0b86d9ec"}},
                  .body = "{\"note\":\"cl\xc3\xa9 r\xc3\xa9voqu\xc3\xa9"
                          "e \xe2\x9c\x93\"}"});
  list.push_back(
      {.name = "GitHub secret scanning partner",
       .kind = SourceKind::github_partner,
       .headers = {{"github-public-key-identifier", "90a421169f0a406205f1563a953312f0"},
                   {"github-public-key-signature",
                    "MEUCIAbaSjPWE7ZR9s59VCmsHOHnVYIzLl5tBJzIbd4m59tKAiEA+"
                    "oe1i5C+BJ0+2ZxU9v/gFPmZXcsECgU2BjyV0ZxBKgg="}},
       .body =
           R"([{"token":"qtok_EXAMPLE0000000000","type":"quell_api_token","url":"https://example.com/o/r/blob/0123abcd/config.txt","source":"content"}])",
       .public_keys = {{.id = "90a421169f0a406205f1563a953312f0", .bytes = kPartnerKey}}});
  list.push_back({.name = "GitGuardian, seconds",
                  .kind = SourceKind::gitguardian,
                  .secrets = {"gg-token-1"},
                  .headers = {{"timestamp", "1767225600"},
                              {"gitguardian-signature",
                               "sha256="
                               "ad015855f423ba9120de350463bcc71d0263ecc8afb29cb4238f21db473f453e"}},
                  .body = kGitguardianBody,
                  .signs_time = true});
  list.push_back({.name = "GitGuardian, RFC 3339",
                  .kind = SourceKind::gitguardian,
                  .secrets = {"gg-token-1"},
                  .headers = {{"timestamp", "2026-01-01T00:00:00.000000"},
                              {"gitguardian-signature",
                               "sha256="
                               "23ea052b27fb5b09b8b7f27b39f363da62ca05176007cc625d0ba4e477481c1d"}},
                  .body = kGitguardianBody,
                  .signs_time = true});
  list.push_back({.name = "Grafana",
                  .kind = SourceKind::grafana,
                  .secrets = {"grafana-secret-1"},
                  .headers = {{"x-grafana-alerting-signature",
                               "8178f6f1f36d6326a6107b177c84a1004feece2c86681f0beb3f413ddfabde69"}},
                  .body = kGrafanaBody});
  list.push_back({.name = "Grafana with a time",
                  .kind = SourceKind::grafana,
                  .secrets = {"grafana-secret-1"},
                  .headers = {{"x-grafana-alerting-signature",
                               "19e0b74dfbc40e3a299ca77a107e143e5b313e8cedd0ed7a186a612e17bff19d"},
                              {"x-grafana-alerting-signature-timestamp", "1767225600"}},
                  .body = kGrafanaBody,
                  .rule = {.header = "x-grafana-alerting-signature",
                           .covered = Covered::time_colon_body,
                           .time_header = "x-grafana-alerting-signature-timestamp"},
                  .signs_time = true});
  list.push_back(
      {.name = "PagerDuty, either of two secrets",
       .kind = SourceKind::pagerduty,
       .secrets = {"pd-secret-new"},
       .headers = {{"x-pagerduty-signature",
                    "v1=693a29299a1bfafd111be3aa0d537c6cae88d76a942bc1b54673e911d47f4845,"
                    "v1=cc370e5f0863b58611d04fe929944398b05cfd2f74b94707201a427530f6ba61"}},
       .body =
           R"({"event":{"id":"01TESTEVENT","event_type":"incident.triggered","data":{"id":"PTEST1","type":"incident"}}})"});
  list.push_back(
      {.name = "Slack, its published example",
       .kind = SourceKind::slack,
       .secrets = {"8f742231b10e8888abcd99yyyzzz85a5"},
       .headers = {{"x-slack-request-timestamp", "1531420618"},
                   {"x-slack-signature",
                    "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"}},
       .body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
               "&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name="
               "roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%"
               "2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%"
               "2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121."
               "803a0bc887a14d10d2c447fce8b6703c",
       .at = 1'531'420'618,
       .signs_time = true});
  list.push_back(
      {.name = "Slack",
       .kind = SourceKind::slack,
       .secrets = {"quell-slack-secret"},
       .headers = {{"x-slack-request-timestamp", "1767225600"},
                   {"x-slack-signature",
                    "v0=a5f558405bea44b14a98feaa325250c40e3f89b63b51eceef0e87f817b812c41"}},
       .body = "command=%2Fquell&text=status+run_01TEST&user_id=U0TEST&team_id=T0TEST",
       .signs_time = true});
  list.push_back(
      {.name = "Sentry",
       .kind = SourceKind::sentry,
       .secrets = {"sentry-client-secret-1"},
       .headers = {{"sentry-hook-signature",
                    "711546f2fde83b4ac47839f1c76eb88c62681f332862f73167680418db5522e9"}},
       .body =
           R"({"action":"triggered","data":{"event":{"event_id":"e1"},"triggered_rule":"leak"}})"});
  list.push_back({.name = "one header with time and signature",
                  .kind = SourceKind::hmac,
                  .secrets = {"generic-secret-1"},
                  .headers = {{"x-signature",
                               "t=1767225600,v1="
                               "302f7a0a15a344449950b775bd91f9d28c6e078efa036671bf8830532c2f9b60"}},
                  .body = kGrafanaBody,
                  .rule = {.header = "x-signature",
                           .prefix = "v1=",
                           .separator = ',',
                           .covered = Covered::time_dot_body,
                           .time_prefix = "t="},
                  .signs_time = true});
  return list;
}

AlertSource source_of(const Vector& vector) {
  AlertSource source = preset_of(vector.kind);
  source.name = "test";
  if (!vector.rule.header.empty()) source.rule = vector.rule;
  for (const std::string& secret : vector.secrets)
    source.keys.push_back(
        {.secret = std::make_shared<const Secret>(Secret::copy_of(secret)), .named_at = "key"});
  source.public_keys = vector.public_keys;
  return source;
}

/// 0 when it is taken, else the status of its refusal.
int status_of(const Vector& vector, std::int64_t seconds_later = 0) {
  const AlertSource source = source_of(vector);
  const auto answer = verify_delivery(source, {.body = vector.body, .headers = vector.headers},
                                      Timestamp(std::chrono::seconds(vector.at + seconds_later)));
  const auto* const refused = std::get_if<DeliveryRefusal>(&answer);
  return refused == nullptr ? 0 : refused->status;
}

bool is_refusal(int status) { return status == 400 || status == 401; }

VerifiedDelivery taken(const Vector& vector, std::int64_t seconds_later = 0) {
  const AlertSource source = source_of(vector);
  auto answer = verify_delivery(source, {.body = vector.body, .headers = vector.headers},
                                Timestamp(std::chrono::seconds(vector.at + seconds_later)));
  REQUIRE(std::holds_alternative<VerifiedDelivery>(answer));
  return std::move(std::get<VerifiedDelivery>(answer));
}

}  // namespace

TEST_CASE("what senders sign verifies") {
  for (const Vector& vector : vectors()) {
    CAPTURE(vector.name);
    CHECK(status_of(vector) == 0);
  }
}

// Goal: nothing but the sender's own bytes is taken. Method: every byte of body and headers
// flipped.
TEST_CASE("a delivery with one changed byte is refused") {
  for (const Vector& good : vectors()) {
    CAPTURE(good.name);
    for (std::size_t i = 0; i < good.body.size(); ++i) {
      Vector bad = good;
      bad.body[i] = static_cast<char>(bad.body[i] ^ 1);
      CAPTURE(i);
      CHECK(is_refusal(status_of(bad)));
    }
    for (std::size_t header = 0; header < good.headers.size(); ++header) {
      CAPTURE(good.headers[header].first);
      // One of two signatures may be broken: that is what rotation is.
      const std::string& value = good.headers[header].second;
      const bool two =
          value.find(" v1,") != std::string::npos || good.kind == SourceKind::pagerduty;
      const std::size_t from = good.kind == SourceKind::pagerduty ? 0
                               : two                              ? value.find(' ') + 1
                                                                  : 0;
      const std::size_t to = good.kind == SourceKind::pagerduty ? value.find(',') : value.size();
      for (std::size_t i = from; i < to; ++i) {
        Vector bad = good;
        bad.headers[header].second[i] = static_cast<char>(value[i] ^ 1);
        // Padding bits and letter case of hex name the same bytes.
        if (value[i] == '=' || (i + 2 < value.size() && value[i + 1] == '=')) continue;
        CAPTURE(i);
        CHECK(is_refusal(status_of(bad)));
      }
    }
  }
}

TEST_CASE("a delivery without one of its headers, or under another key, is refused") {
  for (const Vector& good : vectors()) {
    CAPTURE(good.name);
    for (std::size_t header = 0; header < good.headers.size(); ++header) {
      Vector bad = good;
      bad.headers.erase(bad.headers.begin() + static_cast<std::ptrdiff_t>(header));
      CHECK(is_refusal(status_of(bad)));
    }
    Vector other = good;
    for (std::string& secret : other.secrets) secret.back() = secret.back() == 'x' ? 'y' : 'x';
    for (PublicKey& key : other.public_keys) key.bytes.back() = 'x';
    if (good.kind == SourceKind::standard_webhooks && !good.secrets.empty())
      other.secrets = {"whsec_BBECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="};
    if (good.kind == SourceKind::github_partner) other.public_keys.front().id = "0";
    CHECK(is_refusal(status_of(other)));
  }
}

TEST_CASE("a signed time is believed within the tolerance, both ends included") {
  for (const Vector& vector : vectors()) {
    if (!vector.signs_time) continue;
    CAPTURE(vector.name);
    const std::int64_t most = vector.kind == SourceKind::gitguardian ? 60 : 300;
    CHECK(status_of(vector, most) == 0);
    CHECK(status_of(vector, -most) == 0);
    CHECK(status_of(vector, most + 1) == 401);
    CHECK(status_of(vector, -most - 1) == 401);
  }
}

TEST_CASE("mistakes that others made with Standard Webhooks") {
  Vector vector = vectors().front();
  SUBCASE("the text of the secret as key") {
    vector.headers = webhook_headers("v1,hCXl6BUKcLEHRfvUAG7eFTj1qyLcddJEXQwkpB1iYw0=");
    CHECK(status_of(vector) == 401);
  }
  SUBCASE("the old secret's signature alone") {
    vector.headers = webhook_headers(kOldSignature);
    CHECK(status_of(vector) == 401);
    vector.secrets.emplace_back("whsec_qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=");
    CHECK(status_of(vector) == 0);
  }
  SUBCASE("a time with something behind it") {
    vector.headers[1].second = "1767225600abc";
    CHECK(status_of(vector) == 400);
  }
  SUBCASE("eleven signatures") {
    std::string many;
    for (int i = 0; i < 10; ++i) many += kOldSignature + " ";
    vector.headers = webhook_headers(many + kWebhookSignature);
    CHECK(status_of(vector) == 400);
  }
  SUBCASE("a line break in the id, as percent-decoding may bring one") {
    vector.headers[0].second = "msg\r\nX: y";
    CHECK(status_of(vector) == 400);
  }
  SUBCASE("the names of before the standard") {
    for (auto& [name, value] : vector.headers) name.replace(0, 7, "svix");
    CHECK(status_of(vector) == 0);
  }
}

TEST_CASE("a key is not believed after its time") {
  Vector vector = vectors().front();
  AlertSource source = source_of(vector);
  const Timestamp now(std::chrono::seconds{kVectorTime});
  const Delivery delivery{.body = vector.body, .headers = vector.headers};
  source.keys.front().not_after = now;
  CHECK(std::holds_alternative<VerifiedDelivery>(verify_delivery(source, delivery, now)));
  CHECK(std::holds_alternative<DeliveryRefusal>(
      verify_delivery(source, delivery, now + Duration{1})));
}

// Goal: whoever recorded a delivery cannot make another one of it (threat T15).
TEST_CASE("the replay key is over what is signed, and over that alone") {
  Vector github = vectors()[3];
  github.headers.emplace_back("x-github-delivery", "1");
  const std::string first = taken(github).alerts.front().replay_key;
  github.headers.back().second = "2";
  CHECK(taken(github).alerts.front().replay_key == first);
  CHECK(first.size() == 32);

  const Vector slack = vectors()[12];
  CHECK(taken(slack).alerts.front().replay_key == taken(slack, 5).alerts.front().replay_key);
  // A sender's later attempt of the same message keeps its id and has another time.
  const Vector v1 = vectors()[0];
  const Vector v1a = vectors()[2];
  CHECK(taken(v1).alerts.front().replay_key == taken(v1a).alerts.front().replay_key);
}

TEST_CASE("a leaked token in an alert is taken out of it") {
  const VerifiedDelivery delivery = taken(vectors()[5]);
  const ReceivedAlert& alert = delivery.alerts.front();
  REQUIRE(alert.secrets.size() == 1);
  CHECK(alert.secrets.front().path == "token");
  CHECK(is_secret(*alert.secrets.front().secret, "qtok_EXAMPLE0000000000"));
  CHECK(alert.body["token"].is_null());
  CHECK(alert.body["type"].string_or("") == "quell_api_token");
  CHECK(alert.correlation.find("qtok") == std::string::npos);
}

}  // namespace quell::test
