// Target: load_declared_actions. It gives actions or at least one error, and each finding has its
// place; no action puts a secret into its path, leaves its base URL by it, or calls a POST a read
// without the configuration's word.

#include <algorithm>

#include "orchestrator/declared_actions.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view source = quell::fuzz::text_of(data, size);
  const quell::DeclaredLoad loaded = quell::load_declared_actions(source, false);
  const bool has_error = std::any_of(loaded.diagnostics.begin(), loaded.diagnostics.end(),
                                     [](const quell::Diagnostic& one) {
                                       return one.severity == quell::Diagnostic::Severity::error;
                                     });
  QUELL_ASSERT(loaded.actions.has_value() != has_error);
  for (const quell::Diagnostic& one : loaded.diagnostics) {
    QUELL_ASSERT(one.at.line >= 1 && one.at.column >= 1 && !one.code.empty());
    static_cast<void>(quell::render(one, "sample.yaml", source, false));
  }
  if (!loaded.actions) return 0;
  for (const quell::DeclaredAction& action : *loaded.actions) {
    QUELL_ASSERT(!action.path.empty() && action.path.front().literal.starts_with('/'));
    QUELL_ASSERT(action.effect != quell::Effect::read || action.method == "GET" ||
                 action.method == "HEAD");
    for (const quell::TemplatePart& part : action.path) {
      const quell::DeclaredInput* const input = action.find_input(part.name);
      QUELL_ASSERT(part.name.empty() ||
                   (input != nullptr && input->kind != quell::Type::Kind::secret));
    }
  }
  QUELL_ASSERT(quell::specs_of(*loaded.actions).size() == loaded.actions->size());
  QUELL_ASSERT(quell::digest_of(*loaded.actions).size() == 64);
  return 0;
}
