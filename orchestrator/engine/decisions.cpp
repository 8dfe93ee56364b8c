#include "orchestrator/engine/decisions.h"

#include <algorithm>
#include <set>
#include <utility>

#include "orchestrator/engine/claims.h"
#include "orchestrator/engine/entry_bodies.h"
#include "orchestrator/engine/step_walk.h"

namespace quell {
namespace {

enum class Progress : std::uint8_t { running, ok, failed };

/// One pass over a run. Collects entries; the caller applies them and asks again.
class Decider {
 public:
  Decider(const RunState& run, const ConnectorSet& connectors, Timestamp now)
      : run_(run), connectors_(connectors), now_(now) {}

  std::vector<Entry> decide() {
    if (run_.finished()) {
      decide_watch();
      return std::move(out_);
    }
    if (!run_.aborted && run_.playbook->run_timeout &&
        now_ >= run_.started + *run_.playbook->run_timeout) {
      emit(EntryKind::run_aborted, {{"who", "the clock"}, {"reason", "run_timeout passed"}});
      return std::move(out_);
    }
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

 private:
  void emit(EntryKind kind, ValueMap body) {
    out_.push_back(make_entry(kind, run_.id, now_, std::move(body)));
  }

  /// No new step or attempt begins while a person paused the run.
  bool may_begin() const { return !run_.paused; }

  const StepState* state_of(const Step& step) const {
    const auto found = run_.steps.find(step.id);
    return found == run_.steps.end() ? nullptr : &found->second;
  }

  // Nesting is bounded by the loader.
  // NOLINTNEXTLINE(misc-no-recursion)
  Progress sequence(const std::vector<Step>& steps) {
    for (const Step& step : steps) {
      const Progress progress = advance(step);
      if (progress != Progress::ok) return progress;
    }
    return Progress::ok;
  }

  // NOLINTNEXTLINE(misc-no-recursion)
  Progress advance(const Step& step) {
    const StepState* const state = state_of(step);
    if (state == nullptr || state->phase == StepState::Phase::idle) {
      if (stopping_) return Progress::failed;
      if (may_begin()) begin(step);
      return Progress::running;
    }
    if (state->phase == StepState::Phase::finished) {
      const bool failed = state->outcome == OutcomeKind::failed && !state->failed_onward;
      return failed ? Progress::failed : Progress::ok;
    }
    if (std::holds_alternative<UseStep>(step.kind)) return advance_use(step, *state);
    if (const auto* parallel = std::get_if<ParallelStep>(&step.kind))
      return advance_parallel(step, *parallel);
    if (const auto* block = std::get_if<BlockStep>(&step.kind)) return advance_block(step, *block);
    if (const auto* approve = std::get_if<ApproveStep>(&step.kind))
      return advance_approve(step, *approve, *state);
    if (const auto* wait = std::get_if<WaitStep>(&step.kind))
      return advance_wait(step, *wait, *state);
    return Progress::running;
  }

  void finish_step(const Step& step, OutcomeKind outcome, ValueMap more = {}) {
    more["step"] = step.id;
    more["outcome"] = to_string(outcome);
    if (outcome == OutcomeKind::failed && step.continue_on_failure) more["continued"] = true;
    std::vector<Claim> own;
    if (!step.kills.empty()) {
      for (Claim& claim : claims_of(run_, connectors_)) {
        if (claim.step == step.id) own.push_back(std::move(claim));
      }
    }
    const std::optional<Verdict> verdict = verdict_of(own);
    more["verdict"] = verdict ? Value(to_string(*verdict)) : Value();
    emit(EntryKind::step_finished, std::move(more));
  }

  void fail_step(const Step& step, const Error& error) {
    finish_step(step, OutcomeKind::failed, {{"error", error_value(error)}});
  }

  void begin(const Step& step) {
    if (step.when && !step.foreach_items) {
      const Result<Value> met = step.when->evaluate(scope_of(run_));
      if (!met || !met->is_bool()) {
        fail_step(step, met ? make_error(ErrorCode::invalid, "`when` is not true or false")
                            : met.error());
        return;
      }
      if (!met->as_bool()) {
        emit(EntryKind::step_skipped, {{"step", step.id},
                                       {"why", "when: " + step.when->text()},
                                       {"values", values_behind(*step.when)}});
        return;
      }
    }
    if (const auto* assertion = std::get_if<AssertStep>(&step.kind)) {
      begin_assert(step, *assertion);
    } else if (const auto* set = std::get_if<SetStep>(&step.kind)) {
      begin_set(step, *set);
    } else if (const auto* approve = std::get_if<ApproveStep>(&step.kind)) {
      begin_approve(step, *approve);
    } else if (const auto* wait = std::get_if<WaitStep>(&step.kind)) {
      const Duration span =
          run_.mode == RunMode::dry_run ? Duration{0} : wait->span.value_or(Duration{0});
      emit(EntryKind::step_started, {{"step", step.id}, {"due", Value(now_ + span)}});
    } else if (step.foreach_items) {
      begin_foreach(step);
    } else {
      emit(EntryKind::step_started, {{"step", step.id}});
    }
  }

  /// The values that made a condition false, as far as its paths are constant.
  Value values_behind(const Expression& condition) const {
    ValueMap values;
    const Scope scope = scope_of(run_);
    for (const std::string& path : condition.references()) {
      const auto parsed = Expression::parse(path);
      if (const auto* expression = std::get_if<Expression>(&parsed)) {
        const Result<Value> value = expression->evaluate(scope);
        values[path] = value ? without_secrets(*value) : Value();
      }
    }
    return Value(std::move(values));
  }

  void begin_assert(const Step& step, const AssertStep& assertion) {
    const Result<Value> held = assertion.condition.evaluate(scope_of(run_));
    if (!held) {
      fail_step(step, held.error());
    } else if (held->is_bool() && held->as_bool()) {
      finish_step(step, OutcomeKind::done);
    } else {
      const Result<Value> message = assertion.message.evaluate(scope_of(run_));
      fail_step(step, make_error(ErrorCode::invalid,
                                 message ? message->string_or("an assertion does not hold")
                                         : message.error().message));
    }
  }

  void begin_set(const Step& step, const SetStep& set) {
    ValueMap values;
    for (const auto& [name, value] : set.values) {
      Result<Value> result = value.evaluate(scope_of(run_));
      if (!result) {
        fail_step(step, result.error());
        return;
      }
      values[name] = *result;
    }
    finish_step(step, OutcomeKind::done, {{"values", Value(std::move(values))}});
  }

  void begin_approve(const Step& step, const ApproveStep& approve) {
    emit(EntryKind::step_started, {{"step", step.id}});
    emit(EntryKind::approval_requested, {{"step", step.id},
                                         {"digest", plan_digest(run_, connectors_)},
                                         {"need", approve.need},
                                         {"from", approve.from},
                                         {"until", Value(now_ + approve.within)}});
  }

  void begin_foreach(const Step& step) {
    const Foreach& each = *step.foreach_items;
    const Result<Value> items = each.items.evaluate(scope_of(run_));
    if (!items || !items->is_list()) {
      fail_step(step, items ? make_error(ErrorCode::invalid, "`foreach.items` is not a list")
                            : items.error());
      return;
    }
    struct Candidate {
      std::string key;
      double order = 0;
    };
    std::vector<Candidate> candidates;
    std::set<std::string, std::less<>> seen;
    for (const Value& value : items->as_list()) {
      Scope scope = scope_of(run_);
      scope.names[each.as] = value;
      if (step.when) {
        const Result<Value> met = step.when->evaluate(scope);
        if (!met || !met->is_bool()) {
          fail_step(step, met ? make_error(ErrorCode::invalid, "`when` is not true or false")
                              : met.error());
          return;
        }
        if (!met->as_bool()) continue;
      }
      const Result<Value> key = each.key.evaluate(scope);
      if (!key || !key->is_string() || key->as_string().empty()) {
        fail_step(step, key ? make_error(ErrorCode::invalid, "`foreach.key` is not a text")
                            : key.error());
        return;
      }
      if (!seen.insert(key->as_string()).second) {
        fail_step(step, make_error(ErrorCode::invalid,
                                   "`foreach.key` gives " + key->as_string() + " twice"));
        return;
      }
      Candidate candidate{.key = key->as_string()};
      if (each.order) {
        const Result<Value> order = each.order->evaluate(scope);
        if (!order) {
          fail_step(step, order.error());
          return;
        }
        candidate.order =
            order->is_number() ? order->as_number() : static_cast<double>(order->int_or(0));
      }
      candidates.push_back(std::move(candidate));
    }
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Candidate& a, const Candidate& b) { return a.order > b.order; });
    ValueList chosen;
    ValueList excluded;
    for (const Candidate& candidate : candidates) {
      (chosen.size() < static_cast<std::size_t>(each.max) ? chosen : excluded)
          .emplace_back(candidate.key);
    }
    emit(EntryKind::step_started, {{"step", step.id},
                                   {"items", Value(std::move(chosen))},
                                   {"excluded", Value(std::move(excluded))}});
  }

