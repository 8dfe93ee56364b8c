#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "orchestrator/expression/ast.h"
#include "orchestrator/expression/expression.h"

namespace quell::expression {

enum class TokenKind : std::uint8_t {
  end,
  identifier,         // also `in`, `true`, `false`, `null` and the reserved words
  quoted_identifier,  // `a-b`, allowed as a member name only
  int_literal,        // digits or 0x digits, unsigned here: the parser knows the sign
  double_literal,
  string_literal,
  symbol,
};

struct Token {
  TokenKind kind = TokenKind::end;
  Span span{};
  std::string text{};  // identifier, digits, symbol; of a string its decoded content
};

/// Cuts `text` into tokens, the last of which is `end`. Follows CEL's lexis (cel-spec langdef,
/// "Syntax"). Refuses text over kTextBytesMax, invalid UTF-8, broken strings and escapes, and the
/// literals of types outside the subset (`1u`, `b"..."`).
std::variant<std::vector<Token>, ExpressionError> tokenize(std::string_view text);

/// The offset of the `}` that closes an expression which begins at `from`, minding nested braces,
/// strings and comments; npos where there is none.
std::size_t find_closing_brace(std::string_view text, std::size_t from) noexcept;

}  // namespace quell::expression
