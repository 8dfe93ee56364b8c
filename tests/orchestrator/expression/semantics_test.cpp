#include <array>

#include <doctest/doctest.h>

#include "tests/orchestrator/expression/table.h"

namespace quell {
namespace {

using expression_test::check_rows;
using expression_test::Row;

Scope alert_scope() {
  Scope scope;
  scope.names["note"] = nullptr;
  scope.names["body"] = Value::map({{"status", "active"},
                                    {"count", 3},
                                    {"rate", 0.5},
                                    {"none", nullptr},
                                    {"tags", Value::list({"a", "b"})},
                                    {"deep", Value::map({{"er", Value::map({{"x", 1}})}})}});
  scope.names["at"] = *parse_rfc3339("2024-02-29T23:31:30.250Z");
  return scope;
}

// Goal: IEEE 754 all the way: NaN is equal to nothing and in no order, infinities are, zeros are
// one.
TEST_CASE("doubles at their edges") {
  constexpr auto kRows = std::to_array<Row>({
      {"0.0/0.0 < 1.0", "false"},
      {"0.0/0.0 >= 1.0", "false"},
      {"1 > 0.0/0.0", "false"},
      {"0.0/0.0 <= 0.0/0.0", "false"},
      {"0.0/0.0 in [0.0/0.0]", "false"},
      {"1 in [0.0/0.0, 1]", "true"},
      {"{'a': 0.0/0.0} == {'a': 0.0/0.0}", "false"},
      {"1.0/0.0 > 9223372036854775807", "true"},
      {"-1.0/0.0 < -9223372036854775808", "true"},
      {"1.0/0.0 == 1.0/0.0", "true"},
      {"1.0/0.0 - 1.0/0.0 == 0.0", "false"},
      {"-0.0 < 0.0", "false"},
      {"[0.0] == [-0.0]", "true"},
      {"5e-324 > 0.0", "true"},
      {"1.7976931348623157e308 < 1.0/0.0", "true"},
      {"int(-0.9)", "0"},
      {"int(1.0/0.0)", "error: the double is outside the range of int"},
      {"int(-9223372036854775809.0)", "error: the double is outside the range of int"},
      {"int(9223372036854774784.0)", "9223372036854774784"},
      {"double('nan') == double('nan')", "false"},
      {"double('NaN') == double('NaN')", "false"},
      {"0.1 + 0.2 == 0.3", "false"},
      {"3 in [1.0, 3.0]", "true"},
      {"3.5 in [1, 3]", "false"},
      {"[1, 2.0] == [1.0, 2]", "true"},
      {"1 == 1.0 && 1.0 == 1 && !(1 != 1.0)", "true"},
  });
  check_rows(kRows);
}

// Goal: int64 ends in an error, never in another number.
TEST_CASE("integers at their edges") {
  constexpr auto kRows = std::to_array<Row>({
      {"9223372036854775807 - -1", "error: integer overflow"},
      {"-9223372036854775808 + -1", "error: integer overflow"},
      {"-9223372036854775807 - 1", "-9223372036854775808"},
      {"-9223372036854775808 * -1", "error: integer overflow"},
      {"3037000500 * 3037000500", "error: integer overflow"},
      {"3037000499 * 3037000499", "9223372030926249001"},
      {"4611686018427387904 * -2", "-9223372036854775808"},
      {"-9223372036854775808 / 1", "-9223372036854775808"},
      {"-9223372036854775808 % 2", "0"},
      {"0 / 5", "0"},
      {"-1 / 2", "0"},
      {"-1 % 2", "-1"},
      {"0 % 0", "error: modulus by zero"},
      {"0 / 0", "error: division by zero"},
      {"[1].map(x, x / 0)", "error: division by zero"},
      {"true ? 1 : 9223372036854775807 + 1", "1"},
      {"9223372036854775807 + 1 > 0 || true", "true"},
      {"9223372036854775807 + 1 > 0 && true", "error: integer overflow"},
  });
  check_rows(kRows);
}

// Goal: an error that the answer does not depend on is no error, inside macros as outside.
TEST_CASE("absorption reaches through macros and conditions") {
  constexpr auto kRows = std::to_array<Row>({
      {"[1, 2, 0].exists(x, 4 / x == 2)", "true"},
      {"[0, 1, 2].exists(x, 4 / x == 2)", "true"},
      {"[0, 1, 2].all(x, 4 / x == 3)", "false"},
      {"[0].all(x, 4 / x == 3)", "error: division by zero"},
      {"[0].exists(x, 4 / x == 3) || true", "true"},
      {"[0].all(x, 4 / x == 3) && false", "false"},
      {"['a', 1].exists(x, x > 0)", "true"},
      {"['a', 1].all(x, x > 5)", "false"},
      {"['a', 1].all(x, x > 0)", "error: no such overload"},
      {"[[0], [1]].exists(l, l.all(x, 1 / x == 1))", "true"},
      {"(1/0 > 0 ? true : false) || true", "true"},
      {"(body.nope == 1 || true) && (body.nope == 1 || true)", "true"},
      {"!(body.nope == 1) || true", "true"},
      {"body.nope == 1 || body.also_nope == 2", "error: no such key"},
      {"has(body.nope) && body.nope == 1", "false"},
      {"body.none == null || body.none.x == 1", "true"},
      {"body.none != null && body.none.x == 1", "false"},
      {"note != null && note.size() > 3", "false"},
      {"[1, 2, 3].filter(x, x == 2 || 1 / (x - x) > 0)", "error: division by zero"},
      {"false && undefined_function(1)", "false"},
  });
  check_rows(kRows, alert_scope());
}

// Goal: unlike things are unequal and never an error; what has no order is an error and no answer.
TEST_CASE("comparisons of JSON of unknown shape") {
  constexpr auto kRows = std::to_array<Row>({
      {"body.status == 3", "false"},
      {"body.status != 3", "true"},
      {"body.count == '3'", "false"},
      {"body.count == 3.0", "true"},
      {"body.none == false", "false"},
      {"body.none == 0", "false"},
      {"body.tags == 'a'", "false"},
      {"body.tags == ['a', 'b']", "true"},
      {"body.deep == {'er': {'x': 1.0}}", "true"},
      {"body.deep.er == {'x': '1'}", "false"},
      {"body.status < 3", "error: no such overload for string and int"},
      {"body.none < 3", "error: no such overload for null and int"},
      {"body.tags < body.tags", "error: no such overload for list and list"},
      {"'Z' < 'a'", "true"},
      {"'a' < 'aa'", "true"},
      {"'' < 'a'", "true"},
      {"'ä' > 'z'", "true"},
      {"'\\U0001F600' > '\\uFFFD'", "true"},
      {"false < true", "true"},
      {"true <= true", "true"},
      {"body.count > body.rate", "true"},
      {"body.count in body.tags", "false"},
      {"'a' in body.tags", "true"},
      {"'status' in body", "true"},
      {"3 in body", "false"},
      {"null in [body.none]", "true"},
      {"body['count'] + body.count", "6"},
      {"body.deep['er'].x", "1"},
      {"body.tags[1] + body.status", "\"bactive\""},
      {"body.tags[2]", "error: index 2 is out of bounds of a list of 2"},
      {"has(body.deep.er.x)", "true"},
      {"has(body.deep.er.y)", "false"},
      {"has(body.deep.nope.y)", "error: no such key"},
      {"has(body.none)", "true"},
      {"size(body)", "6"},
      {"body.count ? 1 : 2", "error: true or false is needed here, not int"},
      {"body.none ? 1 : 2", "error: true or false is needed here, not null"},
  });
  check_rows(kRows, alert_scope());
}

// Goal: the calendar is that of RFC 3339, in any zone, before and after its leap days.
TEST_CASE("the calendar") {
  constexpr auto kRows = std::to_array<Row>({
      {"at.getMilliseconds()", "250"},
      {"at.getMilliseconds('+05:30')", "250"},
      {"at.getHours('+05:30')", "5"},
      {"at.getMinutes('+05:30')", "1"},
      {"at.getDate('+05:30')", "1"},
      {"at.getMonth('+05:30')", "2"},
      {"at.getDayOfYear('+05:30')", "60"},
      {"at.getDayOfWeek('+05:30')", "5"},
      {"at.getHours('America/New_York')", "18"},
      {"at.getHours('Pacific/Auckland')", "12"},
      {"at.getDate('Pacific/Auckland')", "1"},
      {"timestamp('2024-07-01T00:00:00Z').getHours('America/New_York')", "20"},
      {"timestamp('2024-03-10T06:59:59Z').getHours('America/New_York')", "1"},
      {"timestamp('2024-03-10T07:00:00Z').getHours('America/New_York')", "3"},
      {"timestamp('2024-02-29T00:00:00Z') + duration('24h')",
       "timestamp \"2024-03-01T00:00:00.000Z\""},
      {"timestamp('2023-02-29T00:00:00Z')", "error: the string is not a timestamp"},
      {"timestamp('2000-02-29T00:00:00Z').getDayOfYear()", "59"},
      {"timestamp('1900-02-28T00:00:00Z') + duration('24h')",
       "timestamp \"1900-03-01T00:00:00.000Z\""},
      {"timestamp('1970-01-01T00:00:00-23:59')", "timestamp \"1970-01-01T23:59:00.000Z\""},
      {"timestamp('2024-01-01T00:00:00Z') == timestamp('2024-01-01T01:00:00+01:00')", "true"},
      {"timestamp('2024-01-01T00:00:00Z') < timestamp('2024-01-01T00:00:00.001Z')", "true"},
      {"at - duration('250ms') == timestamp('2024-02-29T23:31:30Z')", "true"},
      {"(at - timestamp(0)).getHours() / 24 / 365", "54"},
      {"string(at)", "\"2024-02-29T23:31:30.25Z\""},
      {"string(duration('90m'))", "\"5400s\""},
      {"string(duration('0s'))", "\"0s\""},
      {"duration('1h') > duration('59m59s')", "true"},
      {"duration('-1s') < duration('0s')", "true"},
      {"duration('1h') in [duration('60m')]", "true"},
      {"duration('-1.5s').getMilliseconds()", "-500"},
      {"duration('-1.5s').getSeconds()", "-1"},
      {"duration('1h30m').getHours()", "1"},
      {"[at].exists(t, t.getFullYear() == 2024)", "true"},
  });
  check_rows(kRows, alert_scope());
}

// Goal: matches() finds the pattern anywhere, with RE2's syntax and its limits.
TEST_CASE("regular expressions") {
  constexpr auto kRows = std::to_array<Row>({
      {"'vlt_01'.matches('^vlt_[0-9]{2}$')", "true"},
      {"'xvlt_01'.matches('vlt_')", "true"},
      {"'a\\nb'.matches('^b')", "false"},
      {"'a\\nb'.matches('(?m)^b')", "true"},
      {"'a\\nb'.matches('a.b')", "false"},
      {"'a\\nb'.matches('(?s)a.b')", "true"},
      {"'a.b'.matches('a\\\\.b')", "true"},
      {"'axb'.matches(r'a\\.b')", "false"},
      {"'日本'.matches('^..$')", "true"},
      {"'é'.matches('^\\\\pL$')", "true"},
      {"'aaa'.matches('^a{3}$') && !'aaaa'.matches('^a{3}$')", "true"},
      {"'ab'.matches('(?P<x>a)(b)')", "true"},
      {"'aa'.matches('(a)\\\\1')", "error: the pattern of matches()"},
      {"'a'.matches('a{1001}')", "error: the pattern of matches()"},
      {"'a'.matches('[')", "error: the pattern of matches()"},
      {"'a'.matches(1)", "error: no such overload of matches() for (string, int)"},
      {"''.matches('^$')", "true"},
      {"'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('^(a+)+$')", "false"},
  });
  check_rows(kRows);
}

// Goal: precedence and grouping are CEL's, so that nobody needs brackets to be sure.
TEST_CASE("precedence") {
  constexpr auto kRows = std::to_array<Row>({
      {"1 + 2 * 3 - 4 / 2 % 2", "7"},
      {"-2 * -3", "6"},
      {"!true || true", "true"},
      {"!(true || true)", "false"},
      {"1 + 1 == 2 && 2 * 2 == 4 || false", "true"},
      {"false && true || true", "true"},
      {"false && (true || true)", "false"},
      {"true ? false ? 1 : 2 : 3", "syntax @13+1"},
      {"true ? (false ? 1 : 2) : 3", "2"},
      {"(true ? 1 : 2) + 1", "2"},
      {"true ? 1 : 2 + 1", "1"},
      {"1 < 2 == true", "true"},
      {"1 in [1] == true", "true"},
      {"[1, 2][0] + [3][0]", "4"},
      {"{'a': [1, {'b': 2}]}.a[1].b", "2"},
      {"'a' + 'b' == 'ab' ? 'y' : 'n'", "\"y\""},
      {"1 - 1 - 1", "-1"},
      {"8 / 4 / 2", "1"},
      {"2 - -2", "4"},
      {"!has(body.nope) && has(body.status)", "true"},
      {"[1, 2, 3].filter(x, x > 1).map(x, x * x).exists(x, x == 9)", "true"},
  });
  check_rows(kRows, alert_scope());
}

}  // namespace
}  // namespace quell
