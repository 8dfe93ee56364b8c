#include <array>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "orchestrator/expression/expression.h"
#include "state/base/json.h"
#include "tests/orchestrator/expression/table.h"

namespace quell {
namespace {

Scope scope() {
  Scope scope;
  scope.names["inputs"] = Value::map({{"id", "cred-17"},
                                      {"count", 3},
                                      {"rate", 0.5},
                                      {"whole", 2.0},
                                      {"armed", true},
                                      {"none", nullptr},
                                      {"list", Value::list({1, 2})},
                                      {"at", *parse_rfc3339("2026-11-22T03:41:00Z")},
                                      {"grace", Value(Duration{90'500})},
                                      {"token", expression_test::secret_value()}});
  return scope;
}

std::string rendered(std::string_view text) {
  const auto parsed = Template::parse(text);
  if (const auto* const error = std::get_if<ExpressionError>(&parsed)) {
    return fmt::format("{} @{}+{}", error->code, error->offset, error->length);
  }
  const Result<Value> value = std::get<Template>(parsed).evaluate(scope());
  return value ? to_json(*value) : "error: " + value.error().message;
}

struct TemplateRow {
  std::string_view text;
  std::string_view gives;
};

// Goal: a string with ${...} gives the value or the text that its author expects, whatever the
// expression holds. Method: one row per rule, with quotes and braces inside the expression.
TEST_CASE("templates keep a whole value and render text otherwise") {
  constexpr auto kRows = std::to_array<TemplateRow>({
      {"", R"("")"},
      {"plain", R"("plain")"},
      {"${inputs.count}", "3"},
      {"${ inputs.count }", "3"},
      {"${inputs.list}", "[1,2]"},
      {"${inputs.none}", "null"},
      {"${inputs.token}", R"("fp:1a2b3c4d")"},
      {"a ${inputs.id} b", R"("a cred-17 b")"},
      {"${inputs.id}${inputs.count}", R"("cred-173")"},
      {" ${inputs.count}", R"(" 3")"},
      {"${inputs.rate}|${inputs.whole}", R"("0.5|2")"},
      {"is ${inputs.armed}", R"("is true")"},
      {"at ${inputs.at}", R"("at 2026-11-22T03:41:00Z")"},
      {"in ${inputs.grace}", R"("in 90.5s")"},
      {"credential:${inputs.id}", R"("credential:cred-17")"},
      {"fp ${fingerprint(inputs.token)}", R"("fp fp:1a2b3c4d")"},
      {"${ {'a': 1}['a'] }", "1"},
      {"${{'a': {'b': 2}}.a.b}", "2"},
      {"x${{'a': 1}.a}y", R"("x1y")"},
      {"${'}'}", R"("}")"},
      {"${'{'}", R"("{")"},
      {"${\"}\" + '}'}", R"("}}")"},
      {R"(${'\'}'})", R"("'}")"},
      {R"(${r'\'}!)", R"("\\!")"},
      {"${'''}'}'''}", R"("}'}")"},
      {"${'${x}'}", R"("${x}")"},
      {"${1 // }\n}", "1"},
      {"https://a.example/${inputs.id}", R"("https://a.example/cred-17")"},
      {"$${inputs.id}", R"("${inputs.id}")"},
      {"$$${inputs.id}", R"("$${inputs.id}")"},
      {"$", R"("$")"},
      {"$5 and {x}", R"("$5 and {x}")"},
      {"100$", R"("100$")"},
      {"a $${b} ${inputs.count}", R"("a ${b} 3")"},
      {"a ${inputs.list}", "error: list cannot become text in inputs.list"},
      {"a ${ {} }", "error: map cannot become text in  {} "},
      {"a ${inputs.none}", "error: null cannot become text in inputs.none"},
      {"a ${inputs.token}", "error: secret cannot become text in inputs.token"},
      {"a ${1/0}", "error: division by zero in 1/0"},
      {"${", "syntax @0+2"},
      {"abc ${inputs.id", "syntax @4+2"},
      {"${}", "syntax @2+1"},
      {"ab${ }", "syntax @4+1"},
      {"ab ${1 +} cd", "syntax @8+1"},
      {"ab ${'x} cd", "syntax @5+1"},
      {"ab ${1} ${as}", "reserved-word @10+2"},
  });
  for (const TemplateRow& row : kRows) {
    CAPTURE(row.text);
    CHECK(rendered(row.text) == row.gives);
  }
}

Template template_of(std::string_view text) {
  auto result = Template::parse(text);
  REQUIRE(std::holds_alternative<Template>(result));
  return std::get<Template>(std::move(result));
}

// Goal: callers can tell a constant, a whole value and a text apart, and point into the string.
TEST_CASE("parts carry literals, expressions and offsets") {
  CHECK(template_of("").is_constant());
  CHECK(template_of("plain $${x}").is_constant());
  CHECK_FALSE(template_of("plain").is_single_expression());
  CHECK(template_of("${a}").is_single_expression());
  CHECK_FALSE(template_of(" ${a}").is_single_expression());
  CHECK_FALSE(template_of("${a}${b}").is_single_expression());
  const Template text = template_of("ab${ x.y }cd${z}");
  REQUIRE(text.parts().size() == 4);
  CHECK(text.parts()[0].literal == "ab");
  CHECK(text.parts()[1].expression->text() == " x.y ");
  CHECK(text.parts()[1].offset == 4);
  CHECK(text.parts()[2].literal == "cd");
  CHECK(text.parts()[3].offset == 14);
}

// Goal: what cannot become text is found before the run, and marked inside the whole string.
TEST_CASE("templates are checked with offsets into the string") {
  TypeScope types;
  types.names["inputs"] = Type::object({{"id", Type::of(Type::Kind::string)},
                                        {"site", Type::of(Type::Kind::url)},
                                        {"list", Type::list_of(Type::of(Type::Kind::integer))},
                                        {"map", Type::of(Type::Kind::object)},
                                        {"note", Type::of(Type::Kind::string).or_null()},
                                        {"body", Type{}},
                                        {"token", Type::of(Type::Kind::secret)},
                                        {"spare", Type::of(Type::Kind::secret).or_null()}});
  constexpr auto kRows = std::to_array<TemplateRow>({
      {"plain", "string"},
      {"${inputs.list}", "list of int"},
      {"${inputs.note}", "string or null"},
      {"${inputs.token}", "secret"},
      {"${inputs.spare}", "secret or null"},
      {"a ${inputs.id} ${inputs.site} ${inputs.body}", "string"},
      {"a ${inputs.note != null ? inputs.note : 'none'}", "string"},
      {"a ${fingerprint(inputs.token)}", "string"},
      {"a ${size(inputs.list)}", "string"},
      {"a ${inputs.token}", R"(secret-in-text "inputs.token")"},
      {"a ${ inputs.token } b", R"(secret-in-text "inputs.token")"},
      {"a ${inputs.spare}", R"(secret-in-text "inputs.spare")"},
      {"a ${inputs.list}", R"(unlike-types "inputs.list")"},
      {"a ${inputs.map}", R"(unlike-types "inputs.map")"},
      {"a ${null}", R"(unlike-types "null")"},
      {"a ${inputs.note}", R"(nullable "inputs.note")"},
      {"${inputs.nope}", R"(unknown-field "nope")"},
      {"a ${inputs.id} ${inputs.nope}", R"(unknown-field "nope")"},
      {"${inputs.token + 'x'}", R"(secret-in-text "inputs.token")"},
      {"a ${1 + 'x'} ${inputs.list}", R"(unlike-types "+"; unlike-types "inputs.list")"},
      {"a ${[1].map(x, x)[0]}", "string"},
  });
  for (const TemplateRow& row : kRows) {
    CAPTURE(row.text);
    std::vector<ExpressionError> errors;
    const Type type = template_of(row.text).check(types, errors);
    std::vector<std::string> found;
    for (const ExpressionError& error : errors) {
      REQUIRE(error.offset + error.length <= row.text.size());
      found.push_back(
          fmt::format("{} \"{}\"", error.code, row.text.substr(error.offset, error.length)));
    }
    CHECK((found.empty() ? to_string(type) : fmt::format("{}", fmt::join(found, "; "))) ==
          row.gives);
  }
}

}  // namespace
}  // namespace quell
