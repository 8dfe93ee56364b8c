#include "orchestrator/panel/run_words.h"

#include <algorithm>

#include "orchestrator/engine/step_walk.h"

namespace quell::panel {
namespace {

std::string place(const std::string& step, const std::string& item) {
  return item.empty() ? step : step + "/" + item;
}

void add_decisions(const RunState& run, std::vector<Decision>& decisions) {
  if (const ApprovalState* const approval = pending_approval(run)) {
    decisions.push_back({.kind = Decision::Kind::approval,
                         .target = pending_approval_step(run),
                         .question = "Approve or deny: " + title_of(run),
                         .until = approval->until});
  }
  for (const auto& [step, state] : run.steps) {
    if (state.phase != StepState::Phase::running) continue;
    if (state.manual.requested && !state.manual.done) {
      decisions.push_back({.kind = Decision::Kind::manual,
                           .target = step,
                           .question = "Do by hand: " + state.manual.ask,
                           .until = state.manual.until});
    }
    for (const ItemState& item : state.items) {
      if (item.phase != ItemState::Phase::held) continue;
      const std::string target = place(step, item.key);
      decisions.push_back({.kind = item.in_doubt ? Decision::Kind::unknown : Decision::Kind::held,
                           .target = target,
                           .question = item.in_doubt ? "Decide: did " + target + " take effect?"
                                                     : "Decide: " + target + " is held"});
    }
  }
  std::stable_sort(decisions.begin(), decisions.end(), [](const Decision& a, const Decision& b) {
    return a.until && (!b.until || *a.until < *b.until);
  });
}

std::string approvals_word(const ApprovalState& approval) {
  return "waiting for " +
         std::to_string(approval.need - static_cast<int>(approval.given_by.size())) + " of " +
         std::to_string(approval.need) + (approval.need == 1 ? " approval" : " approvals");
}

/// Pill and first sentence of a run that has its result.
void conclude(const RunState& run, RunFacts& facts) {
  const std::string took = format_duration(run.finished_at - run.started);
  const auto total = static_cast<std::int64_t>(facts.claims.size());
  switch (*run.result) {
    case RunResult::contained:
      facts.shape = Shape::proved;
      facts.word = run.is_watched() ? "contained, watching" : "contained";
      facts.first = "Contained: " + grouped(facts.proved) + " of " +
                    counted(total, "claim", "claims") + " proved, " + took + " after the start.";
      return;
    case RunResult::incomplete:
      facts.shape = Shape::unproved;
      facts.word = "incomplete";
      facts.first = "Incomplete: " + counted(facts.open, "claim has", "claims have") + " no proof.";
      return;
    case RunResult::exposed:
      facts.shape = Shape::refuted;
      facts.word = "exposed";
      facts.first = "Not contained: " + counted(facts.refuted, "way", "ways") + " in still " +
                    (facts.refuted == 1 ? "works." : "work.");
      return;
    case RunResult::failed:
      facts.shape = Shape::refuted;
      facts.word = "failed";
      facts.first = run.requests.mutate == 0
                        ? "Failed. Nothing was changed."
                        : "Failed after " +
                              counted(run.requests.mutate, "change was", "changes were") + " sent.";
      return;
    case RunResult::aborted:
      facts.shape = Shape::skipped;
      facts.word = "aborted";
      facts.first = "Aborted by " + run.aborted_by + " after " +
                    counted(run.requests.mutate, "change was", "changes were") +
                    " sent. What is revoked stays revoked.";
      return;
    case RunResult::rehearsed:
      facts.shape = Shape::predicted;
      facts.word = "dry run";
      facts.first = "Rehearsed: it would make " + counted(total, "claim", "claims") +
                    ". Nothing was changed.";
      return;
  }
}

void say_what_goes_on(const RunState& run, RunFacts& facts) {
  const ApprovalState* const approval = pending_approval(run);
  if (facts.refuted > 0) {
    facts.shape = Shape::refuted;
    facts.word = "not contained";
    facts.first =
        "Not contained: " + counted(facts.refuted, "claim is", "claims are") + " refuted.";
  } else if (approval != nullptr) {
    facts.shape = Shape::waiting;
    facts.word = approvals_word(*approval);
    facts.first = "Not contained: it is " + facts.word + ".";
  } else if (!facts.decisions.empty()) {
    facts.shape = Shape::unproved;
    facts.word = "waiting for a person";
    facts.first = "Not contained: it waits for a person.";
  } else if (run.paused) {
    facts.shape = Shape::waiting;
    facts.word = "paused";
    facts.first = "Not contained: somebody paused it.";
  } else {
    facts.word = run.requests.mutate == 0 ? "reading only" : "running";
    facts.first =
        run.requests.mutate == 0
            ? "Reading only. Nothing has changed."
            : "Not contained yet: " + grouped(facts.proved) + " of " +
                  counted(static_cast<std::int64_t>(facts.claims.size()), "claim", "claims") +
                  " proved.";
  }
}

}  // namespace

const std::string& title_of(const RunState& run) noexcept { return run.playbook->title; }

std::string url_of(const RunState& run, std::string_view more) {
  return "/runs/" + to_string(run.id) + std::string(more);
}

Shape shape_of(Verdict verdict, const RunState& run) noexcept {
  if (verdict == Verdict::proved) return Shape::proved;
  if (verdict == Verdict::refuted) return Shape::refuted;
  if (run.mode == RunMode::dry_run) return Shape::predicted;
  return run.finished() ? Shape::unproved : Shape::working;
}

Markup end_of(const Claim& claim, Timestamp now) {
  if (!claim.residual || !claim.residual->until) return html("no end known");
  if (*claim.residual->until <= now) return html("expired, being checked");
  return html("dies by {} at the latest", time_and_distance(*claim.residual->until, now));
}

RunFacts facts_of(const RunState& run, const ConnectorSet& connectors) {
  RunFacts facts{.claims = claims_of(run, connectors)};
  for (const Claim& claim : facts.claims) {
    if (claim.verdict == Verdict::proved)
      ++facts.proved;
    else if (claim.verdict == Verdict::refuted)
      ++facts.refuted;
    else
      ++facts.open;
  }
  if (run.finished()) {
    conclude(run, facts);
  } else {
    add_decisions(run, facts.decisions);
    say_what_goes_on(run, facts);
  }
  return facts;
}

}  // namespace quell::panel
