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

Value run_document(const RunState& run, const ConnectorSet& connectors) {
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
