#include "tests/orchestrator/playbook/bombs.h"

#include <string_view>

namespace quell::test {
namespace {

constexpr std::size_t kMiB = 1U << 20;

/// A list of ten, each list of the one before it nine times: 9^25 words if it were written out.
std::string alias_bomb() {
  std::string text = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c <= 'z'; ++c) {
    text += std::string(1, c) + ": &" + c + " [" +
            repeated(std::string("*") + static_cast<char>(c - 1) + ", ", 9) + "x]\n";
  }
  return text;
}

std::string step_with(const std::string& key, const std::string& text) {
  return "quell: 1\nid: p\ntitle: T\npurpose: P\nsteps: [{id: a, wait: {for: 1s}, " + key + ": \"" +
         text + "\"}]\n";
}

}  // namespace

std::string repeated(std::string_view part, std::size_t times) {
  std::string text;
  text.reserve(part.size() * times);
  for (std::size_t i = 0; i < times; ++i) text += part;
  return text;
}

std::vector<Bomb> playbook_bombs() {
  return {
      {"aliases of aliases", alias_bomb(),
       "1:4: error: an anchor is not allowed in a playbook [yaml-feature]"},
      {"an alias that names itself", "a: &a [*a]\n",
       "1:4: error: an anchor is not allowed in a playbook [yaml-feature]"},
      {"20,000 anchors", repeated("- &a x\n", 20'000),
       "1:3: error: an anchor is not allowed in a playbook [yaml-feature]"},
      {"merge keys of merge keys", "- &a {x: 1}\n" + repeated("- &a {<<: *a}\n", 1'000),
       "1:3: error: an anchor is not allowed in a playbook [yaml-feature]"},
      {"10,000 brackets", repeated("[", 10'000),
       "1:17: error: more than 32 levels of nesting [too-deep]"},
      {"10,000 brackets, closed", repeated("[", 10'000) + repeated("]", 10'000),
       "1:33: error: more than 32 levels of nesting [too-deep]"},
      {"10,000 braces", repeated("{a: ", 10'000),
       "1:125: error: more than 32 levels of nesting [too-deep]"},
      {"10,000 dashes", repeated("- ", 10'000),
       "1:65: error: more than 32 levels of nesting [too-deep]"},
      {"10,000 question marks", repeated("? ", 10'000),
       "1:65: error: more than 32 levels of nesting [too-deep]"},
      {"1,400 levels of indentation",
       [] {
         std::string text;
         for (std::size_t i = 0; i < 1'400; ++i) text += std::string(i, ' ') + "a:\n";
         return text;
       }(),
       "33:33: error: more than 32 levels of nesting [too-deep]"},
      {"1 MiB of `a: `", repeated("a: ", kMiB / 3),
       "1:5: error: a key or a colon cannot stand here [yaml]"},
      {"1 MiB of lines `a: b`", repeated("a: b\n", kMiB / 5),
       "2:1: error: key \"a\" stands here a second time [duplicate-key]"},
      {"1 MiB of list entries", repeated("- a\n", kMiB / 4),
       "10000:3: error: the file has more than 10000 nodes [too-large]"},
      {"10,001 nodes", "[" + repeated("1,", 10'000) + "1]\n",
       "1:20000: error: the file has more than 10000 nodes [too-large]"},
      {"1 MiB of one word", repeated("x", kMiB),
       "1:1: error: a playbook is a map, not text [wrong-type]"},
      {"1 MiB in quotes never closed", "\"" + repeated("x", kMiB - 1),
       "1:1048577: error: a quoted text is not closed [yaml]"},
      {"1 MiB of escapes never closed", "\"" + repeated("\\n", kMiB / 2 - 1),
       "1:1048576: error: a quoted text is not closed [yaml]"},
      {"1 MiB of quotes", repeated("'", kMiB),
       "1:2: error: a playbook is a map, not text [wrong-type]"},
      {"1 MiB of commas", "[" + repeated(",", kMiB - 1),
       "1:100001: error: the file has more than 100000 brackets and commas [too-large]"},
      {"1 MiB of brackets", repeated("[", kMiB),
       "1:100001: error: the file has more than 100000 brackets and commas [too-large]"},
      {"1 MiB of colons", repeated(":", kMiB),
       "1:1048576: error: a key or a colon cannot stand here [yaml]"},
      {"1 MiB of exclamation marks", repeated("!", kMiB),
       "1:3: error: this is not YAML that can be read [yaml]"},
      {"1 MiB of ampersands", repeated("&", kMiB),
       "1:1: error: an anchor is not allowed in a playbook [yaml-feature]"},
      {"1 MiB of percent signs", repeated("%", kMiB), "1:1: error: the file is empty [empty]"},
      {"1 MiB of a literal block", "|\n" + repeated(" x\n", kMiB / 3 - 2),
       "2:2: error: a playbook is a map, not text [wrong-type]"},
      {"1 MiB of empty lines", repeated("\n", kMiB), "1:1: error: the file is empty [empty]"},
      {"1 MiB of spaces", repeated(" ", kMiB), "1:1: error: the file is empty [empty]"},
      {"1 MiB of tabs", repeated("\t", kMiB), "1:1: error: the file is empty [empty]"},
      {"1 MiB of comment", repeated("#", kMiB), "1:1: error: the file is empty [empty]"},
      {"1 MiB of documents", repeated("---\n", kMiB / 4),
       "2:1: error: a second document begins here [one-document]"},
      {"more than 1 MiB", repeated("#", kMiB + 1),
       "1:1: error: the file has 1048577 bytes, more than 1048576 [too-large]"},
      {"half a million bytes that are not UTF-8", repeated("\xFF", kMiB / 2),
       "1:1: error: the file is not UTF-8 from here on [not-utf8]"},
      {"1 MiB of NUL", std::string(kMiB, '\0'),
       "1:1: error: a control character stands here [control-character]"},
      {"10,001 expressions", step_with("when", repeated("${x}", 10'001)),
       "5:40041: error: the file has more than 10000 expressions [too-large]"},
      {"9,000 broken expressions", step_with("when", repeated("${", 9'000)),
       "5:41: error: \"${\" is not closed [syntax]"},
      {"9,000 expressions in one text",
       "quell: 1\nid: p\ntitle: T\npurpose: P\nsteps: [{id: a, assert: \"${true}\", message: \"" +
           repeated("${inputs.a}", 9'000) + "\"}]\n",
       "5:55: error: unknown field \"a\" [unknown-field]"},
      {"an expression of 10,000 brackets", step_with("when", "${" + repeated("(", 10'000) + "}"),
       "5:108: error: nested deeper than 64 levels [too-deep]"},
      {"an expression of 1 MiB", step_with("when", "${" + repeated("1+", kMiB / 2 - 100) + "1}"),
       "5:43: error: an expression of 1048377 bytes [too-long]"},
      {"2,400 steps that wait for themselves",
       [] {
         std::string text = "quell: 1\nid: p\ntitle: T\npurpose: P\nsteps:\n";
         for (int i = 0; i < 2'400; ++i) {
           text += "  - {id: s" + std::to_string(i) + ", when: \"${steps.s" + std::to_string(i) +
                   ".outcome == 'done'}\"}\n";
         }
         return text;
       }(),
       "2003:23: error: the file has more than 10000 nodes [too-large]"},
  };
}

std::vector<Bomb> expression_bombs() {
  const std::size_t times = 10'000;
  return {
      {"10,000 brackets", repeated("(", times), "too-deep"},
      {"10,000 brackets, closed", repeated("(", times) + "1" + repeated(")", times), "too-deep"},
      {"10,000 lists", repeated("[", times) + repeated("]", times), "too-deep"},
      {"10,000 maps", repeated("{'a':", times) + "1" + repeated("}", times), "too-deep"},
      {"10,000 calls", repeated("f(", times) + "1" + repeated(")", times), "too-deep"},
      {"10,000 indexes", repeated("a[", times) + "1" + repeated("]", times), "too-deep"},
      {"5,000 macros", repeated("[1].map(x, ", times / 2) + "x" + repeated(")", times / 2),
       "too-deep"},
      {"10,000 minus signs", repeated("-", times) + "1", "too-deep"},
      {"10,000 negations", repeated("!", times) + "true", "too-deep"},
      {"10,000 members", "a" + repeated(".a", times), "too-deep"},
      {"10,000 conditions", repeated("a?b:", times) + "c", "too-deep"},
      {"10,000 sums", "1" + repeated("+1", times), "too-deep"},
      {"64 KiB of one word", repeated("a", 70'000), "too-long"},
      {"64 KiB of one string", "'" + repeated("a", 70'000) + "'", "too-long"},
  };
}

}  // namespace quell::test
