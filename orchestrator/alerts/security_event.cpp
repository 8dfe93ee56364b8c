// RFC 8417 sections 2.2 to 2.4 and RFC 8935 section 2; trigger sheet 1.16.
#include "orchestrator/alerts/security_event.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "orchestrator/alerts/key_set.h"
#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell {
namespace {

using Refused = DeliveryRefusal;

constexpr std::size_t kTokenBytesMax = 256U << 10U;
constexpr std::size_t kTokenHeaderBytesMax = 4'096;
constexpr std::size_t kTokenIdBytesMax = 256;
constexpr std::size_t kEventsMax = 8;
constexpr Duration kAgeMax{std::chrono::hours{24}};
constexpr double kSecondsMax = 253'402'300'799;  // the end of the year 9999
constexpr std::string_view kStreamEvents = "https://schemas.openid.net/secevent/ssf/event-type/";

constexpr std::string_view kInvalidRequest = "invalid_request";
constexpr std::string_view kInvalidKey = "invalid_key";
constexpr std::string_view kFailed = "authentication_failed";

Refused bad_request(std::string_view why) {
  return {.status = 400, .why = why, .err = kInvalidRequest};
}

std::optional<Value> json_part(std::string_view part, std::size_t bytes_max) {
  const std::optional<std::string> text = base64url_decode(part);
  if (!text) return std::nullopt;
  Result<Value> value =
      parse_json(*text, {.bytes_max = bytes_max, .depth_max = 32, .nodes_max = 10'000});
  if (!value || !value->is_map()) return std::nullopt;
  return *std::move(value);
}

/// NumericDate (RFC 7519 section 2).
std::optional<Timestamp> numeric_date(const Value& value) {
  if (!value.is_int() && !value.is_number()) return std::nullopt;
  const double seconds =
      value.is_int() ? static_cast<double>(value.as_int()) : std::floor(value.as_number());
  if (!(seconds >= 0 && seconds <= kSecondsMax)) return std::nullopt;
  return Timestamp(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
}

/// `secevent+jwt`, with or without the prefix that RFC 7515 section 4.1.9 lets a sender leave out.
bool is_event_type(std::string_view type) {
  constexpr std::string_view kLong = "application/secevent+jwt";
  constexpr std::string_view kShort = "secevent+jwt";
  const auto same = [type](std::string_view other) {
    return std::equal(type.begin(), type.end(), other.begin(), other.end(), [](char a, char b) {
      return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
    });
  };
  return same(kShort) || same(kLong);
}

bool is_for(const Value& audience, const std::vector<std::string>& ours) {
  const auto is_ours = [&ours](const Value& one) {
    return one.is_string() && std::ranges::find(ours, one.as_string()) != ours.end();
  };
  return is_ours(audience) || std::ranges::any_of(audience.list_or_empty(), is_ours);
}

bool has_events(const Value& claims) {
  const Value& events = claims["events"];
  return events.is_map() && !events.as_map().empty() && events.as_map().size() <= kEventsMax &&
         std::ranges::all_of(events.as_map(),
                             [](const auto& event) { return event.second.is_map(); });
}

std::variant<const PublicKey*, Refused> signer_of(const AlertSource& source,
                                                  const SecurityEventToken& token) {
  if (!is_event_type(token.header["typ"].string_or(""))) return bad_request("typ");
  // Whatever must be understood here is not (RFC 7515 section 4.1.11).
  if (token.header.has("crit")) return bad_request("crit");
  const auto algorithm = jws_algorithm_from_string(token.header["alg"].string_or(""));
  const auto& allowed = source.signals.algorithms;
  if (!algorithm || std::ranges::find(allowed, *algorithm) == allowed.end())
    return Refused{.status = 400, .why = "algorithm", .err = kInvalidKey};
  const std::string id = token.header["kid"].string_or("");
  bool known = false;
  for (const PublicKey& key : source.public_keys) {
    if (id.empty() || key.id != id) continue;
    known = true;
    if (is_signed_jws(*algorithm, key, token.signed_part, token.signature)) return &key;
  }
  if (known) return Refused{.status = 400, .why = "signature", .err = kFailed};
  return Refused{.status = 400, .why = kUnknownKey, .err = kInvalidKey};
}

/// What a signed token must say to be one for us, and of now.
std::optional<Refused> refusal_of_claims(const AlertSource& source, const Value& claims,
                                         Timestamp now) {
  if (claims["iss"].string_or("") != source.signals.issuer)
    return Refused{.status = 400, .why = "issuer", .err = "invalid_issuer"};
  if (!is_for(claims["aud"], source.signals.audience))
    return Refused{.status = 400, .why = "audience", .err = "invalid_audience"};
  const std::optional<Timestamp> issued = numeric_date(claims["iat"]);
  if (!issued || *issued + kAgeMax < now || *issued > now + source.tolerance)
    return bad_request("time");
  // Shared Signals knows no `exp`: a token that has one is over, or, with `sub`, of another kind.
  if (claims.has("exp")) {
    const std::optional<Timestamp> end = numeric_date(claims["exp"]);
    if (!end || *end <= now || claims.has("sub")) return bad_request("time");
  }
  const std::string id = claims["jti"].string_or("");
  if (id.empty() || id.size() > kTokenIdBytesMax) return bad_request("id");
  if (!has_events(claims)) return bad_request("events");
  return std::nullopt;
}

}  // namespace

std::optional<SecurityEventToken> read_security_event(std::string_view text) {
  if (text.size() > kTokenBytesMax || std::ranges::count(text, '.') != 2) return std::nullopt;
  const std::size_t first = text.find('.');
  const std::size_t second = text.find('.', first + 1);
  std::optional<Value> header = json_part(text.substr(0, first), kTokenHeaderBytesMax);
  if (!header) return std::nullopt;
  std::optional<Value> claims = json_part(text.substr(first + 1, second - first - 1), text.size());
  std::optional<std::string> signature = base64url_decode(text.substr(second + 1));
  if (!claims || !signature) return std::nullopt;
  return SecurityEventToken{.header = *std::move(header),
                            .claims = *std::move(claims),
                            .signature = *std::move(signature),
                            .signed_part = text.substr(0, second)};
}

std::string key_named_by(std::string_view text) {
  const std::size_t end = text.find('.');
  if (end == std::string_view::npos || end > kTokenHeaderBytesMax) return {};
  const std::optional<Value> header = json_part(text.substr(0, end), kTokenHeaderBytesMax);
  return header ? (*header)["kid"].string_or("") : std::string();
}

std::variant<CheckedEvent, DeliveryRefusal> check_security_event(const AlertSource& source,
                                                                 const SecurityEventToken& token,
                                                                 Timestamp now) {
  const auto signer = signer_of(source, token);
  if (const auto* const refused = std::get_if<Refused>(&signer)) return *refused;
  if (const auto refused = refusal_of_claims(source, token.claims, now)) return *refused;
  return CheckedEvent{
      .key_id = std::get<const PublicKey*>(signer)->id,
      .replay_id = source.signals.issuer + "\n" + token.claims["jti"].as_string()};
}

ToldEvent event_of(const Value& claims) {
  ToldEvent told;
  if (!claims["events"].is_map()) return told;
  const ValueMap& events = claims["events"].as_map();
  const auto is_of_stream = [](const auto& event) {
    return std::string_view(event.first).starts_with(kStreamEvents);
  };
  // One that is about a subject speaks for the token; the stream's own only where nothing else does.
  auto speaks = std::ranges::find_if_not(events, is_of_stream);
  if (speaks == events.end()) {
    told.quiet = "about the stream";
    speaks = events.begin();
  }
  if (speaks != events.end()) told.event = speaks->first;
  return told;
}

DeliveryRefusal unreadable_event() { return bad_request("token"); }

DeliveryRefusal keys_out_of_reach() { return {.status = 503, .why = "keys"}; }

}  // namespace quell
