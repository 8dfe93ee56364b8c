// Goal: a file or an expression made to hurt ends in an error that says why, in little memory.
// Method: each bomb with what is said of it first, under a heap that counts. Their times are in
// tests/bench.

#include "tests/orchestrator/playbook/bombs.h"

#include <algorithm>
#include <set>
#include <string>
#include <variant>

#include <doctest/doctest.h>

#include "orchestrator/expression/expression.h"
#include "orchestrator/playbook/yaml_tree.h"
#include "tests/orchestrator/playbook/checking.h"
#include "tests/orchestrator/playbook/heap_peak.h"

namespace quell::test {
namespace {

constexpr std::size_t kRenderedMax = 4'000;  // bytes of one finding
constexpr std::size_t kPeakMax = 64U << 20;  // bytes of heap

std::string first_line(const Diagnostic& one) {
  std::string text = render(one, "", "", true);
  return text.substr(1, text.size() - 2);  // without the colon behind the file's name
}

TEST_CASE("a hostile playbook ends in one clear error") {
  for (const Bomb& bomb : playbook_bombs()) {
    CAPTURE(bomb.what);
    HeapPeak heap;
    const LoadResult result = load_playbook(bomb.source, "p.yaml", catalog());
    if (HeapPeak::counts()) CHECK(heap.growth() < kPeakMax);
    CHECK_FALSE(result.playbook);
    REQUIRE_FALSE(result.diagnostics.empty());
    CHECK(first_line(result.diagnostics.front()) == bomb.says);
    CHECK(result.diagnostics.size() <= Findings::kFindingsMax + 1);
    std::set<std::string> codes;
    std::size_t longest = 0;
    for (const Diagnostic& one : result.diagnostics) {
      codes.insert(one.code);
      longest = std::max(longest, render(one, "p.yaml", bomb.source, false).size());
    }
    codes.erase("too-many");
    CHECK(codes == std::set<std::string>{result.diagnostics.front().code});
    CHECK(longest < kRenderedMax);
  }
}

TEST_CASE("a hostile expression ends in one clear error") {
  for (const Bomb& bomb : expression_bombs()) {
    CAPTURE(bomb.what);
    HeapPeak heap;
    const auto result = Expression::parse(bomb.source);
    if (HeapPeak::counts()) CHECK(heap.growth() < kPeakMax);
    const auto* const error = std::get_if<ExpressionError>(&result);
    REQUIRE(error != nullptr);
    CHECK(error->code == bomb.says);
    CHECK_FALSE(error->message.empty());
    CHECK_FALSE(error->hint.empty());
  }
}

// Goal: the measure itself measures.
TEST_CASE("the heap is counted") {
  if (!HeapPeak::counts()) return;
  HeapPeak heap;
  { const std::string large(1U << 20, 'x'); }
  CHECK(heap.growth() >= (1U << 20));
  CHECK(heap.growth() < (1U << 21));
}

TEST_CASE("at most 500 findings are told, and that there are more") {
  const std::string text = with_steps(repeated("  - {id: x, wiat: {for: 1s}}\n", 600));
  const LoadResult result = load_playbook(text, "p.yaml", catalog());
  REQUIRE(result.diagnostics.size() == Findings::kFindingsMax + 1);
  CHECK(result.diagnostics.back().code == "too-many");
}

}  // namespace
}  // namespace quell::test
