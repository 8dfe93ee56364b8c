// Target: parse_json. What it accepts reads back from its canonical form as the same value.

#include <string>

#include "state/base/json.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const quell::Result<quell::Value> parsed = quell::parse_json(quell::fuzz::text_of(data, size));
  if (!parsed) return 0;
  const std::string canonical = quell::to_json(*parsed);
  const quell::Result<quell::Value> again = quell::parse_json(canonical);
  QUELL_ASSERT(again.has_value());
  QUELL_ASSERT(quell::to_json(*again) == canonical);
  QUELL_ASSERT(quell::parse_json(quell::to_pretty_json(*parsed)).has_value());
  return 0;
}
