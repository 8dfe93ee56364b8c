#include "orchestrator/report/radius_layout.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace quell {
namespace {

using Layout = RadiusLayout;

constexpr int kTop = 74;
constexpr int kBoxHeight = 38;
constexpr int kFoldHeight = 30;
constexpr int kPitch = 12;              // between boxes
constexpr std::size_t kBoxesMax = 7;    // that a column reads out
constexpr std::size_t kUnitsMax = 540;  // squares of a block; more are counted only
constexpr std::size_t kIdLetters = 16;
constexpr std::size_t kNameLetters = 21;
constexpr std::size_t kEdgesMax = 60;

int column_of(std::string_view kind) {
  if (kind == "credential") return 0;
  if (kind == "vault") return 1;
  if (kind == "deployment") return 2;
  if (kind == "session") return 3;
  if (kind == "memory_store") return 4;
  return 5;
}

bool is_over(const RadiusNode& node) {
  return node.kind == "session" && (node.state == "archived" || node.state == "terminated");
}

/// What was asked about first, then what moved since, what lives, and the rest.
int rank_of(const RadiusNode& node) {
  if (node.tie == "named") return 0;
  if (node.changed) return 1;
  if (node.tie == "holds") return 2;
  return node.tie == "part" ? 4 : 3;
}

/// The characters of `text` that begin before byte `end`, none cut in two.
std::string_view head_of(std::string_view text, std::size_t end) {
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

std::string cut_end(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  return std::string(head_of(text, most - 3)) + "...";
}

class Drawing {
 public:
  explicit Drawing(const RadiusGraph& graph) : graph_(graph) {}

  Layout draw();

 private:
  static constexpr std::size_t kNoBox = static_cast<std::size_t>(-1);

  void sort_into_columns();
  void settle_order();
  double barycentre(const RadiusNode& node, int towards) const;
  void make_boxes(int column);
  void place_column(int column, std::size_t first);
  void draw_edges();
  std::string path_between(const Layout::Box& from, const Layout::Box& to) const;

  const RadiusGraph& graph_;
  Layout layout_{};
  std::array<std::vector<const RadiusNode*>, Layout::kColumns> columns_{};
  std::map<std::string_view, std::vector<std::string_view>> neighbours_{};
  std::map<std::string_view, std::size_t> place_{};   // in its column
  std::map<std::string_view, std::size_t> box_of_{};  // which box stands for a node
  std::set<std::size_t> folds_{};                     // boxes that stand for several
  std::set<std::string_view> doubtful_{};  // credentials that would take over from another
};

void Drawing::sort_into_columns() {
  for (const RadiusEdge& edge : graph_.edges) {
    neighbours_[edge.from].push_back(edge.to);
    neighbours_[edge.to].push_back(edge.from);
    if (edge.kind == "same_url") doubtful_.insert(edge.to);
  }
  for (const RadiusNode& node : graph_.nodes)
    columns_[static_cast<std::size_t>(column_of(node.kind))].push_back(&node);
}

double Drawing::barycentre(const RadiusNode& node, int towards) const {
  double sum = 0;
  double count = 0;
  const auto around = neighbours_.find(node.id);
  if (around != neighbours_.end()) {
    for (const std::string_view id : around->second) {
      const RadiusNode* const other = graph_.find(id);
      if (other == nullptr || column_of(other->kind) != towards) continue;
      sum += static_cast<double>(place_.at(id));
      count += 1;
    }
  }
  return count == 0 ? 0 : sum / count;
}

/// Two sweeps, from the left and from the right; within a column rank comes before place.
void Drawing::settle_order() {
  const auto number = [this] {
    for (const auto& column : columns_)
      for (std::size_t i = 0; i < column.size(); ++i) place_[column[i]->id] = i;
  };
  for (auto& column : columns_)
    std::ranges::stable_sort(column, {}, [](const RadiusNode* node) { return rank_of(*node); });
  number();
  const auto sweep = [&](int column, int towards) {
    std::map<const RadiusNode*, std::pair<int, double>> keys;
    auto& nodes = columns_[static_cast<std::size_t>(column)];
    for (const RadiusNode* node : nodes)
      keys[node] = {rank_of(*node), barycentre(*node, towards)};
    std::ranges::stable_sort(nodes, {}, [&keys](const RadiusNode* node) { return keys.at(node); });
    number();
  };
  for (int column = 1; column < Layout::kColumns; ++column) sweep(column, column - 1);
  for (int column = Layout::kColumns - 2; column >= 0; --column) sweep(column, column + 1);
}

void Drawing::make_boxes(int column) {
  const std::size_t first = layout_.boxes.size();
  std::vector<const RadiusNode*> over;
  std::vector<const RadiusNode*> more;
  std::size_t shown = 0;
  for (const RadiusNode* node : columns_[static_cast<std::size_t>(column)]) {
    const bool stands_alone = node->tie == "named" || !is_over(*node);
    if (!stands_alone) {
      over.push_back(node);
      continue;
    }
    if (shown == kBoxesMax) {
      more.push_back(node);
      continue;
    }
    ++shown;
    box_of_[node->id] = layout_.boxes.size();
    const bool is_hot = node->tie == "named" || node->changed;
    std::string words = node->name;
    if (node->kind == "repository" || node->kind == "file" || node->kind == "thread" ||
        node->kind == "agent")
      words = node->kind + (node->name.empty() ? "" : ", " + node->name);
    if (words.empty()) words = node->state;
    layout_.boxes.push_back({.height = kBoxHeight,
                             .paint = is_hot                         ? Layout::Paint::hot
                                      : doubtful_.contains(node->id) ? Layout::Paint::doubt
                                                                     : Layout::Paint::plain,
                             .id = cut_middle(node->id, kIdLetters),
                             .words = cut_end(words, kNameLetters),
                             .title = node->id + (node->name.empty() ? "" : ", " + node->name) +
                                      (node->state.empty() ? "" : ", " + node->state)});
  }
  const auto fold = [&](const std::vector<const RadiusNode*>& nodes, std::string_view word,
                        bool in_squares) {
    if (nodes.empty()) return;
    std::size_t moved = 0;
    for (const RadiusNode* node : nodes) {
      box_of_[node->id] = layout_.boxes.size();
      moved += node->changed ? 1 : 0;
    }
    std::string words = fmt::format("{} {}", nodes.size(), word);
    if (moved > 0) words += fmt::format(", {} since", moved);
    std::vector<bool> units(in_squares ? std::min(nodes.size(), kUnitsMax) : 0);
    for (std::size_t i = 0; i < std::min(moved, units.size()); ++i) units[i] = true;
    const int rows = (static_cast<int>(units.size()) + Layout::kUnitsPerRow - 1) /
                     Layout::kUnitsPerRow;
    folds_.insert(layout_.boxes.size());
    layout_.boxes.push_back({.height = in_squares ? 32 + rows * Layout::kUnitPitchY : kFoldHeight,
                             .words = words,
                             .title = words,
                             .units = std::move(units)});
  };
  fold(more, "more", false);
  fold(over, "past", true);
  place_column(column, first);
}

void Drawing::place_column(int column, std::size_t first) {
  const int x = Layout::kMargin + column * (Layout::kBoxWidth + Layout::kGutter);
  int y = kTop;
  for (std::size_t i = first; i < layout_.boxes.size(); ++i) {
    layout_.boxes[i].x = x;
    layout_.boxes[i].y = y;
    y += layout_.boxes[i].height + kPitch;
  }
  layout_.height = std::max(layout_.height, y + 8);
}

std::string Drawing::path_between(const Layout::Box& from, const Layout::Box& to) const {
  const auto middle = [](const Layout::Box& box) { return box.y + box.height / 2; };
  if (from.x == to.x) {
    // A bow at the left side.
    const int x = from.x;
    return fmt::format("M{} {}C{} {} {} {} {} {}", x, middle(from), x - 13, middle(from), x - 13,
                       middle(to), x, middle(to));
  }
  const Layout::Box& left = from.x < to.x ? from : to;
  const Layout::Box& right = from.x < to.x ? to : from;
  const int x1 = left.x + Layout::kBoxWidth;
  const int x2 = right.x;
  const int bend = std::max((x2 - x1) / 2, Layout::kGutter / 2);
  return fmt::format("M{} {}C{} {} {} {} {} {}", x1, middle(left), x1 + bend, middle(left),
                     x2 - bend, middle(right), x2, middle(right));
}

/// Edges of what is folded together become one, the strongest of them.
void Drawing::draw_edges() {
  std::set<std::string_view> started;  // sessions that a deployment started hang on that alone
  for (const RadiusEdge& edge : graph_.edges)
    if (edge.kind == "starts") started.insert(edge.to);
  std::map<std::pair<std::size_t, std::size_t>, Layout::Edge::Line> lines;
  for (const RadiusEdge& edge : graph_.edges) {
    if (edge.kind == "used_by" && started.contains(edge.to)) continue;
    const auto from = box_of_.find(edge.from);
    const auto to = box_of_.find(edge.to);
    if (from == box_of_.end() || to == box_of_.end() || from->second == to->second) continue;
    const Layout::Edge::Line line = edge.did              ? Layout::Edge::Line::used
                                    : edge.kind == "reads" ? Layout::Edge::Line::read
                                                           : Layout::Edge::Line::plain;
    const auto pair = std::minmax(from->second, to->second);
    auto& kept = lines.try_emplace({pair.first, pair.second}, line).first->second;
    kept = std::max(kept, line);
  }
  const bool is_crowded = lines.size() > kEdgesMax;
  for (const auto& [ends, line] : lines) {
    const bool is_folded = folds_.contains(ends.first) || folds_.contains(ends.second);
    if (is_crowded && is_folded && line != Layout::Edge::Line::used) continue;
    layout_.edges.push_back(
        {.path = path_between(layout_.boxes[ends.first], layout_.boxes[ends.second]),
         .line = line});
  }
  std::ranges::stable_sort(layout_.edges, {}, &Layout::Edge::line);
}

Layout Drawing::draw() {
  constexpr std::array<std::pair<std::string_view, std::string_view>, Layout::kColumns> kTitles{
      {{"Credentials", ""},
       {"Vaults", "stored in"},
       {"Deployments", "mounted by"},
       {"Sessions", "started"},
       {"Memory stores", "read, wrote"},
       {"Reached", "touched"}}};
  sort_into_columns();
  settle_order();
  for (int column = 0; column < Layout::kColumns; ++column) {
    const auto at = static_cast<std::size_t>(column);
    layout_.columns[at] = {.x = Layout::kMargin + column * (Layout::kBoxWidth + Layout::kGutter),
                           .title = kTitles[at].first,
                           .count = columns_[at].size(),
                           .relation = kTitles[at].second};
    make_boxes(column);
  }
  draw_edges();
  return std::move(layout_);
}

}  // namespace

std::string cut_middle(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  constexpr std::size_t kTail = 3;
  std::size_t tail = text.size() - kTail;
  while (tail < text.size() && (static_cast<unsigned char>(text[tail]) & 0xC0U) == 0x80U) ++tail;
  return std::string(head_of(text, most - kTail - 3)) + "..." + std::string(text.substr(tail));
}

RadiusLayout layout_of(const RadiusGraph& graph) { return Drawing(graph).draw(); }

}  // namespace quell
