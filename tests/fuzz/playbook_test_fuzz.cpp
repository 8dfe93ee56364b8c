// Target: read_playbook_tests. It gives cases or at least one error, and each finding has its
// place.

#include <algorithm>
#include <string>

#include "connectors/managed_agents/managed_agents_connector.h"
#include "connectors/oauth/oauth_connector.h"
#include "orchestrator/playbook_test/cases.h"
#include "state/base/assert.h"
#include "tests/fuzz/target.h"

namespace {

constexpr std::string_view kPlaybook = R"(quell: 1
id: sample
title: A sample
purpose: Pause a deployment after an approval.
inputs:
  deployment: {type: string, required: true}
  token: {type: secret}
  since: {type: timestamp}
steps:
  - id: go
    approve: {need: 1, from: approver, within: 10m, on_timeout: abort}
  - id: pause
    use: platform.pause_deployment
    with: {deployment_id: "${inputs.deployment}"}
    kills: [schedule]
    undo: {use: platform.unpause_deployment, with: {deployment_id: "${inputs.deployment}"}}
    verify: [{probe: platform.deployment_is_paused, with: {deployment_id: "${inputs.deployment}"}}]
)";

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

const quell::Playbook& playbook() {
  static const quell::LoadResult kLoaded =
      quell::load_playbook(kPlaybook, "sample.yaml", catalog());
  QUELL_ASSERT(kLoaded.playbook.has_value());
  return *kLoaded.playbook;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view source = quell::fuzz::text_of(data, size);
  const quell::PlaybookTests tests = quell::read_playbook_tests(
      source, playbook(), catalog(), [](const quell::Secret&) { return std::string(32, '0'); });
  const bool has_error = std::any_of(tests.diagnostics.begin(), tests.diagnostics.end(),
                                     [](const quell::Diagnostic& one) {
                                       return one.severity == quell::Diagnostic::Severity::error;
                                     });
  QUELL_ASSERT(tests.cases.has_value() != has_error);
  for (const quell::Diagnostic& one : tests.diagnostics) {
    QUELL_ASSERT(one.at.line >= 1 && one.at.column >= 1 && !one.code.empty());
    static_cast<void>(quell::render(one, "sample.yaml", source, false));
  }
  return 0;
}
