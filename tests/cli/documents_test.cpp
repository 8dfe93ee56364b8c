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

}  // namespace quell::test
