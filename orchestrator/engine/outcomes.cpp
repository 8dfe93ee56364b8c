// What a finished attempt or look leads to, and what a new process does with a run that was cut
// off.

#include <algorithm>
#include <utility>

#include "orchestrator/engine/decisions.h"
#include "orchestrator/engine/entry_bodies.h"
#include "orchestrator/engine/step_walk.h"
#include "state/base/assert.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

constexpr Duration kLookBackoff{1'000};

bool is_retried(const Step& step, ErrorCode code) {
  if (!step.retry.on.empty()) {
    return std::find(step.retry.on.begin(), step.retry.on.end(), code) != step.retry.on.end();
  }
  return code == ErrorCode::throttled || code == ErrorCode::transient;
}

}  // namespace

RetrySpec retry_of(const Step& step, const ActionSpec& spec) {
  RetrySpec retry = spec.retry;
  if (step.retry.max) retry.max = *step.retry.max;
  if (step.retry.backoff) retry.backoff = *step.retry.backoff;
  if (step.retry.cap) retry.cap = *step.retry.cap;
  if (step.retry.jitter) retry.jitter = *step.retry.jitter;
  return retry;
}

Duration backoff_after(const RetrySpec& retry, int failures) {
  Duration wait = retry.backoff;
  for (int i = 1; i < failures && wait < retry.cap; ++i) wait *= 2;
  return std::min(wait, retry.cap);
}

Duration wait_before_retry(const RetrySpec& retry, RunId run, const WorkId& id, int failures) {
  const Duration wait = backoff_after(retry, failures);
  if (!retry.jitter) return wait;
  const std::string seed =
      to_string(run) + "\n" + id.step + "\n" + id.item + "\n" + std::to_string(failures);
  constexpr std::size_t kDigits = 8;
  constexpr std::uint64_t kParts = 1ULL << 32;
  const std::uint64_t part = std::stoull(sha256_hex(seed).substr(0, kDigits), nullptr, 16);
  const auto half = static_cast<std::uint64_t>(wait.count()) / 2;
  return wait - Duration(static_cast<std::int64_t>(half * part / kParts));
}

std::vector<Entry> after_attempt(const RunState& run, const ConnectorSet& connectors,
                                 const WorkId& id, const Result<Outcome>& outcome,
                                 const Traffic& traffic, Timestamp now) {
  std::vector<Entry> out;
  const Step* const step = find_step(run, id.step);
  QUELL_ASSERT(step != nullptr);
  const StepState& state = run.steps.at(id.step);
  const ItemState& item = state.items[state.item_index.at(id.item)];
  const auto& use = std::get<UseStep>(step->kind);
  const ActionSpec& spec = *find_action(connectors, use.connection, use.action);
  const bool look = item.phase == ItemState::Phase::looking;
  const auto emit = [&](EntryKind kind, ValueMap body) {
    body["step"] = id.step;
    body["item"] = id.item;
    out.push_back(make_entry(kind, run.id, now, std::move(body)));
  };
  if (outcome) {
    ValueMap body{{"outcome", to_string(look ? OutcomeKind::done : outcome->kind)},
                  {"outputs", without_secrets(outcome->outputs)}};
    if (look) body["found"] = "it had been applied";
    if (spec.name == "probe_token") {
      body["baseline"] =
          item.params["mcp_server_url"].string_or("") + " " + item.params["token"].string_or("");
    }
    if (!outcome->doubts.empty()) body["doubts"] = doubts_value(outcome->doubts);
    add_traffic(body, traffic);
    emit(EntryKind::attempt_finished, std::move(body));
    if (step->verify.empty()) emit(EntryKind::step_finished, {});
    return out;
  }
  const Error& error = outcome.error();
  const RetrySpec retry = retry_of(*step, spec);
  if (look) {
    ValueMap counted;
    add_traffic(counted, traffic);
    const int looks = item.attempt - item.retries;
    if (error.code == ErrorCode::conflict && spec.repeat != Repeat::never) {
      counted["due"] = Value(now);
      counted["why"] = "looked: it was not applied";
      emit(EntryKind::retry_scheduled, std::move(counted));
    } else if (error.code != ErrorCode::conflict && looks < kLooksOnUnknownMax) {
      counted["due"] = Value(
          now + std::max(backoff_after(retry, looks), error.retry_after.value_or(Duration{0})));
      counted["look"] = true;
      counted["why"] = describe(error);
      emit(EntryKind::retry_scheduled, std::move(counted));
    } else if (spec.repeat == Repeat::safe) {
      counted["due"] = Value(now);
      counted["why"] = "no look settles it, and it is safe to repeat";
      emit(EntryKind::retry_scheduled, std::move(counted));
    } else {
      counted["why"] = "it may or may not have been applied, and no look settles it";
      emit(EntryKind::run_held, std::move(counted));
    }
    return out;
  }
  if (error.code == ErrorCode::unknown && spec.effect == Effect::mutate) {
    ValueMap body{{"error", error_value(error)},
                  {"look", spec.can_look ? "action" : "probes"},
                  {"due", Value(now + kLookBackoff)}};
    add_traffic(body, traffic);
    emit(EntryKind::attempt_unknown, std::move(body));
    return out;
  }
  if (error.topic == "protected" && !run.automatic) {
    ValueMap held{{"why", error.message}};
    add_traffic(held, traffic);
    emit(EntryKind::run_held, std::move(held));
    return out;
  }
  ValueMap body{{"outcome", "failed"}, {"error", error_value(error)}};
  add_traffic(body, traffic);
  emit(EntryKind::attempt_finished, std::move(body));
  const Timestamp due = now + std::max(wait_before_retry(retry, run.id, id, item.retries),
                                       error.retry_after.value_or(Duration{0}));
  const bool in_time = !step->deadline || due < state.started + *step->deadline;
  if (is_retried(*step, error.code) && item.retries <= retry.max && in_time && !run.aborted) {
    emit(EntryKind::retry_scheduled, {{"due", Value(due)}, {"why", describe(error)}});
  } else {
    emit(EntryKind::step_finished, {});
  }
  return out;
}