  // NOLINTNEXTLINE(misc-no-recursion)
  Progress advance_parallel(const Step& step, const ParallelStep& parallel) {
    bool failed = false;
    bool running = false;
    for (const auto& [name, branch] : parallel.branches) {
      const Progress progress = sequence(branch);
      running |= progress == Progress::running;
      failed |= progress == Progress::failed;
    }
    if (!running && out_.empty())
      finish_step(step, failed ? OutcomeKind::failed : OutcomeKind::done);
    return Progress::running;
  }

  // NOLINTNEXTLINE(misc-no-recursion)
  Progress advance_block(const Step& step, const BlockStep& block) {
    Progress progress = sequence(block.body);
    if (progress == Progress::failed && !block.rescue.empty() && !stopping_)
      progress = sequence(block.rescue);
    if (progress != Progress::running && out_.empty()) {
      finish_step(step, progress == Progress::failed ? OutcomeKind::failed : OutcomeKind::done);
    }
    return Progress::running;
  }

  Progress advance_approve(const Step& step, const ApproveStep& approve, const StepState& state) {
    if (run_.aborted) {
      finish_step(step, OutcomeKind::failed);
    } else if (run_.mode == RunMode::dry_run ||
               static_cast<int>(state.approval.given_by.size()) >= approve.need) {
      finish_step(step, OutcomeKind::done);
    } else if (run_.approved_in_advance) {
      emit(EntryKind::approval_given, {{"step", step.id},
                                       {"who", run_.who},
                                       {"digest", state.approval.digest},
                                       {"how", "given in advance by one person"}});
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

  Progress advance_wait(const Step& step, const WaitStep& wait, const StepState& state) {
    if (run_.aborted) {
      finish_step(step, OutcomeKind::failed);
      return Progress::running;
    }
    bool met = false;
    if (wait.until) {
      const Result<Value> condition = wait.until->evaluate(scope_of(run_));
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

  const ActionSpec& spec_of(const Step& step) const {
    const auto& use = std::get<UseStep>(step.kind);
    const ActionSpec* const spec = find_action(connectors_, use.connection, use.action);
    QUELL_ASSERT(spec != nullptr);
    return *spec;
  }

  Progress advance_use(const Step& step, const StepState& state) {
    const bool deadline_passed = step.deadline && now_ >= state.started + *step.deadline;
    std::size_t unfinished = 0;
    for (const std::size_t index : state.active) {
      const ItemState& item = state.items[index];
      if (item.finished()) continue;
      ++unfinished;
      advance_item(step, item, deadline_passed);
    }
    if (!out_.empty()) return Progress::running;
    const bool stop = stops(step, state);
    if (!stop && may_begin() && !stopping_) begin_items(step, state, unfinished);
    if (!out_.empty()) return Progress::running;
    const bool all = state.next_item >= state.items.size() || stop || stopping_;
    if (all && unfinished == 0) finish_use(step, state, deadline_passed);
    return Progress::running;
  }

  /// True when a foreach must not begin further items: too many failed, or the canary did not prove
  /// well.
  bool stops(const Step& step, const StepState& state) const {
    if (!step.foreach_items) return false;
    const Foreach& each = *step.foreach_items;
    int failed = 0;
    for (std::size_t i = 0; i < state.next_item && i < state.items.size(); ++i) {
      if (state.items[i].outcome == OutcomeKind::failed && state.items[i].finished()) ++failed;
    }
    if (each.stop_on_failure && failed >= each.stop_after) return true;
    if (each.canary > 0 && state.next_item >= static_cast<std::size_t>(each.canary)) {
      for (std::size_t i = 0; i < static_cast<std::size_t>(each.canary) && i < state.items.size();
           ++i) {
        if (!state.items[i].finished()) return false;
        if (state.items[i].outcome == OutcomeKind::failed) return true;
        for (const ProbeState& probe : state.items[i].probes) {
          if (!probe.skipped && probe.last.verdict != Verdict::proved) return true;
        }
      }
    }
    return false;
  }

  void begin_items(const Step& step, const StepState& state, std::size_t unfinished) {
    std::size_t limit = 1;
    std::size_t end = state.items.size();
    if (step.foreach_items) {
      const Foreach& each = *step.foreach_items;
      limit = static_cast<std::size_t>(std::max(each.concurrency, 1));
      const auto canary = static_cast<std::size_t>(each.canary);
      if (canary > 0 && canary < end) {
        const bool canary_done = std::all_of(state.items.begin(), state.items.begin() + each.canary,
                                             [](const ItemState& item) { return item.finished(); });
        if (!canary_done) end = canary;
      }
      if (each.rate_per_second && *each.rate_per_second > 0 && state.next_item > 0) {
        const Duration gap(static_cast<std::int64_t>(1000.0 / *each.rate_per_second));
        if (now_ < state.items[state.next_item - 1].started + gap) return;
        limit = std::min(limit, unfinished + 1);
      }
    }
    for (std::size_t i = state.next_item; i < end && unfinished < limit; ++i) {
      if (state.items[i].phase != ItemState::Phase::idle) continue;
      start_attempt(step, state.items[i], Intent::act);
      ++unfinished;
    }
  }

  void start_attempt(const Step& step, const ItemState& item, Intent intent) {
    const Result<Value> params =
        params_of(run_, connectors_, WorkId{.step = step.id, .item = item.key});
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
                           (spec.effect == Effect::probe && !run_.send_probes));
    if (!withheld) return;
    const Inputs inputs{.params = *params};
    ValueMap done{{"step", step.id}, {"item", item.key}, {"outcome", "predicted"}};
    done["outputs"] = connectors_.find(use.connection)->second->predict(spec, inputs);
    emit(EntryKind::attempt_finished, std::move(done));
  }

  void finish_item(const Step& step, const ItemState& item) {
    emit(EntryKind::step_finished, {{"step", step.id}, {"item", item.key}});
  }

  void advance_item(const Step& step, const ItemState& item, bool deadline_passed) {
    switch (item.phase) {
      case ItemState::Phase::idle:
      case ItemState::Phase::attempting:
      case ItemState::Phase::looking:
      case ItemState::Phase::finished:
        return;
      case ItemState::Phase::retry_wait:
        if (stopping_ || deadline_passed) {
          finish_item(step, item);
        } else if (now_ >= item.due && may_begin()) {
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

  static bool all_finished(const std::vector<ProbeState>& probes) {
    return std::all_of(probes.begin(), probes.end(),
                       [](const ProbeState& probe) { return probe.finished(); });
  }

  /// Looks that need no request: those that a rehearsal withholds, those whose `when` is false, and
  /// `self`.
  bool begin_looks(const Step& step, const ItemState& item) {
    for (std::size_t i = 0; i < item.probes.size(); ++i) {
      if (item.probes[i].phase != ProbeState::Phase::idle) continue;
      if (item.phase == ItemState::Phase::probing_unknown && step.verify[i].self) continue;
      const WorkId id{.step = step.id, .item = item.key, .probe = static_cast<int>(i)};
      decide_idle_probe(step.verify[i], id, &item);
    }
    return !out_.empty();
  }

  void skip_probe(const WorkId& id, std::string why) {
    ValueMap body{{"probe", id.probe}, {"skipped", true}, {"why", std::move(why)}};
    if (!id.step.empty()) {
      body["step"] = id.step;
      body["item"] = id.item;
    }
    emit(EntryKind::probe_finished, std::move(body));
  }

  void decide_idle_probe(const ProbeSpec& probe, const WorkId& id, const ItemState* item) {
    if (run_.mode == RunMode::dry_run) {
      skip_probe(id, "a rehearsal verifies nothing");
      return;
    }
    Scope scope = scope_of(run_);
    if (item != nullptr) {
      const Step* const step = find_step(*run_.playbook, id.step);
      scope = scope_of_item(run_, *step, *item);
    }
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

  void settle_by_probes(const Step& step, const ItemState& item) {
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
      body["due"] = Value(now_ + backoff_after(retry, item.retries));
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

  void hold(const Step& step, const ItemState& item) {
    emit(EntryKind::run_held,
         {{"step", step.id},
          {"item", item.key},
          {"why", "it may or may not have been applied, and no look settles it"}});
  }

  void finish_use(const Step& step, const StepState& state, bool deadline_passed) {
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

  /// True while postconditions or looks that outlived their step are still going on.
  bool looks_pending(Progress steps) {
    bool pending = false;
    for_each_step(run_.playbook->steps, [&](const Step& step) {
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
      const ProbeState& probe = run_.verify[i];
      if (probe.finished()) continue;
      pending = true;
      if (probe.phase != ProbeState::Phase::idle) continue;
      const WorkId id{.probe = static_cast<int>(i)};
      if (run_.aborted) {
        skip_probe(id, "the run was aborted");
      } else if (steps == Progress::failed && !params_of(run_, connectors_, id)) {
        skip_probe(id, "a value that it needs was never read");
      } else {
        decide_idle_probe(run_.playbook->verify[i], id, nullptr);
      }
    }
    return pending;
  }

  void finish(Progress steps, Progress last) {
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
    emit(EntryKind::run_finished,
         {{"result", to_string(result)},
          {"exit", exit_code(result)},
          {"claims", Value::map({{"proved", proved},
                                 {"refuted", refuted},
                                 {"unproved", total - proved - refuted}})}});
  }

  void decide_watch() {
    if (!run_.watch.started || run_.watch.finished) return;
    const RunResult result = result_of(run_, connectors_, run_.result == RunResult::failed);
    if (result != *run_.result) {
      emit(EntryKind::watch_observed, {{"result", to_string(result)}, {"exit", exit_code(result)}});
    } else if (now_ >= run_.watch.until) {
      emit(EntryKind::watch_finished, {{"why", "its time is over"}});
    }
  }

  const RunState& run_;
  const ConnectorSet& connectors_;
  Timestamp now_;
  bool stopping_ = false;
  std::vector<Entry> out_{};
};

}  // namespace

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
  for_each_step(run.playbook->steps, [&](const Step& step) {
    const auto found = run.steps.find(step.id);
    if (found == run.steps.end()) return;
    excused |= found->second.failed_onward || !found->second.excluded.empty();
    excused |= std::any_of(found->second.items.begin(), found->second.items.end(),
                           [](const ItemState& item) { return !item.skipped_by.empty(); });
  });
  // Nothing claimed is nothing proved: such a run has contained nothing.
  return all_proved && claimed && !excused ? RunResult::contained : RunResult::incomplete;
}

std::vector<Entry> decide(const RunState& run, const ConnectorSet& connectors, Timestamp now) {
  return Decider(run, connectors, now).decide();
}

}  // namespace quell
