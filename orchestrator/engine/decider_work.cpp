// What the actions of one step come to: attempts, looks, doubt.
#include <algorithm>
#include <utility>

#include "orchestrator/engine/decider.h"
#include "orchestrator/engine/entry_bodies.h"
#include "orchestrator/engine/foreach.h"
#include "state/base/assert.h"

namespace quell {
namespace {

bool all_finished(const std::vector<ProbeState>& probes) {
  return std::all_of(probes.begin(), probes.end(),
                     [](const ProbeState& probe) { return probe.finished(); });
}

}  // namespace

const ActionSpec& Decider::spec_of(const Step& step) const {
  const auto& use = std::get<UseStep>(step.kind);
  const ActionSpec* const spec = find_action(connectors_, use.connection, use.action);
  QUELL_ASSERT(spec != nullptr);
  return *spec;
}

Progress Decider::advance_use(const Step& step, const StepState& state) {
  const bool deadline_passed = step.deadline && now_ >= state.started + *step.deadline;
  std::size_t unfinished = 0;
  std::size_t acting = 0;
  for (const std::size_t index : state.active) {
    const ItemState& item = state.items[index];
    if (item.finished()) continue;
    ++unfinished;
    if (item.phase != ItemState::Phase::verifying) ++acting;
    advance_item(step, item, deadline_passed);
  }
  if (!out_.empty()) return Progress::running;
  const std::size_t canary = canary_of(run_, step, state, connectors_, around_.policy);
  const bool stop = stops_early(run_, connectors_, step, state, canary);
  if (!stop && may_begin() && !stopping_ && !state.paused)
    begin_items(step, state, canary, acting, unfinished);
  if (!out_.empty()) return Progress::running;
  const bool all = state.next_item >= state.items.size() || stop || stopping_;
  if (all && unfinished == 0) finish_use(step, state, deadline_passed);
  return Progress::running;
}

void Decider::begin_items(const Step& step, const StepState& state, std::size_t canary,
                          std::size_t acting, std::size_t unfinished) {
  // A change does not wait until the ones before it are proved: what is not contained yet burns.
  constexpr std::size_t kVerifyingMax = 64;
  std::size_t limit = 1;
  const std::size_t end = items_released(state, canary);
  if (step.foreach_items) {
    limit = static_cast<std::size_t>(std::max(step.foreach_items->concurrency, 1));
    if (const auto next = next_by_rate(run_, step, state)) {
      if (now_ < *next) return;
      limit = std::min(limit, acting + 1);
    }
  }
  const std::size_t most = limit + kVerifyingMax;
  for (std::size_t i = state.next_item; i < end && acting < limit && unfinished < most; ++i) {
    if (state.items[i].phase != ItemState::Phase::idle || state.items[i].paused) continue;
    if (!may_act(step)) return;
    start_attempt(step, state.items[i], Intent::act);
    ++acting;
    ++unfinished;
  }
}

void Decider::start_attempt(const Step& step, const ItemState& item, Intent intent) {
  const Result<Value> params =
      params_of(run_, connectors_, WorkId{.step = step.id, .item = item.key});
  if (intent == Intent::act && params && stops_at_protection(step, item, *params)) return;
  ValueMap body{{"step", step.id}, {"item", item.key}, {"attempt", item.attempt + 1}};
  const auto& use = std::get<UseStep>(step.kind);
  body["action"] = use.connection + "." + use.action;
  if (intent == Intent::look) body["intent"] = "look";
  body["params"] = params ? without_secrets(*params) : Value();
  emit(EntryKind::attempt_started, body);
  if (!params) {
    emit(EntryKind::attempt_finished, {{"step", step.id},
                                       {"item", item.key},
                                       {"outcome", "failed"},
                                       {"error", error_value(params.error())}});
    emit(EntryKind::step_finished, {{"step", step.id}, {"item", item.key}});
    return;
  }
  const ActionSpec& spec = spec_of(step);
  const bool withheld = run_.mode == RunMode::dry_run &&
                        (spec.effect == Effect::mutate || spec.effect == Effect::notify ||
                         spec.keeps_evidence ||
                         (spec.effect == Effect::probe && !run_.send_probes));
  if (!withheld) return;
  const Inputs inputs{.params = *params};
  ValueMap done{{"step", step.id}, {"item", item.key}, {"outcome", "predicted"}};
  done["outputs"] = connectors_.find(use.connection)->second->predict(spec, inputs);
  emit(EntryKind::attempt_finished, std::move(done));
}

void Decider::finish_item(const Step& step, const ItemState& item) {
  emit(EntryKind::step_finished, {{"step", step.id}, {"item", item.key}});
}

void Decider::advance_item(const Step& step, const ItemState& item, bool deadline_passed) {
  switch (item.phase) {
    case ItemState::Phase::idle:
    case ItemState::Phase::attempting:
    case ItemState::Phase::looking:
    case ItemState::Phase::finished:
      return;
    case ItemState::Phase::retry_wait:
      if (stopping_ || deadline_passed) {
        // Cut off before anything was sent, it has no outcome yet; it must not look done.
        if (!item.outcome) {
          const Error never = make_error(ErrorCode::transient, "it was never sent in time");
          emit(EntryKind::attempt_finished, {{"step", step.id},
                                             {"item", item.key},
                                             {"outcome", "failed"},
                                             {"error", error_value(never)}});
        }
        finish_item(step, item);
      } else if (now_ >= item.due && may_begin() && !item.paused && may_act(step)) {
        start_attempt(step, item, Intent::act);
      }
      return;
    case ItemState::Phase::look_wait:
      // A look only reads: it goes on while the run is paused or being aborted, so that doubt is
      // settled.
      if (now_ >= item.due) start_attempt(step, item, Intent::look);
      return;
    case ItemState::Phase::held:
      if (stopping_) finish_item(step, item);
      return;
    case ItemState::Phase::probing_unknown:
      settle_by_probes(step, item);
      return;
    case ItemState::Phase::verifying:
      if (begin_looks(step, item)) return;
      if (stopping_ || deadline_passed || all_finished(item.probes)) finish_item(step, item);
      return;
  }
}

bool Decider::begin_looks(const Step& step, const ItemState& item) {
  for (std::size_t i = 0; i < item.probes.size(); ++i) {
    if (item.probes[i].phase != ProbeState::Phase::idle) continue;
    // One that sends a request and has no condition just begins.
    const bool decided_here =
        run_.mode == RunMode::dry_run || step.verify[i].when || step.verify[i].self;
    if (!decided_here) continue;
    if (item.phase == ItemState::Phase::probing_unknown && step.verify[i].self) continue;
    const WorkId id{.step = step.id, .item = item.key, .probe = static_cast<int>(i)};
    decide_idle_probe(step.verify[i], id, &item);
  }
  return !out_.empty();
}

void Decider::skip_probe(const WorkId& id, std::string why) {
  ValueMap body{{"probe", id.probe}, {"skipped", true}, {"why", std::move(why)}};
  if (!id.step.empty()) {
    body["step"] = id.step;
    body["item"] = id.item;
  }
  emit(EntryKind::probe_finished, std::move(body));
}

void Decider::decide_idle_probe(const ProbeSpec& probe, const WorkId& id, const ItemState* item) {
  if (run_.mode == RunMode::dry_run) {
    skip_probe(id, "a rehearsal verifies nothing");
    return;
  }
  const Scope scope = item != nullptr
                          ? scope_of_item(run_, *find_step(run_, id.step), *item)
                          : scope_of(run_, run_.verify[static_cast<std::size_t>(id.probe)].frame);
  if (probe.when) {
    const Result<Value> met = probe.when->evaluate(scope);
    if (met && met->is_bool() && !met->as_bool()) {
      skip_probe(id, "when: " + probe.when->text());
      return;
    }
  }
  if (probe.self && item != nullptr) {
    Outcome own{.kind = OutcomeKind::done, .outputs = item->outputs};
    const std::vector<Entry> entries =
        after_probe(run_, connectors_, id, own, Value(), Traffic{}, now_);
    out_.insert(out_.end(), entries.begin(), entries.end());
  }
}

void Decider::settle_by_probes(const Step& step, const ItemState& item) {
  bool proved = false;
  bool refuted = false;
  bool settled = true;
  if (begin_looks(step, item)) return;
  for (std::size_t i = 0; i < item.probes.size(); ++i) {
    const ProbeState& probe = item.probes[i];
    if (probe.skipped || step.verify[i].self || may_mint(step.verify[i], connectors_)) continue;
    proved |= probe.last.verdict == Verdict::proved && probe.finished();
    refuted |= probe.last.verdict == Verdict::refuted && probe.looks > 0;
    settled &= probe.finished() || probe.looks >= kLooksOnUnknownMax;
  }
  if (!proved && !settled) return;
  const ActionSpec& spec = spec_of(step);
  const RetrySpec retry = retry_of(step, spec);
  const bool was_not = refuted && spec.repeat != Repeat::never;
  ValueMap body{{"step", step.id}, {"item", item.key}};
  if (proved) {
    body["outcome"] = "done";
    body["outputs"] = item.outputs;
    body["found"] = "it had been applied";
    emit(EntryKind::attempt_finished, std::move(body));
  } else if ((was_not || spec.repeat == Repeat::safe) && item.retries <= retry.max) {
    const WorkId id{.step = step.id, .item = item.key};
    body["due"] = Value(now_ + wait_before_retry(retry, run_.id, id, item.retries));
    body["why"] = "looked: it was not applied";
    emit(EntryKind::retry_scheduled, std::move(body));
  } else if (was_not) {
    body["outcome"] = "failed";
    body["error"] = error_value(*item.error);
    emit(EntryKind::attempt_finished, std::move(body));
    finish_item(step, item);
  } else {
    hold(step, item);
  }
}

void Decider::hold(const Step& step, const ItemState& item) {
  emit(EntryKind::run_held,
       {{"step", step.id},
        {"item", item.key},
        {"why", "it may or may not have been applied, and no look settles it"}});
}

void Decider::finish_use(const Step& step, const StepState& state, bool deadline_passed) {
  ValueMap more;
  if (deadline_passed) more["deadline_passed"] = true;
  const ItemState* failed = nullptr;
  bool skipped = false;
  bool unknown = false;
  bool predicted = false;
  bool already = !state.items.empty();
  for (const ItemState& item : state.items) {
    if (item.outcome == OutcomeKind::failed && failed == nullptr) failed = &item;
    skipped |= !item.skipped_by.empty();
    unknown |= item.outcome == OutcomeKind::unknown;
    predicted |= item.outcome == OutcomeKind::predicted;
    already &= item.outcome == OutcomeKind::already;
  }
  OutcomeKind outcome = OutcomeKind::done;
  if (failed != nullptr) {
    outcome = OutcomeKind::failed;
    if (failed->error) more["error"] = error_value(*failed->error);
    // "continue" is about items: the step then goes on by itself, and the run is incomplete at
    // best.
    if (step.foreach_items && !step.foreach_items->stop_on_failure) more["continued"] = true;
  } else if (unknown) {
    outcome = OutcomeKind::unknown;
  } else if (skipped && state.items.size() == 1) {
    outcome = OutcomeKind::skipped;
  } else if (predicted) {
    outcome = OutcomeKind::predicted;
  } else if (already) {
    outcome = OutcomeKind::already;
  }
  finish_step(step, outcome, std::move(more));
}

}  // namespace quell
