#include "orchestrator/playbook/diagnostics.h"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

#include "state/base/assert.h"
#include "state/base/bytes.h"

namespace quell {
namespace {

constexpr std::size_t kWordMax = 64;          // longer words are not compared
constexpr std::size_t kLineShownMax = 200;    // characters of a source line
constexpr std::size_t kLineLeadMax = 60;      // of them before the caret when a line is cut
constexpr std::string_view kCutMark = "...";  // stands for what was cut off in front

/// Optimal string alignment: insert, delete, replace, or swap two neighbours, each costs one.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::string_view line_of(std::string_view source, int line) {
  std::size_t start = 0;
  for (int i = 1; i < line; ++i) {
    const std::size_t end = source.find('\n', start);
    if (end == std::string_view::npos) return {};
    start = end + 1;
  }
  std::string_view text = source.substr(start, source.substr(start).find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

/// Some of a line's characters, each fit for a terminal; a tab takes one column like any other.
struct LineView {
  std::vector<std::string> characters{};
  std::size_t from = 0;  // index of the first
  bool cut_behind = false;
};

/// The characters around `column` (from 0), at most kLineShownMax; only these are looked at
/// closely.
LineView view_of(std::string_view line, std::size_t column) {
  const auto starts_character = [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  };
  LineView view;
  const auto count =
      static_cast<std::size_t>(std::count_if(line.begin(), line.end(), starts_character));
  if (count > kLineShownMax && column > kLineLeadMax) view.from = column - kLineLeadMax;
  std::size_t index = 0;
  for (std::size_t at = 0; at < line.size();) {
    std::size_t length = 1;
    while (at + length < line.size() && !starts_character(line[at + length])) ++length;
    if (index >= view.from + kLineShownMax) {
      view.cut_behind = true;
      break;
    }
    if (index >= view.from) {
      view.characters.push_back(line[at] == '\t' ? " " : escape_untrusted(line.substr(at, length)));
    }
    ++index;
    at += length;
  }
  return view;
}

}  // namespace

std::string nearest_word(std::string_view word, const std::vector<std::string>& known) {
  if (word.empty() || word.size() > kWordMax) return {};
  // Two slips in a word of six letters are a slip; two in a word of three are another word.
  std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;
  std::string nearest;
  for (const std::string& candidate : known) {
    if (candidate.size() > kWordMax) continue;
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best && distance < candidate.size()) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string render(const Diagnostic& diagnostic, std::string_view file, std::string_view source,
                   bool short_form) {
  std::string text = fmt::format(
      "{}:{}:{}: {}: {} [{}]\n", escape_untrusted(file), diagnostic.at.line, diagnostic.at.column,
      diagnostic.severity == Diagnostic::Severity::error ? "error" : "warning", diagnostic.message,
      diagnostic.code);
  if (short_form) return text;

  const auto column = static_cast<std::size_t>(std::max(1, diagnostic.at.column)) - 1;
  const auto length = static_cast<std::size_t>(std::max(1, diagnostic.length));
  const LineView line = view_of(line_of(source, diagnostic.at.line), column);
  // The finding must not carry a secret on to a log.
  const bool masked = diagnostic.code == "secret-literal";
  std::string shown;
  std::size_t lead = 0;  // columns in front of the caret
  if (line.from > 0) {
    shown = kCutMark;
    lead = kCutMark.size();
  }
  const std::size_t end = line.from + line.characters.size();
  for (std::size_t i = line.from; i < end; ++i) {
    const std::string& character = line.characters[i - line.from];
    shown += masked && i >= column && i < column + length ? "*" : character;
    if (i < column) lead += character.size() == 1 || character[0] != '\\' ? 1 : character.size();
  }
  if (line.cut_behind) shown += kCutMark;
  if (column > end) lead += column - end;
  const std::size_t carets = std::min(length, kLineShownMax);
  text += fmt::format("{:>5} | {}\n      | {}{}\n", diagnostic.at.line, shown,
                      std::string(lead, ' '), std::string(carets, '^'));
  if (!diagnostic.hint.empty()) text += fmt::format("      = help: {}\n", diagnostic.hint);
  return text;
}

Error first_error(std::vector<Diagnostic> found, const std::string& file, std::string topic,
                  const std::string& tells_all) {
  std::erase_if(found,
                [](const Diagnostic& one) { return one.severity != Diagnostic::Severity::error; });
  QUELL_ASSERT(!found.empty());
  const Diagnostic& first = found.front();
  std::string sentence =
      fmt::format("{}:{}:{}: {}", file, first.at.line, first.at.column, first.message);
  const bool several = found.size() > 1;
  if (several) sentence += fmt::format(", and {} more", found.size() - 1);
  std::string hint = first.hint.empty() ? "correct " + file : first.hint;
  if (!tells_all.empty() && (several || first.hint.empty())) hint = tells_all;
  return make_error(ErrorCode::invalid, std::move(topic), sentence + ".", std::move(hint));
}

}  // namespace quell
