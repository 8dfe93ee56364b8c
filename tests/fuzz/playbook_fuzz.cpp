// Target: load_playbook. It gives a playbook or at least one error, and each finding has its place.

#include <algorithm>
#include <string>

#include "connectors/managed_agents/managed_agents_connector.h"
#include "connectors/oauth/oauth_connector.h"
#include "orchestrator/playbook/loader.h"
#include "tests/fuzz/target.h"

namespace {

const quell::ActionCatalog& catalog() {
  static const quell::ActionCatalog kCatalog{
      .connections = {"issuer", "platform"},
      .actions_of = [](std::string_view connection) -> std::span<const quell::ActionSpec> {
        if (connection == "platform") return quell::managed_agents_actions();
        if (connection == "issuer") return quell::oauth_actions();
        return {};
      }};
  return kCatalog;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view source = quell::fuzz::text_of(data, size);
  const quell::LoadResult loaded = quell::load_playbook(source, "sample.yaml", catalog());
  const bool has_error = std::any_of(loaded.diagnostics.begin(), loaded.diagnostics.end(),
                                     [](const quell::Diagnostic& one) {
                                       return one.severity == quell::Diagnostic::Severity::error;
                                     });
  QUELL_ASSERT(loaded.playbook.has_value() != has_error);
  for (const quell::Diagnostic& one : loaded.diagnostics) {
    QUELL_ASSERT(one.at.line >= 1 && one.at.column >= 1 && !one.code.empty());
    static_cast<void>(quell::render(one, "sample.yaml", source, false));
  }
  return 0;
}
