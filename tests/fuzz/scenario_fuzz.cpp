// Target: check_scenario and load_scenario. They agree on whether a file has mistakes, and each
// finding has its place.

#include <algorithm>

#include "orchestrator/drill/scenario.h"
#include "state/base/assert.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view source = quell::fuzz::text_of(data, size);
  const std::vector<quell::Diagnostic> found = quell::check_scenario(source, nullptr);
  const bool has_error =
      std::any_of(found.begin(), found.end(), [](const quell::Diagnostic& one) {
        return one.severity == quell::Diagnostic::Severity::error;
      });
  for (const quell::Diagnostic& one : found) QUELL_ASSERT(one.at.line >= 1 && one.at.column >= 1);
  QUELL_ASSERT(quell::load_scenario(source, "sample.yaml").has_value() == !has_error);
  static_cast<void>(quell::is_scenario(source));
  return 0;
}
