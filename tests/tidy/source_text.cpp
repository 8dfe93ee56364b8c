#include "tests/tidy/source_text.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace quell::tidy {
namespace {

bool is_name_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Turns [from, to) into spaces, line ends excepted.
void blank(std::string& out, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) {
    if (out[i] != '\n') out[i] = ' ';
  }
}

/// End of the quoted literal that opens at `at`, one past its closing quote.
std::size_t end_of_literal(std::string_view text, std::size_t at) {
  const char quote = text[at];
  std::size_t i = at + 1;
  while (i < text.size() && text[i] != quote && text[i] != '\n') i += text[i] == '\\' ? 2 : 1;
  return std::min(i + 1, text.size());
}

/// End of the raw string whose quote stands at `at`.
std::size_t end_of_raw_string(std::string_view text, std::size_t at) {
  const std::size_t open = text.find('(', at);
  if (open == std::string_view::npos) return text.size();
  const std::string close = ")" + std::string(text.substr(at + 1, open - at - 1)) + "\"";
  const std::size_t end = text.find(close, open);
  return end == std::string_view::npos ? text.size() : end + close.size();
}

}  // namespace

std::string to_string(const Breach& breach) {
  return breach.path + (breach.line == 0 ? "" : ":" + std::to_string(breach.line)) + ": [" +
         breach.rule + "] " + breach.detail;
}

std::string code_only(std::string_view text) {
  std::string out(text);
  std::size_t i = 0;
  while (i < text.size()) {
    const char c = text[i];
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    std::size_t end = i + 1;
    if (c == '/' && next == '/') {
      end = std::min(text.find('\n', i), text.size());
      blank(out, i, end);
    } else if (c == '/' && next == '*') {
      const std::size_t close = text.find("*/", i + 2);
      end = close == std::string_view::npos ? text.size() : close + 2;
      blank(out, i, end);
    } else if (c == '"') {
      const bool raw = i > 0 && text[i - 1] == 'R' && (i < 2 || !is_name_char(text[i - 2]));
      end = raw ? end_of_raw_string(text, i) : end_of_literal(text, i);
      blank(out, i + 1, end - 1);
    } else if (c == '\'' && (i == 0 || !is_name_char(text[i - 1]))) {
      end = end_of_literal(text, i);
      blank(out, i + 1, end - 1);
    }
    i = end;
  }
  return out;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::vector<Include> includes_of(std::string_view text) {
  constexpr std::string_view kDirective = "#include ";
  std::vector<Include> found;
  std::size_t number = 0;
  for (const std::string_view line : lines_of(text)) {
    ++number;
    if (!line.starts_with(kDirective) || line.size() < kDirective.size() + 3) continue;
    const bool quoted = line[kDirective.size()] == '"';
    const std::size_t from = kDirective.size() + 1;
    const std::size_t to = line.find(quoted ? '"' : '>', from);
    if (to == std::string_view::npos) continue;
    found.push_back(
        {.line = number, .name = std::string(line.substr(from, to - from)), .quoted = quoted});
  }
  return found;
}

bool has_word(std::string_view line, std::string_view word) {
  for (std::size_t at = line.find(word); at != std::string_view::npos;
       at = line.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool starts = at == 0 || !is_name_char(line[at - 1]) || !is_name_char(word.front());
    const bool ends = end == line.size() || !is_name_char(line[end]) || !is_name_char(word.back());
    if (starts && ends) return true;
  }
  return false;
}

bool is_header(std::string_view path) { return path.ends_with(".h"); }
bool is_source(std::string_view path) { return path.ends_with(".cpp"); }

bool is_product(std::string_view path) {
  constexpr std::array<std::string_view, 3> kFolders{"state/", "connectors/", "orchestrator/"};
  return (is_header(path) || is_source(path)) &&
         std::any_of(kFolders.begin(), kFolders.end(),
                     [&](std::string_view folder) { return path.starts_with(folder); });
}

}  // namespace quell::tidy
