#include <memory>
#include <optional>

#include "orchestrator/cli/plan_here.h"
#include "orchestrator/cli/run_loop.h"
#include "orchestrator/cli/run_text.h"
#include "orchestrator/cli/verb.h"

namespace quell::cli {
namespace {

constexpr std::string_view kHelp =
    R"(quell plan - what a playbook would send; reads only, nothing is changed
usage: quell plan PLAYBOOK [-i NAME=VALUE ...] [--requests] [--json]
-i NAME=VALUE  an input: text, @FILE, @- (stdin), secret://env/NAME or file/PATH
--requests     list every request
Exit codes  0 planned  2 not started  5 a read failed
Examples    quell plan leaked-mcp-oauth -i vault_id=vlt_01HQ -i credential_id=vcrd_01QX
            quell plan leaked-mcp-oauth ... -i leaked_token=@token.txt --json
)";

struct PlanOptions {
  std::string playbook{};
  std::vector<std::string> inputs{};
  bool requests = false;
};

int plan(Session& session, const PlanOptions& options) {
  const StopSignals signals;
  const Config* const config = session.config();
  if (config == nullptr) return kExitNotStarted;
  const Result<PlaybookFile> file = find_playbook(options.playbook, *config);
  if (!file) return session.fail(file.error());
  int exit = kExitOk;
  const std::optional<PlanHere> here = plan_here(session, *file, options.inputs, exit);
  if (!here) return exit;
  const Rehearsal& rehearsal = here->rehearsal;
  if (session.options().json) {
    session.print_json(plan_document(rehearsal.plan));
  } else {
    session.out().write(plan_text(session.out(), rehearsal.plan, rehearsal.state, here->connectors,
                                  rehearsal.took, options.requests));
  }
  return kExitOk;
}

}  // namespace

Verb plan_verb() {
  auto options = std::make_shared<PlanOptions>();
  return {.name = "plan",
          .help = kHelp,
          .declare =
              [options](CLI::App& app) {
                app.add_option("playbook", options->playbook)->required();
                app.add_option("-i,--input", options->inputs)->allow_extra_args(false);
                app.add_flag("--requests", options->requests);
              },
          .run = [options](Session& session) { return plan(session, *options); }};
}

}  // namespace quell::cli
