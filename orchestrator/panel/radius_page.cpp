#include "orchestrator/panel/radius_page.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "orchestrator/panel/components.h"
#include "orchestrator/panel/radius_picture.h"

namespace quell::panel {
namespace {

constexpr std::size_t kWordsMax = 40;  // lines of the outline

Markup crumb() { return html(R"(<p class="crumb"><a href="/radius">Blast radius</a></p>)"); }

Markup form(const std::string& start, const std::string& since, const Frame& frame) {
  Markup fields = field({.name = "start",
                         .label = "Where does it start?",
                         .value = start,
                         .hint = "vcrd_..., vlt_..., sesn_..., memstore_..., agent_... or the URL of an "
                                 "MCP server; several with blanks between",
                         .required = true});
  fields += field({.name = "since",
                   .label = "Since when could it be used?",
                   .value = since,
                   .hint = "2026-11-20T14:00Z, or a duration ago: 36h; left out, past sessions and what "
                           "memory got are not listed"});
  return html(R"(<div class="card pad">{}</div>)",
              act("/radius", frame.viewer, fields, "Look: reads only"));
}

/// Edges by whom they start from; what was done first, then what only could be.
Markup outline(const RadiusGraph& graph) {
  std::map<std::string_view, std::vector<const RadiusEdge*>> by_start;
  for (const RadiusEdge& edge : graph.edges) by_start[edge.from].push_back(&edge);
  std::vector<const RadiusNode*> order;
  for (const RadiusNode& node : graph.nodes)
    if (by_start.contains(node.id)) order.push_back(&node);
  std::ranges::stable_sort(order, {}, [](const RadiusNode* node) {
    return node->tie == "named" ? 0 : node->changed ? 1 : node->tie == "holds" ? 2 : 3;
  });
  Markup lines;
  std::size_t shown = 0;
  for (const RadiusNode* node : order) {
    if (shown == kWordsMax) break;
    ++shown;
    std::vector<const RadiusEdge*>& edges = by_start.at(node->id);
    std::ranges::stable_sort(edges, {}, [](const RadiusEdge* edge) { return !edge->did; });
    Markup inside;
    constexpr std::size_t kEdgesShown = 6;
    for (std::size_t i = 0; i < std::min(edges.size(), kEdgesShown); ++i) {
      const Markup words = edges[i]->did ? html("<b>{}</b>", edges[i]->reason)
                                         : html("{}", edges[i]->reason);
      inside += html(R"(<li>{} <span class="id">{}</span></li>)", words, edges[i]->to);
    }
    if (edges.size() > kEdgesShown) inside += html("<li>{} more</li>", edges.size() - kEdgesShown);
    lines += html(R"(<li><span class="id">{}</span> {}<ul>{}</ul></li>)", node->id, node->name, inside);
  }
  if (lines.empty()) return empty_state("Nothing within reach acts on anything else.");
  const Markup rest =
      order.size() > shown
          ? html(R"(<p class="hint">{} more stand in the JSON.</p>)", order.size() - shown)
          : Markup();
  return html(R"(<div class="card pad tree"><ul>{}</ul></div>{})", lines, rest);
}

Markup unseen(const Radius& radius) {
  Markup rows;
  for (const Value& sentence : radius.outputs["unseen"].as_list())
    rows += html("<li>{}</li>", sentence.string_or(""));
  return rows.empty() ? empty_state("Nothing.") : html(R"(<ul class="card rows small">{}</ul>)", rows);
}

/// The playbook that contains what the question was about, with its inputs filled in.
Markup scope(const RadiusView& view) {
  const Radius& radius = *view.radius;
  std::size_t sessions = radius.outputs["live_sessions"].as_list().size();
  std::size_t deployments = radius.outputs["deployments"].as_list().size();
  return html(
      R"(<p class="small soft">{} and {} run with it now; {} more can be steered through memory.</p><p class="btns field"><a class="btn" href="/start">Plan a run</a></p>)",
      counted(static_cast<std::int64_t>(sessions), "live session", "live sessions"),
      counted(static_cast<std::int64_t>(deployments), "deployment", "deployments"),
      counted(static_cast<std::int64_t>(radius.outputs["steered_sessions"].as_list().size()),
              "session", "sessions"));
}

}  // namespace

Page radius_form_page(const std::string& start, const std::string& since,
                      const std::string& problem, const Frame& frame) {
  Page page{.title = "Blast radius", .section = Section::radius};
  page.head = html("<h1>Who could use it, and what could that reach?</h1>");
  if (!problem.empty()) page.body = html(R"(<p class="oops" role="alert">{}</p>)", problem);
  page.body += form(start, since, frame);
  return page;
}

Page radius_page(const RadiusView& view, const Frame& frame) {
  Page page{.title = "Blast radius of " + view.asked, .section = Section::radius};
  page.head = crumb();
  if (view.is_busy) {
    page.head += html("<h1>Looking: reads only.</h1>");
    page.live = "poll";
    page.body = empty_state("Every vault, session and deployment is listed once. This page looks again by itself.");
    return page;
  }
  if (view.radius == nullptr) {
    page.head += html("<h1>There is no answer.</h1>");
    page.body = html(
        R"(<section class="say refuted" aria-label="Why">{}<p class="first">{}</p><p>{}</p></section>)",
        glyph(Shape::refuted), view.error, view.hint);
    page.body += form(view.asked, view.since, frame);
    return page;
  }
  const Radius& radius = *view.radius;
  const Markup since =
      view.since.empty() ? html("<span>no window: only what is live</span>")
                         : html("<span>window since {}</span>", view.since);
  page.head += html(
      R"(<h1>{}</h1><p class="lede">{}</p><p class="meta"><span>Scanned {} in {}, {} list calls</span>{}<a href="/radius/{}/svg">Download SVG</a><a href="/radius/{}/dot">DOT</a><a href="/radius/{}/json">JSON</a></p>)",
      page.title, radius_sentence(radius.graph), time_of_day(view.scanned_at, frame.now),
      format_duration(view.took), view.requests, since, view.id, view.id, view.id);
  Markup picture = html(
      R"(<p class="legend"><span><svg width="24" height="8" aria-hidden="true"><path class="r-edge used" d="M0 4h24"/></svg>used since</span><span><svg width="24" height="8" aria-hidden="true"><path class="r-edge" d="M0 4h24"/></svg>could use</span><span><svg width="24" height="8" aria-hidden="true"><path class="r-edge read" d="M0 4h24"/></svg>read only</span></p><div class="frame" tabindex="0" role="region" aria-label="Blast radius picture, scrolls sideways">{}</div><p class="legend"><span>Small squares are past sessions, one each. What was asked about and what moved since comes first, the rest folds.</span><span class="only-s">Scroll the picture sideways.</span></p>)",
      radius_picture(radius.graph, page.title));
  Markup main = section("lateral", "Who can steer whom", html("The row acts on the column"),
                        lateral_table(radius.lateral));
  main += section("outline", "In words", Markup(), outline(radius.graph));
  Markup rail = section("blind", "What could not be seen", Markup(), unseen(radius));
  rail += section("scope", "Use as scope", Markup(), scope(view));
  page.body = html(
      R"(<div class="cols mix"><section class="full" aria-labelledby="h-pic"><div class="bar"><h2 id="h-pic">What it reaches</h2></div>{}</section><div>{}</div><div class="rail">{}</div></div>)",
      picture, main, rail);
  return page;
}

}  // namespace quell::panel
