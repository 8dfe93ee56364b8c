#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace quell {

// Byte strings are std::string; text is UTF-8.

std::string hex_encode(std::string_view bytes);
std::optional<std::string> hex_decode(std::string_view text);

/// RFC 4648 section 4, with padding.
std::string base64_encode(std::string_view bytes);
std::optional<std::string> base64_decode(std::string_view text);
/// RFC 4648 section 5, without padding.
std::string base64url_encode(std::string_view bytes);
std::optional<std::string> base64url_decode(std::string_view text);

/// application/x-www-form-urlencoded as WHATWG and RFC 6749 appendix B: space is `+`, unreserved is
/// `A-Za-z0-9*-._`.
std::string form_encode(std::string_view text);
/// Percent-decoding of a form value; a broken escape stays as it is.
std::string form_decode(std::string_view text);
/// RFC 3986 unreserved stay, everything else is %XX.
std::string percent_encode(std::string_view text);
std::string percent_decode(std::string_view text);

/// Compares in time that depends only on the lengths.
bool equal_constant_time(std::string_view a, std::string_view b) noexcept;

bool is_valid_utf8(std::string_view text) noexcept;

/// Text from outside made fit for a terminal, a log line or a report: control characters,
/// bidirectional overrides, zero-width characters and invalid UTF-8 become `\u{202e}` style escapes
/// (threat T33).
std::string escape_untrusted(std::string_view text);

}  // namespace quell
