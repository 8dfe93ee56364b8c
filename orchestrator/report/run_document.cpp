#include "orchestrator/report/run_document.h"

#include <algorithm>
#include <utility>

#include "orchestrator/engine/step_walk.h"

namespace quell {
namespace {

Value result_value(const RunState& run) {
  return run.result ? Value(to_string(*run.result)) : Value();
}

Value claims_value(const std::vector<Claim>& claims) {
  ValueList list;
  for (const Claim& claim : claims) list.push_back(to_value(claim));
  return Value(std::move(list));
}

/// A step that never began is there too, with nothing in it.
Value step_value(const StepState& state) {
  const bool began = state.started != Timestamp{};
  return Value::map({{"outcome", state.outcome ? Value(to_string(*state.outcome)) : Value()},
                     {"verdict", state.verdict ? Value(to_string(*state.verdict)) : Value()},
                     {"error", state.error ? Value(state.error->message) : Value()},
                     {"items", static_cast<std::int64_t>(state.items.size())},
                     {"started_at", began ? Value(state.started) : Value()}});
}

}  // namespace

std::string incident_of(const RunState& run) { return run.inputs["incident"].string_or(""); }

std::vector<Goal> goals_of(const RunState& run) {
  std::vector<Goal> goals;
  if (!run.finished() || run.mode == RunMode::dry_run) return goals;
  std::optional<Timestamp> last;
  bool all_done = true;
  for_each_step(run, run.playbook->steps, [&](const Step& step) {
    const auto state = run.steps.find(step.id);
    if (step.kills.empty()) return;
    const bool done = state != run.steps.end() && (state->second.outcome == OutcomeKind::done ||
                                                   state->second.outcome == OutcomeKind::already);
    all_done &= done;
    if (done) last = last ? std::max(*last, state->second.finished) : state->second.finished;
  });
  if (const auto& limit = run.playbook->slo_contain) {
    Goal goal{.word = "contained", .limit = *limit};
    if (all_done && last) goal.took = *last - run.started;
    goals.push_back(goal);
  }
  if (const auto& limit = run.playbook->slo_prove) {
    Goal goal{.word = "proved", .limit = *limit};
    if (run.result == RunResult::contained) goal.took = run.finished_at - run.started;
    goals.push_back(goal);
  }
  return goals;
}

Value run_document(const RunState& run, const ConnectorSet& connectors) {
  ValueList goals;
  for (const Goal& goal : goals_of(run)) {
    const auto seconds = [](Duration time) { return static_cast<double>(time.count()) / 1000.0; };
    goals.push_back(Value::map({{"goal", goal.word},
                                {"limit_s", seconds(goal.limit)},
                                {"took_s", goal.took ? Value(seconds(*goal.took)) : Value()},
                                {"met", goal.met()}}));
  }
  const std::vector<Claim> claims = claims_of(run, connectors);
  ValueMap steps;
  const auto add = [&](const Step& step) {
    const auto found = run.steps.find(step.id);
    steps.emplace(step.id, step_value(found == run.steps.end() ? StepState{} : found->second));
  };
  for_each_step(run, run.playbook->steps, add);
  for_each_step(run, run.playbook->finally_steps, add);
  return Value::map({{"run", to_string(run.id)},
                     {"playbook", run.playbook->id},
                     {"playbook_sha256", run.playbook->sha256},
                     {"incident", incident_of(run)},
                     {"mode", to_string(run.mode)},
                     {"result", result_value(run)},
                     {"origin", to_string(origin_of_answers(run))},
                     {"exit", run.result ? Value(exit_code(*run.result)) : Value(7)},
                     {"started_at", Value(run.started)},
                     {"started_by", run.who},
                     {"finished_at", run.finished() ? Value(run.finished_at) : Value()},
                     {"digest", run.digest},
                     {"goals", Value(std::move(goals))},
                     {"claims", claims_value(claims)},
                     {"steps", Value(std::move(steps))},
                     {"requests", Value::map({{"read", run.requests.read},
                                              {"probe", run.requests.probe},
                                              {"mutate", run.requests.mutate},
                                              {"notify", run.requests.notify}})},
                     {"held", run.held},
                     {"paused", run.paused},
                     {"aborted_by", run.aborted ? Value(run.aborted_by) : Value()},
                     {"head", run.head.empty() ? Value() : Value(run.head)},
                     {"report", run.report.empty() ? Value() : Value(run.report)}});
}

Value run_summary(const RunState& run, const ConnectorSet& connectors) {
  std::int64_t open = 0;
  Value until;
  for (const Claim& claim : claims_of(run, connectors)) {
    if (claim.verdict == Verdict::proved) continue;
    ++open;
    if (!claim.residual || !claim.residual->until) continue;
    if (until.is_null() || until.as_timestamp() < *claim.residual->until)
      until = Value(*claim.residual->until);
  }
  return Value::map({{"run", to_string(run.id)},
                     {"playbook", run.playbook->id},
                     {"incident", incident_of(run)},
                     {"mode", to_string(run.mode)},
                     {"started_at", Value(run.started)},
                     {"finished_at", run.finished() ? Value(run.finished_at) : Value()},
                     {"result", result_value(run)},
                     {"origin", to_string(origin_of_answers(run))},
                     {"open", Value::map({{"claims", open}, {"until", until}})}});
}

}  // namespace quell
