// What the steps of a run come to: order, branches, people, time.
#include <algorithm>
#include <utility>

#include "orchestrator/engine/claims.h"
#include "orchestrator/engine/asked.h"
#include "orchestrator/engine/decider.h"
#include "orchestrator/engine/entry_bodies.h"
#include "orchestrator/engine/foreach.h"
#include "orchestrator/engine/step_walk.h"
#include "orchestrator/playbook/inputs.h"

namespace quell {
namespace {

bool holds_steps(const Step& step) {
  return is_expanded(step) || std::holds_alternative<ParallelStep>(step.kind) ||
         std::holds_alternative<BlockStep>(step.kind);
}

/// What a step over other steps says at its end, beside its outcome.
ValueMap end_of(bool failed, bool deadline_passed) {
  if (!deadline_passed) return {};
  ValueMap more{{"deadline_passed", true}};
  if (failed) more["error"] = error_value(make_error(ErrorCode::invalid, "its deadline passed"));
  return more;
}

bool all_items_finished(const StepState& state) {
  return std::all_of(state.items.begin(), state.items.end(),
                     [](const ItemState& item) { return item.finished(); });
}

}  // namespace

std::vector<Entry> Decider::decide() {
  if (run_.finished()) {
    decide_watch();
    return std::move(out_);
  }
  if (const auto deadline = run_deadline(run_); deadline && !run_.aborted && now_ >= *deadline) {
    emit(EntryKind::run_aborted, {{"who", "the clock"}, {"reason", "run_timeout passed"}});
    return std::move(out_);
  }
  decide_gate();
  if (!out_.empty()) return std::move(out_);
  stopping_ = run_.aborted;
  const Progress steps = sequence(run_.playbook->steps);
  if (steps == Progress::running || !out_.empty()) return std::move(out_);
  stopping_ = false;
  if (looks_pending(steps)) return std::move(out_);
  const Progress last = sequence(run_.playbook->finally_steps);
  if (last == Progress::running || !out_.empty()) return std::move(out_);
  finish(steps, last);
  return std::move(out_);
}

void Decider::emit(EntryKind kind, ValueMap body) {
  out_.push_back(make_entry(kind, run_.id, now_, std::move(body)));
}

const StepState* Decider::state_of(const Step& step) const {
  const auto found = run_.steps.find(step.id);
  return found == run_.steps.end() ? nullptr : &found->second;
}

// Nesting is bounded by the loader.
// NOLINTNEXTLINE(misc-no-recursion)
Progress Decider::sequence(const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    const Progress progress = advance(step);
    if (progress != Progress::ok) return progress;
  }
  return Progress::ok;
}

// NOLINTNEXTLINE(misc-no-recursion)
Progress Decider::advance(const Step& step) {
  const StepState* const state = state_of(step);
  if (state == nullptr || state->phase == StepState::Phase::idle) {
    if (stopping_) return Progress::failed;
    if (may_begin() && (state == nullptr || !state->paused)) begin(step);
    return Progress::running;
  }
  if (state->phase == StepState::Phase::finished) {
    const bool failed = state->outcome == OutcomeKind::failed && !state->failed_onward;
    return failed ? Progress::failed : Progress::ok;
  }
  if (holds_steps(step)) {
    // Past its deadline nothing new begins in it, as in a run that is aborted.
    const bool passed = step.deadline && now_ >= state->started + *step.deadline;
    const bool stopping = std::exchange(stopping_, stopping_ || passed);
    const Progress progress = advance_steps(step, *state, passed, stopping);
    stopping_ = stopping;
    return progress;
  }
  if (std::holds_alternative<UseStep>(step.kind)) return advance_use(step, *state);
  if (const auto* manual = std::get_if<ManualStep>(&step.kind))
    return advance_manual(step, *manual, *state);
  if (const auto* approve = std::get_if<ApproveStep>(&step.kind))
    return advance_approve(step, *approve, *state);
  if (const auto* wait = std::get_if<WaitStep>(&step.kind))
    return advance_wait(step, *wait, *state);
  return Progress::running;
}

// NOLINTNEXTLINE(misc-no-recursion)
Progress Decider::advance_steps(const Step& step, const StepState& state, bool deadline_passed,
                                bool stopping_around) {
  if (is_expanded(step)) return advance_expansions(step, state, deadline_passed);
  if (const auto* parallel = std::get_if<ParallelStep>(&step.kind))
    return advance_parallel(step, *parallel, deadline_passed);
  return advance_block(step, std::get<BlockStep>(step.kind), deadline_passed, stopping_around);
}

