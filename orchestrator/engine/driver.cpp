// The thin driver: starts actions, guards and sends their requests, gives them their answers.

#include <algorithm>
#include <utility>

#include "orchestrator/engine/effect_guard.h"
#include "orchestrator/engine/live.h"
#include "state/base/assert.h"

namespace quell {
namespace {

constexpr std::string_view kRangeMarker = "x-quell-range";

void count(RequestCounts& counts, Effect effect) {
  switch (effect) {
    case Effect::read:
      ++counts.read;
      return;
    case Effect::probe:
      ++counts.probe;
      return;
    case Effect::mutate:
      ++counts.mutate;
      return;
    case Effect::notify:
      ++counts.notify;
      return;
  }
}

/// The key under which a probe_token result serves later looks as their baseline.
std::string baseline_key(const Value& params) {
  return params["mcp_server_url"].string_or("") + " " + params["token"].string_or("");
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
  if (id.probe < 0) {
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
  Inputs inputs{.params = *params, .intent = intent};
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
  if (live->task->done()) {
    live_.erase({live->run, live->id});
    finish(live, live->task->take());
    return;
  }
  if (stopping_.load()) {
    abandon(live);
    return;
  }
  IoOp op = live->io->take();
  if (auto* const requests = std::get_if<SendOp>(&op)) {
    send(live, std::move(*requests));
  } else if (auto* const secret = std::get_if<KeepOp>(&op)) {
    keep(live, std::move(*secret));
  } else {
    waits_.emplace(parts_.clock.now() + std::get<WaitOp>(op).delay, std::move(live));
  }
}

void Engine::abandon(const std::shared_ptr<Live>& live) {
  // No entry: whoever takes the run up finds the attempt cut off, and looks if something may have
  // left.
  live->abandoned = true;
  live_.erase({live->run, live->id});
}

void Engine::send(const std::shared_ptr<Live>& live, SendOp op) {
  const RunState& run = runs_.at(live->run);
  const GuardMode mode{.dry_run = run.mode == RunMode::dry_run,
                       .probes = run.send_probes,
                       .look_only = live->intent == Intent::look};
  live->answers.clear();
  live->answers.resize(op.requests.size());
  live->effects.clear();
  live->outstanding = op.requests.size();
  for (std::size_t index = 0; index < op.requests.size(); ++index) {
    HttpRequest& request = op.requests[index];
    if (live->timeout) request.timeout = *live->timeout;
    live->effects.push_back(request.effect);
    const Ticket ticket = next_ticket_++;
    tickets_[ticket] = {live, index};
    if (Status allowed = guard(request, *live->spec, *live->connector, live->params, mode);
        !allowed) {
      refused_.push_back(Completion{.ticket = ticket, .answer = allowed.error()});
      if (request.effect != Effect::read) ++changes_in_flight_;
      continue;
    }
    count(live->traffic.requests, request.effect);
    if (parts_.on_request) parts_.on_request(run, live->id, request);
    if (request.effect != Effect::read) {
      ++changes_in_flight_;
      ValueMap body{
          {"method", request.method}, {"url", request.url}, {"effect", to_string(request.effect)}};
      if (!live->id.step.empty()) {
        body["step"] = live->id.step;
        body["item"] = live->id.item;
      }
      if (live->id.probe >= 0) body["probe"] = live->id.probe;
      std::vector<Entry> intent;
      intent.push_back(
          make_entry(EntryKind::request_sent, live->run, parts_.clock.now(), std::move(body)));
      record(std::move(intent));
    }
    sends_.push_back(PendingSend{.ticket = ticket, .request = std::move(request)});
  }
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

void Engine::release() {
  for (PendingSend& pending : std::exchange(sends_, {})) {
    parts_.transport.start(pending.ticket, std::move(pending.request));
  }
  for (const std::shared_ptr<Live>& live : std::exchange(kept_, {})) {
    Result<SecretValue> kept = std::move(*live->kept);
    live->kept.reset();
    live->io->resume_kept(std::move(kept), parts_.clock.now());
    pump(live);
  }
}

void Engine::take(Completion completion) {
  const auto found = tickets_.find(completion.ticket);
  if (found == tickets_.end()) return;
  const std::shared_ptr<Live> live = found->second.first;
  const std::size_t index = found->second.second;
  tickets_.erase(found);
  if (live->effects[index] != Effect::read) --changes_in_flight_;
  if (completion.answer) {
    const bool loopback = completion.answer->from_loopback;
    // The marker counts on loopback alone: a server elsewhere cannot make an incident look like a
    // rehearsal.
    const bool range = loopback && !completion.answer->header(kRangeMarker).empty();
    live->traffic.from_range |= range;
    live->traffic.from_loopback |= loopback && !range;
    live->traffic.from_outside |= !loopback;
  }
  if (live->abandoned) return;
  live->answers[index] = std::move(completion.answer);
  if (--live->outstanding > 0) return;
  Answers answers;
  answers.reserve(live->answers.size());
  for (std::optional<Result<HttpResponse>>& answer : live->answers)
    answers.push_back(std::move(*answer));
  live->answers.clear();
  live->io->resume_sent(std::move(answers), parts_.clock.now());
  pump(live);
}

void Engine::finish(const std::shared_ptr<Live>& live, const Result<Outcome>& outcome) {
  RunState& run = runs_.at(live->run);
  const Timestamp now = parts_.clock.now();
  if (live->of_watch) {
    record(after_watch_look(run, *live, outcome));
  } else if (live->id.probe < 0) {
    record(after_attempt(run, parts_.connectors, live->id, outcome, live->traffic, now));
  } else {
    record(
        after_probe(run, parts_.connectors, live->id, outcome, live->params, live->traffic, now));
  }
}

}  // namespace quell
