#include "orchestrator/cli/rehearsal.h"

#include <utility>

#include "orchestrator/cli/run_loop.h"

namespace quell::cli {
namespace {

constexpr Duration kTurnMax{1'000};

/// A journal that counts and forgets: a plan leaves nothing behind.
class ForgetfulJournal final : public Journal {
 public:
  Result<Tip> append(std::span<const Entry> entries) override {
    tip_.seq += entries.size();
    return tip_;
  }
  Status read(std::uint64_t, const std::function<Status(const StoredEntry&)>&) override {
    return ok();
  }
  Result<Tip> tip() override { return tip_; }
  Result<std::string> sign_head() override { return std::string(); }

 private:
  Tip tip_{};
};

/// Secrets stay with the caller; nothing is sealed.
class ForgetfulStore final : public SecretStore {
 public:
  Status seal(RunId, std::string_view, const Secret&) override { return ok(); }
  Result<Secret> open(RunId, std::string_view) override {
    return make_error(ErrorCode::gone, "a plan keeps no secret");
  }
  Status erase_run(RunId) override { return ok(); }
  std::string fingerprint(const Secret&) override { return {}; }
};

}  // namespace

Result<Rehearsal> rehearse(Session& session, const ConnectorSet& connectors,
                           std::shared_ptr<const Playbook> playbook, Value inputs) {
  Result<std::unique_ptr<HttpTransport>> transport = session.make_transport(session.clock());
  if (!transport) return transport.error();
  ForgetfulJournal journal;
  ForgetfulStore secrets;
  std::vector<PlannedRequest> reads;
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
                     }});
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
  rehearsal.plan = make_plan(rehearsal.state, connectors, std::move(reads), rehearsal.took);
  return rehearsal;
}

}  // namespace quell::cli
