#include "orchestrator/playbook/yaml_tree.h"

#include <algorithm>
#include <array>
#include <tuple>

#include <fmt/format.h>

#include "state/base/bytes.h"

namespace quell {
namespace {

constexpr std::size_t kWordShownMax = 60;

bool is_continuation(char c) noexcept { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::size_t characters(std::string_view text) noexcept {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

std::size_t utf8_length(unsigned code_point) noexcept {
  if (code_point < 0x80U) return 1;
  if (code_point < 0x800U) return 2;
  return code_point < 0x10000U ? 3 : 4;
}

/// Bytes that the escape at `at` (its backslash) takes in the source and gives in the text.
std::pair<std::size_t, std::size_t> escape_sizes(std::string_view source, std::size_t at) {
  if (at + 1 >= source.size()) return {1, 1};
  std::size_t digits = 0;
  switch (source[at + 1]) {
    case 'x':
      digits = 2;
      break;
    case 'u':
      digits = 4;
      break;
    case 'U':
      digits = 8;
      break;
    case 'N':  // U+0085
    case '_':  // U+00A0
      return {2, 2};
    case 'L':  // U+2028
    case 'P':  // U+2029
      return {2, 3};
    default:
      return {2, 1};
  }
  unsigned code_point = 0;
  for (std::size_t i = at + 2; i < source.size() && i < at + 2 + digits; ++i) {
    const char c = source[i];
    const unsigned digit = c >= '0' && c <= '9' ? static_cast<unsigned>(c - '0')
                                                : static_cast<unsigned>((c | 0x20) - 'a' + 10);
    code_point = code_point * 16 + (digit & 0xFU);
  }
  return {2 + digits, utf8_length(code_point)};
}

/// Walks a scalar's text and its source side by side.
class Walk {
 public:
  Walk(const YamlNode& scalar, std::string_view source)
      : style_(scalar.style), text_(scalar.text), source_(source), at_(scalar.offset) {
    if (style_ == YamlNode::Style::block) {
      at_ = std::min(source.find('\n', at_), source.size());  // behind the `|` or `>` line
    } else if (style_ != YamlNode::Style::plain) {
      ++at_;
    }
  }

  /// The source offset of byte `target` of the text.
  std::size_t to(std::size_t target) {
    while (done_ < target && at_ < source_.size()) step();
    // A fold or an indentation belongs to what came before it.
    if (target < text_.size() && !is_space(text_[target]) &&
        !(quoted() && source_.substr(at_, 1) == "\\")) {
      skip_blank();
    }
    return std::min(at_, source_.size());
  }

 private:
  bool quoted() const noexcept { return style_ == YamlNode::Style::double_quoted; }

  void skip_blank() {
    while (at_ < source_.size() && is_space(source_[at_])) ++at_;
  }

  void step() {
    const char want = text_[done_];
    if (quoted() && source_[at_] == '\\') {
      if (at_ + 1 < source_.size() && (source_[at_ + 1] == '\n' || source_[at_ + 1] == '\r')) {
        ++at_;  // an escaped line end joins two lines and gives nothing
        skip_blank();
        return;
      }
      const auto [taken, given] = escape_sizes(source_, at_);
      at_ += taken;
      done_ += given;
    } else if (style_ == YamlNode::Style::single_quoted && source_.substr(at_, 2) == "''") {
      at_ += 2;
      ++done_;
    } else if (source_[at_] != want && is_space(source_[at_])) {
      skip_blank();  // a fold, which is white space in the text too, or an indentation
      while (is_space(want) && done_ < text_.size() && is_space(text_[done_])) ++done_;
    } else {
      ++at_;
      ++done_;
    }
  }

  YamlNode::Style style_;
  std::string_view text_;
  std::string_view source_;
  std::size_t at_;
  std::size_t done_ = 0;
};

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const noexcept {
  for (const YamlMember& member : members) {
    if (member.key.text == key) return &member.value;
  }
  return nullptr;
}

const YamlNode* YamlNode::find_key(std::string_view key) const noexcept {
  for (const YamlMember& member : members) {
    if (member.key.text == key) return &member.key;
  }
  return nullptr;
}

std::string_view to_string(YamlNode::Kind kind) noexcept {
  constexpr std::array<std::string_view, 7> kNames{
      "nothing", "true or false", "a whole number", "a number", "text", "a list", "a map"};
  return kNames[static_cast<std::size_t>(kind)];
}

SourceText::SourceText(std::string_view text) : text_(text) {
  starts_.push_back(0);
  for (std::size_t at = text.find('\n'); at != std::string_view::npos;
       at = text.find('\n', at + 1)) {
    starts_.push_back(at + 1);
  }
}

Position SourceText::position(std::size_t offset) const noexcept {
  offset = std::min(offset, text_.size());
  const auto next = std::upper_bound(starts_.begin(), starts_.end(), offset);
  const std::size_t start = *(next - 1);
  return {.line = static_cast<int>(next - starts_.begin()),
          .column = static_cast<int>(characters(text_.substr(start, offset - start))) + 1};
}

SourceSpan locate(const YamlNode& scalar, std::string_view source, std::size_t at,
                  std::size_t length) {
  at = std::min(at, scalar.text.size());
  Walk walk(scalar, source);
  const std::size_t begin = walk.to(at);
  std::size_t end = begin;
  if (length > 0 && at < scalar.text.size()) {
    // To the last byte and one further, so that a fold behind it is not underlined.
    end = walk.to(std::min(at + length, scalar.text.size()) - 1) + 1;
  }
  const std::size_t line_end = std::min(source.find('\n', begin), source.size());
  end = std::min(end, line_end);
  return {.offset = begin, .length = end > begin ? end - begin : 1};
}

SourceSpan span_of(const YamlNode& node, std::string_view source) {
  if (!node.is_scalar() || node.text.empty()) return {.offset = node.offset, .length = 1};
  return locate(node, source, 0, node.text.size());
}

void Findings::add(Diagnostic::Severity severity, SourceSpan span, std::string_view code,
                   std::string message, std::string hint) {
  if (severity == Diagnostic::Severity::error) ++errors_;
  if (found_.size() >= kFindingsMax) {
    ++dropped_;
    return;
  }
  Diagnostic finding{.severity = severity, .code = std::string(code)};
  finding.at = source_.position(span.offset);
  finding.length = std::max(1, static_cast<int>(characters(source_.text().substr(
                                   std::min(span.offset, source_.text().size()), span.length))));
  finding.message = std::move(message);
  finding.hint = std::move(hint);
  found_.push_back(std::move(finding));
}

void Findings::error(SourceSpan span, std::string_view code, std::string message,
                     std::string hint) {
  add(Diagnostic::Severity::error, span, code, std::move(message), std::move(hint));
}

void Findings::warning(SourceSpan span, std::string_view code, std::string message,
                       std::string hint) {
  add(Diagnostic::Severity::warning, span, code, std::move(message), std::move(hint));
}

void Findings::error(const YamlNode& node, std::string_view code, std::string message,
                     std::string hint) {
  error(span_of(node, source_.text()), code, std::move(message), std::move(hint));
}

void Findings::warning(const YamlNode& node, std::string_view code, std::string message,
                       std::string hint) {
  warning(span_of(node, source_.text()), code, std::move(message), std::move(hint));
}

std::vector<Diagnostic> Findings::take() {
  const auto order = [](const Diagnostic& one) {
    return std::tuple(one.at.line, one.at.column, one.severity, std::string_view(one.code),
                      std::string_view(one.message));
  };
  std::stable_sort(found_.begin(), found_.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) { return order(a) < order(b); });
  found_.erase(
      std::unique(found_.begin(), found_.end(),
                  [&](const Diagnostic& a, const Diagnostic& b) { return order(a) == order(b); }),
      found_.end());
  if (dropped_ > 0) {
    Diagnostic more{.severity = Diagnostic::Severity::error, .code = "too-many"};
    more.at = source_.position(source_.text().size());
    more.message = fmt::format("{} further findings are left out", dropped_);
    more.hint = "mend those above and check again";
    found_.push_back(std::move(more));
  }
  return std::move(found_);
}

std::string shown(std::string_view word) {
  if (word.size() <= kWordShownMax) return escape_untrusted(word);
  std::size_t end = kWordShownMax;
  while (end > 0 && is_continuation(word[end])) --end;
  return escape_untrusted(word.substr(0, end)) + "...";
}

}  // namespace quell
