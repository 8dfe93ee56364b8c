#pragma once

#include <string>
#include <string_view>

namespace quell {

/// 32 raw bytes.
std::string sha256(std::string_view bytes);
/// 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);
/// RFC 2104, 32 raw bytes.
std::string hmac_sha256(std::string_view key, std::string_view bytes);
/// RFC 5869; `length` at most 8160 bytes.
std::string hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info,
                        std::size_t length);

}  // namespace quell
