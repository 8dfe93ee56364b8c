// Target: load_issuer_profile. It gives a profile or at least one error, and each finding has its
// place; no profile puts a secret into a URL.

#include <algorithm>

#include "orchestrator/issuer_profiles.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view source = quell::fuzz::text_of(data, size);
  const quell::ProfileLoad loaded = quell::load_issuer_profile(source, "sample.yaml");
  const bool has_error = std::any_of(loaded.diagnostics.begin(), loaded.diagnostics.end(),
                                     [](const quell::Diagnostic& one) {
                                       return one.severity == quell::Diagnostic::Severity::error;
                                     });
  QUELL_ASSERT(loaded.profile.has_value() != has_error);
  for (const quell::Diagnostic& one : loaded.diagnostics) {
    QUELL_ASSERT(one.at.line >= 1 && one.at.column >= 1 && !one.code.empty());
    static_cast<void>(quell::render(one, "sample.yaml", source, false));
  }
  if (!loaded.profile) return 0;
  for (const quell::VendorCall& call : loaded.profile->calls) {
    for (const quell::TemplatePart& part : call.url)
      QUELL_ASSERT(!quell::is_secret_word(part.name));
  }
  return 0;
}
