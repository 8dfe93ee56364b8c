#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace quell::test {

/// One case of tests/orchestrator/playbook/faults/*.txt:
///
///     === a step without id
///       - {wait: {for: 1s}}
///     > 13:5: error: a step has no "id" [missing-key]
///     >   at: {
///     >   help: add id: ...
///
/// The text under `=== (head)` stands before that of every case of its file, so lines count from
/// there. A name that ends in `(bytes)` has `\xNN` in its text for bytes that an editor would not
/// keep. `at` is what the caret underlines. A case without `>` lines is a good file.
struct FaultCase {
  std::string name{};
  std::string body{};      // as it stands in the file
  std::string source{};    // what the loader is given
  std::string expected{};  // the `>` lines
};

struct FaultFile {
  std::string path{};
  std::string comment{};  // lines with # at its top
  std::string head{};
  std::vector<FaultCase> cases{};
};

/// All files of the folder, by name.
std::vector<FaultFile> read_fault_files();

/// The findings of `source` as `>` lines. The file is called p.yaml.
std::string told(const std::string& source);

/// The file with `told` of each case in place of what it expects.
std::string with_findings(const FaultFile& file);

}  // namespace quell::test