Entry unknown_entry(const RunState& run, const WorkId& id, const ActionSpec& spec,
                    std::string_view why, Timestamp now) {
  return make_entry(EntryKind::attempt_unknown, run.id, now,
                    {{"step", id.step},
                     {"item", id.item},
                     {"error", error_value(make_error(ErrorCode::unknown, std::string(why)))},
                     {"look", spec.can_look ? "action" : "probes"},
                     {"due", Value(now + kLookBackoff)}});
}

std::vector<Entry> after_probe(const RunState& run, const ConnectorSet& connectors,
                               const WorkId& id, const Result<Outcome>& outcome,
                               const Value& params, const Traffic& traffic, Timestamp now) {
  const bool of_run = id.step.empty();
  const Step* const step = of_run ? nullptr : find_step(run, id.step);
  const auto index = static_cast<std::size_t>(id.probe);
  QUELL_ASSERT(of_run || step != nullptr);
  const ItemState* item = nullptr;
  if (!of_run) {
    const StepState& state = run.steps.at(id.step);
    item = &state.items[state.item_index.at(id.item)];
  }
  const ProbeSpec& probe = of_run ? *run.verify[index].spec : step->verify[index];
  const ProbeState& seen = of_run ? run.verify[index].probe : item->probes[index];
  ValueMap body{{"probe", id.probe}, {"look", seen.looks + 1}};
  if (!of_run) {
    body["step"] = id.step;
    body["item"] = id.item;
  }
  if (!params.is_null()) body["params"] = params;
  add_traffic(body, traffic);

  Judgement judgement;
  if (outcome) {
    judgement = outcome->judgement.value_or(Judgement{});
    if (probe.expect || probe.refute) {
      Scope scope =
          of_run ? scope_of(run, run.verify[index].frame) : scope_of_item(run, *step, *item);
      scope.names["result"] = outcome->outputs;
      const auto holds = [&](const std::optional<Expression>& expression) {
        if (!expression) return false;
        const Result<Value> value = expression->evaluate(scope);
        return value && value->is_bool() && value->as_bool();
      };
      judgement = Judgement{};
      if (holds(probe.refute)) {
        judgement = {
            .verdict = Verdict::refuted, .grade = Grade::strong, .proof = probe.refute->text()};
      } else if (holds(probe.expect)) {
        judgement = {
            .verdict = Verdict::proved, .grade = Grade::strong, .proof = probe.expect->text()};
      }
    }
  } else {
    body["error"] = error_value(outcome.error());
    judgement.residual = Residual{.reason = describe(outcome.error())};
  }
  body["verdict"] = to_string(judgement.verdict);
  body["grade"] = to_string(judgement.grade);
  if (!judgement.proof.empty()) body["proof"] = judgement.proof;
  if (judgement.corroborated) body["corroborated"] = true;
  if (judgement.residual) {
    body["residual"] = Value::map(
        {{"until", judgement.residual->until ? Value(*judgement.residual->until) : Value()},
         {"reason", judgement.residual->reason}});
  }

  const ActionSpec* const spec =
      probe.self ? nullptr : find_action(connectors, probe.connection, probe.action);
  if (probe.until && !probe.self) {
    const Timestamp start = seen.looks == 0 ? now : seen.started;
    const int in_a_row = judgement.verdict == Verdict::proved ? seen.in_a_row + 1 : 0;
    const Timestamp due =
        now + std::max(probe.until->every,
                       outcome ? Duration{0} : outcome.error().retry_after.value_or(Duration{0}));
    if (in_a_row < probe.until->consecutive && due <= start + probe.until->span)
      body["due"] = Value(due);
  } else if (!outcome && spec != nullptr && seen.errors_in_a_row < spec->retry.max &&
             (outcome.error().code == ErrorCode::transient ||
              outcome.error().code == ErrorCode::throttled)) {
    const Duration wait = std::max(backoff_after(spec->retry, seen.errors_in_a_row + 1),
                                   outcome.error().retry_after.value_or(Duration{0}));
    body["due"] = Value(now + std::min(wait, spec->retry.cap));
  }
  std::vector<Entry> out;
  out.push_back(make_entry(EntryKind::probe_finished, run.id, now, std::move(body)));
  return out;
}

}  // namespace quell
