#include "orchestrator/cli/manual.h"

#include <algorithm>

namespace quell::cli {
namespace {

constexpr std::string_view kMark = "### ";

/// The sections of docs/errors.md as (word, text).
std::vector<std::pair<std::string, std::string>> sections() {
  std::vector<std::pair<std::string, std::string>> found;
  std::string_view page = manual_pages().front().second;
  bool is_inside = false;
  while (!page.empty()) {
    const std::size_t end = std::min(page.find('\n'), page.size());
    const std::string_view line = page.substr(0, end);
    page.remove_prefix(std::min(end + 1, page.size()));
    if (line.starts_with('#')) {
      is_inside = line.starts_with(kMark);
      if (is_inside) found.emplace_back(line.substr(kMark.size()), "");
    } else if (is_inside) {
      found.back().second.append(line).append("\n");
    }
  }
  return found;
}

/// Emphasis and code marks are for documents.
std::string without_marks(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    if (c != '*' && c != '`') plain += c;
  }
  while (plain.ends_with("\n\n")) plain.pop_back();
  return plain;
}

}  // namespace

std::optional<std::string> explain_error(std::string_view word) {
  for (const auto& [name, text] : sections()) {
    if (name == word) return name + "\n" + without_marks(text);
  }
  return std::nullopt;
}

std::vector<std::string> error_words() {
  std::vector<std::string> words;
  for (const auto& section : sections()) words.push_back(section.first);
  return words;
}

}  // namespace quell::cli
