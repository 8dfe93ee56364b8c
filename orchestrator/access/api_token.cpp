#include "orchestrator/access/api_token.h"

#include <array>
#include <cstdint>
#include <span>
#include <zlib.h>

#include "state/base/bytes.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

constexpr std::string_view kPrefix = "quell_api_";
constexpr std::string_view kDigits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::size_t kIdDigits = 12;
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kSecretDigits = 43;
constexpr std::size_t kCheckDigits = 6;

/// `bytes` as one number in base 62, most significant digit first.
std::string base62(std::string bytes, std::size_t digits) {
  std::string text(digits, '0');
  for (std::size_t place = digits; place-- > 0;) {
    unsigned rest = 0;
    for (char& byte : bytes) {
      const unsigned value = rest * 256U + static_cast<unsigned char>(byte);
      byte = static_cast<char>(value / 62U);
      rest = value % 62U;
    }
    text[place] = kDigits[rest];
  }
  wipe(bytes);
  return text;
}

std::string check_of(std::string_view text) {
  const auto crc = static_cast<std::uint32_t>(crc32(
      0, reinterpret_cast<const unsigned char*>(text.data()), static_cast<uInt>(text.size())));
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(crc >> shift & 0xFFU);
  return base62(std::move(bytes), kCheckDigits);
}

}  // namespace

Secret ApiToken::make(Random& random) {
  std::string bytes(kSecretBytes, '\0');
  random.fill(std::as_writable_bytes(std::span(bytes)));
  std::string text = std::string(kPrefix) + random.hex(kIdDigits / 2) + "_" +
                     base62(std::move(bytes), kSecretDigits);
  text += check_of(text);
  return Secret(std::move(text));
}

std::optional<ApiToken> ApiToken::read(std::string_view text) {
  if (text.size() != kPrefix.size() + kIdDigits + 1 + kSecretDigits + kCheckDigits ||
      !text.starts_with(kPrefix)) {
    return std::nullopt;
  }
  const std::string_view id = text.substr(kPrefix.size(), kIdDigits);
  const std::string_view body = text.substr(0, text.size() - kCheckDigits);
  if (id.find_first_not_of("0123456789abcdef") != std::string_view::npos ||
      text[kPrefix.size() + kIdDigits] != '_' ||
      !equal_constant_time(check_of(body), text.substr(body.size()))) {
    return std::nullopt;
  }
  return ApiToken{.id = std::string(id), .hash = sha256(text)};
}

}  // namespace quell