void Decider::finish_step(const Step& step, OutcomeKind outcome, ValueMap more) {
  more["step"] = step.id;
  more["outcome"] = to_string(outcome);
  if (outcome == OutcomeKind::failed && step.continue_on_failure) more["continued"] = true;
  const auto state = run_.steps.find(step.id);
  const bool is_idle = step.foreach_items && outcome == OutcomeKind::done && step.proves.empty() &&
                       state != run_.steps.end() && state->second.items.empty() &&
                       state->second.excluded.empty();
  if (is_idle) {  // nothing was claimed
    more["verdict"] = Value();
    emit(EntryKind::step_finished, std::move(more));
    return;
  }
  // A step that proves another says what has become of that one's claims.
  const Step* const judged = step.proves.empty() ? &step : find_step(run_, step.proves);
  const std::optional<Verdict> verdict =
      verdict_of(claims_of_step(run_, connectors_, judged == nullptr ? step : *judged));
  more["verdict"] = verdict ? Value(to_string(*verdict)) : Value();
  emit(EntryKind::step_finished, std::move(more));
}

void Decider::fail_step(const Step& step, const Error& error) {
  finish_step(step, OutcomeKind::failed, {{"error", error_value(error)}});
}

void Decider::begin(const Step& step) {
  if (step.when && !step.foreach_items) {
    const Result<Value> met = step.when->evaluate(scope_of_step(step));
    if (!met || !met->is_bool()) {
      fail_step(step,
                met ? make_error(ErrorCode::invalid, "`when` is not true or false") : met.error());
      return;
    }
    if (!met->as_bool()) {
      emit(EntryKind::step_skipped, {{"step", step.id},
                                     {"why", "when: " + step.when->text()},
                                     {"values", values_behind(step, *step.when)}});
      return;
    }
  }
  if (step.foreach_items) {
    begin_foreach(step);
  } else if (const auto* assertion = std::get_if<AssertStep>(&step.kind)) {
    begin_assert(step, *assertion);
  } else if (const auto* set = std::get_if<SetStep>(&step.kind)) {
    begin_set(step, *set);
  } else if (const auto* approve = std::get_if<ApproveStep>(&step.kind)) {
    begin_approve(step, *approve);
  } else if (const auto* manual = std::get_if<ManualStep>(&step.kind)) {
    begin_manual(step, *manual);
  } else if (const auto* wait = std::get_if<WaitStep>(&step.kind)) {
    const Duration span =
        run_.mode == RunMode::dry_run ? Duration{0} : wait->span.value_or(Duration{0});
    emit(EntryKind::step_started, {{"step", step.id}, {"due", Value(now_ + span)}});
  } else {
    emit(EntryKind::step_started, {{"step", step.id}});
  }
}

Value Decider::values_behind(const Step& step, const Expression& condition) const {
  ValueMap values;
  const Scope scope = scope_of_step(step);
  for (const std::string& path : condition.references()) {
    const auto parsed = Expression::parse(path);
    if (const auto* expression = std::get_if<Expression>(&parsed)) {
      const Result<Value> value = expression->evaluate(scope);
      values[path] = value ? without_secrets(*value) : Value();
    }
  }
  return Value(std::move(values));
}

void Decider::begin_assert(const Step& step, const AssertStep& assertion) {
  const Result<Value> held = assertion.condition.evaluate(scope_of_step(step));
  if (!held) {
    fail_step(step, held.error());
  } else if (held->is_bool() && held->as_bool()) {
    finish_step(step, OutcomeKind::done);
  } else {
    const Result<Value> message = assertion.message.evaluate(scope_of_step(step));
    fail_step(step, make_error(ErrorCode::invalid,
                               message ? message->string_or("an assertion does not hold")
                                       : message.error().message));
  }
}

void Decider::begin_set(const Step& step, const SetStep& set) {
  ValueMap values;
  for (const auto& [name, value] : set.values) {
    Result<Value> result = value.evaluate(scope_of_step(step));
    if (!result) {
      fail_step(step, result.error());
      return;
    }
    values[name] = *result;
  }
  finish_step(step, OutcomeKind::done, {{"values", Value(std::move(values))}});
}

Duration Decider::wait_for(const ApproveStep& approve) const {
  // Nobody has seen an alert's proposal yet: it waits as long as proposals do.
  return has_a_yes(run_) ? approve.within : std::max(approve.within, around_.policy.proposal_life);
}

