#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "orchestrator/alerts/source.h"
#include "state/base/clock.h"
#include "state/base/value.h"

namespace quell {

// Security Event Tokens (RFC 8417) as a receiver of pushes (RFC 8935) checks them. Threat T49.

/// The two parts of a compact JWS that are JSON, its signature, and the bytes that it covers.
struct SecurityEventToken {
  Value header{};
  Value claims{};
  std::string signature{};
  std::string_view signed_part{};  // of the text that was read
};

/// Reads a compact JWS (RFC 7515 section 7.1) within bounds, no member twice. Checks nothing.
std::optional<SecurityEventToken> read_security_event(std::string_view text);

/// The `kid` that `text` names, or empty: which key to look for, before anything is believed.
std::string key_named_by(std::string_view text);

/// Who signed `token`, and what says that it has been here before.
struct CheckedEvent {
  std::string key_id{};
  std::string replay_id{};  // its issuer and its `jti`
};

/// Whether the configured sender of `source` signed it for us, lately. Keys are those of `source`
/// alone: `jku`, `x5u`, `jwk` and `x5c` in the header are not looked at.
std::variant<CheckedEvent, DeliveryRefusal> check_security_event(const AlertSource& source,
                                                                 const SecurityEventToken& token,
                                                                 Timestamp now);

/// What a token tells: its event's URI, and why it begins nothing where it is about the stream
/// itself.
struct ToldEvent {
  std::string event{};
  std::string_view quiet{};
};
ToldEvent event_of(const Value& claims);

/// Why a token is refused whose `kid` is none of the source's keys.
inline constexpr std::string_view kUnknownKey = "unknown key";

/// The refusal of what cannot be read as one.
DeliveryRefusal unreadable_event();
/// The refusal of one whose key may be new: the sender is to come again.
DeliveryRefusal keys_out_of_reach();

}  // namespace quell
