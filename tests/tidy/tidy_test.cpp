#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include <doctest/doctest.h>

#include "tests/tidy/rules.h"
#include "tests/tidy/source_tree.h"

namespace quell::tidy {
namespace {

std::filesystem::path place(const char* variable) {
  const char* const value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe)
  REQUIRE_MESSAGE(value != nullptr, variable << " is not set; ctest sets it");
  return value;
}

const std::vector<SourceFile>& tree() {
  static const std::vector<SourceFile> kTree = read_tree(place("QUELL_SOURCE_DIR"));
  return kTree;
}

std::set<std::string> tree_paths() {
  std::set<std::string> paths;
  for (const SourceFile& file : tree()) paths.insert(file.path);
  return paths;
}

void expect_none(const Breaches& breaches) {
  for (const Breach& breach : breaches) FAIL_CHECK(to_string(breach));
}

/// The rules that a made-up file breaches, with their lines.
std::vector<std::string> broken(const Breaches& breaches) {
  std::vector<std::string> rules;
  for (const Breach& breach : breaches)
    rules.push_back(breach.rule + ":" + std::to_string(breach.line));
  return rules;
}

using Rules = std::vector<std::string>;

// Goal: dependencies point down, as CMakeLists.txt draws them.
TEST_CASE("no file includes from above") {
  REQUIRE(tree().size() > 100);
  for (const SourceFile& file : tree()) expect_none(check_layers(file));
}

// Goal: a new library cannot slip past the table of layers.
TEST_CASE("each library folder stands in the table of layers") {
  const std::set<std::string> known = layered_folders();
  for (const SourceFile& file : tree()) {
    if (file.path != "CMakeLists.txt") continue;
    const std::set<std::string> folders = library_folders(file.text);
    CHECK(folders.size() > 10);
    for (const std::string& folder : folders) {
      CAPTURE(folder);
      CHECK(known.contains(folder));
    }
  }
}

// Goal: a third-party library is known to the files that own it, and to no header.
TEST_CASE("third-party headers stay in their owning files") {
  for (const SourceFile& file : tree()) expect_none(check_third_party(file));
  expect_none(stale_table_entries(tree_paths()));
}

// Goal: nothing lies in the tree that no build reads.
TEST_CASE("each source is compiled by some target") {
  const std::set<std::string> built =
      built_files(place("QUELL_BUILD_DIR"), place("QUELL_SOURCE_DIR"));
  REQUIRE(!built.empty());
  for (const SourceFile& file : tree()) expect_none(check_built(file, built));
}

// Goal: a secret's bytes are seen where the table says, each place with its reason.
TEST_CASE("only transport, signers and sealer look inside a secret") {
  for (const SourceFile& file : tree()) expect_none(check_reveal(file));
}

// Goal: files fit a reader, say nothing of one machine and promise nothing for later.
TEST_CASE("files are short, finished and at home everywhere") {
  for (const SourceFile& file : tree()) expect_none(check_text(file));
}

// Goal: results go through the command line's streams, failures through Result.
TEST_CASE("only the command line prints, and nothing throws") {
  for (const SourceFile& file : tree()) expect_none(check_habits(file));
}

// --- Each rule can fail

TEST_CASE("an upward include is found") {
  const SourceFile up{
      .path = "state/sample.cpp",
      .text =
          "#include <string>\n#include \"connectors/url.h\"\n#include \"state/base/result.h\"\n"};
  CHECK(broken(check_layers(up)) == Rules{"layers:2"});
  const SourceFile sideways{
      .path = "orchestrator/range/sample.h",
      .text = "#include \"orchestrator/engine/engine.h\"\n#include \"state/journal.h\"\n"};
  CHECK(broken(check_layers(sideways)) == Rules{"layers:1", "layers:2"});
  const SourceFile engine{
      .path = "orchestrator/engine/sample.cpp",
      .text = "#include \"connectors/oauth/jwt.h\"\n#include \"connectors/url.h\"\n"};
  CHECK(broken(check_layers(engine)) == Rules{"layers:1"});
  const SourceFile front{.path = "orchestrator/http_sample.cpp",
                         .text =
                             "#include \"orchestrator/http_server.h\"\n#include "
                             "\"orchestrator/config.h\"\n"};
  CHECK(broken(check_layers(front)) == Rules{"layers:2"});
  const SourceFile product{.path = "connectors/sample.cpp",
                           .text = "#include \"tests/support/run_action.h\"\n"};
  CHECK(broken(check_layers(product)) == Rules{"layers:1"});
  const SourceFile stray{.path = "connectors/new_folder/sample.cpp", .text = ""};
  CHECK(broken(check_layers(stray)) == Rules{"layers:0"});
}

TEST_CASE("a third-party header in a foreign file is found") {
  const SourceFile foreign{.path = "state/sample.cpp",
                           .text =
                               "#include <vector>\n#include <unistd.h>\n#include "
                               "<curl/curl.h>\n#include <fmt/format.h>\n"};
  CHECK(broken(check_third_party(foreign)) == Rules{"third-party:3"});
  const SourceFile unknown{.path = "state/sample.cpp", .text = "#include <boost/any.hpp>\n"};
  CHECK(broken(check_third_party(unknown)) == Rules{"third-party:1"});
  const SourceFile header{
      .path = "state/sample.h",
      .text = "#include <fmt/format.h>\nstruct A {\n  EVP_PKEY* key;\n};  // no YAML:: here\n"};
  CHECK(broken(check_third_party(header)) == Rules{"third-party:1", "third-party:3"});
}

TEST_CASE("a source that nothing builds is found") {
  const SourceFile lost{.path = "state/lost.cpp", .text = ""};
  CHECK(broken(check_built(lost, {"state/found.cpp"})) == Rules{"built:0"});
  CHECK(check_built(lost, {"state/lost.cpp"}).empty());
  CHECK(check_built({.path = "state/lost.h", .text = ""}, {}).empty());
}

TEST_CASE("a look inside a secret is found") {
  const SourceFile curious{
      .path = "orchestrator/sample.cpp",
      .text =
          "auto a = secret.reveal();\n// reveal() in words\nauto b = body.render();\nrender(x);\n"};
  CHECK(broken(check_reveal(curious)) == Rules{"reveal:1", "reveal:3"});
}

TEST_CASE("a long file, a mark of unfinished work and a place of one machine are found") {
  std::string text;
  for (int line = 0; line < 701; ++line) text += "x\n";
  CHECK(broken(check_text({.path = "docs/a.md", .text = text})) == Rules{"length:0"});
  const std::string mark = std::string("// TO") + "DO: later\nTO" + "DOS\n";
  CHECK(broken(check_text({.path = "state/a.cpp", .text = mark})) == Rules{"unfinished:1"});
  const std::string paths = std::string("a\n/ho") + "me/someone/x\nhttps://py" + "pi.org/simple\n";
  CHECK(broken(check_text({.path = "docs/a.md", .text = paths})) == Rules{"place:2", "place:3"});
}

TEST_CASE("a print and a throw are found") {
  const SourceFile loud{.path = "connectors/sample.cpp",
                        .text =
                            "std::cout << 1;\nstd::snprintf(b, 2, c);\nstd::printf(d);\nthrow "
                            "Refused{};\n\"throw \";\n"};
  CHECK(broken(check_habits(loud)) == Rules{"prints:1", "prints:3", "throws:4"});
  const SourceFile verb{.path = "orchestrator/cli/sample.cpp",
                        .text = "std::fputs(text, stdout);\n"};
  CHECK(check_habits(verb).empty());
}

// Goal: words in comments and strings are not taken for code, and the other way round.
TEST_CASE("comments and literals are told from code") {
  CHECK(code_only("a // b\nc") == "a     \nc");
  CHECK(code_only("a /* b\n */ c") == "a     \n    c");
  CHECK(code_only("f(\"x\\\"y\", 'q', 200'000)") == "f(\"    \", ' ', 200'000)");
  CHECK(code_only("R\"(a\"b)\" c") == "R\"     \" c");
  CHECK(code_only("\"//\" d // e") == "\"  \" d     ");
}

}  // namespace
}  // namespace quell::tidy