bool Decider::ask_again_if_changed(const std::string& step, const ApprovalState& approval,
                                   const std::string& from, Duration within) {
  const std::string digest = plan_digest(run_, connectors_);
  if (digest == approval.digest) return false;
  emit(EntryKind::approval_requested, {{"step", step.empty() ? Value() : Value(step)},
                                       {"digest", digest},
                                       {"voids", approval.digest},
                                       {"need", approval.need},
                                       {"from", from},
                                       {"why", approval.why},
                                       {"until", Value(now_ + within)}});
  return true;
}

void Decider::begin_approve(const Step& step, const ApproveStep& approve) {
  if (around_.asked_elsewhere) return;
  emit(EntryKind::step_started, {{"step", step.id}});
  emit(EntryKind::approval_requested, {{"step", step.id},
                                       {"about", run_.mode == RunMode::live
                                                     ? Value(request_name(run_))
                                                     : Value()},
                                       {"digest", plan_digest(run_, connectors_)},
                                       {"need", approve.need},
                                       {"from", approve.from},
                                       {"until", Value(now_ + wait_for(approve))}});
}

void Decider::begin_manual(const Step& step, const ManualStep& manual) {
  const Result<Value> ask = manual.ask.evaluate(scope_of_step(step));
  if (!ask) {
    fail_step(step, ask.error());
    return;
  }
  emit(EntryKind::step_started, {{"step", step.id}});
  emit(EntryKind::manual_requested, {{"step", step.id},
                                     {"ask", ask->string_or("")},
                                     {"from", manual.from},
                                     {"until", Value(now_ + manual.within)}});
}

void Decider::begin_foreach(const Step& step) {
  const Result<ItemChoice> choice = choose_items(run_, step);
  if (!choice) {
    fail_step(step, choice.error());
    return;
  }
  emit(EntryKind::step_started,
       {{"step", step.id},
        {"items", Value::texts(choice->keys)},
        {"excluded", Value::texts(choice->excluded)}});
}

// NOLINTNEXTLINE(misc-no-recursion)
Progress Decider::advance_expansions(const Step& step, const StepState& state,
                                     bool deadline_passed) {
  const std::vector<Expansion>& times = *run_.expansions.at(step.id);
  const std::size_t canary = canary_of(run_, step, state, connectors_, around_.policy);
  const bool stop = stopping_ || stops_early(run_, connectors_, step, state, canary);
  std::size_t limit = step.foreach_items
                          ? static_cast<std::size_t>(std::max(step.foreach_items->concurrency, 1))
                          : 1;
  const std::size_t end = items_released(state, canary);
  std::size_t running = 0;
  for (std::size_t i = 0; i < end && running < limit; ++i) {
    if (state.items[i].finished()) continue;
    if (!begun_at(run_, times[i])) {
      const auto next = next_by_rate(run_, step, state);
      if (stop || !may_begin() || (next && now_ < *next)) break;
      if (next) limit = running + 1;
    }
    ++running;
    advance_time(step, times[i], state.items[i]);
  }
  if (running == 0 && out_.empty() && may_begin()) {
    const bool all = end == state.items.size() || stop;
    if (all && (stop || all_items_finished(state))) {
      finish_expansions(step, state, deadline_passed);
    }
  }
  return Progress::running;
}

// NOLINTNEXTLINE(misc-no-recursion)
void Decider::advance_time(const Step& step, const Expansion& time, const ItemState& item) {
  ValueMap body{{"step", step.id}, {"item", item.key}};
  if (time.error) {
    body["outcome"] = to_string(OutcomeKind::failed);
    body["error"] = error_value(*time.error);
    emit(EntryKind::step_finished, std::move(body));
    return;
  }
  Progress progress = sequence(time.steps);
  if (progress == Progress::running || !out_.empty()) return;
  // What a called playbook does at its end, it does whatever happened.
  const bool stopping = std::exchange(stopping_, false);
  const Progress last = sequence(time.last);
  stopping_ = stopping;
  if (last == Progress::running || !out_.empty()) return;
  if (last == Progress::failed) progress = last;
  const bool failed = progress == Progress::failed;
  body["outcome"] = to_string(failed ? OutcomeKind::failed : OutcomeKind::done);
  if (failed) body["error"] = first_error(time);
  emit(EntryKind::step_finished, std::move(body));
}

Value Decider::first_error(const Expansion& time) const {
  Value error;
  const auto visit = [&](const Step& inner) {
    const StepState* const state = state_of(inner);
    if (error.is_null() && state != nullptr && state->outcome == OutcomeKind::failed &&
        state->error) {
      error = error_value(*state->error);
    }
  };
  for_each_step(run_, time.steps, visit);
  for_each_step(run_, time.last, visit);
  return error;
}

