// Target: decode_entry and parse_head. An entry that is accepted encodes to the same bytes, since
// the bytes hashed are the bytes stored.

#include <optional>
#include <string>

#include "state/hash_chain.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = quell::fuzz::text_of(data, size);
  const quell::Result<quell::DecodedEntry> decoded = quell::decode_entry(bytes);
  if (decoded) {
    const quell::Result<std::string> encoded =
        quell::encode_entry(decoded->entry, decoded->mac_hex);
    QUELL_ASSERT(encoded.has_value());
    QUELL_ASSERT(*encoded == bytes);
  }
  const std::optional<quell::Tip> head = quell::parse_head(bytes);
  QUELL_ASSERT(!head || head->hash.size() == 32);
  return 0;
}
