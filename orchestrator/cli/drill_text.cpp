#include "orchestrator/cli/drill_text.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/cli/run_text.h"

namespace quell::cli {
namespace {

constexpr std::size_t kBarColumns = 48;
constexpr std::size_t kSparkColumns = 30;

bool passed(const range::LogLine& line) { return line.status >= 200 && line.status < 300; }

/// `0:41`, `1:02:10`; `never` where it did not happen.
std::string short_clock(const std::optional<Duration>& time) {
  if (!time) return "never";
  const std::int64_t s = std::max<std::int64_t>(0, time->count() / 1'000);
  if (s >= 3'600) return fmt::format("{}:{:02}:{:02}", s / 3'600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

std::string day_text(Timestamp at, Timestamp now) {
  const std::string day = format_rfc3339(at).substr(0, 10);
  return day == format_rfc3339(now).substr(0, 10) ? "today" : day;
}

/// `✓ false greens 0`, with a cross where it is not nothing.
std::string counted_sign(Stream& out, std::string_view what, std::int64_t number) {
  const bool good = number == 0;
  return out.paint(fmt::format("{} {} {}", out.sign(good ? "check" : "cross"), what, number),
                   good ? Colour::green : Colour::red);
}

std::string times_line(const DrillRecord& record) {
  std::string contain;
  std::string line;
  for (const DrillTime& time : record.times) {
    constexpr std::string_view kContain = "contain ";
    if (time.word.starts_with(kContain)) {
      contain += (contain.empty() ? "contain: " : ", ") + time.word.substr(kContain.size()) + " " +
                 short_clock(time.took);
      continue;
    }
    if (!contain.empty()) line += std::exchange(contain, {}) + "   ";
    line += time.word + " " + short_clock(time.took) + "   ";
  }
  return line + contain;
}

}  // namespace

void DrillTeller::tell(Timestamp at, Timestamp begun, std::string_view who,
                       const std::string& text) {
  session_.out().line("  " + clock_since(begun, at) + "  " + padded(who, 10) + text);
}

void DrillTeller::intruder(const range::LogLine& line, Timestamp begun) {
  const bool in = passed(line);
  const bool refreshes = line.note == "refresh";
  const bool uses = line.note == "tools/list" || line.note == "sessions";
  int& last_status = refreshes ? last_refresh_ : last_use_;
  const bool news = (!refreshes && !uses) || line.status != last_status || (refreshes && in);
  if (refreshes || uses) last_status = line.status;
  if (!news || session_.options().json) return;
  const std::string status = in ? session_.out().paint(std::to_string(line.status), Colour::red)
                                : std::to_string(line.status);
  std::string words = !in                       ? "refused"
                      : line.note == "sessions" ? "stolen key works"
                                                : "stolen token works";
  if (refreshes) words = in ? "new tokens, from the old grant" : "invalid_grant";
  if (!refreshes && !uses) words = line.path + (in ? "" : ", refused");
  tell(line.at, begun, "intruder", in_column(padded(line.note, 12) + status, 18) + words);
}

void DrillTeller::entry(const RunState& run, const Entry& entry, const ConnectorSet& connectors,
                        Timestamp begun) {
  if (session_.options().json) return;
  const std::string text = line_for_person(session_.out(), run, entry, connectors);
  if (text.empty()) return;
  // The line's own clock counts from the start of the run; a drill counts from the intruder's
  // first use.
  const std::size_t first_blank = text.find("  ");
  const std::string rest =
      entry.kind == EntryKind::run_started || first_blank == std::string::npos
          ? text
          : text.substr(first_blank + 2);
  tell(entry.at, begun, "quell", rest);
}

void DrillTeller::inject(const Inject& inject, Timestamp at, Timestamp begun) {
  if (session_.options().json) return;
  tell(at, begun, to_string(inject.kind), inject.from + ": " + inject.text);
}

void DrillTeller::note(const std::string& text, Timestamp at, Timestamp begun) {
  if (!session_.options().json) tell(at, begun, "quell", text);
}

std::string drill_clock(const std::optional<Duration>& time) {
  return time ? clock_since(Timestamp{}, Timestamp{} + *time) : "none";
}

std::string inside_bar(Stream& out, const DrillRecord& record, Duration span) {
  std::string cells;
  for (std::size_t cell = 0; cell < kBarColumns; ++cell) {
    const Duration at =
        span * static_cast<std::int64_t>(cell) / static_cast<std::int64_t>(kBarColumns);
    if (record.first_failure && at >= *record.first_failure) {
      cells += out.sign("cross");
      break;
    }
    cells += out.sign("bar");
  }
  return padded(cells, kBarColumns + 2) +
         (record.inside_at_the_end || !record.first_failure
              ? out.paint("still inside", Colour::red)
              : "out after " + format_duration(*record.first_failure));
}

std::string sparkline(const Stream& out, const DrillRecord& record) {
  constexpr std::array<std::string_view, 8> kBlocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  constexpr std::array<std::string_view, 8> kPlain{"_", ".", ":", "-", "=", "+", "*", "#"};
  const bool is_utf8 = out.sign("bar") != "#";
  const auto& levels = is_utf8 ? kBlocks : kPlain;
  const std::size_t columns = std::min(kSparkColumns, record.minutes.size());
  std::vector<std::int64_t> cells(columns, 0);
  for (std::size_t i = 0; i < record.minutes.size(); ++i)
    cells[i * columns / record.minutes.size()] += record.minutes[i].passed;
  const std::int64_t most =
      std::max<std::int64_t>(1, cells.empty() ? 0 : *std::ranges::max_element(cells));
  std::string line;
  for (const std::int64_t cell : cells)
    line += levels[static_cast<std::size_t>((cell * 7 + most - 1) / most)];
  return line;
}

std::string score_text(Stream& out, const DrillRecord& record, AnswerOrigin origin) {
  std::string text = result_text(out, record.result, origin) + "  " + record.drill + "  " +
                     record.scenario + "  " +
                     (record.agrees() ? "as the scenario demands"
                                      : out.paint(record.headline(), Colour::red)) +
                     fmt::format("  exit {}\n", exit_code(record.result));
  text += "  " + times_line(record) + "\n";
  text += "  " + counted_sign(out, "false greens", std::int64_t(record.false_greens.size())) +
          "      " + counted_sign(out, "items without owner", record.without_owner());
  if (record.refuted_after)
    text += fmt::format("      {} refuted after {}", out.sign("bang"),
                        short_clock(record.refuted_after));
  if (record.open_reviews() > 0)
    text += fmt::format("      {} open review: the glass was broken", out.sign("bang"));
  text += "\n";
  if (record.announced && record.contained_after) {
    text += "  announced " + format_duration(*record.announced) + " to contain, took " +
            format_duration(*record.contained_after) + "\n";
  }
  const std::int64_t later = record.passed_since(1);
  text += "  intruder   " + sparkline(out, record) + "   " +
          counted(record.passed(), "request") + " passed" +
          (later > 0 ? ", " + with_commas(later) + " after T+01:00" : "") + "\n";
  for (const std::string& difference : record.differences)
    text += "  " + std::string(out.sign("cross")) + " " + difference + "\n";
  for (const FalseGreen& green : record.false_greens) {
    text += "  " + std::string(out.sign("cross")) + " " + green.subject + " was proved at " +
            drill_clock(green.proved_at) + ", and " + green.how + " worked at " +
            drill_clock(green.worked_at) + "\n";
  }
  for (const std::string& question : record.questions)
    text += "  ask yourselves: " + question + "\n";
  return text;
}

std::string drill_list_text(const std::vector<Scenario>& scenarios,
                            const std::vector<DrillRecord>& records, Timestamp now) {
  std::vector<std::vector<std::string>> rows{{"scenario", "teaches", "ends", "passed"}};
  for (const Scenario& scenario : scenarios) {
    std::string last = "never";
    for (const DrillRecord& record : records) {
      if (record.scenario == scenario.id && record.agrees()) last = day_text(record.played_at, now);
    }
    rows.push_back(
        {scenario.id, scenario.teaches, std::string(to_string(scenario.ends)), std::move(last)});
  }
  return table(rows, "  ");
}

std::string drill_history_text(const Stream& out, const std::vector<DrillRecord>& records,
                               Timestamp now) {
  std::map<std::string, std::vector<const DrillRecord*>> by_scenario;
  for (const DrillRecord& record : records) by_scenario[record.scenario].push_back(&record);
  std::string text;
  for (auto& [scenario, all] : by_scenario) {
    std::ranges::reverse(all);
    text += scenario + "\n";
    std::vector<std::vector<std::string>> rows{
        {"drill", "when", "team", "seed", "result", "false greens", "decided", "passed by",
         "score"}};
    for (const DrillRecord* const record : all) {
      rows.push_back({record->drill, day_text(record->played_at, now), players_of(*record),
                      std::to_string(record->seed), std::string(to_string(record->result)),
                      std::to_string(record->false_greens.size()),
                      short_clock(time_to(*record, "decide")),
                      counted(record->passed(), "request"),
                      std::string(out.sign(record->agrees() ? "check" : "cross")) +
                          (record->agrees() ? " passed" : " failed")});
    }
    text += table(rows, "  ");
  }
  return text;
}

}  // namespace quell::cli