void Decider::finish_expansions(const Step& step, const StepState& state, bool deadline_passed) {
  const auto failed = std::find_if(
      state.items.begin(), state.items.end(),
      [](const ItemState& item) { return item.finished() && item.outcome == OutcomeKind::failed; });
  if (failed == state.items.end()) {
    finish_step(step, stopping_ ? OutcomeKind::failed : OutcomeKind::done,
                end_of(stopping_, deadline_passed));
    return;
  }
  ValueMap more = end_of(false, deadline_passed);
  if (failed->error) more["error"] = error_value(*failed->error);
  if (step.foreach_items && !step.foreach_items->stop_on_failure) more["continued"] = true;
  finish_step(step, OutcomeKind::failed, std::move(more));
}

// NOLINTNEXTLINE(misc-no-recursion)
Progress Decider::advance_parallel(const Step& step, const ParallelStep& parallel,
                                   bool deadline_passed) {
  bool failed = false;
  bool running = false;
  for (const auto& [name, branch] : parallel.branches) {
    const Progress progress = sequence(branch);
    running |= progress == Progress::running;
    failed |= progress == Progress::failed;
  }
  if (!running && out_.empty())
    finish_step(step, failed ? OutcomeKind::failed : OutcomeKind::done,
                end_of(failed, deadline_passed));
  return Progress::running;
}

// NOLINTNEXTLINE(misc-no-recursion)
Progress Decider::advance_block(const Step& step, const BlockStep& block, bool deadline_passed,
                                bool stopping_around) {
  Progress progress = sequence(block.body);
  if (progress == Progress::failed && !block.rescue.empty() && !stopping_around) {
    // A deadline that passed is a way for the block to fail.
    const bool stopping = std::exchange(stopping_, false);
    progress = sequence(block.rescue);
    stopping_ = stopping;
  }
  if (progress != Progress::running && out_.empty()) {
    const bool failed = progress == Progress::failed;
    finish_step(step, failed ? OutcomeKind::failed : OutcomeKind::done,
                end_of(failed, deadline_passed));
  }
  return Progress::running;
}

Progress Decider::advance_approve(const Step& step, const ApproveStep& approve,
                                  const StepState& state) {
  if (stopping_) {
    finish_step(step, OutcomeKind::failed);
  } else if (run_.mode == RunMode::dry_run || run_.break_glass ||
             static_cast<int>(state.approval.given_by.size()) >= approve.need) {
    finish_step(step, OutcomeKind::done);
  } else if (run_.approved_in_advance && !around_.policy.strict) {
    emit(EntryKind::approval_given, {{"step", step.id},
                                     {"who", run_.who},
                                     {"digest", state.approval.digest},
                                     {"how", "given in advance by one person"}});
  } else if (ask_again_if_changed(step.id, state.approval, approve.from, wait_for(approve))) {
    return Progress::running;
  } else if (now_ >= state.approval.until) {
    if (approve.continue_on_timeout) {
      finish_step(
          step, OutcomeKind::failed,
          {{"continued", true},
           {"error", error_value(make_error(ErrorCode::denied, "nobody approved in time"))}});
    } else {
      emit(EntryKind::approval_timed_out,
           {{"step", step.id}, {"who", "the clock"}, {"reason", "nobody approved in time"}});
    }
  }
  return Progress::running;
}

Progress Decider::advance_manual(const Step& step, const ManualStep& manual,
                                 const StepState& state) {
  if (stopping_) {
    finish_step(step, OutcomeKind::failed);
  } else if (run_.mode == RunMode::dry_run) {
    ValueMap values;
    for (const InputSpec& field : manual.fields) values[field.name] = example_value(field);
    finish_step(step, OutcomeKind::done, {{"values", Value(std::move(values))}});
  } else if (state.manual.done) {
    finish_step(step, OutcomeKind::done);
  } else if (now_ >= state.manual.until) {
    const std::string reason = "nobody did " + step.id + " in time";
    if (manual.continue_on_timeout) {
      finish_step(
          step, OutcomeKind::failed,
          {{"continued", true}, {"error", error_value(make_error(ErrorCode::denied, reason))}});
    } else {
      emit(EntryKind::run_aborted, {{"who", "the clock"}, {"reason", reason}});
    }
  }
  return Progress::running;
}

Progress Decider::advance_wait(const Step& step, const WaitStep& wait, const StepState& state) {
  if (stopping_) {
    finish_step(step, OutcomeKind::failed);
    return Progress::running;
  }
  bool met = false;
  if (wait.until) {
    const Result<Value> condition = wait.until->evaluate(scope_of_step(step));
    if (!condition) {
      fail_step(step, condition.error());
      return Progress::running;
    }
    met = condition->bool_or(false) || run_.mode == RunMode::dry_run;
    if (!met && now_ >= state.due) {
      fail_step(step, make_error(ErrorCode::invalid, "the condition did not come true in time"));
      return Progress::running;
    }
  } else {
    met = now_ >= state.due;
  }
  if (met) finish_step(step, OutcomeKind::done);
  return Progress::running;
}

