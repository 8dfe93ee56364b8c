// Which lines a page shows as changed.
#include "orchestrator/panel/text_diff.h"

#include <string>

#include <doctest/doctest.h>

namespace quell::test {
namespace {

std::string told(std::string_view before, std::string_view after) {
  std::string text;
  for (const panel::DiffLine& line : panel::diff_lines(before, after)) {
    text += (line.kind == panel::DiffLine::Kind::added ? "+" : "-") + std::to_string(line.number) +
            " " + line.text + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("lines that both texts have are left out, the others have their own numbers") {
  CHECK(told("a\nb\nc\n", "a\nb\nc\n").empty());
  CHECK(told("", "").empty());
  CHECK(told("a\nb\nc\n", "a\nx\nc\n") == "-2 b\n+2 x\n");
  CHECK(told("a\nc\n", "a\nb\nc\n") == "+2 b\n");
  CHECK(told("a\nb\nc", "") == "-1 a\n-2 b\n-3 c\n");
  CHECK(told("a\nb\nc\nd\n", "b\nc\ne\nd\n") == "-1 a\n+3 e\n");
  CHECK(told("same\n", "same") == "");
}

// Goal: a page of two long foreign texts costs bounded time and room.
TEST_CASE("texts of many lines count as changed whole") {
  std::string before;
  std::string after;
  for (int i = 0; i < 3'000; ++i) {
    before += "a" + std::to_string(i) + "\n";
    after += "b" + std::to_string(i) + "\n";
  }
  CHECK(panel::diff_lines(before, after).size() == 6'000);
}

}  // namespace quell::test
