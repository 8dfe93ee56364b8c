#include "tests/orchestrator/playbook/fault_cases.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "state/base/bytes.h"
#include "tests/orchestrator/playbook/checking.h"

namespace quell::test {
namespace {

constexpr std::string_view kCase = "=== ";
constexpr std::string_view kHead = "=== (head)";
constexpr std::string_view kBytes = "(bytes)";
constexpr std::size_t kMarkedShownMax = 120;  // bytes

/// `\xNN` as the byte that it names.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    unsigned byte = 0;
    if (text.substr(at, 2) == "\\x" && at + 4 <= text.size() &&
        std::from_chars(text.data() + at + 2, text.data() + at + 4, byte, 16).ec == std::errc{}) {
      out += static_cast<char>(byte);
      at += 3;
    } else {
      out += text[at];
    }
  }
  return out;
}

/// The characters from `column` on, in the line that the finding names.
std::string marked(std::string_view source, const Diagnostic& one) {
  if (source.starts_with("\xEF\xBB\xBF")) source.remove_prefix(3);
  for (int line = 1; line < one.at.line; ++line) {
    source.remove_prefix(std::min(source.find('\n'), source.size() - 1) + 1);
  }
  source = source.substr(0, source.find('\n'));
  std::string text;
  int column = 0;
  for (const char c : source) {
    if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) ++column;
    if (column >= one.at.column && column < one.at.column + one.length) text += c;
  }
  return escape_untrusted(text.substr(0, kMarkedShownMax));
}

FaultFile read_fault_file(const std::filesystem::path& path) {
  FaultFile file{.path = path.string()};
  std::ifstream in(path, std::ios::binary);
  bool in_head = false;
  for (std::string line; std::getline(in, line);) {
    line += '\n';
    if (line == std::string(kHead) + "\n") {
      in_head = true;
    } else if (line.starts_with(kCase)) {
      in_head = false;
      file.cases.push_back({.name = line.substr(kCase.size(), line.size() - kCase.size() - 1)});
    } else if (in_head) {
      file.head += line;
    } else if (file.cases.empty()) {
      file.comment += line;
    } else if (line.starts_with('>')) {
      file.cases.back().expected += line;
    } else {
      file.cases.back().body += line;
    }
  }
  for (FaultCase& one : file.cases) {
    one.source = file.head + (one.name.ends_with(kBytes) ? unescaped(one.body) : one.body);
  }
  return file;
}

}  // namespace

std::vector<FaultFile> read_fault_files() {
  const std::filesystem::path folder = source_path("tests/orchestrator/playbook/faults");
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<FaultFile> files;
  for (const std::filesystem::path& path : paths) files.push_back(read_fault_file(path));
  return files;
}

std::string told(const std::string& source) {
  std::string text;
  for (const Diagnostic& one : load_playbook(source, "p.yaml", catalog(), callable()).diagnostics) {
    const bool is_error = one.severity == Diagnostic::Severity::error;
    text += fmt::format("> {}:{}: {}: {} [{}]\n", one.at.line, one.at.column,
                        is_error ? "error" : "warning", one.message, one.code);
    const std::string word = marked(source, one);
    text += fmt::format(">   at: {}\n", word.empty() ? "(end of line)" : word);
    if (!one.hint.empty()) text += fmt::format(">   help: {}\n", one.hint);
  }
  return text;
}

std::string with_findings(const FaultFile& file) {
  std::string text = file.comment;
  if (!file.head.empty()) text += fmt::format("{}\n{}", kHead, file.head);
  for (const FaultCase& one : file.cases) {
    text += fmt::format("{}{}\n{}{}", kCase, one.name, one.body, told(one.source));
  }
  return text;
}

}  // namespace quell::test
