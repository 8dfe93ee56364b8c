#include "tests/tidy/source_tree.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

#include "tests/tidy/source_text.h"

namespace quell::tidy {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 7> kFolders{
    "connectors", "docs", "orchestrator", "playbooks", "state", "tests", ".ci"};

/// Inputs of the fuzzers are arbitrary bytes.
constexpr std::string_view kCorpora = "tests/fuzz/corpus/";

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void add(std::vector<SourceFile>& files, const fs::path& root, const fs::path& path) {
  std::string name = path.lexically_relative(root).generic_string();
  if (name.starts_with(kCorpora)) return;
  files.push_back({.path = std::move(name), .text = read_file(path)});
}

}  // namespace

std::vector<SourceFile> read_tree(const fs::path& root) {
  std::vector<SourceFile> files;
  std::error_code failed;
  for (const std::string_view folder : kFolders) {
    for (fs::recursive_directory_iterator at(root / folder, failed), end; !failed && at != end;
         at.increment(failed)) {
      if (at->path().filename() == "node_modules") at.disable_recursion_pending();
      if (at->is_regular_file(failed)) add(files, root, at->path());
    }
  }
  for (fs::directory_iterator at(root, failed), end; !failed && at != end; at.increment(failed)) {
    if (at->is_regular_file(failed)) add(files, root, at->path());
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

std::set<std::string> built_files(const fs::path& build, const fs::path& root) {
  constexpr std::string_view kKey = "\"file\": \"";
  std::set<std::string> built;
  const std::string text = read_file(build / "compile_commands.json");
  for (const std::string_view line : lines_of(text)) {
    const std::size_t key = line.find(kKey);
    if (key == std::string_view::npos) continue;
    const std::size_t from = key + kKey.size();
    const std::size_t to = line.find('"', from);
    if (to == std::string_view::npos) continue;
    const fs::path file = line.substr(from, to - from);
    built.insert(file.lexically_relative(root).generic_string());
    if (file.parent_path().filename() != "Unity") continue;
    for (const Include& part : includes_of(read_file(file)))
      built.insert(fs::path(part.name).lexically_relative(root).generic_string());
  }
  return built;
}

}  // namespace quell::tidy
