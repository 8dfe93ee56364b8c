// `quell eval`: an expression tried from the command line.

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "process.h"

namespace quell::test {
namespace {

Finished eval(const Folder& folder, std::vector<std::string> words) {
  words.insert(words.begin(), {quell_path(), "eval"});
  return Process(words, Environment{{"HOME", folder.path()}}).wait();
}

}  // namespace

// Goal: values come with CEL's type names; text shows them as people write them.
TEST_CASE("eval gives a value and its type") {
  const Folder folder;
  CHECK(eval(folder, {"--json", "1 + 2"}).out == "{\"type\":\"int\",\"value\":3}\n");
  CHECK(eval(folder, {"--json", "{1: 'a'}"}).out == "{\"type\":\"map\",\"value\":[[1,\"a\"]]}\n");
  CHECK(eval(folder, {"--json", "0.0 / 0.0"}).out == "{\"type\":\"double\",\"value\":\"NaN\"}\n");
  CHECK(eval(folder, {"--json", "duration('1500ms')"}).out ==
        "{\"type\":\"google.protobuf.Duration\",\"value\":\"1.5s\"}\n");
  CHECK(eval(folder, {"'a' + 'b'"}).out == "ab\n");
  CHECK(eval(folder, {"-", "--json"}).exit == 1);  // an empty expression on standard input
}

// Goal: a negation is not taken for an option, with or without the separator.
TEST_CASE("eval takes an expression that begins with a minus") {
  const Folder folder;
  CHECK(eval(folder, {"-(4.5)", "--json"}).out == "{\"type\":\"double\",\"value\":-4.5}\n");
  CHECK(eval(folder, {"--json", "--", "-(-42)"}).out == "{\"type\":\"int\",\"value\":42}\n");
  CHECK(eval(folder, {"--jsn", "1"}).exit == 2);
}

// Goal: names come from the file, those with dots win over members, and a bad file is an error.
TEST_CASE("eval reads its names from a file") {
  const Folder folder;
  folder.write("vars.json", R"({"a":{"b":{"c":"member"}},"x.y":{"z":1},"a.b.c":"name"})");
  const std::string vars = folder.path() + "/vars.json";
  CHECK(eval(folder, {"a.b.c", "--vars", vars}).out == "name\n");
  CHECK(eval(folder, {"x.y.z", "--vars", vars}).out == "1\n");
  CHECK(eval(folder, {"a.b", "--vars", vars, "--json"}).out ==
        "{\"type\":\"map\",\"value\":{\"c\":\"member\"}}\n");
  folder.write("list.json", "[1]");
  CHECK(eval(folder, {"1", "--vars", folder.path() + "/list.json"}).exit == 2);
  CHECK(eval(folder, {"1", "--vars", folder.path() + "/none.json"}).exit == 2);
}

// Goal: an error of the expression is the answer "no", with its reason.
TEST_CASE("eval tells errors") {
  const Folder folder;
  const Finished json = eval(folder, {"--json", "1 / 0"});
  CHECK(json.exit == 1);
  CHECK(json.out == "{\"error\":\"division by zero in 1 / 0\"}\n");
  const Finished text = eval(folder, {"1 +"});
  CHECK(text.exit == 1);
  CHECK(text.err.find("[expression]") != std::string::npos);
}

}  // namespace quell::test
