// Goal: whatever is wrong with a playbook is told exactly: all of it in one pass, each at its
// place, with its code and a remedy that helps. Method: the cases of faults/*.txt, with every line
// that `quell check` has to say. After a change that is meant, QUELL_WRITE_FAULTS=1 writes the
// lines anew; read the difference before you keep it.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include <doctest/doctest.h>

#include "tests/orchestrator/playbook/checking.h"
#include "tests/orchestrator/playbook/fault_cases.h"

namespace quell::test {
namespace {

constexpr std::size_t kFaultyMin = 150;

TEST_CASE("each faulty playbook gives its findings, word for word") {
  const bool writes =
      std::getenv("QUELL_WRITE_FAULTS") != nullptr;  // NOLINT(concurrency-mt-unsafe)
  std::size_t faulty = 0;
  for (const FaultFile& file : read_fault_files()) {
    CAPTURE(file.path);
    std::set<std::string> names;
    for (const FaultCase& one : file.cases) {
      CAPTURE(one.name);
      CHECK(names.insert(one.name).second);
      if (!writes) CHECK(told(one.source) == one.expected);
      if (!one.expected.empty()) ++faulty;
    }
    if (writes) std::ofstream(file.path, std::ios::binary) << with_findings(file);
  }
  if (!writes) CHECK(faulty >= kFaultyMin);
}

/// The codes that stand in the sources of the loader and of the expression language: their texts of
/// several words joined by hyphens, and the few of one word.
std::set<std::string> codes_in_sources() {
  // Given by others: where a run is refused its inputs, and where `quell check` looks beside the
  // file.
  const std::set<std::string> others{"bad-input", "no-drill", "unreachable-approval"};
  std::set<std::string> codes{"yaml", "empty", "syntax", "unsupported"};
  const std::regex word("\"([a-z]+(-[a-z0-9]+)+)\"");
  for (const char* const folder : {"orchestrator/playbook", "orchestrator/expression"}) {
    for (const auto& entry : std::filesystem::directory_iterator(source_path(folder))) {
      if (entry.path().extension() != ".cpp") continue;
      std::ifstream in(entry.path(), std::ios::binary);
      for (std::string line; std::getline(in, line);) {
        for (std::sregex_iterator at(line.begin(), line.end(), word), end; at != end; ++at) {
          if (!others.contains((*at)[1])) codes.insert((*at)[1]);
        }
      }
    }
  }
  return codes;
}

// Goal: a new finding comes with a case that shows it.
TEST_CASE("every code of the loader has a case") {
  // Their files are too large to be read by people; bombs_test.cpp makes them.
  std::set<std::string> seen{"too-deep", "too-large", "too-long", "too-many"};
  const std::regex code("\\[([a-z0-9-]+)\\]\n");
  for (const FaultFile& file : read_fault_files()) {
    for (const FaultCase& one : file.cases) {
      const std::string& text = one.expected;
      for (std::sregex_iterator at(text.begin(), text.end(), code), end; at != end; ++at) {
        seen.insert((*at)[1]);
      }
    }
  }
  for (const std::string& one : codes_in_sources()) {
    CAPTURE(one);
    CHECK(seen.contains(one));
  }
}

}  // namespace
}  // namespace quell::test
