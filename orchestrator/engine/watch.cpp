// The regrowth watch: after the result, the probes that would see the way in open again look once
// more from time to time.

#include <algorithm>
#include <utility>

#include "orchestrator/engine/live.h"
#include "orchestrator/engine/step_walk.h"

namespace quell {
namespace {

/// What a probe of this name would see (playbook-language section "Top level", `reopen_on`).
std::string_view event_seen_by(std::string_view action) {
  if (action == "no_active_credential") return "credential_created";
  if (action == "no_new_session") return "session_started";
  if (action == "token_is_dead") return "token_accepted";
  if (action == "no_poisoned_memory") return "memory_poisoned";
  return "";
}

bool is_watched(const WatchSpec& watch, const ProbeSpec& probe) {
  const std::string_view event = event_seen_by(probe.action);
  return !probe.self &&
         std::find(watch.reopen_on.begin(), watch.reopen_on.end(), event) != watch.reopen_on.end();
}

/// The looks of one round. A probe that the run itself never made is not made by its watch either.
std::vector<WorkId> watched_looks(const RunState& run) {
  std::vector<WorkId> looks;
  const WatchSpec& watch = *run.playbook->watch;
  for (std::size_t i = 0; i < run.verify.size(); ++i) {
    if (is_watched(watch, *run.verify[i].spec) && run.verify[i].probe.looks > 0) {
      looks.push_back({.probe = static_cast<int>(i)});
    }
  }
  for_each_step(run, run.playbook->steps, [&](const Step& step) {
    const auto found = run.steps.find(step.id);
    if (found == run.steps.end() || step.foreach_items) return;
    for (const ItemState& item : found->second.items) {
      for (std::size_t i = 0; i < item.probes.size(); ++i) {
        if (is_watched(watch, step.verify[i]) && item.probes[i].looks > 0) {
          looks.push_back({.step = step.id, .item = item.key, .probe = static_cast<int>(i)});
        }
      }
    }
  });
  return looks;
}

/// Requests that one round sends, by the actions' own declarations.
int cost_of(const RunState& run, const std::vector<WorkId>& looks, const ConnectorSet& connectors) {
  int cost = 0;
  for (const WorkId& look : looks) {
    const auto index = static_cast<std::size_t>(look.probe);
    const ProbeSpec& probe =
        look.step.empty() ? *run.verify[index].spec : find_step(run, look.step)->verify[index];
    const ActionSpec* const spec = find_action(connectors, probe.connection, probe.action);
    if (spec != nullptr)
      cost += std::max(1, spec->cost.read + spec->cost.probe + spec->cost.mutate);
  }
  return cost;
}

/// How far apart the request budget keeps two rounds.
Duration pace_of(const RunState& run, const ConnectorSet& connectors) {
  const int budget = run.playbook->watch->budget;
  if (budget == 0) return Duration{0};
  return Duration(60'000LL * cost_of(run, watched_looks(run), connectors) / budget);
}

}  // namespace

Status Engine::watch(RunId id) {
  const auto found = runs_.find(id);
  // A rehearsal changed nothing that could grow back.
  if (found == runs_.end() || !found->second.finished() || !found->second.playbook->watch ||
      found->second.mode == RunMode::dry_run)
    return ok();
  active_.insert(id);
  const Timestamp now = parts_.clock.now();
  const WatchSpec& spec = *found->second.playbook->watch;
  std::vector<Entry> entries;
  entries.push_back(
      make_entry(EntryKind::watch_started, id, now,
                 {{"due", Value(now + spec.every)}, {"until", Value(now + spec.span)}}));
  record(std::move(entries));
  return flush();
}

void Engine::look_now(RunId id, const std::string& alert) {
  RunState& run = runs_.at(id);
  const Timestamp soonest =
      std::max(parts_.clock.now(), run.watch.looked + pace_of(run, parts_.connectors));
  if (soonest >= run.watch.due) return;
  std::vector<Entry> entries;
  entries.push_back(make_entry(EntryKind::watch_observed, id, parts_.clock.now(),
                               {{"due", Value(soonest)}, {"alert", alert}}));
  record(std::move(entries));
}

Status Engine::end_watch(RunId id, std::string_view who) {
  std::vector<Entry> entries;
  entries.push_back(make_entry(EntryKind::watch_finished, id, parts_.clock.now(),
                               {{"why", "ended by " + std::string(who)}}));
  record(std::move(entries));
  return flush();
}

Status Engine::close(RunId id) {
  active_.erase(id);
  return parts_.secrets.erase_run(id);
}

bool Engine::forget(RunId id) {
  const auto found = runs_.find(id);
  if (found == runs_.end()) return true;
  const auto live = live_.lower_bound({id, WorkId{}});
  if (!found->second.is_over() || !batch_.empty() || is_undoing(id) ||
      (live != live_.end() && live->first.first == id)) {
    return false;
  }
  active_.erase(id);
  runs_.erase(found);
  return true;
}

void Engine::run_watch(RunState& run) {
  const Timestamp now = parts_.clock.now();
  if (!run.is_watched() || now < run.watch.due) return;
  const std::vector<WorkId> looks = watched_looks(run);
  for (const WorkId& look : looks) {
    // The round before is still under way.
    if (live_.contains({run.id, look})) return;
  }
  const Duration every = std::max(run.playbook->watch->every, pace_of(run, parts_.connectors));
  std::vector<Entry> entries;
  entries.push_back(
      make_entry(EntryKind::watch_observed, run.id, now, {{"due", Value(now + every)}}));
  record(std::move(entries));
  for (const WorkId& look : looks) start_live(run, look, Intent::act, true);
}

std::vector<Entry> Engine::after_watch_look(RunState& run, const Live& live,
                                            const Result<Outcome>& outcome) const {
  std::vector<Entry> entries = after_probe(run, parts_.connectors, live.id, outcome, live.params,
                                           live.traffic, parts_.clock.now());
  for (Entry& entry : entries) {
    entry.kind = EntryKind::watch_observed;
    ValueMap body = entry.body.as_map();
    body.erase("due");
    entry.body = Value(std::move(body));
  }
  return entries;
}

}  // namespace quell
