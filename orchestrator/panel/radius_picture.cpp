#include "orchestrator/panel/radius_picture.h"

#include "orchestrator/panel/components.h"
#include "orchestrator/report/radius_layout.h"

namespace quell::panel {
namespace {

/// Most agents that the table shows; a larger one is read as JSON.
constexpr std::size_t kAgentsMax = 24;

// The colours of style.css, since a file that stands alone cannot ask for it.
constexpr Pattern kOwnStyle =
    R"(<style>
.paper{fill:#f6f7f8} text{font:12px ui-monospace,"DejaVu Sans Mono",monospace;fill:#14171c}
text.nm,text.ct,text.rel{font:11px system-ui,"DejaVu Sans",sans-serif;fill:#444b57} text.ct{font-size:12px}
text.col{font:600 13px system-ui,"DejaVu Sans",sans-serif} text.rel{font-style:italic}
.r-box{fill:#fff;stroke:#c5cad3} .r-box.hot{fill:#fbe9ea;stroke:#c2263a} .r-box.doubt{fill:#fcf2dc;stroke:#b67a12}
.r-edge{fill:none;stroke:#c5cad3;stroke-width:1.25} .r-edge.used{stroke:#c2263a;stroke-width:1.75} .r-edge.read{stroke-dasharray:4 3}
.r-unit{fill:#c5cad3} .r-unit.used{fill:#c2263a}
@media (prefers-color-scheme:dark){
.paper{fill:#0e1014} text{fill:#e8eaee} text.nm,text.ct,text.rel{fill:#b6bcc7}
.r-box{fill:#15181d;stroke:#3b424e} .r-box.hot{fill:#2e1518;stroke:#ec5b6b} .r-box.doubt{fill:#292010;stroke:#d9a136}
.r-edge{stroke:#3b424e} .r-edge.used{stroke:#ec5b6b} .r-unit{fill:#3b424e} .r-unit.used{fill:#ec5b6b}}
</style>)";

Markup box(const RadiusLayout::Box& box) {
  const std::string_view paint = box.paint == RadiusLayout::Paint::hot     ? "r-box hot"
                                 : box.paint == RadiusLayout::Paint::doubt ? "r-box doubt"
                                                                           : "r-box";
  Markup inside = html(
      R"(<title>{}</title><rect class="{}" x="{}.5" y="{}.5" width="{}" height="{}" rx="5"/>)",
      box.title, paint, box.x, box.y, RadiusLayout::kBoxWidth, box.height);
  if (box.id.empty()) {
    inside += html(R"(<text class="nm" x="{}" y="{}">{}</text>)", box.x + 9, box.y + 18, box.words);
  } else {
    inside += html(R"(<text x="{}" y="{}">{}</text><text class="nm" x="{}" y="{}">{}</text>)",
                   box.x + 9, box.y + 16, box.id, box.x + 9, box.y + 30, box.words);
  }
  for (std::size_t i = 0; i < box.units.size(); ++i) {
    const int column = static_cast<int>(i) % RadiusLayout::kUnitsPerRow;
    const int row = static_cast<int>(i) / RadiusLayout::kUnitsPerRow;
    inside += html(R"(<rect class="{}" x="{}" y="{}" width="5" height="4"/>)",
                   box.units[i] ? "r-unit used" : "r-unit",
                   box.x + 9 + column * RadiusLayout::kUnitPitchX,
                   box.y + 26 + row * RadiusLayout::kUnitPitchY);
  }
  return html("<g>{}</g>", inside);
}

Markup drawn(const RadiusLayout& layout) {
  Markup made;
  for (const RadiusLayout::Column& column : layout.columns) {
    made += html(R"(<text class="col" x="{}" y="28">{}</text><text class="ct" x="{}" y="46">{}</text>)",
                 column.x, column.title, column.x, column.count);
    if (!column.relation.empty()) {
      made += html(R"(<text class="rel" text-anchor="middle" x="{}" y="60">{}</text>)",
                   column.x - RadiusLayout::kGutter / 2, column.relation);
    }
  }
  for (const RadiusLayout::Edge& edge : layout.edges) {
    const std::string_view line = edge.line == RadiusLayout::Edge::Line::used   ? "r-edge used"
                                  : edge.line == RadiusLayout::Edge::Line::read ? "r-edge read"
                                                                                : "r-edge";
    made += html(R"(<path class="{}" d="{}"/>)", line, edge.path);
  }
  for (const RadiusLayout::Box& one : layout.boxes) made += box(one);
  return made;
}

}  // namespace

Markup radius_picture(const RadiusGraph& graph, const std::string& title) {
  const RadiusLayout layout = layout_of(graph);
  return html(
      R"(<svg class="radius" viewBox="0 0 {} {}" role="img" aria-labelledby="rt rd"><title id="rt">{}</title><desc id="rd">{} The outline below says the same in words.</desc>{}</svg>)",
      RadiusLayout::kWidth, layout.height, title, radius_sentence(graph), drawn(layout));
}

std::string radius_svg(const RadiusGraph& graph, const std::string& title) {
  const RadiusLayout layout = layout_of(graph);
  return html(
             R"(<svg xmlns="http://www.w3.org/2000/svg" class="radius" width="{}" height="{}" viewBox="0 0 {} {}" role="img"><title>{}</title>{}<rect class="paper" width="100%" height="100%"/>{}</svg>
)",
             RadiusLayout::kWidth, layout.height, RadiusLayout::kWidth, layout.height, title,
             html(kOwnStyle), drawn(layout))
      .text();
}

Markup lateral_table(const LateralMatrix& matrix) {
  std::vector<const LateralAgent*> agents = matrix.involved();
  if (agents.empty()) return empty_state("No agent within reach can steer another.");
  const std::size_t left_out = agents.size() > kAgentsMax ? agents.size() - kAgentsMax : 0;
  agents.resize(agents.size() - left_out);
  Markup head;
  Markup rows;
  for (const LateralAgent* agent : agents) head += html(R"(<th scope="col">{}</th>)", agent->label());
  for (const LateralAgent* from : agents) {
    Markup cells;
    for (const LateralAgent* to : agents) {
      const LateralRelation* const relation = matrix.find(from->id, to->id);
      if (from == to)
        cells += html(R"(<td class="self">self</td>)");
      else if (relation == nullptr)
        cells += html(R"(<td class="dim">none</td>)");
      else
        cells += html(R"(<td class="{}">{}</td>)", from->named ? "hit" : "", relation->letters());
    }
    rows += html(R"(<tr><th scope="row">{}{}</th>{}</tr>)", from->label(),
                 from->named ? " (asked about)" : "", cells);
  }
  Markup made = html(
      R"(<div class="frame" tabindex="0" role="region" aria-label="Lateral matrix, scrolls sideways"><table class="lat"><caption class="sr">Which agent can steer which. Rows act on columns.</caption><thead><tr><th scope="col">acts on</th>{}</tr></thead><tbody>{}</tbody></table></div><p class="legend"><span><b>W</b> writes what it reads</span><span><b>I</b> invokes it</span><span><b>O</b> observes it</span><span><b>V</b> shares a vault</span></p>)",
      head, rows);
  if (left_out > 0)
    made += html(R"(<p class="hint">{} more stand in the JSON.</p>)",
                 counted(static_cast<std::int64_t>(left_out), "agent", "agents"));
  return made;
}

}  // namespace quell::panel
