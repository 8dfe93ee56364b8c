// Passwords, by OpenSSL's scrypt.
#include "orchestrator/access/password.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <span>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "state/base/bytes.h"

namespace quell {
namespace {

constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kPasswordCharactersMin = 12;
constexpr std::size_t kPasswordBytesMax = 512;  // 128 characters of four bytes
constexpr std::uint64_t kMemoryMax = 256ULL << 20U;
constexpr std::uint64_t kMemoryRoom = 32ULL << 20U;  // beside the table itself

std::optional<std::string> scrypt(const Secret& password, std::string_view salt,
                                  const ScryptCost& cost) {
  const std::uint64_t table = (128ULL * cost.r) << cost.log2_n;
  std::array<unsigned char, kHashBytes> hash{};
  const std::string_view text = password.reveal();
  // A limit of 0 would be 32 MiB, which is less than the table needs.
  const int done = EVP_PBE_scrypt(
      text.data(), text.size(), reinterpret_cast<const unsigned char*>(salt.data()), salt.size(),
      1ULL << cost.log2_n, cost.r, cost.p, table + kMemoryRoom, hash.data(), hash.size());
  if (done != 1) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(hash.data()), hash.size());
}

std::string without_padding(std::string text) {
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::optional<std::string> decode(std::string_view text) {
  std::string padded(text);
  while (padded.size() % 4 != 0) padded += '=';
  return base64_decode(padded);
}

struct PasswordHash {
  ScryptCost cost{};
  std::string salt{};
  std::string hash{};
};

std::optional<PasswordHash> parse(std::string_view text) {
  constexpr std::string_view kScheme = "$scrypt$";
  if (!text.starts_with(kScheme)) return std::nullopt;
  text.remove_prefix(kScheme.size());
  PasswordHash parsed;
  for (const auto& [name, end, value] :
       {std::tuple("ln=", ',', &parsed.cost.log2_n), std::tuple("r=", ',', &parsed.cost.r),
        std::tuple("p=", '$', &parsed.cost.p)}) {
    if (!text.starts_with(name)) return std::nullopt;
    text.remove_prefix(std::string_view(name).size());
    const auto [stop, fault] = std::from_chars(text.data(), text.data() + text.size(), *value);
    if (fault != std::errc{} || stop == text.data() + text.size() || *stop != end)
      return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()) + 1);
  }
  const std::size_t dollar = text.find('$');
  if (dollar == std::string_view::npos) return std::nullopt;
  const std::optional<std::string> salt = decode(text.substr(0, dollar));
  const std::optional<std::string> hash = decode(text.substr(dollar + 1));
  const ScryptCost& cost = parsed.cost;
  const bool is_sane = cost.log2_n >= 1 && cost.log2_n <= 20 && cost.r >= 1 && cost.r <= 32 &&
                       cost.p >= 1 && cost.p <= 16 &&
                       ((128ULL * cost.r) << cost.log2_n) <= kMemoryMax;
  if (!salt || !hash || hash->size() != kHashBytes || !is_sane) return std::nullopt;
  parsed.salt = *salt;
  parsed.hash = *hash;
  return parsed;
}

std::size_t characters_in(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return count;
}

}  // namespace

Status check_password(const Secret& password) {
  const bool fits = password.size() <= kPasswordBytesMax &&
                    characters_in(password.reveal()) >= kPasswordCharactersMin;
  if (fits) return ok();
  return make_error(ErrorCode::invalid, "password", "a password has 12 to 128 characters.",
                    "a sentence of four words is a good one");
}

Result<std::string> hash_password(const Secret& password, const ScryptCost& cost, Random& random) {
  if (Status fits = check_password(password); !fits) return fits.error();
  std::string salt(kSaltBytes, '\0');
  random.fill(std::as_writable_bytes(std::span(salt)));
  const std::optional<std::string> hash = scrypt(password, salt, cost);
  if (!hash) return make_error(ErrorCode::internal, "scrypt found no memory");
  return fmt::format("$scrypt$ln={},r={},p={}${}${}", cost.log2_n, cost.r, cost.p,
                     without_padding(base64_encode(salt)), without_padding(base64_encode(*hash)));
}

bool matches_password(const Secret& password, std::string_view hash) {
  const std::optional<PasswordHash> known = parse(hash);
  if (!known || password.size() > kPasswordBytesMax) return false;
  const std::optional<std::string> found = scrypt(password, known->salt, known->cost);
  return found && equal_constant_time(*found, known->hash);
}

}  // namespace quell
