#include "orchestrator/report/drill_report.h"

#include <algorithm>

#include <fmt/format.h>

namespace quell {
namespace {

/// A text in a cell of a table: names of outside objects may hold anything.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("|\\`*_<>[]").find(c) != std::string_view::npos) out += '\\';
    out += c == '\n' || c == '\r' ? ' ' : c;
  }
  return out;
}

std::string or_never(const std::optional<Duration>& time) {
  return time ? drill_time(*time) : "never";
}

std::string met_word(const DrillTime& time) {
  const std::optional<bool> met = time.met();
  if (!met) return "";
  return *met ? "in time" : "late";
}

}  // namespace

std::string drill_time(Duration since_first_use) {
  const std::int64_t s = std::max<std::int64_t>(0, since_first_use.count() / 1'000);
  if (s >= 3'600) return fmt::format("T+{}:{:02}:{:02}", s / 3'600, s / 60 % 60, s % 60);
  return fmt::format("T+{:02}:{:02}", s / 60, s % 60);
}

std::string drill_report_markdown(const DrillRecord& record) {
  std::string md = fmt::format("# Drill {}: {}\n\n", record.drill, cell(record.scenario));
  md += "**" + cell(record.headline()) +
        "** This was a drill. Nothing here touched production.\n\n";
  md += fmt::format(
      "It teaches: {}. Played by {}, {} UTC, seed {}, {} long by its own clock, with playbook {} "
      "(SHA-256 {}).\n\n",
      cell(record.teaches), cell(players_of(record)), format_rfc3339(record.played_at), record.seed,
      format_duration(record.lasted), cell(record.playbook), record.playbook_sha256.substr(0, 12));
  md += "| | |\n|---|---|\n";
  md += fmt::format("| False greens | {} |\n", record.false_greens.size());
  md += fmt::format("| Left without owner | {} of {} |\n", record.without_owner(),
                    record.excluded.size());
  md += fmt::format("| Intruder got | {} requests that succeeded, {} refused |\n", record.passed(),
                    record.refused());
  md += fmt::format("| Intruder at the end | {} |\n", record.inside_at_the_end ? "inside" : "out");
  md += fmt::format("| Open reviews | {} |\n", record.open_reviews());
  if (record.announced && record.contained_after) {
    md += fmt::format("| Announced to contain | {}, took {} |\n",
                      format_duration(*record.announced),
                      format_duration(*record.contained_after));
  }
  md += "\n## Times against targets\n\n| to | took | target | |\n|---|---|---|---|\n";
  for (const DrillTime& time : record.times) {
    md += fmt::format("| {} | {} | {} | {} |\n", cell(time.word), or_never(time.took),
                      time.limit ? drill_time(*time.limit) : "", met_word(time));
  }
  const auto list = [&md](std::string_view heading, const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    md += fmt::format("\n## {}\n\n", heading);
    for (const std::string& line : lines) md += "- " + line + "\n";
  };
  list("Not as the scenario demands", [&] {
    std::vector<std::string> lines;
    for (const std::string& one : record.differences) lines.push_back(cell(one));
    return lines;
  }());
  list("False greens", [&] {
    std::vector<std::string> lines;
    for (const FalseGreen& green : record.false_greens)
      lines.push_back(fmt::format("{}: proved at {}, and {} worked at {}", cell(green.subject),
                                  drill_time(green.proved_at), cell(green.how),
                                  drill_time(green.worked_at)));
    return lines;
  }());
  list("Left out", [&] {
    std::vector<std::string> lines;
    for (const DrillExclusion& one : record.excluded)
      lines.push_back(fmt::format("{} by {}: {} ({})", cell(one.item), cell(one.by),
                                  cell(one.reason),
                                  one.owner.empty() ? "no owner" : "owner " + cell(one.owner)));
    return lines;
  }());
  list("Exposed at the end", [&] {
    std::vector<std::string> lines;
    for (const DrillExposure& one : record.exposed)
      lines.push_back(fmt::format("{}: {}, {}{}", cell(one.subject), one.verdict,
                                  one.until.empty() ? "no end known" : "until " + one.until,
                                  one.reason.empty() ? "" : ". " + cell(one.reason)));
    return lines;
  }());
  list("Approvals", [&] {
    std::vector<std::string> lines;
    for (const DrillApproval& one : record.approvals)
      lines.push_back(fmt::format("{} at {}: {}{}", cell(one.who), drill_time(one.at),
                                  cell(one.how), one.needs_review ? ". To be reviewed" : ""));
    return lines;
  }());
  md += "\n## Side by side\n\n| time | defenders | told to them | intruder |\n|---|---|---|---|\n";
  for (const DrillMoment& moment : record.timeline) {
    const std::string text = moment.is_bad ? "**" + cell(moment.text) + "**" : cell(moment.text);
    const auto in = [&](DrillMoment::Side side) { return moment.side == side ? text : ""; };
    md += fmt::format("| {} | {} | {} | {} |\n", drill_time(moment.at),
                      in(DrillMoment::Side::defender), in(DrillMoment::Side::inject),
                      in(DrillMoment::Side::intruder));
  }
  list("Questions for the review", [&] {
    std::vector<std::string> lines;
    for (const std::string& one : record.questions) lines.push_back(cell(one));
    return lines;
  }());
  return md;
}

}  // namespace quell