bool Decider::looks_pending(Progress steps) {
  bool pending = false;
  for_each_step(run_, run_.playbook->steps, [&](const Step& step) {
    const StepState* const state = state_of(step);
    if (state == nullptr) return;
    for (const std::size_t index : state->active) {
      const ItemState& item = state->items[index];
      for (std::size_t i = 0; i < item.probes.size(); ++i) {
        const ProbeState& probe = item.probes[i];
        if (probe.phase != ProbeState::Phase::due) continue;
        if (run_.aborted) {
          skip_probe({.step = step.id, .item = item.key, .probe = static_cast<int>(i)},
                     "the run was aborted");
        }
        pending = true;
      }
    }
  });
  for (std::size_t i = 0; i < run_.verify.size(); ++i) {
    const ProbeState& probe = run_.verify[i].probe;
    if (probe.finished()) continue;
    pending = true;
    if (probe.phase != ProbeState::Phase::idle) continue;
    const WorkId id{.probe = static_cast<int>(i)};
    if (run_.aborted) {
      skip_probe(id, "the run was aborted");
    } else if (steps == Progress::failed && !params_of(run_, connectors_, id)) {
      skip_probe(id, "a value that it needs was never read");
    } else {
      decide_idle_probe(*run_.verify[i].spec, id, nullptr);
    }
  }
  return pending;
}

void Decider::finish(Progress steps, Progress last) {
  std::int64_t proved = 0;
  std::int64_t refuted = 0;
  std::int64_t total = 0;
  for (const Claim& claim : claims_of(run_, connectors_)) {
    ++total;
    proved += claim.verdict == Verdict::proved ? 1 : 0;
    refuted += claim.verdict == Verdict::refuted ? 1 : 0;
  }
  const bool failed = steps == Progress::failed || last == Progress::failed;
  const RunResult result = result_of(run_, connectors_, failed);
  emit(EntryKind::run_finished, {{"result", to_string(result)},
                                 {"exit", exit_code(result)},
                                 {"claims", Value::map({{"proved", proved},
                                                        {"refuted", refuted},
                                                        {"unproved", total - proved - refuted}})}});
}

void Decider::decide_watch() {
  if (!run_.is_watched()) return;
  const RunResult result = result_of(run_, connectors_, run_.result == RunResult::failed);
  if (result != *run_.result) {
    emit(EntryKind::watch_observed, {{"result", to_string(result)}, {"exit", exit_code(result)}});
  } else if (now_ >= run_.watch.until) {
    emit(EntryKind::watch_finished, {{"why", "its time is over"}});
  }
}

Entry make_entry(EntryKind kind, RunId run, Timestamp at, ValueMap body) {
  return Entry{.kind = kind, .run = run, .at = at, .body = Value(std::move(body))};
}

RunResult result_of(const RunState& run, const ConnectorSet& connectors, bool steps_failed) {
  if (run.mode == RunMode::dry_run) return steps_failed ? RunResult::failed : RunResult::rehearsed;
  bool all_proved = true;
  bool claimed = false;
  for (const Claim& claim : claims_of(run, connectors)) {
    if (claim.verdict == Verdict::refuted) return RunResult::exposed;
    all_proved &= claim.verdict == Verdict::proved;
    claimed = true;
  }
  if (run.aborted) return RunResult::aborted;
  if (steps_failed) return RunResult::failed;
  const auto& accept = run.playbook->accept;
  bool excused =
      std::find(accept.begin(), accept.end(), "rotation_is_not_revocation") != accept.end();
  for_each_step(run, run.playbook->steps, [&](const Step& step) {
    const auto found = run.steps.find(step.id);
    if (found == run.steps.end()) return;
    excused |= found->second.failed_onward || !found->second.excluded.empty();
    excused |= std::any_of(found->second.items.begin(), found->second.items.end(),
                           [](const ItemState& item) { return !item.skipped_by.empty(); });
    excused |= !found->second.skipped_by.empty();
  });
  // Nothing claimed is nothing proved: such a run has contained nothing.
  return all_proved && claimed && !excused ? RunResult::contained : RunResult::incomplete;
}

std::vector<Entry> decide(const RunState& run, const ConnectorSet& connectors,
                          const Circumstances& around) {
  return Decider(run, connectors, around).decide();
}

}  // namespace quell
