#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "orchestrator/alerts/signature.h"
#include "state/base/clock.h"
#include "state/base/secret.h"
#include "state/base/value.h"

namespace quell {

/// Who sends alerts. docs/alerts.md says what each kind checks.
enum class SourceKind : std::uint8_t {
  standard_webhooks,
  github,
  github_partner,
  gitguardian,
  alertmanager,
  grafana,
  pagerduty,
  opsgenie,
  splunk,
  elastic,
  sentinel,
  sentry,
  slack,
  trufflehog,
  shared_signals,
  hmac,
  bearer
};
std::string_view to_string(SourceKind kind) noexcept;
std::optional<SourceKind> source_kind_from_string(std::string_view text) noexcept;

/// By what a delivery shows whom it comes from.
enum class Proof : std::uint8_t {
  hmac,    // an HMAC over the raw body, see SignatureRule
  p256,    // GitHub's key set for secret scanning partners
  jws,     // the body is a signed token (RFC 8417) under a key of the sender's set
  bearer,  // `Authorization: Bearer`
  basic,   // `Authorization: Basic`, the secret is `user:password`
  path     // the last part of the path, for senders that can set no header
};

/// What the bytes under an HMAC are.
enum class Covered : std::uint8_t {
  body,
  time_dot_body,    // {time}.{body}
  time_colon_body,  // {time}:{body}
  v0_time_body,     // v0:{time}:{body}
  id_time_body,     // {id}.{time}.{body}
  time_in_key       // {body}, under a key that begins with {time}
};

/// How a token is signed: asymmetric alone, so that no public key can serve as a shared secret.
enum class JwsAlgorithm : std::uint8_t { es256, rs256, eddsa };

enum class Encoding : std::uint8_t { hex, base64, base64url };

/// A closed set of knobs that describes how the senders at hand sign.
struct SignatureRule {
  std::string header{};   // lower case
  std::string prefix{};   // before each signature: `sha256=`, `v1,`
  char separator = '\0';  // between several signatures; NUL: there is one
  Encoding encoding = Encoding::hex;
  Digest digest = Digest::sha256;
  KeyForm key_form = KeyForm::text;
  Covered covered = Covered::body;
  std::string time_header{};
  std::string time_prefix{};  // the time stands among the signatures: `t=`
  std::string id_header{};
};

struct SourceKey {
  SecretPtr secret{};
  std::string named_at{};  // its place in the configuration, for the log
  std::optional<Timestamp> not_after{};
};

struct PublicKey {
  std::string id{};     // of a key set; else empty
  std::string bytes{};  // raw Ed25519, or PEM; of a key set for tokens DER
  JwsAlgorithm algorithm = JwsAlgorithm::es256;  // the one that a key for tokens serves
};

/// What the tokens of a source of kind shared_signals must say.
struct SignalTerms {
  std::string issuer{};
  std::vector<std::string> audience{};  // any one of them
  std::vector<JwsAlgorithm> algorithms{JwsAlgorithm::es256, JwsAlgorithm::rs256};
};

/// What a delivery's replay key is taken from: always what the sender vouches for.
enum class ReplayBy : std::uint8_t {
  id,           // the signed id
  body,         // the body, and the signed time where there is one
  correlation,  // nothing is signed, or one thing is told again and again: what each alert is about
};

/// The alert acts only when the text at `path` is among `words` (or, `not_these`, is not).
struct Quiet {
  std::string_view path{};
  std::span<const std::string_view> words{};
  bool not_these = false;
};

/// How a kind's bodies become alerts; one row of the table in source_presets.cpp.
struct Reading {
  enum class Shape : std::uint8_t { object, members, array, lines, form, token } shape = Shape::object;
  std::string_view members{};                       // the list's name
  std::string_view event_header{};                  // names the event; no signature covers it
  std::span<const std::string_view> event_paths{};  // or one of these does, the first that is there
  std::span<const std::string_view> correlation{};  // paths of what an alert is about
  std::span<const std::string_view> secrets{};      // paths of leaked tokens
  std::span<const Quiet> quiet{};
  std::string_view fresh_path{};  // a signed time in the body
  Duration fresh_for{0};
};

/// One configured sender.
struct AlertSource {
  std::string name{};
  SourceKind kind = SourceKind::bearer;
  Proof proof = Proof::bearer;
  SignatureRule rule{};
  std::vector<SourceKey> keys{};
  std::vector<PublicKey> public_keys{};
  std::string key_endpoint{};  // where more of them are fetched; empty: nowhere
  SignalTerms signals{};
  Duration tolerance{std::chrono::seconds{300}};
  std::size_t body_bytes_max = 256U << 10U;
  ReplayBy replay_by = ReplayBy::body;
  Duration retention{std::chrono::hours{24 * 7}};
  bool mutual_tls = false;  // the listener asked for a client certificate, and it must be there
  double rate = 50;         // deliveries a second that are taken
  const Reading* reading = nullptr;
};

/// A request to `/hooks/{source}`.
struct Delivery {
  std::string_view path_token{};  // what follows the source's name
  std::string_view body{};
  std::span<const std::pair<std::string, std::string>> headers{};  // names in lower case
  bool client_verified = false;

  std::string_view header(std::string_view name) const noexcept;
};

/// Why a delivery is not taken: the status to answer, and one fixed word for the log.
struct DeliveryRefusal {
  int status = 401;
  std::string_view why{};
  std::string_view err{};  // the sender's protocol has a word for it (RFC 8935 section 2.4)
};

struct LeakedSecret {
  std::string path{};  // dotted, below `alert.body`
  SecretPtr secret{};
};

/// One thing that a sender tells. Leaked tokens were taken out of `body`; null stands there.
struct ReceivedAlert {
  std::string replay_key{};   // 32 raw bytes
  std::string correlation{};  // what it is about, in the sender's words; may be empty
  std::string event{};
  Value body{};
  std::vector<LeakedSecret> secrets{};
  std::string_view quiet{};  // why it never begins anything: "a test", "resolved"; else empty
};

struct VerifiedDelivery {
  std::string key{};  // place of the key that verified
  std::vector<ReceivedAlert> alerts{};
};

/// The bytes under a signature of `source`; a time that stands in the key is not among them.
std::string signed_bytes(const AlertSource& source, std::string_view id, std::string_view time,
                         std::string_view body);

/// Checks a delivery over its raw bytes and reads it. Every key is tried, whichever fits.
std::variant<VerifiedDelivery, DeliveryRefusal> verify_delivery(const AlertSource& source,
                                                                const Delivery& delivery,
                                                                Timestamp now);

/// The body of `source` in alerts, for what was verified before: `quell hook replay`.
std::variant<std::vector<ReceivedAlert>, DeliveryRefusal> read_alerts(const AlertSource& source,
                                                                      const Delivery& delivery,
                                                                      Timestamp now);

/// May a route of this source begin a run without a person? Where a stranger could say the same, or
/// say it again, never.
bool may_run_by_itself(const AlertSource& source) noexcept;

/// The source of `kind` as its sender documents it, without keys.
AlertSource preset_of(SourceKind kind);

}  // namespace quell
