#include "orchestrator/cli/verb.h"
#include "orchestrator/playbook/schema.h"
#include "orchestrator/playbook_library.h"
#include "state/base/json.h"

namespace quell::cli {
namespace {

constexpr std::string_view kSchemaHelp =
    R"(quell schema - a JSON Schema of playbooks, for editors
usage: quell schema
It completes keys and actions and marks what is misspelt. Types, references and order are checked by `quell check` alone.
Examples    quell schema >~/.config/quell/playbook.schema.json
            first line of a playbook for the YAML language server:
            # yaml-language-server: $schema=PATH/playbook.schema.json
)";

}  // namespace

Verb schema_verb() {
  return {
      .name = "schema",
      .help = kSchemaHelp,
      .declare = [](CLI::App&) {},
      .run =
          [](Session& session) {
            const std::optional<ConnectorSet> connectors = session.bare_connectors();
            if (!connectors) return kExitNotStarted;
            session.out().write(to_pretty_json(playbook_schema(catalog_of(*connectors))) + "\n");
            return kExitOk;
          }};
}

}  // namespace quell::cli
