#include "orchestrator/cli/plan_here.h"

#include <utility>

#include "orchestrator/cli/input_args.h"
#include "orchestrator/cli/run_loop.h"
#include "orchestrator/engine/run_inputs.h"

namespace quell::cli {

std::optional<PlanHere> plan_here(Session& session, const PlaybookFile& file,
                                  const std::vector<std::string>& inputs, int& exit) {
  const auto refuse = [&](const Error& error, int with = kExitNotStarted) {
    exit = session.fail(error, with);
    return std::nullopt;
  };
  const Config* const config = session.config();
  exit = kExitNotStarted;
  if (config == nullptr) return std::nullopt;
  PlanHere here;
  Result<std::unique_ptr<KeyRing>> keys = KeyRing::open_or_create(
      session.key_paths(), missing_keys_for(config->database.value), session.random());
  if (!keys) return refuse(keys.error());
  here.keys = *std::move(keys);
  const auto fingerprint = session.guarded(
      [ring = here.keys.get()](const Secret& secret) { return ring->fingerprint(secret); });
  Result<ConnectorSet> connectors = make_connectors(
      *config, session.sources(), session.random(), [](const std::string&) { return true; },
      fingerprint);
  if (!connectors) return refuse(connectors.error());
  here.connectors = *std::move(connectors);
  const Result<std::shared_ptr<const Playbook>> playbook =
      load_checked(file, here.connectors, others_beside(file, *config));
  if (!playbook) return refuse(playbook.error());
  here.playbook = *playbook;
  const Result<GivenInputs> given = read_inputs(session, *here.playbook, inputs);
  if (!given) return refuse(given.error());
  const Result<Value> typed =
      inputs_from_texts(*here.playbook, given->texts, given->secrets, fingerprint);
  if (!typed) return refuse(typed.error());
  Result<Rehearsal> rehearsal =
      rehearse_here(session, here.connectors, here.playbook, *typed);
  if (!rehearsal) return refuse(rehearsal.error(), kExitFailed);
  if (const std::optional<Error> failure = failure_of(*rehearsal))
    return refuse(*failure, kExitFailed);
  here.rehearsal = *std::move(rehearsal);
  return here;
}

}  // namespace quell::cli
