#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace quell::expression {

inline bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// Bytes of the code point at `at`, at least 1; invalid UTF-8 counts one byte each.
std::size_t code_point_bytes(std::string_view text, std::size_t at) noexcept;
/// Number of code points.
std::size_t code_points(std::string_view text) noexcept;
/// Appends as UTF-8; false for a surrogate or a value above U+10FFFF.
bool append_code_point(std::string& out, std::uint32_t code);
/// Without the Unicode white space at both ends.
std::string_view trimmed(std::string_view text) noexcept;

/// The word of `known` that a typing mistake away from `word` may have meant, else empty.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);
/// `did you mean "x"?`, or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

}  // namespace quell::expression
