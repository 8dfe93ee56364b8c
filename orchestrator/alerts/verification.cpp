// Whom a delivery comes from, over its raw bytes and before anything reads them.
#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "orchestrator/alerts/security_event.h"
#include "orchestrator/alerts/source.h"
#include "state/base/bytes.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

constexpr std::size_t kHeaderBytesMax = 4'096;
constexpr std::size_t kSignaturesMax = 10;
constexpr std::size_t kTimeDigitsMax = 12;
constexpr std::size_t kTimeTextMax = 40;

using Refused = DeliveryRefusal;

/// What stands in a security header may be: nothing that could be read in two ways.
bool is_plain(std::string_view value) {
  constexpr std::string_view kMarks = "+/=_.,:- ";
  return !value.empty() && value.size() <= kHeaderBytesMax &&
         std::ranges::all_of(value, [kMarks](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  kMarks.find(c) != std::string_view::npos;
         });
}

std::string_view trimmed(std::string_view text) {
  const std::size_t from = text.find_first_not_of(' ');
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(' ') + 1 - from);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (parts.size() <= kSignaturesMax) {
    const std::size_t end = separator == '\0' ? std::string_view::npos : text.find(separator);
    if (const std::string_view part = trimmed(text.substr(0, end)); !part.empty())
      parts.push_back(part);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

/// Senders of the time before the standard had a name say the same under another.
std::string_view signed_header(const AlertSource& source, const Delivery& delivery,
                               std::string_view name) {
  const std::string_view found = delivery.header(name);
  constexpr std::string_view kStandard = "webhook-";
  if (!found.empty() || source.kind != SourceKind::standard_webhooks ||
      !name.starts_with(kStandard)) {
    return found;
  }
  return delivery.header("svix-" + std::string(name.substr(kStandard.size())));
}

std::optional<std::string> decoded(Encoding encoding, std::string_view text) {
  switch (encoding) {
    case Encoding::hex:
      return hex_decode(text);
    case Encoding::base64:
      return base64_decode(text);
    case Encoding::base64url:
      return base64url_decode(text);
  }
  return std::nullopt;
}

/// Digits alone are seconds since 1970; GitGuardian's own form has a fraction or is RFC 3339.
std::optional<Timestamp> time_of_header(std::string_view text, bool may_be_text) {
  const bool digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (digits && !text.empty() && text.size() <= kTimeDigitsMax) {
    std::int64_t seconds = 0;
    std::from_chars(text.data(), text.data() + text.size(), seconds);
    return Timestamp(std::chrono::seconds(seconds));
  }
  if (!may_be_text || text.empty() || text.size() > kTimeTextMax) return std::nullopt;
  if (text.find_first_not_of("0123456789.") == std::string_view::npos)
    return time_of_header(text.substr(0, text.find('.')), false);
  if (text.find_first_not_of("0123456789TZ:.+-") != std::string_view::npos) return std::nullopt;
  if (const auto time = parse_rfc3339(text)) return time;
  return parse_rfc3339(std::string(text) + "Z");
}

bool is_current(const SourceKey& key, Timestamp now) {
  return !key.not_after || now <= *key.not_after;
}

/// What the sender vouches for beside the body.
struct Vouched {
  std::string key{};
  std::string id{};
  std::string time{};
};

/// The place of the key under which one of `tokens` is the MAC of `message`; every pair is tried.
std::string key_of_mac(const AlertSource& source, const std::vector<std::string_view>& tokens,
                       const Vouched& vouched, const std::string& message, Timestamp now) {
  std::string found;
  const std::string_view before =
      source.rule.covered == Covered::time_in_key ? std::string_view(vouched.time) : "";
  for (const SourceKey& key : source.keys) {
    if (!is_current(key, now)) continue;
    const auto mac = mac_of(source.rule.digest, source.rule.key_form, *key.secret, before, message);
    if (!mac) continue;
    for (const std::string_view token : tokens) {
      if (!token.starts_with(source.rule.prefix)) continue;
      const auto given = decoded(source.rule.encoding, token.substr(source.rule.prefix.size()));
      if (given && equal_constant_time(*given, *mac)) found = key.named_at;
    }
  }
  constexpr std::string_view kAsymmetric = "v1a,";
  for (const PublicKey& key : source.public_keys) {
    for (const std::string_view token : tokens) {
      if (!token.starts_with(kAsymmetric)) continue;
      const auto given = base64_decode(token.substr(kAsymmetric.size()));
      if (given && is_signed_ed25519(key.bytes, message, *given)) found = "public key " + key.id;
    }
  }
  return found;
}

std::variant<Vouched, Refused> check_mac(const AlertSource& source, const Delivery& delivery,
                                         Timestamp now) {
  const SignatureRule& rule = source.rule;
  const std::string_view header = signed_header(source, delivery, rule.header);
  if (header.empty()) return Refused{.status = 401, .why = "no signature"};
  if (!is_plain(header)) return Refused{.status = 400, .why = "signature header"};
  const std::vector<std::string_view> tokens = split(header, rule.separator);
  if (tokens.size() > kSignaturesMax) return Refused{.status = 400, .why = "signature header"};
  Vouched vouched;
  std::optional<Timestamp> time;
  if (rule.covered != Covered::body) {
    std::string_view text;
    if (!rule.time_header.empty()) text = signed_header(source, delivery, rule.time_header);
    for (const std::string_view token : tokens) {
      if (rule.time_header.empty() && !rule.time_prefix.empty() &&
          token.starts_with(rule.time_prefix)) {
        text = token.substr(rule.time_prefix.size());
      }
    }
    time = time_of_header(text, source.kind == SourceKind::gitguardian);
    if (!time) return Refused{.status = 400, .why = "time header"};
    vouched.time = text;
  }
  if (rule.covered == Covered::id_time_body) {
    const std::string_view id = signed_header(source, delivery, rule.id_header);
    if (!is_plain(id)) return Refused{.status = 400, .why = "id header"};
    vouched.id = id;
  }
  vouched.key = key_of_mac(source, tokens, vouched,
                           signed_bytes(source, vouched.id, vouched.time, delivery.body), now);
  if (vouched.key.empty()) return Refused{.status = 401, .why = "signature"};
  if (time && (*time + source.tolerance < now || *time > now + source.tolerance))
    return Refused{.status = 401, .why = "time"};
  return vouched;
}

std::variant<Vouched, Refused> check_key_set(const AlertSource& source, const Delivery& delivery) {
  const std::string_view id = delivery.header(source.rule.id_header);
  const std::string_view header = delivery.header(source.rule.header);
  if (id.empty() || header.empty()) return Refused{.status = 401, .why = "no signature"};
  if (!is_plain(id) || !is_plain(header)) return Refused{.status = 400, .why = "signature header"};
  const auto key = std::ranges::find(source.public_keys, id, &PublicKey::id);
  if (key == source.public_keys.end()) return Refused{.status = 401, .why = "unknown key"};
  const auto signature = base64_decode(header);
  if (!signature || !is_signed_p256(key->bytes, delivery.body, *signature))
    return Refused{.status = 401, .why = "signature"};
  return Vouched{.key = "key " + key->id};
}

/// The token that a delivery shows, by header or path.
std::optional<std::string> shown_token(const AlertSource& source, const Delivery& delivery) {
  if (source.proof == Proof::path) return std::string(delivery.path_token);
  const std::string_view header = delivery.header("authorization");
  const std::string_view scheme = source.proof == Proof::basic ? "basic " : "bearer ";
  const bool fits = header.size() > scheme.size() &&
                    std::equal(scheme.begin(), scheme.end(), header.begin(), [](char a, char b) {
                      return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
                    });
  if (!fits || header.size() > kHeaderBytesMax) return std::nullopt;
  const std::string_view rest = trimmed(header.substr(scheme.size()));
  return source.proof == Proof::basic ? base64_decode(rest) : std::string(rest);
}

std::variant<Vouched, Refused> check_token(const AlertSource& source, const Delivery& delivery,
                                           Timestamp now) {
  std::optional<std::string> token = shown_token(source, delivery);
  if (!token || token->empty()) return Refused{.status = 401, .why = "no token"};
  Vouched vouched;
  for (const SourceKey& key : source.keys) {
    if (is_secret(*key.secret, *token) && is_current(key, now)) vouched.key = key.named_at;
  }
  wipe(*token);
  if (vouched.key.empty()) return Refused{.status = 401, .why = "token"};
  return vouched;
}

/// `Content-Type: application/secevent+jwt` (RFC 8935 section 2.1), whatever parameters it has.
bool is_event_content(std::string_view type) {
  constexpr std::string_view kType = "application/secevent+jwt";
  type = trimmed(type.substr(0, type.find(';')));
  return std::equal(type.begin(), type.end(), kType.begin(), kType.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

/// A token vouches for itself; where a bearer token was agreed on as well, both must hold.
std::variant<Vouched, Refused> check_event(const AlertSource& source, const Delivery& delivery,
                                           Timestamp now) {
  if (!is_event_content(delivery.header("content-type")))
    return Refused{.status = 400, .why = "content type", .err = "invalid_request"};
  if (!source.keys.empty()) {
    auto shown = check_token(source, delivery, now);
    if (auto* const refused = std::get_if<Refused>(&shown)) {
      refused->err = "authentication_failed";
      return *refused;
    }
  }
  const auto token = read_security_event(delivery.body);
  if (!token) return unreadable_event();
  auto checked = check_security_event(source, *token, now);
  if (const auto* const refused = std::get_if<Refused>(&checked)) return *refused;
  CheckedEvent& event = std::get<CheckedEvent>(checked);
  return Vouched{.key = "key " + event.key_id, .id = std::move(event.replay_id)};
}

std::variant<Vouched, Refused> check(const AlertSource& source, const Delivery& delivery,
                                     Timestamp now) {
  switch (source.proof) {
    case Proof::hmac:
      return check_mac(source, delivery, now);
    case Proof::p256:
      return check_key_set(source, delivery);
    case Proof::jws:
      return check_event(source, delivery, now);
    case Proof::bearer:
    case Proof::basic:
    case Proof::path:
      break;
  }
  return check_token(source, delivery, now);
}

/// 32 bytes that name an alert of `source` for ever: over what the sender vouches for alone.
std::string replay_key(const AlertSource& source, const Vouched& vouched, std::string_view body,
                       const ReceivedAlert& alert, std::size_t index) {
  std::string text = source.name;
  const auto add = [&text](std::string_view part) {
    text.push_back('\n');
    text.append(sha256_hex(part));
  };
  if (source.replay_by == ReplayBy::correlation && !alert.correlation.empty()) {
    add(alert.correlation);
    return sha256(text);
  }
  if (source.replay_by == ReplayBy::id) {
    add(vouched.id);
  } else {
    add(vouched.time);
    add(body);
  }
  add(std::to_string(index));
  return sha256(text);
}

}  // namespace

std::string signed_bytes(const AlertSource& source, std::string_view id, std::string_view time,
                         std::string_view body) {
  std::string bytes;
  switch (source.rule.covered) {
    case Covered::body:
    case Covered::time_in_key:
      break;
    case Covered::id_time_body:
      bytes.append(id).append(".").append(time).append(".");
      break;
    case Covered::time_dot_body:
      bytes.append(time).append(".");
      break;
    case Covered::time_colon_body:
      bytes.append(time).append(":");
      break;
    case Covered::v0_time_body:
      bytes.append("v0:").append(time).append(":");
      break;
  }
  return bytes.append(body);
}

std::string_view Delivery::header(std::string_view name) const noexcept {
  const auto found = std::ranges::find(headers, name, &std::pair<std::string, std::string>::first);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

std::variant<VerifiedDelivery, DeliveryRefusal> verify_delivery(const AlertSource& source,
                                                                const Delivery& delivery,
                                                                Timestamp now) {
  if (delivery.body.size() > source.body_bytes_max) return Refused{.status = 413, .why = "size"};
  if (source.mutual_tls && !delivery.client_verified)
    return Refused{.status = 401, .why = "client certificate"};
  auto checked = check(source, delivery, now);
  if (const auto* const refused = std::get_if<Refused>(&checked)) return *refused;
  const Vouched& vouched = std::get<Vouched>(checked);
  auto read = read_alerts(source, delivery, now);
  if (const auto* const refused = std::get_if<Refused>(&read)) return *refused;
  VerifiedDelivery verified{.key = vouched.key,
                            .alerts = std::move(std::get<std::vector<ReceivedAlert>>(read))};
  for (std::size_t i = 0; i < verified.alerts.size(); ++i) {
    verified.alerts[i].replay_key =
        replay_key(source, vouched, delivery.body, verified.alerts[i], i);
  }
  return verified;
}

}  // namespace quell
