// The thin driver: starts actions, gives them what they ask for, and takes what they come to. Their
// requests leave in departures.cpp.

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/engine/expansion.h"
#include "orchestrator/engine/live.h"
#include "state/base/assert.h"

namespace quell {
namespace {

/// The key under which a probe_token result serves later looks as their baseline.
std::string baseline_key(const Value& params) {
  return params["mcp_server_url"].string_or("") + " " + params["token"].string_or("");
}

/// How many items of `step` go on side by side.
int side_by_side(const RunState& run, const Step* step) {
  if (step == nullptr || !step->foreach_items) return 1;
  const auto items = static_cast<int>(run.steps.at(step->id).items.size());
  return std::min(items, std::max(step->foreach_items->concurrency, 1));
}

/// What a scan of this run said of the item a moment ago; null after a first attempt, since that
/// may have changed it.
Value known_item(const RunState& run, const Step& step, const WorkId& id, Timestamp now) {
  constexpr Duration kFresh{60'000};
  if (!step.foreach_items) return {};
  const StepState& state = run.steps.at(step.id);
  const ItemState& item = state.items[state.item_index.at(id.item)];
  if (item.attempt > 1) return {};
  for (const std::string& path : step.foreach_items->items.references()) {
    constexpr std::string_view kSteps = "steps.";
    if (!path.starts_with(kSteps)) return {};
    const std::string_view read =
        std::string_view(path).substr(kSteps.size(), path.find('.', kSteps.size()) - kSteps.size());
    const std::string_view frame = frame_of(step.id);
    const auto found =
        run.steps.find(frame.empty() ? std::string(read) : fmt::format("{}/{}", frame, read));
    if (found == run.steps.end() || now > found->second.finished + kFresh) return {};
  }
  return item.item;
}

}  // namespace

void Engine::start_live(RunState& run, const WorkId& id, Intent intent, bool of_watch) {
  auto live = std::make_shared<Live>();
  live->run = run.id;
  live->id = id;
  live->intent = intent;
  live->of_watch = of_watch;
  std::string connection;
  std::string action;
  const Step* const step = id.step.empty() ? nullptr : find_step(run, id.step);
  if (id.probe == kUndo) {
    connection = step->undo->connection;
    action = step->undo->action;
  } else if (id.probe < 0) {
    QUELL_ASSERT(step != nullptr);
    const auto& use = std::get<UseStep>(step->kind);
    connection = use.connection;
    action = use.action;
    live->timeout = step->timeout;
  } else {
    const auto index = static_cast<std::size_t>(id.probe);
    const ProbeSpec& probe = step == nullptr ? *run.verify[index].spec : step->verify[index];
    connection = probe.connection;
    action = probe.action;
  }
  live->connector = parts_.connectors.find(connection)->second.get();
  live->spec = find_action(live->connector->actions(), action);
  QUELL_ASSERT(live->spec != nullptr);
  const Result<Value> params = params_of(run, parts_.connectors, id);
  if (!params) {
    finish(live, params.error());
    return;
  }
  live_[{run.id, id}] = live;
  live->params = without_secrets(*params);
  Inputs inputs{.params = *params, .intent = intent, .together = side_by_side(run, step)};
  if (id.probe == -1 && intent == Intent::act)
    inputs.known = known_item(run, *step, id, parts_.clock.now());
  if (const auto found = run.baselines.find(baseline_key(live->params));
      found != run.baselines.end()) {
    inputs.baseline = found->second;
  }
  live->io->set_now(parts_.clock.now());
  live->task.emplace(live->connector->perform(*live->spec, std::move(inputs), *live->io));
  live->task->resume();
  pump(live);
}

void Engine::pump(std::shared_ptr<Live> live) {
  IoOp op;
  while (true) {
    if (live->task->done()) {
      live_.erase({live->run, live->id});
      if (live->changed) --unsettled_;
      finish(live, live->task->take());
      return;
    }
    // What has sent a change goes on to its end: its reads settle what came of it.
    if (stopping_.load() && !live->changed) {
      abandon(live);
      return;
    }
    op = live->io->take();
    auto* const more = std::get_if<FileOp>(&op);
    if (more == nullptr) break;
    // Beside the journal and of no effect outside: nothing has to wait for a commit.
    live->io->resume_filed(file_evidence(*live, std::move(*more)), parts_.clock.now());
  }
  if (auto* const requests = std::get_if<SendOp>(&op)) {
    send(live, std::move(*requests));
  } else if (auto* const secret = std::get_if<KeepOp>(&op)) {
    keep(live, std::move(*secret));
  } else {
    waits_.emplace(parts_.clock.now() + std::get<WaitOp>(op).delay, std::move(live));
  }
}

Result<EvidenceFile> Engine::file_evidence(const Live& live, FileOp op) {
  if (!parts_.keep_evidence)
    return make_error(ErrorCode::unavailable_here, "room", "no evidence is kept here.", "");
  const std::string& item = live.id.item;
  return parts_.keep_evidence(live.run, item.empty() ? live.id.step : live.id.step + "/" + item,
                              std::move(op));
}

void Engine::abandon(const std::shared_ptr<Live>& live) {
  // No entry: whoever takes the run up finds the attempt cut off, and looks if something may have
  // left.
  live->abandoned = true;
  if (live->changed) --unsettled_;
  live_.erase({live->run, live->id});
}

void Engine::keep(const std::shared_ptr<Live>& live, KeepOp op) {
  auto secret = std::make_shared<const Secret>(std::move(op.secret));
  const std::string fingerprint = parts_.secrets.fingerprint(*secret);
  const std::string name = op.name + " " + short_fingerprint(fingerprint);
  if (Status sealed = parts_.secrets.seal(live->run, name, *secret); !sealed) {
    live->kept = sealed.error();
  } else {
    live->kept = SecretValue{.secret = secret, .fingerprint = fingerprint};
    std::vector<Entry> entries;
    entries.push_back(make_entry(EntryKind::secret_sealed, live->run, parts_.clock.now(),
                                 {{"name", name}, {"fingerprint", fingerprint}, {"minted", true}}));
    record(std::move(entries));
  }
  kept_.push_back(live);
}

void Engine::finish(const std::shared_ptr<Live>& live, const Result<Outcome>& outcome) {
  RunState& run = runs_.at(live->run);
  const Timestamp now = parts_.clock.now();
  if (live->of_watch) {
    record(after_watch_look(run, *live, outcome));
  } else if (live->id.probe == kUndo) {
    record(after_undo(run, live->id, outcome, live->traffic, now));
  } else if (live->id.probe < 0) {
    record(after_attempt(run, parts_.connectors, live->id, outcome, live->traffic, now));
  } else {
    record(
        after_probe(run, parts_.connectors, live->id, outcome, live->params, live->traffic, now));
  }
}

}  // namespace quell
