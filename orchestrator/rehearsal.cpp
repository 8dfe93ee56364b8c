#include "orchestrator/rehearsal.h"

#include <utility>

#include "orchestrator/engine/forgetful.h"

namespace quell {
namespace {

constexpr Duration kTurnMax{1'000};

}  // namespace

Result<Rehearsal> rehearse(const RehearsalParts& parts, std::shared_ptr<const Playbook> playbook,
                           Value inputs) {
  ForgetfulJournal journal;
  ForgetfulStore secrets([](const Secret&) { return std::string(); });
  std::vector<PlannedRequest> reads;
  Engine engine({.clock = parts.clock,
                 .transport = parts.transport,
                 .journal = journal,
                 .secrets = secrets,
                 .connectors = parts.connectors,
                 .load_playbook = {},
                 .write_bundle = [](const RunState&, const std::string&) -> Result<std::string> {
                   return std::string();
                 },
                 .on_request =
                     [&reads](const RunState&, const WorkId& id, const HttpRequest& request) {
                       reads.push_back({.step = id.step,
                                        .item = id.item,
                                        .method = request.method,
                                        .url = request.url,
                                        .effect = request.effect});
                     },
                 .limits = parts.limits});
  const Timestamp begun = parts.clock.now();
  const Result<RunId> run = engine.start({.playbook = std::move(playbook),
                                          .inputs = std::move(inputs),
                                          .mode = RunMode::dry_run,
                                          .send_probes = false,
                                          .who = parts.who});
  if (!run) return run.error();
  while (!engine.find(*run)->finished()) {
    if (parts.should_stop())
      return make_error(ErrorCode::invalid, "stopped", "stopped by a signal; nothing was changed.",
                        "");
    if (Status turned = engine.turn(parts.clock.now() + kTurnMax); !turned) return turned.error();
  }
  Rehearsal rehearsal;
  rehearsal.state = *engine.find(*run);
  rehearsal.took = parts.clock.now() - begun;
  rehearsal.plan =
      make_plan(rehearsal.state, parts.connectors, parts.limits, std::move(reads), rehearsal.took);
  return rehearsal;
}

std::optional<Error> failure_of(const Rehearsal& rehearsal) {
  if (rehearsal.state.result != RunResult::failed) return std::nullopt;
  for (const auto& [id, state] : rehearsal.state.steps) {
    if (state.outcome == OutcomeKind::failed && state.error && !state.failed_onward)
      return *state.error;
  }
  return make_error(ErrorCode::internal, "the rehearsal failed");
}

}  // namespace quell
