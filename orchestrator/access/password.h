#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "state/base/random.h"
#include "state/base/result.h"
#include "state/base/secret.h"

namespace quell {

/// Cost of scrypt (RFC 7914): memory is 128 * r * 2^log2_n bytes.
struct ScryptCost {
  std::uint32_t log2_n = 17;  // 128 MiB: OWASP's first choice
  std::uint32_t r = 8;
  std::uint32_t p = 1;
  bool operator==(const ScryptCost&) const = default;
};

/// 12 to 128 characters, nothing else is asked of it (NIST SP 800-63B). Error topic "password".
Status check_password(const Secret& password);

/// `$scrypt$ln=17,r=8,p=1$SALT$HASH`, both base64 without padding. Takes a third of a second.
Result<std::string> hash_password(const Secret& password, const ScryptCost& cost, Random& random);

/// Does `password` belong to `hash`? False, too, for a hash that cannot be read or that asks for
/// more than 256 MiB. Takes as long as hash_password().
bool matches_password(const Secret& password, std::string_view hash);

}  // namespace quell
