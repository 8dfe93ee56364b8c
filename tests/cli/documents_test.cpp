// Documents that the program writes itself.

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <doctest/doctest.h>

#include "process.h"

namespace quell::test {

// Goal: the manual of the actions is what the program declares.
TEST_CASE("docs/actions.md is what quell actions --markdown writes") {
  const char* const root = std::getenv("QUELL_SOURCE_DIR");  // NOLINT(concurrency-mt-unsafe)
  REQUIRE(root != nullptr);
  std::ifstream file(std::string(root) + "/docs/actions.md", std::ios::binary);
  const std::string manual{std::istreambuf_iterator<char>(file), {}};
  const Folder folder;
  const Finished written =
      Process({quell_path(), "actions", "--markdown"}, Environment{{"HOME", folder.path()}}).wait();
  CHECK(written.exit == 0);
  const bool is_same = written.out == manual;
  CHECK_MESSAGE(is_same, "write it anew: quell actions --markdown >docs/actions.md");
}

// Goal: the word behind an error leads to its explanation, a misspelt one to the right word.
TEST_CASE("help explains the word behind an error") {
  const Folder folder;
  const Environment home{{"HOME", folder.path()}};
  const Finished found = Process({quell_path(), "help", "locked"}, home).wait();
  CHECK(found.exit == 0);
  CHECK(found.out.find("quell follow RUN") != std::string::npos);
  CHECK(found.out.find('`') == std::string::npos);
  const Finished near = Process({quell_path(), "help", "lockd"}, home).wait();
  CHECK(near.exit == 2);
  CHECK(near.err.find("did you mean quell help locked?") != std::string::npos);
}

// Goal: what is completed is what there is. Method: bash itself completes.
TEST_CASE("bash completes commands, options and names") {
  const Folder folder;
  const Environment home{{"HOME", folder.path()}};
  const auto completed = [&](const std::string& words, int at) {
    const std::string script = "source <(" + quell_path() + " completion bash); COMP_WORDS=(" +
                               words + "); COMP_CWORD=" + std::to_string(at) +
                               "; _quell; echo ${COMPREPLY[@]}";
    return Process({"/bin/bash", "-c", script}, home).wait().out;
  };
  CHECK(completed("quell che", 1) == "check\n");
  CHECK(completed("quell run --dry", 2) == "--dry-run\n");
  CHECK(completed("quell drill rot", 2) == "rotate-only\n");
  for (const char* const shell : {"zsh", "fish"})
    CHECK(Process({quell_path(), "completion", shell}, home).wait().out.find("rotate-only") !=
          std::string::npos);
  CHECK(Process({quell_path(), "completion", "bsh"}, home).wait().exit == 2);
}

}  // namespace quell::test
