#include "orchestrator/panel/page.h"

#include <algorithm>
#include <array>

#include "orchestrator/panel/components.h"

namespace quell::panel {
namespace {

struct Link {
  Section section;
  std::string_view path;
  std::string_view words;
  std::string_view group;  // a heading above it; empty: none
};

constexpr std::array<Link, 10> kLinks{{{Section::now, "/", "Now", "Respond"},
                                      {Section::start, "/start", "Start a run", ""},
                                      {Section::alerts, "/alerts", "Alerts", ""},
                                      {Section::runs, "/runs", "Runs", ""},
                                      {Section::radius, "/radius", "Blast radius", "Understand"},
                                      {Section::playbooks, "/playbooks", "Playbooks", ""},
                                      {Section::preflight, "/preflight", "Preflight", ""},
                                      {Section::drills, "/drills", "Drills", "Practise"},
                                      {Section::journal, "/journal", "Journal", "Record"},
                                      {Section::access, "/access", "Access", ""}}};

Markup mark() {
  return html(
      R"(<a class="mark" href="/"><svg viewBox="0 0 18 18" aria-hidden="true"><path d="M2 2h3v14H2zM7.5 5.5h3v7h-3zM13 8h3v2h-3z"/></svg>quell</a>)");
}

Markup mode_tag(const Page& page) {
  return page.is_drill ? html(R"(<span class="tag drill">DRILL</span>)")
                       : html(R"(<span class="tag live">LIVE</span>)");
}

Markup drill_bar(const Page& page) {
  if (!page.is_drill) return {};
  return html(
      R"(<p class="drillbar"><b>Drill.</b> Everything on this page happened in the range. Nothing here touches production.</p>)");
}

Markup head_of(const Page& page) {
  return html(R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{} - quell</title>
<link rel="stylesheet" href="/assets/style.css">
<script type="module" src="/assets/panel.js"></script>
</head>
)",
              page.title);
}

Markup navigation(const Page& page, const Frame& frame) {
  Markup nav = html(
      R"(<nav class="side" id="menu" tabindex="-1" aria-label="Main">{}<a class="shut" href="#main">Close</a><p class="where">{} {}</p>)",
      mark(), mode_tag(page), frame.place);
  bool is_open = false;
  for (const Link& link : kLinks) {
    if (!link.group.empty()) {
      if (is_open) nav += html("</ul>");
      nav += html("<h2>{}</h2><ul>", link.group);
      is_open = true;
    }
    const Markup badge = link.section == Section::now && frame.decisions > 0
                             ? html(R"( <span class="n hot">{}</span>)", frame.decisions)
                             : Markup();
    nav += link.section == page.section
               ? html(R"(<li><a href="{}" aria-current="page">{}{}</a></li>)", link.path,
                      link.words, badge)
               : html(R"(<li><a href="{}">{}{}</a></li>)", link.path, link.words, badge);
  }
  std::string roles;
  for (const std::string& role : frame.viewer.roles) roles += (roles.empty() ? "" : ", ") + role;
  nav += html(
      R"(</ul><div class="who"><b>{}</b><br>{}<br>Signed in until {}<form method="post" action="/logout">{}<button class="link" type="submit">Sign out</button></form></div></nav>)",
      frame.viewer.name, roles, time_of_day(frame.viewer.signed_in_until, frame.now),
      csrf_field(frame.viewer));
  return nav;
}

Markup keys() {
  return html(
      R"(<details class="keys"><summary>Keys</summary><dl><div><dt><kbd>g n</kbd></dt><dd>now</dd></div><div><dt><kbd>g a</kbd></dt><dd>alerts</dd></div><div><dt><kbd>g s</kbd></dt><dd>start a run</dd></div><div><dt><kbd>j</kbd></dt><dd>next row</dd></div><div><dt><kbd>k</kbd></dt><dd>row before</dd></div><div><dt><kbd>Enter</kbd></dt><dd>open the row</dd></div><div><dt><kbd>d</kbd></dt><dd>to the decision</dd></div><div><dt><kbd>?</kbd></dt><dd>these keys</dd></div></dl></details>)");
}

}  // namespace

bool Viewer::has_role(std::string_view role) const noexcept {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

bool may_answer(const Viewer& viewer) noexcept {
  return std::any_of(viewer.roles.begin(), viewer.roles.end(),
                     [](const std::string& role) { return role != "viewer" && role != "author"; });
}

std::string render(const Page& page, const Frame& frame) {
  const auto milliseconds = frame.now.time_since_epoch().count();
  Markup document = head_of(page);
  document += html(
      R"(<body data-live="{}" data-now="{}"><a class="skip" href="#main">Skip to the content</a>{}<header class="top">{}<span class="dim">{}</span><a class="menu" href="#menu">Menu</a></header><div class="shell">{}<main id="main" tabindex="-1">{}<div class="fit"><p class="sr" id="status" role="status" aria-live="polite" aria-atomic="true">{}</p><p class="lost" id="lost" hidden></p>{}<header class="head" id="head">{}</header>{})",
      page.live, milliseconds, sprite(), mark(), mode_tag(page), navigation(page, frame),
      drill_bar(page), page.status,
      frame.disarmed.empty()
          ? Markup()
          : html(R"(<p class="off" id="off">{}{}</p>)", glyph(Shape::unproved), frame.disarmed),
      page.head, page.body);
  document += html(
      R"(<footer class="foot"><span>As of {}</span><span>{}</span>{}</footer></div>{}</main></div></body></html>)",
      time_of_day(frame.now, frame.now), frame.record, keys(), page.bottom_bar);
  return document.text();
}

std::string render_outside(const Page& page, Timestamp now) {
  Markup document = head_of(page);
  document += html(
      R"(<body data-now="{}">{}<main id="main" class="outside" tabindex="-1"><div class="fit"><p>{}</p><header class="head">{}</header>{}</div></main></body></html>)",
      now.time_since_epoch().count(), sprite(), mark(), page.head, page.body);
  return document.text();
}

}  // namespace quell::panel
