#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "tests/orchestrator/expression/table.h"

namespace quell {
namespace {

using expression_test::parsed;
using expression_test::typed;
using Kind = Type::Kind;

/// What a playbook's expressions see: inputs, a step that ran, one that may not have run.
TypeScope playbook_scope() {
  const Type session = Type::object({{"id", Type::of(Kind::string)},
                                     {"status", Type::of(Kind::string)},
                                     {"ended_at", Type::of(Kind::timestamp).or_null()}});
  TypeScope scope;
  scope.names["inputs"] = Type::object({{"incident", Type::of(Kind::string)},
                                        {"count", Type::of(Kind::integer)},
                                        {"rate", Type::of(Kind::number)},
                                        {"armed", Type::of(Kind::boolean)},
                                        {"server", Type::of(Kind::url)},
                                        {"grace", Type::of(Kind::duration)},
                                        {"ids", Type::list_of(Type::of(Kind::string))},
                                        {"token", Type::of(Kind::secret)},
                                        {"spare_token", Type::of(Kind::secret).or_null()},
                                        {"leaked_at", Type::of(Kind::timestamp).or_null()},
                                        {"note", Type::of(Kind::string).or_null()},
                                        {"flag", Type::of(Kind::boolean).or_null()},
                                        {"body", Type{}},
                                        {"open", Type::of(Kind::object)}});
  scope.names["run"] = Type::object({{"id", Type::of(Kind::string)},
                                     {"started_at", Type::of(Kind::timestamp)},
                                     {"now", Type::of(Kind::timestamp)}});
  scope.names["steps"] = Type::object(
      {{"radius", Type::object({{"sessions", Type::list_of(session)},
                                {"vault_ids", Type::list_of(Type::of(Kind::string))}})},
       {"baseline", Type::object({{"answer", Type::of(Kind::string)}}).or_null()}});
  scope.explain_missing = [](std::string_view path) -> std::optional<ExpressionError> {
    if (!path.starts_with("steps.revoke")) return std::nullopt;
    return ExpressionError{.code = "later-step",
                           .message = "\"revoke\" is a later step, not known yet",
                           .hint = "move it above this step"};
  };
  return scope;
}

struct TypeRow {
  std::string_view text;
  std::string_view gives;
};

template <std::size_t kCount>
void check_types(const std::array<TypeRow, kCount>& rows) {
  const TypeScope scope = playbook_scope();
  for (const TypeRow& row : rows) {
    CAPTURE(row.text);
    CHECK(typed(row.text, scope) == row.gives);
  }
}

// Goal: every well-typed expression has the type that its value will have.
TEST_CASE("types of good expressions") {
  constexpr auto kRows = std::to_array<TypeRow>({
      {"1", "int"},
      {"1.5", "double"},
      {"'a'", "string"},
      {"true", "bool"},
      {"null", "null"},
      {"[1]", "list of int"},
      {"[]", "list of dyn"},
      {"[1, 'a']", "list of dyn"},
      {"[[1]]", "list of list of int"},
      {"{}", "object"},
      {"{'a': 1}.a", "int"},
      {"{'a': 1}['a']", "int"},
      {"{inputs.incident: 1}", "object"},
      {"inputs.incident", "string"},
      {"inputs['incident']", "string"},
      {"inputs.server", "url"},
      {"inputs.server + '/mcp'", "string"},
      {"inputs.server == 'https://a.example'", "bool"},
      {"inputs.server.startsWith('https://')", "bool"},
      {"inputs.ids", "list of string"},
      {"inputs.ids[0]", "string"},
      {"inputs.ids + ['x']", "list of string"},
      {"inputs.body", "dyn"},
      {"inputs.body.a.b[0]", "dyn"},
      {"inputs.body + 1", "int"},
      {"inputs.body == 1 && inputs.body == 'a'", "bool"},
      {"inputs.open.anything", "dyn"},
      {"inputs.count + 1", "int"},
      {"-inputs.rate", "double"},
      {"inputs.rate * 2.0", "double"},
      {"inputs.count < inputs.rate", "bool"},
      {"inputs.count == 1 || inputs.armed", "bool"},
      {"inputs.armed ? 1 : 2", "int"},
      {"inputs.armed ? inputs.server : 'x'", "string"},
      {"inputs.armed ? inputs.body : 1", "dyn"},
      {"inputs.armed ? 1 : null", "int or null"},
      {"inputs.armed ? null : inputs.note", "string or null"},
      {"!inputs.armed", "bool"},
      {"run.now - run.started_at", "duration"},
      {"run.now - inputs.grace", "timestamp"},
      {"run.now + inputs.grace > run.started_at", "bool"},
      {"inputs.grace + inputs.grace", "duration"},
      {"run.now.getHours()", "int"},
      {"run.now.getHours('+01:00')", "int"},
      {"inputs.grace.getMinutes()", "int"},
      {"size(inputs.ids) + inputs.incident.size()", "int"},
      {"inputs.incident.split('-')", "list of string"},
      {"inputs.ids.join(',')", "string"},
      {"int('5') + int(1.5) + int(run.now)", "int"},
      {"double(inputs.count)", "double"},
      {"string(inputs.count) + inputs.incident.lowerAscii().trim()", "string"},
      {"bool('true')", "bool"},
      {"duration('5m')", "duration"},
      {"timestamp('2026-01-01T00:00:00Z')", "timestamp"},
      {"dyn(1)", "dyn"},
      {"dyn(1) == 'a'", "bool"},
      {"inputs.incident.matches('^INC')", "bool"},
      {"matches(inputs.incident, '^INC')", "bool"},
      {"steps.radius.sessions.filter(s, s.status == 'idle')", "list of object"},
      {"steps.radius.sessions.map(s, s.id)", "list of string"},
      {"steps.radius.sessions.map(s, s.status == 'idle', s.id)", "list of string"},
      {"steps.radius.sessions.exists(s, s.id == inputs.incident)", "bool"},
      {"inputs.open.map(k, k)", "list of string"},
      {"inputs.ids.all(x, x.startsWith('a')) && inputs.ids.exists_one(x, x == 'b')", "bool"},
      {"'a' in inputs.ids", "bool"},
      {"'a' in inputs.open", "bool"},
      {"inputs.body in inputs.ids", "bool"},
      {"inputs.token", "secret"},
      {"inputs.spare_token", "secret or null"},
      {"fingerprint(inputs.token)", "string"},
      {"inputs.armed ? inputs.token : inputs.spare_token", "secret or null"},
      {"has(inputs.note) && has(inputs.body.x)", "bool"},
  });
  check_types(kRows);
}

// Goal: each mistake is found before the run, with its code and under the right word.
TEST_CASE("mistakes are found and marked") {
  constexpr auto kRows = std::to_array<TypeRow>({
      {"input.count", R"(unknown-name "input")"},
      {"1 + nothing", R"(unknown-name "nothing")"},
      {"inputs.cuont + 1", R"(unknown-field "cuont")"},
      {"inputs['cuont']", R"(unknown-field "'cuont'")"},
      {"has(inputs.cuont)", R"(unknown-field "cuont")"},
      {"inputs.ids.first", R"(wrong-type "first")"},
      {"inputs.count.x", R"(wrong-type "x")"},
      {"steps.revoke.outcome == 'done'", R"(later-step "steps.revoke")"},
      {"steps['revoke'].outcome == 'done'", R"(later-step "steps['revoke']")"},
      {"has(steps.revoke)", R"(later-step "steps.revoke")"},
      {"1 == 'a'", R"(unlike-types "==")"},
      {"1 == 1.0", R"(unlike-types "==")"},
      {"inputs.count != inputs.incident", R"(unlike-types "!=")"},
      {"[1] == ['a']", R"(unlike-types "==")"},
      {"run.now == inputs.grace", R"(unlike-types "==")"},
      {"1 < 'a'", R"(unlike-types "<")"},
      {"[1] < [2]", R"(wrong-type "<")"},
      {"{} >= {}", R"(wrong-type ">=")"},
      {"1 + 1.0", R"(unlike-types "+")"},
      {"'a' + 1", R"(unlike-types "+")"},
      {"'a' - 'b'", R"(wrong-type "-")"},
      {"true + true", R"(wrong-type "+")"},
      {"1.5 % 2.0", R"(wrong-type "%")"},
      {"run.now + run.now", R"(wrong-type "+")"},
      {"inputs.grace * 2", R"(unlike-types "*")"},
      {"inputs.body + true", R"(unlike-types "+")"},
      {"-'a'", R"(wrong-type "-")"},
      {"null + 1", R"(wrong-type "null")"},
      {"inputs.count && true", R"(not-boolean "inputs.count")"},
      {"true || 'a'", R"(not-boolean "'a'")"},
      {"!inputs.incident", R"(not-boolean "inputs.incident")"},
      {"inputs.count ? 1 : 2", R"(not-boolean "inputs.count")"},
      {"inputs.ids.all(x, x)", R"(not-boolean "x")"},
      {"inputs.ids.map(x, 1, x)", R"(not-boolean "1")"},
      {"true ? 1 : 'a'", R"(unlike-types "?")"},
      {"true ? inputs.token : 'a'", R"(unlike-types "?")"},
      {"1 in inputs.ids", R"(unlike-types "in")"},
      {"1 in inputs.open", R"(unlike-types "in")"},
      {"'a' in 'abc'", R"(wrong-type "in")"},
      {"inputs.ids['a']", R"(wrong-type "'a'")"},
      {"inputs.open[1]", R"(wrong-type "1")"},
      {"inputs.count[0]", R"(wrong-type "0")"},
      {"{1: 'a'}", R"(unsupported "1")"},
      {"{'a': 1, 'a': 2}", R"(duplicate-key "'a'")"},
      {"upper('a')", R"(unknown-function "upper")"},
      {"'a'.startWith('b')", R"(unknown-function "startWith")"},
      {"startsWith('a', 'b')", R"(unknown-function "startsWith")"},
      {"inputs.count.int()", R"(unknown-function "int")"},
      {"size()", R"(wrong-arity "size")"},
      {"size('a', 'b')", R"(wrong-arity "size")"},
      {"'a'.split()", R"(wrong-arity "split")"},
      {"'a'.contains('b', 'c')", R"(wrong-arity "contains")"},
      {"inputs.count.contains('a')", R"(wrong-type "contains")"},
      {"inputs.incident.contains(1)", R"(wrong-type "1")"},
      {"size(1)", R"(wrong-type "1")"},
      {"[1].join(',')", R"(wrong-type "join")"},
      {"'a'.split(',', 'b')", R"(wrong-type "'b'")"},
      {"inputs.grace.getMonth()", R"(wrong-type "getMonth")"},
      {"inputs.grace.getHours('UTC')", R"(wrong-type "getHours")"},
      {"int(true)", R"(wrong-type "true")"},
      {"string([1])", R"(wrong-type "[1]")"},
      {"fingerprint('a')", R"(wrong-type "'a'")"},
      {"inputs.count.map(x, x)", R"(wrong-type "map")"},
      {"inputs.incident.matches('(')", R"(bad-constant "'('")"},
      {"duration('1d')", R"(bad-constant "'1d'")"},
      {"timestamp('yesterday')", R"(bad-constant "'yesterday'")"},
      {"int('x')", R"(bad-constant "'x'")"},
      {"run.now.getHours('Nowhere')", R"(bad-constant "'Nowhere'")"},
      {"inputs.x + inputs.y", R"(unknown-field "x"; unknown-field "y")"},
      {"nope && inputs.count == 'a' && 1",
       R"(unknown-name "nope"; unlike-types "=="; not-boolean "1")"},
      {"[1].map(x, x).map(y, x)", R"(unknown-name "x")"},
      {"inputs.incident == null", R"(unlike-types "==")"},
      {"null != 1", R"(unlike-types "!=")"},
      {"steps.radius.sessions.map(s, s.stauts)", R"(unknown-field "stauts")"},
      {"(inputs.count + 1) && true", "not-boolean \"(inputs.count + 1)\""},
  });
  check_types(kRows);
}

// Goal: what may be null is read only where the text itself shows that it is not.
// Method: each form of guard, each form that looks like one, and both branches.
TEST_CASE("null is guarded on the same path") {
  constexpr auto kRows = std::to_array<TypeRow>({
      {"inputs.note", "string or null"},
      {"inputs.note == null", "bool"},
      {"null != inputs.note", "bool"},
      {"has(inputs.note)", "bool"},
      {"inputs.note + 'x'", R"(nullable "inputs.note")"},
      {"inputs.note == 'x'", R"(nullable "inputs.note")"},
      {"size(inputs.note)", R"(nullable "inputs.note")"},
      {"inputs.note.size()", R"(nullable "inputs.note")"},
      {"[inputs.note]", R"(nullable "inputs.note")"},
      {"{'a': inputs.note}", R"(nullable "inputs.note")"},
      {"inputs.note in ['a']", R"(nullable "inputs.note")"},
      {"inputs.leaked_at < run.now", R"(nullable "inputs.leaked_at")"},
      {"inputs.flag && true", R"(nullable "inputs.flag")"},
      {"!inputs.flag", R"(nullable "inputs.flag")"},
      {"inputs.note != null && inputs.note == 'x'", "bool"},
      {"null != inputs.note && inputs.note == 'x'", "bool"},
      {"inputs['note'] != null && inputs.note == 'x'", "bool"},
      {"inputs.note == 'x' && inputs.note != null", R"(nullable "inputs.note")"},
      {"inputs.note == null && inputs.note == 'x'", R"(nullable "inputs.note")"},
      {"inputs.note == null || inputs.note == 'x'", "bool"},
      {"inputs.note != null || inputs.note == 'x'", R"(nullable "inputs.note")"},
      {"!(inputs.note == null) && inputs.note == 'x'", "bool"},
      {"!(inputs.note != null) || inputs.note == 'x'", "bool"},
      {"inputs.armed && inputs.note != null && inputs.note == 'x'", "bool"},
      {"(inputs.armed && inputs.note != null) && inputs.note == 'x'", "bool"},
      {"(inputs.armed || inputs.note != null) && inputs.note == 'x'", R"(nullable "inputs.note")"},
      {"!(inputs.armed || inputs.note == null) && inputs.note == 'x'", "bool"},
      {"inputs.note != null ? inputs.note : 'none'", "string"},
      {"inputs.note == null ? 'none' : inputs.note + '!'", "string"},
      {"inputs.note == null ? inputs.note + '!' : 'none'", R"(nullable "inputs.note")"},
      {"has(inputs.note) && inputs.note == 'x'", R"(nullable "inputs.note")"},
      {"inputs.leaked_at != null && inputs.note == 'x'", R"(nullable "inputs.note")"},
      {"steps.baseline.answer == 'alive'", R"(nullable "steps.baseline")"},
      {"steps.baseline != null && steps.baseline.answer == 'alive'", "bool"},
      {"steps.baseline == null || steps.baseline.answer != 'dead'", "bool"},
      {"has(steps.baseline.answer)", R"(nullable "steps.baseline")"},
      {"steps.radius.sessions.filter(s, s.ended_at < run.now)", R"(nullable "s.ended_at")"},
      {"steps.radius.sessions.exists(s, s.ended_at != null && s.ended_at < run.now)", "bool"},
      {"steps.radius.sessions.map(s, s.ended_at != null, s.ended_at)", "list of timestamp"},
      {"steps.radius.sessions.all(s, s.ended_at != null) && "
       "steps.radius.sessions.exists(s, s.ended_at < run.now)",
       R"(nullable "s.ended_at")"},
      {"steps.radius.sessions.exists(s, s.ended_at != null && "
       "steps.radius.sessions.exists(t, t.ended_at > s.ended_at))",
       R"(nullable "t.ended_at")"},
      {"inputs.note != null && (inputs.note != null && inputs.note == 'x')", "bool"},
      {"inputs.ids.exists(i, inputs.note != null && i == inputs.note)", "bool"},
  });
  check_types(kRows);
}

// Goal: a secret is passed whole, compared with null or fingerprinted, and nothing else.
TEST_CASE("a secret is opaque") {
  constexpr auto kRows = std::to_array<TypeRow>({
      {"inputs.token != null", "bool"},
      {"inputs.spare_token == null", "bool"},
      {"inputs.spare_token != null ? fingerprint(inputs.spare_token) : 'none'", "string"},
      {"fingerprint(inputs.spare_token)", R"(nullable "inputs.spare_token")"},
      {"inputs.token + 'x'", R"(secret-in-text "inputs.token")"},
      {"'x' + inputs.token", R"(secret-in-text "inputs.token")"},
      {"inputs.token == 'x'", R"(secret-in-text "inputs.token")"},
      {"inputs.token == inputs.token",
       R"(secret-in-text "inputs.token"; secret-in-text "inputs.token")"},
      {"inputs.token < 'x'", R"(secret-in-text "inputs.token")"},
      {"inputs.token in ['x']", R"(secret-in-text "inputs.token")"},
      {"string(inputs.token)", R"(secret-in-text "inputs.token")"},
      {"dyn(inputs.token)", R"(secret-in-text "inputs.token")"},
      {"size(inputs.token)", R"(secret-in-text "inputs.token")"},
      {"inputs.token.contains('x')", R"(secret-in-text "inputs.token")"},
      {"'x'.contains(inputs.token)", R"(secret-in-text "inputs.token")"},
      {"inputs.token.x", R"(secret-in-text "inputs.token")"},
      {"inputs.token[0]", R"(secret-in-text "inputs.token")"},
      {"[inputs.token]", R"(secret-in-text "inputs.token")"},
      {"{'t': inputs.token}", R"(secret-in-text "inputs.token")"},
      {"[1].map(x, inputs.token)", R"(secret-in-text "inputs.token")"},
      {"inputs.token ? 1 : 2", R"(secret-in-text "inputs.token")"},
      {"!inputs.token", R"(secret-in-text "inputs.token")"},
  });
  check_types(kRows);
}

ExpressionError first_error(std::string_view text) {
  std::vector<ExpressionError> errors;
  static_cast<void>(parsed(text).check(playbook_scope(), errors));
  REQUIRE_FALSE(errors.empty());
  return errors.front();
}

// Goal: the remedy names the word that was meant, or the conversion that is missing.
TEST_CASE("hints name the remedy") {
  CHECK(first_error("input.count").hint == R"(did you mean "inputs"?)");
  CHECK(first_error("inputs.cuont").hint == R"(did you mean "count"?)");
  CHECK(first_error("inputs.inciednt").hint == R"(did you mean "incident"?)");
  CHECK(first_error("run.zzzzzz").hint == "it has: id, started_at, now");
  CHECK(first_error("'a'.startWith('b')").hint == R"(did you mean "startsWith"?)");
  CHECK(first_error("[1].exist(x, true)").hint == R"(did you mean "exists"?)");
  CHECK(first_error("'a' + 1").hint == "make it text: string(...)");
  CHECK(first_error("1 == 1.0").hint == "convert one of them: double(...) or int(...)");
  CHECK(first_error("startsWith('a', 'b')").hint == "write x.startsWith(...)");
  CHECK(first_error("inputs.token + 'x'").hint == "fingerprint(inputs.token) gives fp:xxxxxxxx");
  CHECK(first_error("steps.revoke.outcome").message == "\"revoke\" is a later step, not known yet");
  CHECK(first_error("inputs.note + 'x'").message == "inputs.note may be null here");
}

// Goal: `quell eval` knows no types: CEL's run-time rules hold and only calls are checked.
TEST_CASE("with a dynamic root only calls are checked") {
  TypeScope scope;
  scope.dyn_root = true;
  for (const std::string_view text :
       {"anything.at.all", "1 == 'a'", "1 + 'a'", "null + 1", "[1].map(x, x && 'a')", "!5",
        "{1: 2}", "int('x')", "inputs[1][2] ? 1 : 'a'", "dyn(1) in 'a'"}) {
    CAPTURE(text);
    CHECK(typed(text, scope) == "dyn");
  }
  CHECK(typed("upper('a')", scope) == R"(unknown-function "upper")");
  CHECK(typed("size()", scope) == R"(wrong-arity "size")");
}

// Goal: the engine can say which values made a condition false, and the checker which steps it
// needs.
TEST_CASE("references are the constant paths that are read") {
  using Paths = std::vector<std::string>;
  CHECK(parsed("steps.radius.deployments").references() == Paths{"steps.radius.deployments"});
  CHECK(parsed("a.b + a.c > a.b").references() == Paths{"a.b", "a.c"});
  CHECK(parsed("a['b'].c").references() == Paths{"a.b.c"});
  CHECK(parsed("a['b c'].d").references() == Paths{"a"});
  CHECK(parsed("a[b.c].d").references() == Paths{"a", "b.c"});
  CHECK(parsed("has(a.b.c)").references() == Paths{"a.b.c"});
  CHECK(parsed("a.list.map(x, x.id + b)").references() == Paths{"a.list", "b"});
  CHECK(parsed("f(a).b").references() == Paths{"a"});
  CHECK(parsed("1 + 2").references().empty());
  CHECK(parsed("a").text() == "a");
}

}  // namespace
}  // namespace quell
