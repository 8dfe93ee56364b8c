// Target: parse_challenges, one field per line of the input. The documented bounds hold.

#include <string_view>
#include <vector>

#include "connectors/oauth/challenge.h"
#include "state/base/assert.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = quell::fuzz::text_of(data, size);
  std::vector<std::string_view> fields;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    fields.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const std::vector<quell::Challenge> challenges = quell::parse_challenges(fields);
  QUELL_ASSERT(challenges.size() <= 16);
  for (const quell::Challenge& challenge : challenges) {
    QUELL_ASSERT(!challenge.scheme.empty());
    QUELL_ASSERT(challenge.params.size() <= 32);
  }
  const quell::Challenge* const bearer = quell::find_bearer(challenges);
  QUELL_ASSERT(bearer == nullptr || bearer->scheme == "bearer");
  return 0;
}
