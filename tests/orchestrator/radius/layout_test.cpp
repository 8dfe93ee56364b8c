// The picture of a blast radius: where everything stands, and what it becomes.
#include <algorithm>
#include <set>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "orchestrator/panel/radius_picture.h"
#include "orchestrator/report/radius_layout.h"

namespace quell::test {
namespace {

/// One leak, `sessions` past sessions of which the first nine moved since, and six deployments.
RadiusGraph large_graph(int sessions) {
  RadiusGraph graph;
  const auto add = [&graph](const std::string& id, const std::string& kind, const std::string& tie,
                            const std::string& state, bool changed) {
    graph.nodes.push_back({.id = id, .kind = kind, .name = "a name", .state = state, .tie = tie,
                           .changed = changed});
  };
  add("vcrd_01R8fQ2mVeryLongIndeed", "credential", "named", "active", false);
  add("vlt_1", "vault", "holds", "active", false);
  graph.edges.push_back({.from = "vcrd_01R8fQ2mVeryLongIndeed", .to = "vlt_1", .kind = "stored_in"});
  for (int i = 0; i < 12; ++i) {
    const std::string id = fmt::format("depl_{:02}", i);
    add(id, "deployment", "holds", "active", false);
    graph.edges.push_back({.from = "vlt_1", .to = id, .kind = "used_by"});
  }
  for (int i = 0; i < sessions; ++i) {
    const std::string id = fmt::format("sesn_{:04}", i);
    add(id, "session", "holds", i % 10 == 0 ? "running" : "archived", i < 9);
    graph.edges.push_back({.from = "vlt_1", .to = id, .kind = "used_by", .did = i < 9});
  }
  std::ranges::sort(graph.nodes, {}, &RadiusNode::id);
  return graph;
}

}  // namespace

// Goal: the picture of 300 things can be read: nothing overlaps, nothing leaves the frame, and what
// is folded is counted.
// Method: the geometry of a large graph.
TEST_CASE("a radius of three hundred nodes keeps its boxes apart") {
  const RadiusLayout layout = layout_of(large_graph(290));
  std::set<int> columns;
  for (std::size_t i = 0; i < layout.boxes.size(); ++i) {
    const RadiusLayout::Box& one = layout.boxes[i];
    columns.insert(one.x);
    CHECK(one.x + RadiusLayout::kBoxWidth <= RadiusLayout::kWidth);
    CHECK(one.y + one.height <= layout.height);
    CHECK(one.id.size() <= 16);
    CHECK(one.words.size() <= 24);
    for (std::size_t k = i + 1; k < layout.boxes.size(); ++k) {
      const RadiusLayout::Box& other = layout.boxes[k];
      const bool apart = one.x != other.x || one.y + one.height < other.y ||
                         other.y + other.height < one.y;
      CHECK(apart);
    }
  }
  CHECK(columns.size() == 4);
  CHECK(layout.boxes.size() <= 24);
  CHECK(layout.columns[3].count == 290);
  const auto past = std::ranges::find_if(layout.boxes, [](const RadiusLayout::Box& box) {
    return !box.units.empty();
  });
  REQUIRE(past != layout.boxes.end());
  CHECK(past->units.size() == 261);
  CHECK(std::ranges::count(past->units, true) == 8);
  CHECK(past->words == "261 past, 8 since");
}

// Goal: the same graph gives the same bytes, and the red lines lie on top.
// Method: twice, and the order of the lines.
TEST_CASE("a picture is a function of its graph") {
  const RadiusGraph graph = large_graph(40);
  CHECK(panel::radius_svg(graph, "x") == panel::radius_svg(graph, "x"));
  const RadiusLayout layout = layout_of(graph);
  CHECK(std::ranges::is_sorted(layout.edges, {}, &RadiusLayout::Edge::line));
  CHECK(layout.edges.back().line == RadiusLayout::Edge::Line::used);
}

// Goal: a name from outside is text in every form (threat T33).
// Method: markup, quotes and a line end in a name; each output.
TEST_CASE("hostile names stay names in pictures") {
  RadiusGraph graph = large_graph(3);
  graph.nodes.front().name = "<script>alert(\"1\")</script>\n]; evil";
  const std::string svg = panel::radius_svg(graph, "<b>");
  CHECK(svg.find("<script") == std::string::npos);
  CHECK(svg.find("<b>") == std::string::npos);
  const std::string dot = radius_dot(graph);
  CHECK(dot.find("alert(\\\"1\\\")") != std::string::npos);
}

TEST_CASE("a radius without anything is a picture all the same") {
  const RadiusGraph nothing;
  CHECK(layout_of(nothing).boxes.empty());
  CHECK(radius_sentence(nothing) == "Nothing was found.");
  CHECK(panel::lateral_table({}).text().find("No agent") != std::string::npos);
}

TEST_CASE("ids are cut in the middle, never in a character") {
  CHECK(cut_middle("vcrd_01QX", 16) == "vcrd_01QX");
  CHECK(cut_middle("vcrd_01R8fQ2mVeryLongIndeed", 16) == "vcrd_01R8f...eed");
  CHECK(cut_middle("äääääääääääääääääää", 16).size() <= 17);
}

}  // namespace quell::test
