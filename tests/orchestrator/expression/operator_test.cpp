#include <array>

#include <doctest/doctest.h>

#include "tests/orchestrator/expression/table.h"

namespace quell {
namespace {

using expression_test::check_rows;
using expression_test::Row;
using expression_test::secret_value;

// Goal: arithmetic is exact in 64 bits and says so when it cannot be; doubles follow IEEE 754;
// types never mix. Method: each operator inside, at and beyond the ends.
TEST_CASE("arithmetic") {
  constexpr auto kRows = std::to_array<Row>({
      {"1 + 2 * 3", "7"},
      {"(1 + 2) * 3", "9"},
      {"10 - 3 - 2", "5"},
      {"100 / 10 / 2", "5"},
      {"7 / 2", "3"},
      {"-7 / 2", "-3"},
      {"7 % 3", "1"},
      {"-7 % 3", "-1"},
      {"7 % -3", "1"},
      {"2 * -3", "-6"},
      {"5 - -3", "8"},
      {"9223372036854775806 + 1", "9223372036854775807"},
      {"9223372036854775807 + 1", "error: integer overflow"},
      {"-9223372036854775808 - 1", "error: integer overflow"},
      {"5000000000 * 5000000000", "error: integer overflow"},
      {"-9223372036854775808 / -1", "error: integer overflow"},
      {"-9223372036854775808 % -1", "error: integer overflow"},
      {"-(-9223372036854775808)", "error: integer overflow"},
      {"1 / 0", "error: division by zero"},
      {"1 % 0", "error: modulus by zero"},
      {"0.1 + 0.2", "0.30000000000000004"},
      {"1.5 * 2.0", "3.0"},
      {"1.0 / 4.0", "0.25"},
      {"1.0 / 0.0", "\"Infinity\""},
      {"-1.0 / 0.0", "\"-Infinity\""},
      {"0.0 / 0.0", "\"NaN\""},
      {"1e308 * 10.0", "\"Infinity\""},
      {"-(1.5)", "-1.5"},
      {"5.0 % 2.0", "error: no such overload"},
      {"1 + 1.0", "error: no such overload for int and double"},
      {"1.0 * 2", "error: no such overload for double and int"},
      {"'a' + 1", "error: no such overload for string and int"},
      {"'a' * 2", "error: no such overload for string and int"},
      {"'a' - 'b'", "error: no such overload for string and string"},
      {"true + true", "error: no such overload for bool and bool"},
      {"null + 1", "error: no such overload for null and int"},
      {"-'a'", "error: no such overload"},
      {"-true", "error: no such overload"},
      {"'ab' + 'cd'", "\"abcd\""},
      {"'' + ''", "\"\""},
      {"[1] + [2, 3]", "[1,2,3]"},
      {"[] + []", "[]"},
      {"[1] + 2", "error: no such overload for list and int"},
      {"{} + {}", "error: no such overload for map and map"},
      {"1 + 2 == 3 && 2 < 3", "true"},
  });
  check_rows(kRows);
}

// Goal: equality answers for any two values, as CEL's does: unlike types are unequal, but numbers
// are equal by value.
TEST_CASE("equality at run time is heterogeneous") {
  constexpr auto kRows = std::to_array<Row>({
      {"1 == 1", "true"},
      {"1 != 1", "false"},
      {"1 == 1.0", "true"},
      {"1.0 == 1", "true"},
      {"1 == 1.5", "false"},
      {"9007199254740993 == 9007199254740992.0", "true"},
      {"9223372036854775807 == 9223372036854775808.0", "true"},
      {"{1: 'a', true: 2} == {true: 2, 1: 'a'}", "true"},
      {"{1: 'a'} == {1: 'b'}", "false"},
      {"{1: 'a'} == {2: 'a'}", "false"},
      {"{1: 'a'} == {1: 'a', 2: 'b'}", "false"},
      {"{1: 'a'} == {'1': 'a'}", "false"},
      {"1 == '1'", "false"},
      {"1 != '1'", "true"},
      {"true == 1", "false"},
      {"null == null", "true"},
      {"null == 1", "false"},
      {"null != 'a'", "true"},
      {"'a' == 'a'", "true"},
      {"'a' == 'A'", "false"},
      {"'\\u00e9' == 'e\\u0301'", "false"},
      {"0.0 == -0.0", "true"},
      {"0.0/0.0 == 0.0/0.0", "false"},
      {"0.0/0.0 != 0.0/0.0", "true"},
      {"0.0/0.0 == 1", "false"},
      {"[] == []", "true"},
      {"[1, 2] == [1, 2]", "true"},
      {"[1, 2] == [2, 1]", "false"},
      {"[1] == [1.0]", "true"},
      {"[1] == ['1']", "false"},
      {"[1] == [1, 2]", "false"},
      {"[[1]] == [[1]]", "true"},
      {"{} == {}", "true"},
      {"{'a': 1} == {'a': 1.0}", "true"},
      {"{'a': 1} == {'b': 1}", "false"},
      {"{'a': 1} == {'a': 1, 'b': 2}", "false"},
      {"{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", "true"},
      {"{} == []", "false"},
      {"timestamp('2026-01-01T00:00:00Z') == '2026-01-01T00:00:00Z'", "false"},
      {"duration('60s') == duration('1m')", "true"},
      {"1 == 1 == true", "true"},
      {"[0.0/0.0] == [0.0/0.0]", "false"},
  });
  check_rows(kRows);
}

// Goal: what has an order is ordered exactly, an int against a double too; the rest is an error.
TEST_CASE("order") {
  constexpr auto kRows = std::to_array<Row>({
      {"1 < 2", "true"},
      {"2 < 1", "false"},
      {"2 <= 2", "true"},
      {"2 >= 3", "false"},
      {"3 > 2", "true"},
      {"1 < 1.5", "true"},
      {"1.5 > 1", "true"},
      {"2 <= 2.0", "true"},
      {"-1 > -1.5", "true"},
      {"9007199254740993 > 9007199254740992.0", "false"},
      {"9223372036854775807 < 9223372036854775808.0", "false"},
      {"9223372036854775807 <= 9223372036854775808.0", "true"},
      {"-9223372036854775808 >= -9223372036854775808.0", "true"},
      {"1 < 1e300", "true"},
      {"1 > -1e300", "true"},
      {"0.0/0.0 < 1.0", "false"},
      {"0.0/0.0 >= 1", "false"},
      {"1 <= 0.0/0.0", "false"},
      {"'a' < 'b'", "true"},
      {"'a' < 'B'", "false"},
      {"'a' < 'aa'", "true"},
      {"'' < 'a'", "true"},
      {"'\\uffff' < '\\U0001F62C'", "true"},
      {"false < true", "true"},
      {"true < false", "false"},
      {"true >= true", "true"},
      {"duration('59s') < duration('1m')", "true"},
      {"timestamp('2026-01-01T00:00:00Z') < timestamp('2026-01-01T00:00:00.001Z')", "true"},
      {"timestamp('2026-01-01T01:00:00+01:00') <= timestamp('2026-01-01T00:00:00Z')", "true"},
      {"1 < 'a'", "error: no such overload for int and string"},
      {"null < 1", "error: no such overload for null and int"},
      {"[1] < [2]", "error: no such overload for list and list"},
      {"{} < {}", "error: no such overload for map and map"},
      {"duration('1s') < 1", "error: no such overload for duration and int"},
      // Relations group from the left, and booleans have an order.
      {"1 < 2 < true", "false"},
  });
  check_rows(kRows);
}

// Goal: && and || give the answer that is certain whatever the order of their operands (CEL's
// commutative absorption), and no other.
TEST_CASE("logic absorbs errors from either side") {
  constexpr auto kRows = std::to_array<Row>({
      {"true && true", "true"},
      {"true && false", "false"},
      {"false || true", "true"},
      {"false || false", "false"},
      {"false && 1/0 > 0", "false"},
      {"1/0 > 0 && false", "false"},
      {"true || 1/0 > 0", "true"},
      {"1/0 > 0 || true", "true"},
      {"true && 1/0 > 0", "error: division by zero"},
      {"1/0 > 0 && true", "error: division by zero"},
      {"false || 1/0 > 0", "error: division by zero"},
      {"1/0 > 0 || false", "error: division by zero"},
      {"1/0 > 0 && 1%0 > 0", "error: division by zero"},
      {"1 && false", "false"},
      {"false && 'x'", "false"},
      {"1 && true", "error: true or false is needed here, not int"},
      {"true && null", "error: true or false is needed here, not null"},
      {"'a' || true", "true"},
      {"'a' || false", "error: true or false is needed here, not string"},
      {"true && true && 1/0 > 0 && false", "false"},
      {"false || 1/0 > 0 || 1 || true", "true"},
      {"(1/0 > 0 && true) && false", "false"},
      {"missing && false", "false"},
      {"missing || true", "true"},
      {"missing.a.b > 1 || true", "true"},
      {"f(1) || true", "true"},
      {"true || false && false", "true"},
      {"!(true && false) || 1/0 > 0", "true"},
      {"!1", "error: true or false is needed here, not int"},
      {"true ? 1 : 2", "1"},
      {"false ? 1 : 2", "2"},
      {"true ? 1 : 1/0", "1"},
      {"false ? 1/0 : 2", "2"},
      {"1 ? 2 : 3", "error: true or false is needed here, not int"},
      {"1/0 > 0 ? 2 : 3", "error: division by zero"},
      {"false ? 1 : true ? 2 : 3", "2"},
  });
  check_rows(kRows);
}

Scope incident() {
  Scope scope;
  scope.names["inputs"] = Value::map({{"a", 1},
                                      {"b", "text"},
                                      {"none", nullptr},
                                      {"list", Value::list({10, 20, 30})},
                                      {"in", 5},
                                      {"two words", 6},
                                      {"token", secret_value()}});
  scope.names["x"] = 7;
  return scope;
}

// Goal: members, indexes, `in` and has() find what is there and give an error for what is not.
TEST_CASE("members, indexes, in and has") {
  constexpr auto kRows = std::to_array<Row>({
      {"inputs.a", "1"},
      {"inputs['a']", "1"},
      {"inputs['two words']", "6"},
      {"inputs.`two words`", "6"},
      {"inputs['in']", "5"},
      {"inputs.`in`", "5"},
      {"inputs.none", "null"},
      {"inputs.nothing", "error: no such key \"nothing\" in inputs.nothing"},
      {"inputs['nothing']", "error: no such key \"nothing\""},
      {"inputs[inputs.b]", "error: no such key in"},
      {"inputs.a.b", "error: int has no members"},
      {"inputs.none.b", "error: null has no members"},
      {"inputs[1]", "error: no such key: map keys are strings, not int"},
      {"{1: 'a', 'k': 'b'}[1]", R"("a")"},
      {"{1: 'a', 'k': 'b'}.k", R"("b")"},
      {"{1: 'a', 'k': 'b'}[1.0]", R"("a")"},
      {"{1: 'a', 'k': 'b'}[2]", "error: no such key"},
      {"{1: 'a', 'k': 'b'}[true]", "error: no such key"},
      {"1 in {1: 'a'}", "true"},
      {"'1' in {1: 'a'}", "false"},
      {"has({1: 'a', 'k': 'b'}.k)", "true"},
      {"has({1: 'a', 'k': 'b'}.j)", "false"},
      {"size({1: 'a', 2: 'b'})", "2"},
      {"{1: 'a', 'k': 'b'}.map(k, k)", R"([1,"k"])"},
      {"inputs.list[0]", "10"},
      {"inputs.list[2]", "30"},
      {"inputs.list[3]", "error: index 3 is out of bounds of a list of 3"},
      {"inputs.list[-1]", "error: index -1 is out of bounds of a list of 3"},
      {"inputs.list[1.0]", "20"},
      {"inputs.list[1.5]", "error: a list is indexed by int, not double"},
      {"inputs.list['0']", "error: a list is indexed by int, not string"},
      {"inputs.list.first", "error: list has no members"},
      {"inputs.b[0]", "error: string cannot be indexed"},
      {"inputs.a[0]", "error: int cannot be indexed"},
      {"[[1, 2], [3]][0][1]", "2"},
      {"[{'a': 1}][0].a", "1"},
      {"x", "7"},
      {".x", "7"},
      {"[1].map(x, .x)", "[7]"},
      {"[1].map(x, x)", "[1]"},
      {"y", "error: no such name \"y\""},
      {"has(inputs.a)", "true"},
      {"has(inputs.none)", "true"},
      {"has(inputs.nothing)", "false"},
      {"has(inputs.a.b)", "error: int has no members"},
      {"has(inputs.nothing.b)", "error: no such key \"nothing\""},
      {"has({'a': 1}.a) && !has({'a': 1}.b)", "true"},
      {"20 in inputs.list", "true"},
      {"20.0 in inputs.list", "true"},
      {"'20' in inputs.list", "false"},
      {"21 in inputs.list", "false"},
      {"1 in []", "false"},
      {"null in [null]", "true"},
      {"[1] in [[1]]", "true"},
      {"'a' in inputs", "true"},
      {"'nothing' in inputs", "false"},
      {"1 in inputs", "false"},
      {"'e' in 'text'", "error: no such overload for string and string"},
      {"1 in 2", "error: no such overload for int and int"},
  });
  check_rows(kRows, incident());
}

// Goal: a secret is opaque at run time too, so that JSON of unknown shape opens no door.
TEST_CASE("a secret stays opaque at run time") {
  constexpr std::string_view kOpaque = "error: a secret can only be passed whole";
  const auto rows = std::to_array<Row>({
      {"inputs.token", R"("fp:1a2b3c4d")"},
      {"fingerprint(inputs.token)", R"("fp:1a2b3c4d")"},
      {"inputs.token == null", "false"},
      {"null != inputs.token", "true"},
      {"true ? inputs.token : null", R"("fp:1a2b3c4d")"},
      {"inputs.token == inputs.token", kOpaque},
      {"inputs.token != 'sk-canary-0001'", kOpaque},
      {"[inputs.token] == ['sk-canary-0001']", kOpaque},
      {"inputs.token in ['sk-canary-0001']", kOpaque},
      {"'sk-canary-0001' in [inputs.token]", kOpaque},
      {"inputs.token + 'x'", kOpaque},
      {"'x' + inputs.token", kOpaque},
      {"inputs.token < 'z'", kOpaque},
      {"-inputs.token", kOpaque},
      {"size(inputs.token)", kOpaque},
      {"string(inputs.token)", kOpaque},
      {"dyn(inputs.token)", kOpaque},
      {"inputs.token.startsWith('sk')", kOpaque},
      {"'sk'.startsWith(inputs.token)", kOpaque},
      {"inputs.token.matches('.*')", kOpaque},
      {"inputs.token[0]", kOpaque},
      {"inputs.token.map(c, c)", kOpaque},
      {"[inputs.token].join(',')", "error: no such overload"},
      {"fingerprint('text')", "error: no such overload of fingerprint() for (string)"},
  });
  check_rows(rows, incident());
}

// Goal: names are looked up from the inside out.
TEST_CASE("an inner scope hides the one around it") {
  Scope outer = incident();
  Scope inner;
  inner.names["x"] = "inner";
  inner.parent = &outer;
  constexpr auto kRows = std::to_array<Row>({{"x", "\"inner\""}, {"inputs.a", "1"}});
  check_rows(kRows, inner);
}

}  // namespace
}  // namespace quell
