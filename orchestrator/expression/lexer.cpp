#include "orchestrator/expression/lexer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/expression/text.h"
#include "state/base/bytes.h"

namespace quell::expression {
namespace {

bool is_word_start(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_word(char c) noexcept { return is_word_start(c) || is_digit(c); }
bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

int hex_digit(char c) noexcept {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The opening of a string: which quote, how many, raw or not.
struct Opening {
  char quote = '"';
  std::size_t quotes = 1;  // 1 or 3
  bool is_raw = false;
  bool is_bytes = false;
  std::size_t content = 0;  // offset of the first byte inside
};

/// The string that begins at `at`, prefix included, if one does.
std::optional<Opening> opening_at(std::string_view text, std::size_t at) noexcept {
  constexpr std::size_t kPrefixMax = 2;
  Opening opening;
  std::size_t quote = at;
  while (quote < text.size() && quote - at < kPrefixMax && text[quote] != '"' &&
         text[quote] != '\'') {
    const char c = text[quote];
    const bool raw = c == 'r' || c == 'R';
    const bool bytes = c == 'b' || c == 'B';
    if ((!raw && !bytes) || (raw && opening.is_raw) || (bytes && opening.is_bytes)) {
      return std::nullopt;
    }
    opening.is_raw |= raw;
    opening.is_bytes |= bytes;
    ++quote;
  }
  if (quote >= text.size() || (text[quote] != '"' && text[quote] != '\'')) return std::nullopt;
  opening.quote = text[quote];
  const bool triple = quote + 2 < text.size() && text[quote + 1] == opening.quote &&
                      text[quote + 2] == opening.quote;
  opening.quotes = triple ? 3 : 1;
  opening.content = quote + opening.quotes;
  return opening;
}

bool closes(std::string_view text, std::size_t at, const Opening& opening) noexcept {
  if (opening.quotes == 1) return text[at] == opening.quote;
  return at + 2 < text.size() && text[at] == opening.quote && text[at + 1] == opening.quote &&
         text[at + 2] == opening.quote;
}

/// The offset of the closing quotes, or npos for a string that is not closed.
std::size_t end_of_string(std::string_view text, const Opening& opening) noexcept {
  for (std::size_t at = opening.content; at < text.size(); ++at) {
    if (closes(text, at, opening)) return at;
    if (text[at] == '\\' && !opening.is_raw) {
      ++at;
    } else if (opening.quotes == 1 && (text[at] == '\n' || text[at] == '\r')) {
      break;
    }
  }
  return std::string_view::npos;
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::variant<std::vector<Token>, ExpressionError> run() {
    if (text_.size() > kTextBytesMax) {
      return ExpressionError{.code = "too-long",
                             .message = fmt::format("an expression of {} bytes", text_.size()),
                             .hint = fmt::format("at most {} bytes", kTextBytesMax)};
    }
    if (!is_valid_utf8(text_)) {
      return ExpressionError{.code = "syntax", .message = "an expression that is not UTF-8"};
    }
    while (skip_space(), at_ < text_.size()) {
      if (!token()) return std::move(error_);
    }
    tokens_.push_back(Token{.kind = TokenKind::end, .span = {.offset = text_.size()}});
    return std::move(tokens_);
  }

 private:
  bool fail(Span span, std::string message, std::string hint = {}, std::string code = "syntax") {
    error_ = ExpressionError{.offset = span.offset,
                             .length = span.length,
                             .code = std::move(code),
                             .message = std::move(message),
                             .hint = std::move(hint)};
    return false;
  }

  char peek(std::size_t ahead = 0) const noexcept {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void skip_space() noexcept {
    while (at_ < text_.size()) {
      if (is_space(text_[at_])) {
        ++at_;
      } else if (peek() == '/' && peek(1) == '/') {
        at_ = std::min(text_.find_first_of("\r\n", at_), text_.size());
      } else {
        return;
      }
    }
  }

  void push(TokenKind kind, std::size_t from, std::string text) {
    tokens_.push_back(Token{
        .kind = kind, .span = {.offset = from, .length = at_ - from}, .text = std::move(text)});
  }

  bool token() {
    const char c = peek();
    if (const std::optional<Opening> opening = opening_at(text_, at_)) return string(*opening);
    if (is_word_start(c)) {
      const std::size_t from = at_;
      while (is_word(peek())) ++at_;
      push(TokenKind::identifier, from, std::string(text_.substr(from, at_ - from)));
      return true;
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (c == '`') return quoted_identifier();
    return symbol();
  }

  bool number() {
    const std::size_t from = at_;
    bool is_double = false;
    if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X') && hex_digit(peek(2)) >= 0) {
      at_ += 2;
      while (hex_digit(peek()) >= 0) ++at_;
    } else {
      while (is_digit(peek())) ++at_;
      if (peek() == '.' && is_digit(peek(1))) {
        is_double = true;
        ++at_;
        while (is_digit(peek())) ++at_;
      }
      const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
      if ((peek() == 'e' || peek() == 'E') && is_digit(peek(1 + sign))) {
        is_double = true;
        at_ += 1 + sign;
        while (is_digit(peek())) ++at_;
      }
    }
    if (!is_double && (peek() == 'u' || peek() == 'U')) {
      ++at_;
      return fail({.offset = from, .length = at_ - from},
                  "unsigned integers are not part of the language", "write it without the u",
                  "unsupported");
    }
    if (is_word(peek())) {
      while (is_word(peek())) ++at_;
      return fail({.offset = from, .length = at_ - from}, "neither a number nor a name");
    }
    push(is_double ? TokenKind::double_literal : TokenKind::int_literal, from,
         std::string(text_.substr(from, at_ - from)));
    return true;
  }

  /// cel-spec langdef ESC_IDENTIFIER: letters, digits and `_ . - /` and space between backticks.
  bool quoted_identifier() {
    const std::size_t from = at_;
    ++at_;
    while (is_word(peek()) || peek() == '.' || peek() == '-' || peek() == '/' || peek() == ' ') {
      ++at_;
    }
    if (peek() != '`' || at_ == from + 1) {
      return fail({.offset = from}, "a quoted member name is not closed",
                  "letters, digits, _ . - / and spaces between two `");
    }
    ++at_;
    push(TokenKind::quoted_identifier, from, std::string(text_.substr(from + 1, at_ - from - 2)));
    return true;
  }

  bool symbol() {
    constexpr std::array<std::string_view, 6> kPairs{"==", "!=", "<=", ">=", "&&", "||"};
    constexpr std::string_view kSingles = "<>!+-*/%?:.,()[]{}";
    const std::size_t from = at_;
    for (const std::string_view pair : kPairs) {
      if (!text_.substr(at_).starts_with(pair)) continue;
      at_ += pair.size();
      push(TokenKind::symbol, from, std::string(pair));
      return true;
    }
    const char c = peek();
    if (kSingles.find(c) != std::string_view::npos) {
      ++at_;
      push(TokenKind::symbol, from, std::string(1, c));
      return true;
    }
    if (c == '=') return fail({.offset = at_}, "there is no assignment", "compare with ==");
    if (c == '&' || c == '|') {
      return fail({.offset = at_}, "a single logic sign", fmt::format("write {0}{0}", c));
    }
    if (c == ';') return fail({.offset = at_}, "one expression only, without ;");
    const std::size_t bytes = code_point_bytes(text_, at_);
    return fail({.offset = at_, .length = bytes},
                fmt::format("{} has no meaning here", escape_untrusted(text_.substr(at_, bytes))));
  }

  bool string(const Opening& opening) {
    const std::size_t from = at_;
    const std::size_t end = end_of_string(text_, opening);
    if (end == std::string_view::npos) {
      return fail({.offset = from, .length = opening.content - from}, "a string is not closed",
                  fmt::format("close it with {}", std::string(opening.quotes, opening.quote)));
    }
    if (opening.is_bytes) {
      return fail({.offset = from, .length = end + opening.quotes - from},
                  "bytes are not part of the language", "write a string without the b",
                  "unsupported");
    }
    std::string decoded;
    for (at_ = opening.content; at_ < end;) {
      const char c = text_[at_];
      if (c == '\r') {
        // Line ends inside a string read the same from a file of any system.
        decoded += '\n';
        at_ += peek(1) == '\n' ? 2 : 1;
      } else if (c == '\\' && !opening.is_raw) {
        if (!escape(end, decoded)) return false;
      } else {
        decoded += c;
        ++at_;
      }
    }
    at_ = end + opening.quotes;
    push(TokenKind::string_literal, from, std::move(decoded));
    return true;
  }

  /// One escape at the backslash under `at_`; the string ends at `end`.
  bool escape(std::size_t end, std::string& decoded) {
    const std::size_t from = at_;
    const char c = peek(1);
    constexpr std::string_view kNames = "abfnrtv\\?\"'`";
    constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\?\"'`";
    const std::size_t simple = kNames.find(c);
    if (simple != std::string_view::npos) {
      decoded += kMeanings[simple];
      at_ += 2;
      return true;
    }
    std::size_t digits = 0;
    std::uint32_t base = 16;
    std::size_t first = at_ + 2;
    if (c == 'x' || c == 'X') {
      digits = 2;
    } else if (c == 'u') {
      digits = 4;
    } else if (c == 'U') {
      digits = 8;
    } else if (c >= '0' && c <= '3') {
      digits = 3;
      base = 8;
      first = at_ + 1;
    } else {
      return fail({.offset = from, .length = 1 + code_point_bytes(text_, from + 1)},
                  "an unknown escape in a string", "for a backslash itself write \\\\");
    }
    std::uint32_t code = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      const int digit = first + i < end ? hex_digit(text_[first + i]) : -1;
      if (digit < 0 || static_cast<std::uint32_t>(digit) >= base) {
        return fail({.offset = from, .length = std::min(first + digits, end) - from},
                    fmt::format("the escape \\{} takes {} {} digits", c, base == 8 ? 3 : digits,
                                base == 8 ? "octal" : "hexadecimal"));
      }
      code = code * base + static_cast<std::uint32_t>(digit);
    }
    at_ = first + digits;
    if (!append_code_point(decoded, code)) {
      return fail({.offset = from, .length = at_ - from}, "an escape that is no character",
                  "surrogates and values above 10FFFF do not exist");
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Token> tokens_{};
  ExpressionError error_{};
};

}  // namespace

std::variant<std::vector<Token>, ExpressionError> tokenize(std::string_view text) {
  return Lexer(text).run();
}

std::size_t find_closing_brace(std::string_view text, std::size_t from) noexcept {
  std::size_t open = 0;
  for (std::size_t at = from; at < text.size(); ++at) {
    const char c = text[at];
    if (is_word_start(c) || c == '"' || c == '\'') {
      if (const std::optional<Opening> opening = opening_at(text, at)) {
        const std::size_t end = end_of_string(text, *opening);
        if (end == std::string_view::npos) return end;
        at = end + opening->quotes - 1;
      } else {
        while (at + 1 < text.size() && is_word(text[at + 1])) ++at;
      }
    } else if (c == '/' && at + 1 < text.size() && text[at + 1] == '/') {
      at = text.find_first_of("\r\n", at);
      if (at == std::string_view::npos) return at;
    } else if (c == '{') {
      ++open;
    } else if (c == '}') {
      if (open == 0) return at;
      --open;
    }
  }
  return std::string_view::npos;
}

}  // namespace quell::expression
