// Goal: the file rules of language section 1 hold for every file, also for one made to hurt.
// Method: small files with one break each and their exact findings; hostile files against the
// clock.

#include <chrono>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "orchestrator/playbook/yaml_tree.h"
#include "tests/orchestrator/playbook/checking.h"

namespace quell::test {
namespace {

struct Row {
  std::string what;
  std::string source;
  std::vector<std::string> expected;
};

const std::string kHead = "quell: 1\nid: p\ntitle: T\npurpose: P\n";
const std::string kSteps = "steps: [{id: a, wait: {for: 1s}}]\n";

TEST_CASE("the form of a file") {
  const std::vector<Row> rows{
      {"a good one", kHead + kSteps, {}},
      {"with a byte order mark and CRLF",
       "\xEF\xBB\xBFquell: 1\r\nid: p\r\ntitle: T\r\npurpose: P\r\nsteps:\r\n  - id: a\r\n    "
       "wait: "
       "{for: 1s}\r\n",
       {}},
      {"an end marker", "---\n" + kHead + kSteps + "...\n", {}},
      {"nothing", "", {"1:1: empty"}},
      {"a comment only", "# nothing\n", {"1:1: empty"}},
      {"a text", "hello\n", {"1:1: wrong-type"}},
      {"a list", "- a\n- b\n", {"1:1: wrong-type"}},
      {"not UTF-8", kHead + "steps: \xC3\x28\n", {"5:8: not-utf8"}},
      {"UTF-8 cut short", kHead + "steps: \xE2\x82", {"5:8: not-utf8"}},
      {"a NUL", kHead + std::string("steps: \0", 8), {"5:8: control-character"}},
      {"an escape character", kHead + "steps: \x1b[31m\n", {"5:8: control-character"}},
      {"two documents", kHead + kSteps + "---\n" + kHead + kSteps, {"6:1: one-document"}},
      {"a brace left open", kHead + "steps: [{id: a\n", {"6:1: yaml"}},
      {"a quote left open", kHead + "steps: \"x\n", {"5:8: yaml"}},
      {"a tab indents", kHead + "steps:\n\t- id: a\n", {"6:2: yaml"}},
      {"a colon too many", kHead + "steps: a: b\n", {"5:9: yaml"}},
      {"a wrong escape", kHead + "steps: \"\\q\"\n", {"5:11: yaml"}},
      {"an anchor and an alias",
       "quell: 1\nid: &x p\ntitle: *x\npurpose: P\n" + kSteps,
       {"2:5: yaml-feature", "3:8: yaml-feature"}},
      {"an alias without anchor", kHead + "steps: *x\n", {"5:8: yaml"}},
      {"a merge key", kHead + "<<: {x: 1}\n" + kSteps, {"5:1: yaml-feature"}},
      {"a tag", kHead + "steps: !!seq [{id: a, wait: {for: 1s}}]\n", {"5:8: yaml-feature"}},
      {"a local tag",
       "quell: !mine 1\nid: p\ntitle: T\npurpose: P\n" + kSteps,
       {"1:8: yaml-feature"}},
      {"a key twice", kHead + "title: U\n" + kSteps, {"5:1: duplicate-key"}},
      {"a key twice, deep",
       kHead + "steps: [{id: a, wait: {for: 1s, \"for\": 2s}}]\n",
       {"5:34: duplicate-key"}},
      {"a key that is a list", kHead + kSteps + "? [x]\n: y\n", {"6:3: bad-key"}},
      {"unknown key at the top", kHead + kSteps + "stpes: []\n", {"6:1: unknown-key"}},
      {"keys missing at the top",
       kSteps,
       {"1:1: missing-key", "1:1: missing-key", "1:1: missing-key", "1:1: missing-key"}},
      {"steps missing", kHead, {"1:1: missing-key"}},
      {"no steps", kHead + "steps: []\n", {"5:8: missing-value"}},
      {"another version", "quell: 2\nid: p\ntitle: T\npurpose: P\n" + kSteps, {"1:8: bad-version"}},
      {"the version as text",
       "quell: \"1\"\nid: p\ntitle: T\npurpose: P\n" + kSteps,
       {"1:9: bad-version"}},
      {"an id that is not the file's",
       "quell: 1\nid: q\ntitle: T\npurpose: P\n" + kSteps,
       {"2:5: bad-id"}},
      {"an id with capitals", "quell: 1\nid: P\ntitle: T\npurpose: P\n" + kSteps, {"2:5: bad-id"}},
      {"a title that is a number",
       "quell: 1\nid: p\ntitle: 5\npurpose: P\n" + kSteps,
       {"3:8: wrong-type"}},
      {"settings",
       kHead +
           "settings: {run_timeout: 4, slo: {contian: 1m}, lock: \"${steps.a.x}\", x: "
           "1}\n" +
           kSteps,
       {"5:25: bad-duration", "5:34: unknown-key", "5:57: later-step", "5:70: unknown-key"}},
      {"a lock with a secret",
       kHead + "inputs: {t: {type: secret}}\nsettings: {lock: \"c:${inputs.t}\"}\n" + kSteps,
       {"6:23: secret-in-text"}},
      {"an expression where none is evaluated",
       "quell: 1\nid: p\ntitle: \"T ${run.id}\"\npurpose: P\n" + kSteps,
       {"3:11: bad-value"}},
      {"watch",
       kHead + kSteps + "watch: {every: 10ms, budget: 0, reopen_on: [sesion_started]}\n",
       {"6:8: missing-key", "6:16: bad-duration", "6:30: bad-value", "6:45: bad-value"}},
      {"verify of the run",
       kHead + kSteps +
           "verify:\n  - {probe: self, expect: \"${true}\"}\n"
           "  - {probe: platform.get_credential}\n"
           "  - {with: {}}\n",
       {"7:13: bad-value", "8:13: not-a-probe", "9:5: missing-key"}},
      {"finally with a wrong step",
       kHead + kSteps + "finally: [{id: a, wait: {for: 1s}}]\n",
       {"6:16: duplicate-id"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(joined(findings(row.source)) == joined(row.expected));
  }
}

TEST_CASE("the declaration of inputs") {
  const std::vector<Row> rows{
      {"every type",
       "{a: {type: string, pattern: \"^x\", min: 1, max: 5, default: xy}, b: {type: int, min: 1, "
       "default: 2}, c: {type: number, max: 2.5, default: 1}, d: {type: bool, default: false}, e: "
       "{type: duration, default: 2h30m}, f: {type: timestamp, default: 2026-11-20T14:00:00Z}, g: "
       "{type: url, schemes: [https], default: \"https://x.example/\"}, h: {type: enum, values: "
       "[x, "
       "y], default: y}, i: {type: list, of: string, max: 2, default: [x]}, j: {type: secret, "
       "default: \"secret://env/X\"}, k: {type: string, default: null}}",
       {}},
      {"a sentence with a comma",
       "{a: {type: int, help: the count, if known, required: true}}",
       {}},
      {"a comma behind anything else",
       "{a: {type: int, required: true, if known}}",
       {"5:41: unknown-key"}},
      {"a sentence with a comma and a key",
       "{a: {type: int, help: the count, if known: x}}",
       {"5:42: unknown-key"}},
      {"no type", "{a: {required: true}}", {"5:13: missing-key"}},
      {"unknown type", "{a: {type: strng}}", {"5:20: bad-value"}},
      {"a key of another type", "{a: {type: int, pattern: x}}", {"5:25: unknown-key"}},
      {"a bad name", "{a-b: {type: int}}", {"5:10: bad-id"}},
      {"a list of nothing", "{a: {type: list}}", {"5:13: missing-key"}},
      {"an enum of nothing", "{a: {type: enum}}", {"5:13: missing-key"}},
      {"a broken pattern", "{a: {type: string, pattern: \"(\"}}", {"5:38: bad-pattern"}},
      {"a look-around", "{a: {type: string, pattern: \"(?=x)\"}}", {"5:38: bad-pattern"}},
      {"bounds the wrong way", "{a: {type: int, min: 5, max: 1}}", {"5:30: bad-value"}},
      {"a fraction as a length", "{a: {type: string, max: 1.5}}", {"5:33: wrong-type"}},
      {"required with a default",
       "{a: {type: int, required: true, default: 1}}",
       {"5:50: bad-default"}},
      {"a default of another type", "{a: {type: int, default: x}}", {"5:34: bad-default"}},
      {"a number that YAML 1.1 would read",
       "{a: {type: int, default: 010}}",
       {"5:34: bad-default"}},
      {"an exponent", "{a: {type: number, default: 1e3}}", {"5:37: bad-default"}},
      {"yes is no bool", "{a: {type: bool, default: yes}}", {"5:35: bad-default"}},
      {"a default past its bound", "{a: {type: int, max: 3, default: 4}}", {"5:42: bad-default"}},
      {"a default that its pattern refuses",
       "{a: {type: string, pattern: \"^x$\", default: y}}",
       {"5:53: bad-default"}},
      {"a default outside the enum",
       "{a: {type: enum, values: [x], default: y}}",
       {"5:48: bad-default"}},
      {"a default of another scheme",
       "{a: {type: url, schemes: [https], default: \"http://x.example\"}}",
       {"5:53: bad-default"}},
      {"a secret in clear", "{a: {type: secret, default: hunter2}}", {"5:37: secret-literal"}},
      {"required is yes", "{a: {type: int, required: yes}}", {"5:35: wrong-type"}},
      {"inputs as a list", "[a]", {"5:9: wrong-type"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(joined(findings(kHead + "inputs: " + row.source + "\n" + kSteps)) ==
          joined(row.expected));
  }
}

std::string repeated(std::string_view part, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += part;
  return text;
}

TEST_CASE("a hostile file ends soon, in an error that says why") {
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c <= 'z'; ++c) {
    bomb += std::string(1, c) + ": &" + c + " [" +
            repeated(std::string("*") + char(c - 1) + ", ", 9) + "x]\n";
  }
  struct Hostile {
    std::string what;
    std::string source;
    const char* code;  // of the first finding
  };
  const std::vector<Hostile> rows{
      {"10,000 brackets", repeated("[", 10'000), "too-deep"},
      {"10,000 braces", repeated("{a: ", 10'000), "too-deep"},
      {"10,000 dashes", repeated("- ", 10'000), "too-deep"},
      {"10,000 question marks", repeated("? ", 10'000), "too-deep"},
      {"1 MiB of `a: `", repeated("a: ", (1U << 20) / 3), "yaml"},
      {"1 MiB of lines `a: b`", repeated("a: b\n", (1U << 20) / 5), "duplicate-key"},
      {"1 MiB of list entries", repeated("- a\n", (1U << 20) / 4), "too-large"},
      {"1 MiB of one word", repeated("x", 1U << 20), "wrong-type"},
      {"1 MiB in quotes never closed", "\"" + repeated("x", (1U << 20) - 1), "yaml"},
      {"1 MiB of escapes", "\"" + repeated("\\n", (1U << 19) - 1), "yaml"},
      {"1 MiB of empty lines", repeated("\n", 1U << 20), "empty"},
      {"1 MiB of comment", repeated("#", 1U << 20), "empty"},
      {"more than 1 MiB", repeated("#", (1U << 20) + 1), "too-large"},
      {"aliases of aliases", bomb, "yaml-feature"},
      {"anchors without end", repeated("- &a x\n", 20'000), "yaml-feature"},
      {"1 MiB of broken expressions",
       kHead + "steps: [{id: a, when: \"" + repeated("${", (1U << 19) - 100) + "\"}]\n",
       "too-large"},
      {"9,000 broken expressions",
       kHead + "steps: [{id: a, wait: {for: 1s}, when: \"" + repeated("${", 9'000) + "\"}]\n",
       nullptr},
      {"90,000 expressions",
       kHead + "steps: [{id: a, wait: {for: 1s}, title: \"" + repeated("${x}", 90'000) + "\"}]\n",
       "too-large"},
      {"9,000 expressions in one text",
       kHead + "steps: [{id: a, assert: \"${true}\", message: \"" + repeated("${inputs.a}", 9'000) +
           "\"}]\n",
       "unknown-field"},
      {"an expression of 10,000 brackets",
       kHead + "steps: [{id: a, wait: {for: 1s}, when: \"${" + repeated("(", 10'000) + "\"}]\n",
       nullptr},
      {"half a million bad bytes", repeated("\xFF", 1U << 19), "not-utf8"},
  };
  for (const Hostile& row : rows) {
    CAPTURE(row.what);
    const auto start = std::chrono::steady_clock::now();
    const LoadResult result = load_playbook(row.source, "p.yaml", catalog());
    const auto took = std::chrono::steady_clock::now() - start;
    CHECK_FALSE(result.playbook);
    REQUIRE_FALSE(result.diagnostics.empty());
    CHECK(result.diagnostics.size() <= Findings::kFindingsMax + 1);
    if (row.code != nullptr) CHECK(result.diagnostics.front().code == row.code);
    // 100 ms in a release build; a debug build under sanitizers has a wide margin here.
    CHECK(took < std::chrono::seconds(2));
    for (const Diagnostic& one : result.diagnostics) {
      CHECK(render(one, "p.yaml", row.source, false).size() < 4'000);
    }
  }
}

TEST_CASE("at most 500 findings are told, and that there are more") {
  const std::string text = with_steps(repeated("  - {id: x, wiat: {for: 1s}}\n", 600));
  const LoadResult result = load_playbook(text, "p.yaml", catalog());
  REQUIRE(result.diagnostics.size() == Findings::kFindingsMax + 1);
  CHECK(result.diagnostics.back().code == "too-many");
}

// Goal: a position inside a scalar is that of the file, however the scalar is written.
// Method: each file has one unknown input `zz`; the finding must stand under its word.
TEST_CASE("positions inside scalars") {
  struct Place {
    std::string what;
    std::string value;  // after `text: ` in line 16, column 13
    int line;
    int column;
  };
  const std::vector<Place> rows{
      {"double quotes", "\"${inputs.zz}\"", 16, 23},
      {"single quotes", "'${inputs.zz}'", 16, 23},
      {"plain", "${inputs.zz}", 16, 22},
      {"behind text", "\"a b ${inputs.zz}\"", 16, 27},
      {"behind characters of several bytes", "\"äöü€ ${inputs.zz}\"", 16, 28},
      {"behind escapes", "\"\\n\\x41\\u00e4\\U0001F600\\\" ${inputs.zz}\"", 16, 48},
      {"behind doubled quotes", "'it''s ${inputs.zz}'", 16, 29},
      {"after a fold", "\"a\n          b ${inputs.zz}\"", 17, 22},
      {"after an escaped line end", "\"a \\\n          b ${inputs.zz}\"", 17, 22},
      {"plain over two lines", "a\n          b ${inputs.zz}", 17, 22},
      {"a literal block", "|\n          a\n          b ${inputs.zz}", 18, 22},
      {"a folded block", ">-\n          a\n          b ${inputs.zz}", 18, 22},
      {"a folded block with an empty line", ">\n          a\n\n          b ${inputs.zz}", 19, 22},
  };
  for (const Place& row : rows) {
    CAPTURE(row.what);
    const std::string file =
        with_steps("  - id: a\n    use: lab.echo\n    with:\n") + "      text: " + row.value + "\n";
    const LoadResult result = load_playbook(file, "p.yaml", catalog());
    REQUIRE(result.diagnostics.size() == 1);
    CHECK(result.diagnostics[0].code == "unknown-field");
    CHECK(result.diagnostics[0].at.line == row.line);
    CHECK(result.diagnostics[0].at.column == row.column);
    CHECK(result.diagnostics[0].length == 2);
  }
}

}  // namespace
}  // namespace quell::test
