#include <string>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include "tests/orchestrator/expression/table.h"

namespace quell {
namespace {

using expression_test::outcome;
using expression_test::parsed;

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

std::string nested(std::string_view open, std::string_view inside, std::string_view close,
                   std::size_t times) {
  return repeated(open, times) + std::string(inside) + repeated(close, times);
}

std::string code_of(const std::string& text) {
  const auto result = Expression::parse(text);
  const auto* const error = std::get_if<ExpressionError>(&result);
  return error == nullptr ? "ok" : error->code;
}

// Goal: no text can drive the parser or the evaluator deeper than the bound, and what is within the
// bound works. Method: every production that nests, at the bound and far beyond it.
TEST_CASE("depth is bounded") {
  CHECK(outcome(nested("(", "1", ")", 64), {}) == "1");
  CHECK(code_of(nested("(", "1", ")", 65)) == "too-deep");
  CHECK(code_of(nested("[", "", "]", 64)) == "ok");
  CHECK(code_of(nested("{'a':", "1", "}", 64)) == "ok");
  CHECK(code_of(nested("size([", "1", "])", 31)) == "ok");
  CHECK(outcome(nested("[0].map(x, ", "1", ")", 32), {}).starts_with("[["));
  CHECK(outcome("1" + repeated(" + 1", 64), {}) == "65");
  CHECK(code_of("1" + repeated(" + 1", 65)) == "too-deep");
  CHECK(outcome("true" + repeated(" && true", 5'000), {}) == "true");
  CHECK(outcome("false" + repeated(" || false", 5'000), {}) == "false");
  CHECK(code_of(repeated("true ? 1 : ", 64) + "2") == "ok");
  for (const std::string& text :
       {nested("(", "1", ")", 10'000), nested("[", "1", "]", 10'000),
        nested("{'a':", "1", "}", 10'000), nested("f(", "1", ")", 10'000),
        nested("a[", "1", "]", 10'000), nested("[1].map(x, ", "x", ")", 5'000),
        repeated("(", 10'000), repeated("[", 10'000), repeated("{'a':", 10'000),
        repeated("!", 10'000) + "true", repeated("-", 10'000) + "1", "a" + repeated(".a", 10'000),
        "a" + repeated("[0]", 10'000), "a" + repeated(".f()", 10'000),
        repeated("a?b:", 10'000) + "c", "1" + repeated("-1", 10'000),
        repeated("has(a.b)[", 5'000)}) {
    CAPTURE(text.substr(0, 12));
    CHECK(code_of(text) == "too-deep");
  }
  CHECK(code_of("'" + std::string(70'000, 'a') + "'") == "too-long");
}

Value numbers(std::int64_t count) {
  ValueList items;
  for (std::int64_t i = 0; i < count; ++i) items.emplace_back(i);
  return Value(std::move(items));
}

Scope with(std::string name, Value value) {
  Scope scope;
  scope.names.emplace(std::move(name), std::move(value));
  return scope;
}

// Goal: an evaluation ends: 100,000 steps and 100 for each element of the inputs are enough for
// honest work and stop the rest, and && or || cannot absorb the stop.
TEST_CASE("steps are bounded by the size of the inputs") {
  const std::string ten = "[0,1,2,3,4,5,6,7,8,9]";
  const std::string hundred = ten + ".map(a, " + ten + ".map(b, b))";
  const std::string loop =
      hundred + ".all(x, " + hundred + ".all(y, " + hundred + ".all(z, true)))";
  constexpr std::string_view kStopped = "error: the evaluation takes too many steps";
  CHECK(outcome(loop, {}) == "true");
  const std::string deep = ten + ".all(a, " + ten + ".all(b, " + ten + ".all(c, " + ten +
                           ".all(d, " + ten + ".all(e, " + ten + ".all(f, true))))))";
  CHECK(outcome(deep, {}).starts_with(kStopped));
  CHECK(outcome(deep + " || true", {}).starts_with(kStopped));
  CHECK(outcome("[1].exists(q, " + deep + " || true)", {}).starts_with(kStopped));

  // 30,000 elements allow 3.1 million steps: several passes fit, all pairs do not.
  const Scope large = with("n", numbers(30'000));
  CHECK(outcome("n.filter(x, x % 2 == 0 && x > 10).map(x, x + 1).size()", large) == "14994");
  CHECK(outcome("n.all(x, n.exists(y, x == y))", large).starts_with(kStopped));
  CHECK(outcome("n.all(x, x in n)", large).starts_with(kStopped));
  CHECK(outcome("n == n", large) == "true");

  // Text costs by its length, so matching a large body again and again stops too.
  Scope text = with("body", std::string(1'000'000, 'a'));
  CHECK(outcome("body.contains('b')", text) == "false");
  text.names.emplace("n", numbers(5'000));
  CHECK(outcome("n.exists(x, body.contains('b'))", text).starts_with(kStopped));
}

// Goal: newly built results stay within 1 MiB however they are built; references are free.
TEST_CASE("what is newly built is bounded") {
  constexpr std::string_view kTooLarge = "error: the result is too large";
  const Scope half = with("s", std::string(600'000, 'a'));
  CHECK(outcome("size(s + 'b')", half) == "600001");
  CHECK(outcome("s + s", half).starts_with(kTooLarge));
  CHECK(outcome("s + s == '' || true", half).starts_with(kTooLarge));
  CHECK(outcome("[s, s].join()", half).starts_with(kTooLarge));
  CHECK(outcome("[s + 'b', s + 'c']", half).starts_with(kTooLarge));
  CHECK(outcome("{'a': s + 'b', 'c': s + 'd'}", half).starts_with(kTooLarge));
  CHECK(outcome("[s, s].size()", half) == "2");
  CHECK(outcome("s.split('').size()", half).starts_with(kTooLarge));
  CHECK(outcome("size([s + 'b']) + size([s + 'c'])", half) == "2");

  // A reference to what this evaluation built is written out each time, so doubling ends.
  std::string doubling = "[['x']]";
  for (int i = 0; i < 30; ++i) doubling += ".map(a, [a, a])";
  CHECK(outcome("size(" + doubling + ")", {}).starts_with(kTooLarge));

  // Selecting from a large input builds nothing.
  ValueList sessions;
  for (int i = 0; i < 100'000; ++i) sessions.push_back(Value::map({{"id", std::string(40, 'a')}}));
  const Scope many = with("sessions", Value(std::move(sessions)));
  CHECK(outcome("size(sessions.filter(s, s.id != 'b'))", many) == "100000");
  CHECK(outcome("size(sessions.map(s, s.id))", many) == "100000");
  CHECK(outcome("size(sessions.map(s, s.id + 'b'))", many).starts_with(kTooLarge));
}

// Goal: an error says what is wrong, where, and what to do, and never quotes a value.
TEST_CASE("errors have a sentence, a place and a remedy") {
  const Scope scope = with("body", Value::map({{"text", "sk-canary-0001"}}));
  const Result<Value> value = parsed("true && int(body.text) > 1").evaluate(scope);
  REQUIRE_FALSE(value);
  CHECK(value.error().code == ErrorCode::invalid);
  CHECK(value.error().topic == "expression");
  CHECK(value.error().message == "the string is not an integer in int(body.text)");
  CHECK(value.error().hint == "decimal digits with an optional sign");
  const Result<Value> missing = parsed("body[body.text]").evaluate(scope);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message == "no such key in body[body.text]");
  const std::string long_text = "1/0 + " + repeated("日", 40).insert(0, "size('") + "')";
  const Result<Value> shortened = parsed("[" + long_text + "][0] + 'a' + 1").evaluate(scope);
  REQUIRE_FALSE(shortened);
  CHECK(shortened.error().message == "division by zero in 1/0");
}

}  // namespace
}  // namespace quell
