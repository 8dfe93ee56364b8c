// Target: decode_jwt_text. Whatever an issuer wrote into a token, what comes out is printable text.

#include <optional>
#include <string>

#include "connectors/oauth/jwt.h"
#include "state/base/assert.h"
#include "state/base/bytes.h"
#include "tests/fuzz/target.h"

namespace {

void must_be_clean(const std::string& text) { QUELL_ASSERT(quell::escape_untrusted(text) == text); }

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::optional<quell::JwtClaims> claims =
      quell::decode_jwt_text(quell::fuzz::text_of(data, size));
  if (!claims) return 0;
  must_be_clean(claims->issuer);
  must_be_clean(claims->client_id);
  must_be_clean(claims->jwt_id);
  must_be_clean(claims->type);
  for (const std::string& audience : claims->audience) must_be_clean(audience);
  return 0;
}
