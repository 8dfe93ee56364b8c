#include <array>

#include <doctest/doctest.h>

#include "tests/orchestrator/expression/table.h"

namespace quell {
namespace {

using expression_test::check_rows;
using expression_test::Row;

// Goal: numbers and constants are read as CEL reads them, to the ends of their ranges.
// Method: one row per literal form of the language definition, and the first one beyond each range.
TEST_CASE("numbers, booleans and null") {
  constexpr auto kRows = std::to_array<Row>({
      {"0", "0"},
      {"42", "42"},
      {"-42", "-42"},
      {"007", "7"},
      {"0x2a2a2a2a", "707406378"},
      {"-0x10", "-16"},
      {"0XfF", "255"},
      {"9223372036854775807", "9223372036854775807"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"0x7fffffffffffffff", "9223372036854775807"},
      {"-0x8000000000000000", "-9223372036854775808"},
      {"9223372036854775808", "syntax @0+19"},
      {"-9223372036854775809", "syntax @0+20"},
      {"0x8000000000000000", "syntax @0+18"},
      {"0.0", "0.0"},
      {"1.5", "1.5"},
      {".5", "0.5"},
      {"-1.5", "-1.5"},
      {"1e3", "1000.0"},
      {"1E+3", "1000.0"},
      {"25e-2", "0.25"},
      {"6.02214e23", "6.02214e+23"},
      {"1e-400", "0.0"},
      {"1e400", "syntax @0+5"},
      {"1u", "unsupported @0+2"},
      {"1x", "syntax @0+2"},
      {"1.", "syntax @2+1"},
      {"true", "true"},
      {"false", "false"},
      {"null", "null"},
      {"--5", "5"},
      {"- 5", "-5"},
      {"!true", "false"},
      {"!!true", "true"},
  });
  check_rows(kRows);
}

// Goal: every string form and escape gives the text that CEL gives, and broken ones are marked
// exactly. Method: each quote, prefix and escape of the language definition.
TEST_CASE("strings, raw strings, triple quotes and escapes") {
  constexpr auto kRows = std::to_array<Row>({
      {R"("")", R"("")"},
      {R"('')", R"("")"},
      {R"('""')", R"("\"\"")"},
      {R"("it's")", R"("it's")"},
      {R"('a' "b")", "syntax @4+3"},
      {R"('''a''b''')", R"("a''b")"},
      {R"("""a"b""c""")", R"("a\"b\"\"c")"},
      {"'''a\nb'''", R"("a\nb")"},
      {"'''a\r\nb\rc'''", R"("a\nb\nc")"},
      {"'a\nb'", "syntax @0+1"},
      {R"("\\")", R"("\\")"},
      {R"(r"\\")", R"("\\\\")"},
      {R"(R'\d+')", R"("\\d+")"},
      {R"(r'''\'''')", "syntax @8+1"},
      {R"("\"")", R"("\"")"},
      {R"('\'')", R"("'")"},
      {R"("\?\`")", R"("?`")"},
      {R"("\a\b\f\n\r\t\v" == "\x07\x08\x0c\x0a\x0d\x09\x0b")", "true"},
      {R"("\x41")", R"("A")"},
      {R"("\X4a")", R"("J")"},
      {R"("\u00ff" == "ÿ")", "true"},
      {R"("\xff" == "ÿ")", "true"},
      {R"("\377" == "ÿ")", "true"},
      {R"("\101\102")", R"("AB")"},
      {R"("\303\277" == "Ã¿")", "true"},
      {R"("\U0001F62C" == "😬")", "true"},
      {R"(size("\U0001F62C"))", "1"},
      {R"("\ud83d")", "syntax @1+6"},
      {R"("\U00110000")", "syntax @1+10"},
      {R"("\400")", "syntax @1+2"},
      {R"("\12")", "syntax @1+3"},
      {R"("\x4")", "syntax @1+3"},
      {R"("\xg0")", "syntax @1+4"},
      {R"("\u12")", "syntax @1+4"},
      {R"("\z")", "syntax @1+2"},
      {R"("abc)", "syntax @0+1"},
      {R"("abc\")", "syntax @0+1"},
      {R"("""abc")", "syntax @0+3"},
      {R"(r"abc)", "syntax @0+2"},
      {R"(b"abc")", "unsupported @0+6"},
      {R"(br'a')", "unsupported @0+5"},
      {R"(rb"a")", "unsupported @0+5"},
      {R"("${x}")", R"("${x}")"},
      {R"('日本' + '語')", R"("日本語")"},
      {R"("//no comment")", R"("//no comment")"},
      {"1 // a comment", "1"},
      {"1 + // a comment\n 2", "3"},
      {" \t\n\f\r7 ", "7"},
      {"\"\xff\"", "syntax @0+1"},
      {R"('a' + 'b' + "c")", R"("abc")"},
      {R"("\0001")", "\"\\u00001\""},
      {R"("""""")", R"("")"},
  });
  check_rows(kRows);
}

// Goal: lists and maps are built as written, and mistakes in them are found.
TEST_CASE("lists and maps") {
  constexpr auto kRows = std::to_array<Row>({
      {"[]", "[]"},
      {"[1, 'a', null, true]", R"([1,"a",null,true])"},
      {"[1, 2,]", "[1,2]"},
      {"[[1], [2]]", "[[1],[2]]"},
      {"[,]", "syntax @1+1"},
      {"[1 2]", "syntax @3+1"},
      {"[1", "syntax @2+1"},
      {"{}", "{}"},
      {"{'a': 1, 'b': [2]}", R"({"a":1,"b":[2]})"},
      {"{'a': 1,}", R"({"a":1})"},
      {"{'a' + 'b': 1}", R"({"ab":1})"},
      {"{'a': 1, 'a': 2}", "error: a map key that occurs twice"},
      {"{1: 'a'}", R"([[1,"a"]])"},
      {"{true: 'a', 'b': 2}", R"([[true,"a"],["b",2]])"},
      {"{1: 'a', 1.0: 'b'}", "error: a map key is a string, int or bool, not double"},
      {"{1: 'a', 2: 'b', 1: 'c'}", "error: a map key that occurs twice"},
      {"{'a'}", "syntax @4+1"},
      {"{'a': }", "syntax @6+1"},
      {"{a: 1}", "error: no such name \"a\""},
      {"Message{a: 1}", "unsupported @7+1"},
      {"{'a': {'b': 1}}.a.b", "1"},
      {"{'a': 1}['a']", "1"},
  });
  check_rows(kRows);
}

// Goal: what is no expression is refused where it goes wrong; reserved words are no names.
TEST_CASE("syntax errors are marked exactly") {
  constexpr auto kRows = std::to_array<Row>({
      {"", "syntax @0+1"},
      {"   ", "syntax @0+1"},
      {"1 +", "syntax @3+1"},
      {"1 + + 2", "syntax @4+1"},
      {"* 2", "syntax @0+1"},
      {"(1", "syntax @2+1"},
      {"1)", "syntax @1+1"},
      {"1 2", "syntax @2+1"},
      {"a b", "syntax @2+1"},
      {"a = 1", "syntax @2+1"},
      {"a & b", "syntax @2+1"},
      {"a | b", "syntax @2+1"},
      {"a; b", "syntax @1+1"},
      {"a # b", "syntax @2+1"},
      {"a ? b", "syntax @5+1"},
      {"a ? b : ", "syntax @8+1"},
      {"a.", "syntax @2+1"},
      {"a.1", "syntax @1+2"},
      {"a[", "syntax @2+1"},
      {"a[1", "syntax @3+1"},
      {"f(1", "syntax @3+1"},
      {"f(1,)", "syntax @4+1"},
      {"a.f(", "syntax @4+1"},
      {"a.in", "syntax @2+2"},
      {"a.true", "syntax @2+4"},
      {"in", "syntax @0+2"},
      {"1 in", "syntax @4+1"},
      {"!-1", "syntax @1+1"},
      {"-!true", "syntax @1+1"},
      {"as", "reserved-word @0+2"},
      {"break + 1", "reserved-word @0+5"},
      {"1 + while", "reserved-word @4+5"},
      {"namespace", "reserved-word @0+9"},
      {"if(x)", "reserved-word @0+2"},
      {"[1].map(for, 1)", "reserved-word @8+3"},
      {"has(a)", "syntax @4+1"},
      {"has(a[0])", "syntax @4+4"},
      {"has()", "wrong-arity @0+3"},
      {"has(a.b, c.d)", "wrong-arity @0+3"},
      {"[1].all(x)", "syntax @8+1"},
      {"[1].all()", "syntax @4+3"},
      {"[1].all(1, true)", "syntax @8+1"},
      {"[1].all(x.y, true)", "syntax @8+1"},
      {"[1].all(x, true, true)", "wrong-arity @4+3"},
      {"[1].map(x, true, x, x)", "wrong-arity @4+3"},
      {"😬", "syntax @0+4"},
  });
  check_rows(kRows);
}

}  // namespace
}  // namespace quell
