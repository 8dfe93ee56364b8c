#include "orchestrator/panel/drill_pages.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "orchestrator/panel/assets.h"
#include "orchestrator/panel/components.h"
#include "orchestrator/report/drill_report.h"

namespace quell::panel {
namespace {

constexpr std::size_t kCellsMax = 60;
constexpr std::size_t kMarksMax = 8;
constexpr std::size_t kRowsShown = 20;
constexpr std::size_t kHistoryShown = 10;
constexpr std::size_t kTrendsShown = 100;
constexpr double kBase = 154;    // y of the axis
constexpr double kUp = 110;      // px for the most that passed
constexpr double kDown = 44;     // px for the most that was refused
constexpr double kUnitMax = 12;  // px for one request

std::string percent(double share) {
  return fmt::format("{:.2f}%", std::clamp(100 * share, 0.0, 100.0));
}
std::string px(double length) { return fmt::format("{:.1f}", length); }

std::string minutes_and_seconds(Duration time) { return drill_time(time).substr(2); }

std::string took(const std::optional<Duration>& time) {
  return time ? minutes_and_seconds(*time) : "never";
}

/// The moments of one side that the picture has room for: of too many, those that were bad, the
/// first and the last.
std::vector<const DrillMoment*> chosen(const DrillRecord& record, bool intruder) {
  std::vector<const DrillMoment*> all;
  for (const DrillMoment& moment : record.timeline) {
    if ((moment.side == DrillMoment::Side::intruder) == intruder) all.push_back(&moment);
  }
  for (std::size_t i = all.size(); all.size() > kMarksMax && i-- > 1;) {
    if (!all[i]->is_bad && i + 1 < all.size())
      all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (all.size() > kMarksMax) all.resize(kMarksMax);
  return all;
}

std::string mark_of(std::size_t at, bool intruder) {
  return intruder ? std::string(1, static_cast<char>('A' + at)) : std::to_string(at + 1);
}

Markup side_list(std::string_view heading, const std::vector<const DrillMoment*>& moments,
                 bool intruder) {
  Markup rows;
  for (std::size_t i = 0; i < moments.size(); ++i) {
    const DrillMoment& moment = *moments[i];
    const Markup words =
        moment.is_bad && !intruder ? html("<b>{}</b>", moment.text) : html("{}", moment.text);
    rows += html(
        R"(<li><span class="mk {}">{}</span><span class="at">{}</span><span>{}</span></li>)",
        intruder ? "them" : "", mark_of(i, intruder), drill_time(moment.at), words);
  }
  if (moments.empty()) rows = html("<li><span></span><span></span><span>Nothing.</span></li>");
  return html("<div><h3>{}</h3><ol>{}</ol></div>", heading, rows);
}

struct Axis {
  std::vector<DrillMinute> cells{};
  Duration span{0};
  double unit = 1;  // px for one request that passed
  double down = 1;  // px for one that was refused
  std::int64_t most = 0;
};

Axis axis_of(const DrillRecord& record) {
  Axis axis;
  const std::size_t minutes = std::max<std::size_t>(1, record.minutes.size());
  const std::size_t each = (minutes + kCellsMax - 1) / kCellsMax;
  axis.cells.resize((minutes + each - 1) / each);
  for (std::size_t i = 0; i < record.minutes.size(); ++i) {
    axis.cells[i / each].passed += record.minutes[i].passed;
    axis.cells[i / each].refused += record.minutes[i].refused;
  }
  axis.span = std::chrono::minutes(axis.cells.size() * each);
  std::int64_t refused = 0;
  for (const DrillMinute& cell : axis.cells) {
    axis.most = std::max(axis.most, cell.passed);
    refused = std::max(refused, cell.refused);
  }
  axis.unit = std::min(kUnitMax, kUp / static_cast<double>(std::max<std::int64_t>(1, axis.most)));
  axis.down = std::min(kUnitMax, kDown / static_cast<double>(std::max<std::int64_t>(1, refused)));
  return axis;
}

Markup bars(const Axis& axis) {
  Markup all;
  const double cells = static_cast<double>(axis.cells.size());
  for (std::size_t i = 0; i < axis.cells.size(); ++i) {
    const DrillMinute& cell = axis.cells[i];
    const std::string x = percent(static_cast<double>(i) / cells);
    const std::string width = percent(0.75 / cells);
    if (cell.passed > 0) {
      const double height = static_cast<double>(cell.passed) * axis.unit;
      all += html(R"(<rect x="{}" width="{}" y="{}" height="{}" class="k-refuted"/>)", x, width,
                  px(kBase - height), px(height));
    }
    if (cell.refused > 0) {
      all += html(R"(<rect x="{}" width="{}" y="155.5" height="{}" class="k-hollow"/>)", x, width,
                  px(static_cast<double>(cell.refused) * axis.down));
    }
  }
  return all;
}

Markup grid(const Axis& axis) {
  Markup all;
  for (const std::int64_t at : {std::int64_t{0}, axis.most / 2, axis.most}) {
    if (at == 0 && !all.empty()) continue;
    const std::string y = px(kBase - static_cast<double>(at) * axis.unit);
    all += html(
        R"(<line x2="100%" y1="{}" y2="{}" class="k-grid"/><text class="y" x="-8" y="{}">{}</text>)",
        y, y, px(kBase - static_cast<double>(at) * axis.unit + 4), at);
  }
  return all;
}

Markup marks(const DrillRecord& record, const Axis& axis) {
  Markup all;
  const auto at = [&](const DrillMoment& moment) {
    return percent(static_cast<double>(moment.at.count()) / static_cast<double>(axis.span.count()));
  };
  const auto defenders = chosen(record, false);
  for (std::size_t i = 0; i < defenders.size(); ++i) {
    // Neighbours stand in two rows, so that they can be read.
    const int row = i % 2 == 0 ? 0 : 24;
    all += html(
        R"(<line x1="{}" x2="{}" y1="{}" y2="154" class="k-mark"/><svg x="{}" y="{}" overflow="visible"><circle cy="12" r="10" class="k-ink"/><text class="on" y="16">{}</text></svg>)",
        at(*defenders[i]), at(*defenders[i]), row + 22, at(*defenders[i]), row, mark_of(i, false));
  }
  const auto intruder = chosen(record, true);
  for (std::size_t i = 0; i < intruder.size(); ++i) {
    const int row = i % 2 == 0 ? 204 : 226;
    all += html(
        R"(<svg x="{}" y="{}" overflow="visible"><rect x="-9" width="18" height="18" rx="3" class="k-hollow"/><text y="13">{}</text></svg>)",
        at(*intruder[i]), row, mark_of(i, true));
  }
  return all;
}

Markup ticks(const Axis& axis) {
  const std::int64_t minutes = std::chrono::duration_cast<std::chrono::minutes>(axis.span).count();
  Markup all = html(R"(<text x="0%" y="12" class="a">T+0</text>)");
  if (minutes >= 4)
    all += html(R"(<text x="50%" y="12">{}</text>)",
                minutes % 2 == 0 ? std::to_string(minutes / 2)
                                 : fmt::format("{:.1f}", static_cast<double>(minutes) / 2));
  all += html(R"(<text x="100%" y="12" class="z">{} min</text>)", minutes);
  return html(R"(<svg class="wide ticks" width="100%" height="16" aria-hidden="true">{}</svg>)",
              all);
}

Markup four_numbers(const DrillRecord& record) {
  std::optional<Duration> contained;  // the last plane; nothing where one never was
  std::optional<Duration> target;
  bool is_whole = true;
  for (const DrillTime& time : record.times) {
    if (!time.word.starts_with("contain ")) continue;
    target = time.limit;
    is_whole &= time.took.has_value();
    contained = std::max(contained.value_or(Duration{0}), time.took.value_or(Duration{0}));
  }
  if (!is_whole) contained.reset();
  const bool hot = !record.false_greens.empty();
  return html(
      R"(<section aria-label="Score"><dl class="card big"><div{}><dt>False greens</dt><dd>{}<small>any fails the drill</small></dd></div><div><dt>Contained</dt><dd>{}<small>{}</small></dd></div><div><dt>Intruder got</dt><dd>{}<small>requests that succeeded</small></dd></div><div><dt>Left without owner</dt><dd>{}<small>of {} excluded</small></dd></div></dl></section>)",
      hot ? html(R"( class="hot")") : Markup(), record.false_greens.size(), took(contained),
      target ? "target " + minutes_and_seconds(*target) : "every plane", grouped(record.passed()),
      record.without_owner(), record.excluded.size());
}

Markup times_table(const DrillRecord& record) {
  Duration longest{1};
  for (const DrillTime& time : record.times) {
    if (time.took) longest = std::max(longest, *time.took);
    if (time.limit) longest = std::max(longest, *time.limit);
  }
  const auto share = [&](Duration time) {
    return percent(static_cast<double>(time.count()) / static_cast<double>(longest.count()));
  };
  Markup rows;
  for (const DrillTime& time : record.times) {
    const std::optional<bool> met = time.met();
    const Markup bar =
        time.took ? html(R"(<rect y="4" width="{}" height="6" class="{}"/>)", share(*time.took),
                         met.value_or(true) ? "k-work" : "k-refuted")
                  : Markup();
    const Markup limit =
        time.limit ? html(R"(<line x1="{}" x2="{}" y2="14" class="k-mark"/>)", share(*time.limit),
                          share(*time.limit))
                   : Markup();
    const Markup result = !met ? Markup()
                          : *met ? chip(Shape::proved, "in time")
                                 : chip(Shape::refuted, time.took ? "late" : "never");
    rows += html(
        R"(<tr><th scope="row">{}</th><td class="num nowrap">{}</td><td class="num nowrap soft">{}</td><td class="track"><svg class="wide" width="100%" height="14" aria-hidden="true"><rect y="4" width="100%" height="6" class="k-track"/>{}{}</svg></td><td>{}</td></tr>)",
        time.word, took(time.took), time.limit ? minutes_and_seconds(*time.limit) : "", bar, limit,
        result);
  }
  return html(
      R"(<div class="card"><table class="score"><thead><tr><th scope="col">To</th><th scope="col" class="num">took</th><th scope="col" class="num">target</th><th scope="col" class="track"><span class="sr">picture</span></th><th scope="col">result</th></tr></thead><tbody>{}</tbody></table></div>)",
      rows);
}

/// A list in the rail; nothing where there is nothing.
Markup rail_list(std::string_view id, std::string_view heading, const Markup& rows) {
  if (rows.empty()) return {};
  return html(
      R"(<section aria-labelledby="{}"><div class="bar"><h2 id="{}">{}</h2></div><ul class="card rows small">{}</ul></section>)",
      id, id, heading, rows);
}

Markup rail_lists(const DrillRecord& record) {
  Markup questions;
  for (const std::string& one : record.questions) questions += html("<li>{}</li>", one);
  Markup differences;
  for (const std::string& one : record.differences) differences += html("<li>{}</li>", one);
  for (const FalseGreen& green : record.false_greens) {
    differences += html("<li><b>{}</b> was proved at {}, and {} worked at {}.</li>", green.subject,
                        drill_time(green.proved_at), green.how, drill_time(green.worked_at));
  }
  Markup exposed;
  for (std::size_t i = 0; i < record.exposed.size() && i < kRowsShown; ++i) {
    const DrillExposure& one = record.exposed[i];
    exposed += html("<li><b>{}</b>, {}. {}</li>", one.subject,
                    one.until.empty() ? "no end known" : "until " + one.until, one.reason);
  }
  if (record.exposed.size() > kRowsShown)
    exposed += html("<li>{} more</li>", record.exposed.size() - kRowsShown);
  Markup excluded;
  for (std::size_t i = 0; i < record.excluded.size() && i < kRowsShown; ++i) {
    const DrillExclusion& one = record.excluded[i];
    excluded += html("<li><b>{}</b> by {}: {}. {}</li>", one.item, one.by, one.reason,
                     one.owner.empty() ? "No owner." : "Owner " + one.owner + ".");
  }
  Markup approvals;
  for (const DrillApproval& one : record.approvals) {
    approvals += html("<li><b>{}</b> at {}: {}{}</li>", one.who, drill_time(one.at), one.how,
                      one.needs_review ? ". To be reviewed." : "");
  }
  Markup all = rail_list("h-diff", "What failed", differences);
  all += rail_list("h-q", "Questions for the review", questions);
  all += rail_list("h-end", "Exposed at the end", exposed);
  all += rail_list("h-out", "Left out", excluded);
  all += rail_list("h-yes", "Approvals", approvals);
  return all;
}

Markup result_chip(const DrillRecord& record) {
  return record.agrees() ? chip(Shape::proved, "passed") : chip(Shape::refuted, "failed");
}

Markup history_table(const std::vector<DrillRecord>& before, Timestamp now) {
  Markup rows;
  for (std::size_t i = 0; i < before.size() && i < kHistoryShown; ++i) {
    const DrillRecord& one = before[before.size() - 1 - i];
    rows += html(
        R"(<tr><td><a href="/drills/{}">{}</a></td><td class="num">{}</td><td>{}</td></tr>)",
        one.drill, time_of_day(one.played_at, now), grouped(one.passed()), result_chip(one));
  }
  return html(
      R"(<section aria-labelledby="h-hist"><div class="bar"><h2 id="h-hist">This scenario</h2></div><div class="card"><table class="score"><thead><tr><th scope="col">when</th><th scope="col" class="num">intruder got</th><th scope="col">result</th></tr></thead><tbody>{}</tbody></table></div></section>)",
      rows);
}

std::string from_to(const std::string& first, const std::string& last) {
  return first == last ? first : first + " to " + last;
}

/// Whether a team gets better: its first drill of a scenario beside its last.
Markup trend_table(const std::vector<DrillRecord>& records) {
  Markup rows;
  const std::vector<DrillTrend> trends = trends_of(records);
  for (std::size_t i = 0; i < trends.size() && i < kTrendsShown; ++i) {
    const DrillTrend& trend = trends[i];
    const auto both = [&trend](const auto& tell) {
      return from_to(tell(*trend.first), tell(*trend.last));
    };
    rows += html(
        R"(<tr><th scope="row"><span class="id">{}</span><br><span class="soft">{}</span></th><td class="num">{} of {}</td><td class="num">{}</td><td class="num">{}</td><td class="num">{}</td></tr>)",
        trend.scenario, trend.players, trend.passed, trend.played,
        both([](const DrillRecord& one) { return took(time_to(one, "decide")); }),
        both([](const DrillRecord& one) { return took(one.last_success); }),
        both([](const DrillRecord& one) { return grouped(one.passed()); }));
  }
  if (trends.empty()) {
    return html(
        R"(<p class="card pad soft">A scenario that a team plays twice stands here, its first time beside its last. <code>quell drill SCENARIO --play --team NAME</code></p>)");
  }
  return html(
      R"(<div class="card scroll" role="region" tabindex="0" aria-label="Trend"><table class="score" id="trend"><thead><tr><th scope="col">scenario and team</th><th scope="col" class="num">passed</th><th scope="col" class="num">decided after</th><th scope="col" class="num">intruder's last success</th><th scope="col" class="num">intruder got</th></tr></thead><tbody>{}</tbody></table></div>)",
      rows);
}

std::string lede(const DrillRecord& record) {
  std::string text = record.title + ". It teaches: " + record.teaches + ".";
  if (record.last_success)
    text += " The intruder's last success was at " + drill_time(*record.last_success) + ".";
  if (record.inside_at_the_end) text += " The intruder was still inside at the end.";
  return text;
}

std::string pace(const DrillRecord& record) {
  return fmt::format("{}, seed {}, {}, {} long", players_of(record), record.seed,
                     record.speed > 0 ? fmt::format("{:g} to 1", record.speed)
                                      : std::string("as fast as it went"),
                     format_duration(record.lasted));
}

Markup score_body(const DrillRecord& record, const Markup& more_rail) {
  return html(
      R"(<div class="cols"><div>{}<section aria-labelledby="h-int"><div class="bar"><h2 id="h-int">What the intruder got, by minute</h2><p class="soft">times of the scenario</p></div>{}</section><section aria-labelledby="h-times"><div class="bar"><h2 id="h-times">Times against targets</h2></div>{}</section></div><div class="rail">{}{}</div></div>)",
      four_numbers(record), intruder_picture(record), times_table(record), rail_lists(record),
      more_rail);
}

}  // namespace

Markup intruder_picture(const DrillRecord& record) {
  const Axis axis = axis_of(record);
  const std::string title = fmt::format(
      "{} intruder requests succeeded{}; {} were refused", record.passed(),
      record.last_success ? ", the last at " + drill_time(*record.last_success) : std::string(),
      record.refused());
  return html(
      R"(<div class="card"><div class="graph"><svg class="wide" width="100%" height="250" role="img" aria-labelledby="igt"><title id="igt">{}</title>{}{}{}</svg>{}<p class="legend"><span><svg width="12" height="10" aria-hidden="true"><rect width="12" height="10" class="k-refuted"/></svg>succeeded, up</span><span><svg width="12" height="10" aria-hidden="true"><rect x=".5" y=".5" width="11" height="9" class="k-hollow"/></svg>refused, down</span></p></div><div class="sides">{}{}</div></div>)",
      title, grid(axis), bars(axis), marks(record, axis), ticks(axis),
      side_list("Defenders", chosen(record, false), false),
      side_list("Intruder", chosen(record, true), true));
}

Page drills_page(const std::vector<ScenarioLine>& scenarios,
                 const std::vector<DrillRecord>& records, const Frame& frame) {
  Markup rows;
  for (const ScenarioLine& scenario : scenarios) {
    const DrillRecord* last = nullptr;
    for (const DrillRecord& record : records) {
      if (record.scenario == scenario.id) last = &record;
    }
    const Markup when = last == nullptr
                            ? html("never")
                            : html(R"(<a href="/drills/{}">{}</a>)", last->drill,
                                   time_of_day(last->played_at, frame.now));
    rows += html(
        R"(<tr><th scope="row"><span class="id">{}</span><br><span class="soft">{}</span></th><td>{}</td><td>{}</td><td>{}</td></tr>)",
        scenario.id, scenario.teaches, scenario.ends, when,
        last == nullptr ? Markup() : result_chip(*last));
  }
  const auto passed = std::ranges::find_if(records.rbegin(), records.rend(),
                                           [](const DrillRecord& one) { return one.agrees(); });
  const Markup last_passed =
      passed == records.rend()
          ? html("No drill was passed yet. <code>quell drill rotate-only</code> takes half a "
                 "minute.")
          : html("The last drill was passed {}.", time_of_day(passed->played_at, frame.now));
  return {.title = "Drills",
          .section = Section::drills,
          .head = html(R"(<h1>Drills</h1><p class="lede">{}</p>)", last_passed),
          .body = html(
              R"(<div class="card scroll" role="region" tabindex="0" aria-label="Drills"><table class="score" id="drills"><thead><tr><th scope="col">scenario and what it teaches</th><th scope="col">ends</th><th scope="col">last played</th><th scope="col">result</th></tr></thead><tbody>{}</tbody></table></div><p class="hint">A drill is played on the command line: <code>quell drill SCENARIO</code>. Its score card appears here.</p><section aria-labelledby="h-trend"><div class="bar"><h2 id="h-trend">Trend</h2><p class="soft">first drill to last</p></div>{}</section>)",
              rows, trend_table(records)),
          .is_drill = true};
}

Page drill_page(const DrillRecord& record, const std::vector<DrillRecord>& before,
                const Frame& frame) {
  return {.title = record.headline(),
          .section = Section::drills,
          .head = html(
              R"(<p class="crumb"><a href="/drills">Drills</a> / {} / <span class="id">{}</span></p><h1>{}</h1><p class="lede">{}</p><p class="meta"><span class="tag drill">DRILL</span><span>{}</span><span>{}</span><a href="/api/v1/drills/{}/report">After-action report</a></p>)",
              record.scenario, record.drill, record.headline(), lede(record),
              time_of_day(record.played_at, frame.now), pace(record), record.drill),
          .body = score_body(record, history_table(before, frame.now)),
          .is_drill = true};
}

std::string drill_report_html(const DrillRecord& record) {
  Markup rows;
  for (const DrillMoment& moment : record.timeline) {
    const Markup text = moment.is_bad ? html("<b>{}</b>", moment.text) : html("{}", moment.text);
    const auto in = [&](DrillMoment::Side side) { return moment.side == side ? text : Markup(); };
    rows += html("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", drill_time(moment.at),
                 in(DrillMoment::Side::defender), in(DrillMoment::Side::inject),
                 in(DrillMoment::Side::intruder));
  }
  const Markup side_by_side = html(
      R"(<section aria-labelledby="h-side"><div class="bar"><h2 id="h-side">Side by side</h2></div><div class="card"><table class="score"><thead><tr><th scope="col">time</th><th scope="col">defenders</th><th scope="col">told to them</th><th scope="col">intruder</th></tr></thead><tbody>{}</tbody></table></div></section>)",
      rows);
  const Markup body = html(
      R"(<body>{}<main id="main"><p class="drillbar"><b>Drill.</b> Everything on this page happened in the range. Nothing here touches production.</p><div class="fit"><header class="head"><h1>{}</h1><p class="lede">{}</p><p class="meta"><span class="tag drill">DRILL</span><span class="id">{}</span><span>{}</span><span>{}</span><span>{} <span class="id">{}</span></span></p></header>{}{}</div></main></body></html>
)",
      sprite(), record.headline(), lede(record), record.drill, format_rfc3339(record.played_at),
      pace(record), record.playbook, record.playbook_sha256.substr(0, 12),
      score_body(record, Markup()), side_by_side);
  std::string document = html(R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>After-action report: {}, {}</title>
)",
                              record.scenario, record.drill)
                             .text();
  for (const auto& [file, text] : panel_assets()) {
    if (file == "style.css") document += "<style>\n" + text + "</style>\n";
  }
  return document + "</head>\n" + body.text();
}

}  // namespace quell::panel
