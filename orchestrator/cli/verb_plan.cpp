#include <memory>
#include <optional>

#include "orchestrator/cli/input_args.h"
#include "orchestrator/cli/plan_here.h"
#include "orchestrator/cli/run_loop.h"
#include "orchestrator/cli/run_text.h"
#include "orchestrator/cli/verb.h"

namespace quell::cli {
namespace {

constexpr std::string_view kPlanHelp =
    R"(quell plan - what a playbook would send; reads only, nothing is changed
usage: quell plan PLAYBOOK [-i NAME=VALUE ...] [--requests] [--json]
-i NAME=VALUE  an input: text, @FILE, @- (stdin), secret://env/NAME or file/PATH;
               a list: a,b or '["a", "b"]'
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

void tell_plan(Session& session, const Plan& plan, const PlanOptions& options) {
  if (session.options().json) {
    session.print_json(plan_document(plan));
  } else {
    session.out().write(plan_text(session.out(), plan, options.requests));
  }
}

/// A remote quell plans, with its own connections.
int plan_at_server(Session& session, const PlanOptions& options, const PlaybookFile& file) {
  const std::unique_ptr<StateReader> reader = session.open_reader();
  if (!reader) return kExitNotStarted;
  const Result<std::shared_ptr<const Playbook>> playbook =
      load_checked(file, reader->connectors(), others_beside(file, *session.config()));
  if (!playbook) return session.fail(playbook.error());
  const Result<GivenInputs> given = read_inputs(session, **playbook, options.inputs);
  if (!given) return session.fail(given.error());
  const Result<ApiClient> server = session.owner_of(RunId{});
  if (!server) return session.fail(server.error());
  const Result<std::string> asked = server->ask_plan({.playbook_source = file.source,
                                                      .playbook_id = (*playbook)->id,
                                                      .called = (*playbook)->called,
                                                      .texts = given->texts,
                                                      .secrets = given->secrets});
  if (!asked) return session.fail(asked.error());
  const Result<Value> document =
      server->plan(*asked, [] { return StopSignals::received() != 0; });
  const Result<Plan> plan = document ? plan_of_document(*document) : Result<Plan>(document.error());
  if (!plan) return session.fail(plan.error(), kExitFailed);
  tell_plan(session, *plan, options);
  return kExitOk;
}

int plan(Session& session, const PlanOptions& options) {
  const StopSignals signals;
  const Config* const config = session.config();
  if (config == nullptr) return kExitNotStarted;
  const Result<PlaybookFile> file = find_playbook(options.playbook, *config);
  if (!file) return session.fail(file.error());
  if (!session.options().server.empty()) return plan_at_server(session, options, *file);
  int exit = kExitOk;
  const std::optional<PlanHere> here = plan_here(session, *file, options.inputs, exit);
  if (!here) return exit;
  tell_plan(session, here->rehearsal.plan, options);
  return kExitOk;
}

}  // namespace

Verb plan_verb() {
  auto options = std::make_shared<PlanOptions>();
  return {.name = "plan",
          .help = kPlanHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("playbook", options->playbook)->required();
                app.add_option("-i,--input", options->inputs)->allow_extra_args(false);
                app.add_flag("--requests", options->requests);
              },
          .run = [options](Session& session) { return plan(session, *options); }};
}

}  // namespace quell::cli
