#include "orchestrator/cli/run_text.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/engine/decisions.h"
#include "orchestrator/engine/step_walk.h"
#include "state/base/bytes.h"

namespace quell::cli {
namespace {

constexpr std::size_t kStepColumn = 17;
constexpr std::size_t kWordsColumn = 43;
/// Claims that read alike are one row: the items of a foreach.
struct ClaimRow {
  std::string what{};
  Plane plane = Plane::holder;
  OutcomeKind outcome = OutcomeKind::done;
  Verdict verdict = Verdict::unproved;
  Grade grade = Grade::none;
  std::string proof{};
  std::int64_t count = 0;
  std::string noun{};
};

/// Of a top-level `verify`, the run's own or that of a playbook it calls.
bool is_postcondition(const Claim& claim) {
  return claim.step == "verify" || claim.step.ends_with("/verify");
}

std::vector<ClaimRow> rows_of(const RunState& run, const std::vector<Claim>& claims) {
  std::vector<ClaimRow> rows;
  for (const Claim& claim : claims) {
    const Step* const step = find_step(run, claim.step);
    const bool many = step != nullptr && step->foreach_items.has_value() && !claim.item.empty();
    const std::string what = is_postcondition(claim) ? claim.item
                             : many                  ? claim.step
                                                     : claim.subject;
    const auto same = std::find_if(rows.begin(), rows.end(), [&](const ClaimRow& row) {
      return many && row.what == what && row.verdict == claim.verdict && row.grade == claim.grade &&
             row.outcome == claim.outcome;
    });
    if (same != rows.end()) {
      ++same->count;
      continue;
    }
    rows.push_back({.what = what,
                    .plane = claim.plane,
                    .outcome = claim.outcome,
                    .verdict = claim.verdict,
                    .grade = claim.grade,
                    .proof = claim.proof.empty() ? (claim.residual ? claim.residual->reason : "")
                                                 : claim.proof.back(),
                    .count = 1,
                    .noun = many ? noun_of(*step) : ""});
  }
  return rows;
}

std::string horizon_text(const std::optional<Timestamp>& until, Timestamp now) {
  if (!until) return "end unknown";
  const std::string relative = *until > now ? "in " + format_duration(*until - now) : "past";
  return "until " + format_clock_time(*until, now) + " (" + relative + ") at worst";
}

}  // namespace

std::string clock_since(Timestamp start, Timestamp now) {
  const std::int64_t s = std::max<std::int64_t>(0, (now - start).count() / 1'000);
  if (s >= 3'600) return fmt::format("T+{}:{:02}:{:02}", s / 3'600, s / 60 % 60, s % 60);
  return fmt::format("T+{:02}:{:02}", s / 60, s % 60);
}

std::string verdict_text(const Stream& stream, Verdict verdict, Grade grade) {
  switch (verdict) {
    case Verdict::proved:
      return stream.paint(std::string(stream.sign("check")) + " proved", Colour::green) +
             (grade == Grade::weak ? ", weak" : "");
    case Verdict::refuted:
      return stream.paint(std::string(stream.sign("cross")) + " refuted", Colour::red);
    case Verdict::unproved:
      return stream.paint(std::string(stream.sign("question")) + " unproved", Colour::yellow);
  }
  return "";
}

std::string result_text(const Stream& stream, RunResult result, AnswerOrigin origin) {
  Colour colour = Colour::yellow;
  switch (result) {
    case RunResult::contained:
      colour = Colour::green;
      break;
    case RunResult::exposed:
    case RunResult::failed:
      colour = Colour::red;
      break;
    case RunResult::incomplete:
    case RunResult::aborted:
      colour = Colour::yellow;
      break;
    case RunResult::rehearsed:
      colour = Colour::plain;
      break;
  }
  std::string text = stream.paint(upper(to_string(result)), colour);
  if (origin != AnswerOrigin::outside) text += " " + upper(to_string(origin));
  return text;
}

std::string shown(const std::string& text) { return escape_untrusted(text); }

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

std::string closing_text(const Stream& stream, const RunState& run, const ConnectorSet& connectors,
                         Timestamp now) {
  const std::vector<Claim> claims = claims_of(run, connectors);
  std::int64_t refuted = 0;
  std::int64_t unproved = 0;
  for (const Claim& claim : claims) {
    refuted += claim.verdict == Verdict::refuted ? 1 : 0;
    unproved += claim.verdict == Verdict::unproved ? 1 : 0;
  }
  const RunResult result = *run.result;
  std::string head = result_text(stream, result, origin_of_answers(run)) + "  " + to_string(run.id);
  if (const std::string incident = incident_of(run); !incident.empty())
    head += "  " + shown(incident);
  head += "  after " + format_duration(run.finished_at - run.started);
  switch (result) {
    case RunResult::contained:
      break;
    case RunResult::exposed:
      head += ": " + (refuted == 1 ? std::string("one way in still works")
                                   : with_commas(refuted) + " ways in still work");
      break;
    case RunResult::incomplete:
      head += unproved == 0 ? ": something was continued past or left out"
                            : ": " + counted(unproved, "claim") +
                                  (unproved == 1 ? " has no proof" : " have no proof");
      break;
    case RunResult::failed:
      head += run.requests.mutate == 0 ? ": nothing was revoked" : ": it could not do its work";
      break;
    case RunResult::aborted:
      head += ", by " + run.aborted_by + ": " + with_commas(run.requests.mutate) +
              " mutations were sent";
      break;
    case RunResult::rehearsed:
      head += ": every mutation was withheld";
      break;
  }
  std::string text = padded(head, 72) + "  exit " + std::to_string(exit_code(result)) + "\n";
  if (result == RunResult::rehearsed) return text;
  std::vector<std::vector<std::string>> rows{{"what", "plane", "outcome", "verdict", "proof"}};
  for (const ClaimRow& row : rows_of(run, claims)) {
    const std::string what = row.noun.empty() ? shown(row.what) : counted(row.count, row.noun);
    std::string proof = shown(row.proof);
    if (row.grade == Grade::strong && row.verdict == Verdict::proved) proof += ", strong";
    rows.push_back({what, std::string(to_string(row.plane)), std::string(to_string(row.outcome)),
                    verdict_text(stream, row.verdict, row.grade), proof});
  }
  if (rows.size() > 1) text += table(rows, "  ");
  std::string open;
  for (const Claim& claim : claims) {
    if (claim.verdict == Verdict::proved || !claim.residual) continue;
    const std::string what = is_postcondition(claim) ? claim.item : claim.subject;
    const std::string line = "  " + padded(shown(what), 27) + "  " +
                             horizon_text(claim.residual->until, now) + "\n    " +
                             shown(claim.residual->reason) + "\n";
    if (open.find(line) == std::string::npos) open += line;
  }
  if (!open.empty()) text += "still exposed, or not known to be closed\n" + open;
  if (result == RunResult::contained) text += "nothing is known to be exposed\n";
  std::string goals;
  for (const Goal& goal : goals_of(run)) {
    goals += (goals.empty() ? "goals   " : ", ") +
             (goal.took ? std::string(goal.word) + " after " + format_duration(*goal.took)
                        : "not " + std::string(goal.word)) +
             " (goal " + format_duration(goal.limit) + (goal.met() ? ")" : ", missed)");
  }
  if (!goals.empty()) text += goals + "\n";
  if (!run.head.empty()) text += "record  quell journal verify --head " + run.head + "\n";
  return text;
}

std::vector<std::string> live_text(const Stream& stream, const RunState& run, Timestamp now) {
  std::vector<std::string> lines;
  std::size_t finished = 0;
  std::size_t total = 0;
  for_each_step(run, run.playbook->steps, [&](const Step& step) {
    ++total;
    const auto found = run.steps.find(step.id);
    if (found == run.steps.end()) return;
    if (found->second.phase == StepState::Phase::finished) ++finished;
    if (found->second.phase != StepState::Phase::running ||
        std::holds_alternative<ParallelStep>(step.kind))
      return;
    std::string line = std::string(stream.sign("spinner")) + " " + step.id;
    if (found->second.approval.requested) {
      line += "  waiting for approval    " +
              format_duration(std::max(Duration{0}, found->second.approval.until - now)) + " left";
      lines.push_back(line);
      lines.push_back("      another terminal:  quell approve " + to_string(run.id));
      return;
    }
    if (found->second.manual.requested) {
      line += "  waiting for a person    " +
              format_duration(std::max(Duration{0}, found->second.manual.until - now)) + " left";
      lines.push_back(line);
      lines.push_back("      another terminal:  quell done " + to_string(run.id) + " " + step.id);
      return;
    }
    if (step.foreach_items) {
      const auto done = std::count_if(found->second.items.begin(), found->second.items.end(),
                                      [](const ItemState& item) { return item.finished(); });
      line += fmt::format("  {} of {} done", done, found->second.items.size());
    }
    lines.push_back(line + "    " + format_duration(now - found->second.started));
  });
  lines.push_back(fmt::format("{}  {} of {} steps {} {} requests sent",
                              clock_since(run.started, now), finished, total, stream.sign("dot"),
                              run.requests.read + run.requests.probe + run.requests.mutate));
  return lines;
}

namespace {

std::string listed(const Value& texts, const char* none) {
  std::string out;
  for (const Value& text : texts.list_or_empty())
    out += (out.empty() ? "" : "; ") + shown(text.string_or(""));
  return out.empty() ? none : out;
}

/// The rungs that the rehearsal's `ladder` steps found: what each ends, and what it lacks.
std::string ladders_text(const ValueList& ladders) {
  std::string text;
  for (const Value& seen : ladders) {
    text += "ladder  " + shown(seen["profile"].string_or("")) + ", by " +
            shown(seen["chosen_by"].string_or("")) + ", rests on " +
            shown(seen["rests_on"].string_or("")) + "\n";
    std::vector<std::vector<std::string>> rows{{"rung", "what it does", "ends", "lacks"}};
    for (const Value& rung : seen["rungs"].list_or_empty()) {
      rows.push_back({shown(rung["action"].string_or("")), shown(rung["what"].string_or("")),
                      listed(rung["kills"], "-"), listed(rung["missing"], "nothing")});
    }
    text += table(rows, "  ");
  }
  return text;
}

}  // namespace

std::string plan_text(const Stream& stream, const Plan& plan, bool all_requests) {
  std::string text = "plan  " + plan.playbook;
  if (!plan.incident.empty()) text += "  " + shown(plan.incident);
  text = padded(text, 55) + "nothing has been changed\n";
  std::int64_t reads = 0;
  for (const PlannedRequest& request : plan.requests) reads += request.predicted ? 0 : 1;
  text += "looked  " + counted(reads, "read") + " in " + format_duration(plan.took) + "\n";
  std::vector<std::vector<std::string>> rows{{"step", "plane", "what it does", "requests", ""}};
  for (const PlannedStep& step : plan.steps) {
    if (!step.effect) {
      rows.push_back({step.id, "-", shown(step.what), "-", ""});
      continue;
    }
    std::string mark;
    if (step.undo) mark = "undo";
    if (step.irreversible) mark = stream.paint(std::string(stream.sign("bang")), Colour::yellow);
    rows.push_back({step.id, step.plane,
                    step.noun.empty() ? shown(step.what) : counted(step.items, step.noun),
                    with_commas(step.requests) + " " + std::string(to_string(*step.effect)), mark});
  }
  rows.push_back(
      {"total", "",
       fmt::format("{}, {} irreversible (!), {}, {}", counted(plan.counts.mutate, "mutation"),
                   plan.irreversible, counted(plan.counts.probe, "probe"),
                   counted(plan.counts.read, "read")),
       "", ""});
  text += table(rows, "  ");
  text += ladders_text(plan.ladders);
  text += "estimate  contained " + format_duration(plan.contain) + " after approval, proved by " +
          format_duration(plan.prove) + "; limited by " + plan.limit + "\n";
  text += "a plan cannot know\n";
  for (const std::string& unknown : plan.not_established)
    text += "  " + std::string(stream.sign("question")) + " " + unknown + "\n";
  if (all_requests) {
    std::vector<std::vector<std::string>> lines{{"step", "effect", "request"}};
    for (const PlannedRequest& request : plan.requests) {
      lines.push_back(
          {request.item.empty() ? request.step : request.step + "/" + shown(request.item),
           std::string(to_string(request.effect)) + (request.irreversible ? " !" : ""),
           request.method + " " + request.url});
    }
    text += table(lines, "  ");
  }
  text += "digest  " + plan.digest.substr(0, 12) +
          (all_requests ? ""
                        : fmt::format("   --requests lists all {}, --json has everything",
                                      plan.requests.size())) +
          "\n";
  return text;
}

}  // namespace quell::cli
