#include "orchestrator/cli/rehearsal.h"

#include <utility>

#include "orchestrator/cli/run_loop.h"
#include "orchestrator/engine/forgetful.h"

namespace quell::cli {
namespace {

constexpr Duration kTurnMax{1'000};

}  // namespace

Result<Rehearsal> rehearse(Session& session, const ConnectorSet& connectors,
                           std::shared_ptr<const Playbook> playbook, Value inputs) {
  Result<std::unique_ptr<HttpTransport>> transport = session.make_transport(session.clock());
  if (!transport) return transport.error();
  ForgetfulJournal journal;
  ForgetfulStore secrets([](const Secret&) { return std::string(); });
  std::vector<PlannedRequest> reads;
  const auto limits = origin_limits(*session.config());
  Engine engine({.clock = session.clock(),
                 .transport = **transport,
                 .journal = journal,
                 .secrets = secrets,
                 .connectors = connectors,
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
                 .limits = limits});
  const Timestamp begun = session.clock().now();
  const Result<RunId> run = engine.start({.playbook = std::move(playbook),
                                          .inputs = std::move(inputs),
                                          .mode = RunMode::dry_run,
                                          .send_probes = false,
                                          .who = Session::who()});
  if (!run) return run.error();
  while (!engine.find(*run)->finished()) {
    if (StopSignals::received() != 0)
      return make_error(ErrorCode::invalid, "stopped", "stopped by a signal; nothing was changed.",
                        "");
    if (Status turned = engine.turn(session.clock().now() + kTurnMax); !turned)
      return turned.error();
  }
  Rehearsal rehearsal;
  rehearsal.state = *engine.find(*run);
  rehearsal.took = session.clock().now() - begun;
  rehearsal.plan = make_plan(rehearsal.state, connectors, limits, std::move(reads), rehearsal.took);
  return rehearsal;
}

}  // namespace quell::cli
