#include "orchestrator/panel/run_timeline.h"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "orchestrator/engine/step_walk.h"
#include "orchestrator/panel/components.h"

namespace quell::panel {
namespace {

constexpr std::size_t kTimelineRowsMax = 12;

struct Row {
  std::string name{};
  std::string more{};
  std::optional<Shape> shape = Shape::working;  // none: done, and nothing to prove
  std::string_view paint{};                     // class of the bar
  Timestamp from{};
  Timestamp to{};
};

using Verdicts = std::map<std::string, Verdict, std::less<>>;

/// Of each step with claims the worst.
Verdicts worst_of(const std::vector<Claim>& claims) {
  Verdicts worst;
  for (const Claim& claim : claims) {
    Verdict& verdict = worst.try_emplace(claim.step, claim.verdict).first->second;
    if (claim.verdict == Verdict::refuted || verdict == Verdict::proved) verdict = claim.verdict;
  }
  return worst;
}

Row row_of(const Step& step, const StepState& state, const Verdicts& worst, bool run_is_over,
           Timestamp end) {
  Row row{.name = step.id,
          .from = state.started,
          .to = state.phase == StepState::Phase::finished ? state.finished : end};
  const bool waits = state.approval.requested || state.manual.requested;
  const auto claimed = worst.find(step.id);
  const std::optional<Verdict> verdict =
      claimed == worst.end() ? state.verdict : std::optional(claimed->second);
  if (verdict == Verdict::refuted || state.outcome == OutcomeKind::failed) {
    row.shape = Shape::refuted;
    row.paint = "k-refuted";
  } else if (verdict == Verdict::proved) {
    row.shape = Shape::proved;
    row.paint = "k-proved";
  } else if (verdict == Verdict::unproved && run_is_over) {
    row.shape = Shape::unproved;
    row.paint = "k-unproved";
  } else if (waits) {
    row.shape = state.phase == StepState::Phase::finished ? Shape::proved : Shape::waiting;
    row.paint = "k-wait";
  } else if (state.phase == StepState::Phase::finished) {
    row.shape =
        state.outcome == OutcomeKind::skipped ? std::optional(Shape::skipped) : std::nullopt;
    row.paint = "k-work";
  } else {
    row.paint = "k-working";
  }
  if (!state.approval.given_by.empty())
    row.more = state.approval.given_by.back();
  else if (state.items.size() > 1)
    row.more = counted(static_cast<std::int64_t>(state.items.size()), "item", "items");
  return row;
}

std::string percent(Duration part, Duration whole) {
  const double share = whole.count() == 0 ? 0
                                          : 100.0 * static_cast<double>(part.count()) /
                                                static_cast<double>(whole.count());
  return fmt::format("{:.2f}%", std::clamp(share, 0.0, 100.0));
}

}  // namespace

Markup timeline(const RunState& run, const std::vector<Claim>& claims, Timestamp now) {
  const Verdicts worst = worst_of(claims);
  const Timestamp end = run.finished() ? run.finished_at : now;
  const Duration whole = std::max(end - run.started, Duration{1});
  std::vector<Row> rows;
  std::int64_t left_out = 0;
  const auto take = [&](const Step& step) {
    const auto state = run.steps.find(step.id);
    if (state == run.steps.end() || state->second.started == Timestamp{}) return;
    if (rows.size() == kTimelineRowsMax)
      ++left_out;
    else
      rows.push_back(row_of(step, state->second, worst, run.finished(), end));
  };
  for_each_step(run, run.playbook->steps, take);
  for_each_step(run, run.playbook->finally_steps, take);
  if (rows.empty()) return empty_state("No step has begun.");
  Markup lines;
  for (const Row& row : rows) {
    const Markup more =
        row.more.empty() ? Markup() : html(R"(<span class="by">{}</span>)", row.more);
    // A moment is as wide as a hair, so that it is seen.
    const Duration span = std::max(row.to - row.from, whole / 200);
    lines += html(
        R"(<li><span class="lab">{}<span>{}{}</span></span><span class="pic"><svg class="wide" width="100%" height="22" aria-hidden="true"><line x1="0%" x2="0%" y2="22" class="k-grid"/><line x1="50%" x2="50%" y2="22" class="k-grid"/><line x1="100%" x2="100%" y2="22" class="k-grid"/><rect x="{}" width="{}" y="6" height="10" rx="1.5" class="{}"/></svg></span><span class="took">{}</span></li>)",
        row.shape ? glyph(*row.shape) : Markup(), row.name, more,
        percent(row.from - run.started, whole), percent(span, whole), row.paint,
        format_duration(row.to - row.from));
  }
  if (left_out > 0) {
    lines += html(R"(<li><span class="lab"><span>{} more</span></span></li>)",
                  counted(left_out, "step", "steps"));
  }
  return html(R"(<ol class="card tl">{}</ol>)", lines);
}

}  // namespace quell::panel
