#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/report/radius_graph.h"

namespace quell {

/// Where everything of a picture of a blast radius stands, in pixels from the top left: a pure
/// function of the graph, the same each time. Columns by kind; what no column has room for is
/// folded and counted, and sessions that are over become small squares, one each.
struct RadiusLayout {
  /// How a box is painted.
  enum class Paint : std::uint8_t {
    plain,
    hot,   // it was asked about, or moved since
    doubt  // it would take over when the other goes
  };
  struct Box {
    int x = 0;
    int y = 0;
    int height = 0;
    Paint paint = Paint::plain;
    std::string id{};     // cut in the middle to fit; empty: only a line of words
    std::string words{};  // cut at the end to fit
    std::string title{};  // whole
    /// Small squares, one for each thing that is folded here: true where it moved since.
    std::vector<bool> units{};
  };
  struct Edge {
    enum class Line : std::uint8_t { read, plain, used };
    std::string path{};  // of an SVG path
    Line line = Line::plain;
  };
  struct Column {
    int x = 0;
    std::string_view title{};
    std::size_t count = 0;
    std::string_view relation{};  // between the column before and this one; empty for the first
  };

  static constexpr int kBoxWidth = 142;
  static constexpr int kGutter = 49;
  static constexpr int kMargin = 14;
  static constexpr int kColumns = 6;
  static constexpr int kWidth = 2 * kMargin + kColumns * kBoxWidth + (kColumns - 1) * kGutter - 1;
  // Squares of a block.
  static constexpr int kUnitPitchX = 7;
  static constexpr int kUnitPitchY = 6;
  static constexpr int kUnitsPerRow = 18;

  int height = 0;
  std::array<Column, kColumns> columns{};
  std::vector<Box> boxes{};
  std::vector<Edge> edges{};  // in the order in which they are drawn: the red ones last
};

RadiusLayout layout_of(const RadiusGraph& graph);

/// `text` in at most `most` characters, cut in the middle: `vcrd_01R8...Q2m`.
std::string cut_middle(std::string_view text, std::size_t most);

}  // namespace quell
