// Goal: what a condition guards against null is read off it, and only what is sure.
// Method: each form that guards, and each that only looks like one.

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "orchestrator/playbook/scope.h"

namespace quell::test {
namespace {

TEST_CASE("guards are read off conditions, and only what is sure") {
  struct Guarded {
    std::string condition;
    std::vector<std::string> not_null;
    std::vector<std::string> ran;
  };
  const std::vector<Guarded> rows{
      {"inputs.a != null", {"inputs.a"}, {}},
      {" null!=inputs.a && (steps.b.c != null)", {"inputs.a", "steps.b.c"}, {}},
      {"inputs.a != null || inputs.b != null", {}, {}},
      {"inputs.a != null ? true : false", {}, {}},
      {"(inputs.a != null || x) && inputs.b != null", {"inputs.b"}, {}},
      {"!(inputs.a != null)", {}, {}},
      {"inputs.a == null", {}, {}},
      {"inputs.a != 'null'", {}, {}},
      {"\"x && inputs.a != null\" == inputs.b", {}, {}},
      {"steps.a.outcome == \"done\"", {}, {"a"}},
      {"'proved' == steps.a.verdict", {}, {"a"}},
      {"steps.a.outcome == 'failed'", {}, {}},
      {"steps.a.outcome in ['done', \"already\"] && inputs.x != null", {"inputs.x"}, {"a"}},
      {"steps.a.outcome in []", {}, {}},
      {"steps.a.outcome != \"skipped\"", {}, {}},
      {R"(r'\' == inputs.b || '\'' == inputs.b && inputs.a != null)", {}, {}},
      {"inputs.b == 1 //'\n || true //'\n && inputs.a != null", {}, {}},
      {"'''x''' == inputs.b && inputs.a != null", {}, {}},
      {"inputs.b == 'https://after' && inputs.a != null", {"inputs.a"}, {}},
  };
  for (const Guarded& row : rows) {
    CAPTURE(row.condition);
    const Guards guards = guards_of(row.condition);
    CHECK(guards.not_null == row.not_null);
    CHECK(guards.ran == row.ran);
  }
}

}  // namespace
}  // namespace quell::test
