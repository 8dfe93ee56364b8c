#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "tests/tidy/source_text.h"

namespace quell::tidy {

/// Every text file of the tree under `root` that people write: its folders of code, playbooks,
/// tests and documents, and the files at the top. Sorted by path.
std::vector<SourceFile> read_tree(const std::filesystem::path& root);

/// Paths, from `root`, of the files that `build`/compile_commands.json compiles; empty when there
/// is no such file.
std::set<std::string> built_files(const std::filesystem::path& build,
                                  const std::filesystem::path& root);

}  // namespace quell::tidy
