#include "orchestrator/expression/parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "orchestrator/expression/functions.h"
#include "orchestrator/expression/lexer.h"

namespace quell::expression {
namespace {

using MutableNode = std::unique_ptr<Node>;

constexpr std::array<std::string_view, 4> kKeywords{"false", "in", "null", "true"};
constexpr std::array<std::string_view, 17> kReserved{
    "as",  "break", "const",   "continue",  "else",   "for", "function", "if",   "import",
    "let", "loop",  "package", "namespace", "return", "var", "void",     "while"};

bool is_keyword(std::string_view word) noexcept {
  return std::find(kKeywords.begin(), kKeywords.end(), word) != kKeywords.end();
}
bool is_reserved(std::string_view word) noexcept {
  return std::find(kReserved.begin(), kReserved.end(), word) != kReserved.end();
}

struct Infix {
  std::string_view symbol;
  int power;
  NodeKind kind;
  Operator op;
};

// Binding powers of cel-spec langdef, "Operator Precedence"; all group from the left.
constexpr int kPowerLowest = 1;
constexpr std::array<Infix, 14> kInfixes{{
    {"||", 1, NodeKind::logical_or, Operator::none},
    {"&&", 2, NodeKind::logical_and, Operator::none},
    {"==", 3, NodeKind::equality, Operator::equal},
    {"!=", 3, NodeKind::equality, Operator::not_equal},
    {"<", 3, NodeKind::ordering, Operator::less},
    {"<=", 3, NodeKind::ordering, Operator::less_equal},
    {">", 3, NodeKind::ordering, Operator::greater},
    {">=", 3, NodeKind::ordering, Operator::greater_equal},
    {"in", 3, NodeKind::membership, Operator::none},
    {"+", 4, NodeKind::arithmetic, Operator::add},
    {"-", 4, NodeKind::arithmetic, Operator::subtract},
    {"*", 5, NodeKind::arithmetic, Operator::multiply},
    {"/", 5, NodeKind::arithmetic, Operator::divide},
    {"%", 5, NodeKind::arithmetic, Operator::remainder},
}};

struct MacroName {
  std::string_view name;
  Macro macro;
};
constexpr std::array<MacroName, 5> kMacros{{{"all", Macro::all},
                                            {"exists", Macro::exists},
                                            {"exists_one", Macro::exists_one},
                                            {"filter", Macro::filter},
                                            {"map", Macro::map}}};

MutableNode make(NodeKind kind, Span span) {
  MutableNode node = std::make_unique<Node>();
  node->kind = kind;
  node->span = span;
  node->word = span;
  return node;
}

Span joined(Span from, Span to) noexcept {
  return {.offset = from.offset, .length = to.end() - from.offset};
}

/// A Pratt parser. Each function gives null after `fail`, which keeps the first error.
class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  std::variant<NodePtr, ExpressionError> run() {
    if (peek().kind == TokenKind::end) {
      return ExpressionError{.code = "syntax",
                             .message = "the expression is empty",
                             .hint = "write a name or a value"};
    }
    MutableNode root = expression();
    if (root && peek().kind != TokenKind::end) root = unexpected("an operator or the end");
    if (!root) return std::move(error_);
    return NodePtr(std::move(root));
  }

 private:
  MutableNode fail(Span span, std::string message, std::string hint = {},
                   std::string code = "syntax") {
    if (error_.code.empty()) {
      error_ = ExpressionError{.offset = span.offset,
                               .length = span.length,
                               .code = std::move(code),
                               .message = std::move(message),
                               .hint = std::move(hint)};
    }
    return nullptr;
  }

  MutableNode unexpected(std::string_view wanted) {
    const Token& token = peek();
    if (token.kind == TokenKind::end) {
      return fail(token.span, fmt::format("the expression ends where {} should follow", wanted));
    }
    return fail(token.span, fmt::format("{} where {} should follow",
                                        token.kind == TokenKind::string_literal
                                            ? std::string("a string")
                                            : fmt::format("\"{}\"", token.text),
                                        wanted));
  }

  MutableNode too_deep(Span span) {
    return fail(span, fmt::format("nested deeper than {} levels", kDepthMax),
                "name a part of it with a set step", "too-deep");
  }

  const Token& peek(std::size_t ahead = 0) const noexcept {
    return tokens_[std::min(next_ + ahead, tokens_.size() - 1)];
  }
  const Token& take() noexcept {
    const Token& token = peek();
    if (next_ + 1 < tokens_.size()) ++next_;
    return token;
  }
  bool at_symbol(std::string_view symbol, std::size_t ahead = 0) const noexcept {
    return peek(ahead).kind == TokenKind::symbol && peek(ahead).text == symbol;
  }
  bool accept(std::string_view symbol) noexcept {
    if (!at_symbol(symbol)) return false;
    take();
    return true;
  }
  bool expect(std::string_view symbol, std::string_view wanted) {
    if (accept(symbol)) return true;
    unexpected(wanted);
    return false;
  }

  /// Adopts `child`; null when the tree grows too high.
  MutableNode adopt(MutableNode node, MutableNode child) {
    if (!node || !child) return nullptr;
    node->height = std::max(node->height, child->height + 1);
    if (node->height > kDepthMax) return too_deep(node->word);
    node->children.push_back(std::move(child));
    return node;
  }

  /// Expr = ConditionalOr ["?" ConditionalOr ":" Expr]; nests at most kDepthMax deep.
  MutableNode expression() {  // NOLINT(misc-no-recursion)
    if (depth_ > kDepthMax) return too_deep(peek().span);
    ++depth_;
    MutableNode node = binary(kPowerLowest);
    if (node && at_symbol("?")) node = conditional(std::move(node));
    --depth_;
    return node;
  }

  MutableNode conditional(MutableNode condition) {  // NOLINT(misc-no-recursion)
    const Span word = take().span;
    MutableNode yes = binary(kPowerLowest);
    if (!yes || !expect(":", "\":\" and the other value")) return nullptr;
    MutableNode no = expression();
    if (!no) return nullptr;
    MutableNode node = make(NodeKind::conditional, joined(condition->span, no->span));
    node->word = word;
    node = adopt(std::move(node), std::move(condition));
    node = adopt(std::move(node), std::move(yes));
    return adopt(std::move(node), std::move(no));
  }

  const Infix* infix() const noexcept {
    const Token& token = peek();
    if (token.kind != TokenKind::symbol && token.kind != TokenKind::identifier) return nullptr;
    for (const Infix& candidate : kInfixes) {
      if (candidate.symbol == token.text) return &candidate;
    }
    return nullptr;
  }

  /// Operators that bind at least as tightly as `power`.
  MutableNode binary(int power) {  // NOLINT(misc-no-recursion)
    MutableNode left = unary();
    while (left) {
      const Infix* const found = infix();
      if (found == nullptr || found->power < power) break;
      const Span word = take().span;
      MutableNode right = binary(found->power + 1);
      if (!right) return nullptr;
      const bool is_logic =
          found->kind == NodeKind::logical_and || found->kind == NodeKind::logical_or;
      if (is_logic && left->kind == found->kind) {
        // One node for the whole chain: absorption of errors does not depend on the grouping.
        left->span = joined(left->span, right->span);
        left = adopt(std::move(left), std::move(right));
        continue;
      }
      MutableNode node = make(found->kind, joined(left->span, right->span));
      node->op = found->op;
      node->word = word;
      node = adopt(std::move(node), std::move(left));
      left = adopt(std::move(node), std::move(right));
    }
    return left;
  }

  MutableNode unary() {  // NOLINT(misc-no-recursion)
    std::vector<Span> signs;
    const bool is_not = at_symbol("!");
    const std::string_view sign = is_not ? "!" : "-";
    while (at_symbol(sign)) {
      if (signs.size() > kDepthMax) return too_deep(peek().span);
      signs.push_back(take().span);
    }
    // The sign belongs to a number right behind it: only so can the lowest integer be written.
    const bool is_number =
        peek().kind == TokenKind::int_literal || peek().kind == TokenKind::double_literal;
    std::optional<Span> minus;
    if (!is_not && !signs.empty() && is_number) {
      minus = signs.back();
      signs.pop_back();
    }
    MutableNode node = member(minus);
    for (auto at = signs.rbegin(); node && at != signs.rend(); ++at) {
      MutableNode outer =
          make(is_not ? NodeKind::logical_not : NodeKind::negate, joined(*at, node->span));
      outer->word = *at;
      node = adopt(std::move(outer), std::move(node));
    }
    return node;
  }

  MutableNode member(std::optional<Span> minus) {  // NOLINT(misc-no-recursion)
    MutableNode node = primary(minus);
    while (node) {
      if (at_symbol(".")) {
        node = dotted(std::move(node));
      } else if (at_symbol("[")) {
        node = indexed(std::move(node));
      } else if (at_symbol("{") &&
                 (node->kind == NodeKind::name || node->kind == NodeKind::select)) {
        return fail(peek().span, "messages are not part of the language",
                    "a map is written {\"key\": value}", "unsupported");
      } else {
        break;
      }
    }
    return node;
  }

  MutableNode indexed(MutableNode base) {  // NOLINT(misc-no-recursion)
    take();
    MutableNode key = expression();
    if (!key) return nullptr;
    const Span close = peek().span;
    if (!expect("]", "\"]\"")) return nullptr;
    MutableNode node = make(NodeKind::index, joined(base->span, close));
    node->word = key->span;
    node = adopt(std::move(node), std::move(base));
    return adopt(std::move(node), std::move(key));
  }

  MutableNode dotted(MutableNode base) {  // NOLINT(misc-no-recursion)
    take();
    const Token& token = peek();
    if (token.kind != TokenKind::identifier && token.kind != TokenKind::quoted_identifier) {
      return unexpected("the name of a member");
    }
    if (token.kind == TokenKind::identifier && is_keyword(token.text)) {
      return fail(token.span,
                  fmt::format("\"{}\" is a word of the language, not a member", token.text),
                  fmt::format("write [\"{}\"]", token.text));
    }
    take();
    if (at_symbol("(") && token.kind == TokenKind::identifier) {
      return method(std::move(base), token);
    }
    MutableNode node = make(NodeKind::select, joined(base->span, token.span));
    node->word = token.span;
    node->name = token.text;
    return adopt(std::move(node), std::move(base));
  }

  MutableNode method(MutableNode base, const Token& name) {  // NOLINT(misc-no-recursion)
    for (const MacroName& known : kMacros) {
      if (known.name == name.text) return comprehension(std::move(base), name, known.macro);
    }
    MutableNode node = make(NodeKind::call, joined(base->span, name.span));
    node->word = name.span;
    node->name = name.text;
    node->is_method = true;
    node = adopt(std::move(node), std::move(base));
    return arguments(std::move(node));
  }

  /// `(a, b)` behind a function's name.
  MutableNode arguments(MutableNode node) {  // NOLINT(misc-no-recursion)
    if (!node) return nullptr;
    take();
    if (!at_symbol(")")) {
      do {
        node = adopt(std::move(node), expression());
        if (!node) return nullptr;
      } while (accept(","));
    }
    node->span = joined(node->span, peek().span);
    if (!expect(")", "\",\" or \")\"")) return nullptr;
    node->function = find_function(node->name);
    if (node->function != nullptr && node->function->id == FunctionId::matches &&
        node->children.size() == 2) {
      const Node& pattern = *node->children[1];
      if (pattern.kind == NodeKind::literal && pattern.value.is_string()) {
        node->pattern = compile_pattern(pattern.value.as_string());
      }
    }
    return node;
  }

  /// `range.all(x, predicate)` and its relatives (cel-spec langdef, "Macros").
  MutableNode comprehension(MutableNode range, const Token& name,  // NOLINT(misc-no-recursion)
                            Macro macro) {
    take();
    const Token& variable = peek();
    if (variable.kind != TokenKind::identifier || !at_symbol(",", 1)) {
      return fail(
          at_symbol(")") ? name.span : variable.span,
          fmt::format("{}() takes the name of a variable and then an expression", name.text),
          fmt::format("write {}(x, ...)", name.text));
    }
    if (is_keyword(variable.text) || is_reserved(variable.text)) return refuse_reserved(variable);
    take();
    take();
    MutableNode node = make(NodeKind::comprehension, range->span);
    node->word = name.span;
    node->macro = macro;
    node->name = variable.text;
    node->slot = variables_.size();
    node = adopt(std::move(node), std::move(range));
    if (!node) return nullptr;
    variables_.push_back(variable.text);
    const std::size_t bodies_max = macro == Macro::map ? 2 : 1;
    do {
      if (node->children.size() > bodies_max) {
        return fail(name.span, fmt::format("{}() takes {} arguments", name.text, bodies_max + 1),
                    {}, "wrong-arity");
      }
      node = adopt(std::move(node), expression());
      if (!node) return nullptr;
    } while (accept(","));
    variables_.pop_back();
    node->span = joined(node->span, peek().span);
    if (!expect(")", "\",\" or \")\"")) return nullptr;
    return node;
  }

  MutableNode refuse_reserved(const Token& token) {
    return fail(token.span, fmt::format("\"{}\" is a reserved word", token.text),
                "choose another name", "reserved-word");
  }

  MutableNode primary(std::optional<Span> minus) {  // NOLINT(misc-no-recursion)
    const Token& token = peek();
    switch (token.kind) {
      case TokenKind::int_literal:
        return integer(take(), minus);
      case TokenKind::double_literal:
        return number(take(), minus);
      case TokenKind::string_literal: {
        MutableNode node = make(NodeKind::literal, token.span);
        node->value = Value(token.text);
        take();
        return node;
      }
      case TokenKind::identifier:
        return word(false);
      case TokenKind::symbol:
        if (accept("(")) return bracketed(token.span);
        if (accept("[")) return list(token.span);
        if (accept("{")) return map(token.span);
        if (at_symbol(".") && peek(1).kind == TokenKind::identifier) {
          take();
          return word(true);
        }
        break;
      case TokenKind::quoted_identifier:
      case TokenKind::end:
        break;
    }
    return unexpected("a value");
  }

  MutableNode bracketed(Span open) {  // NOLINT(misc-no-recursion)
    MutableNode node = expression();
    if (!node) return nullptr;
    node->span = joined(open, peek().span);
    if (!expect(")", "\")\"")) return nullptr;
    return node;
  }

  MutableNode list(Span open) {  // NOLINT(misc-no-recursion)
    MutableNode node = make(NodeKind::list, open);
    while (!at_symbol("]")) {
      node = adopt(std::move(node), expression());
      if (!node) return nullptr;
      if (!accept(",") && !at_symbol("]")) return unexpected("\",\" or \"]\"");
    }
    node->span = joined(open, take().span);
    return node;
  }

  MutableNode map(Span open) {  // NOLINT(misc-no-recursion)
    MutableNode node = make(NodeKind::map, open);
    while (!at_symbol("}")) {
      node = adopt(std::move(node), expression());
      if (!node || !expect(":", "\":\" and the key's value")) return nullptr;
      node = adopt(std::move(node), expression());
      if (!node) return nullptr;
      if (!accept(",") && !at_symbol("}")) return unexpected("\",\" or \"}\"");
    }
    node->span = joined(open, take().span);
    return node;
  }

  /// A name, a constant or a function call. `absolute` (`.name`) passes over macro variables.
  MutableNode word(bool absolute) {  // NOLINT(misc-no-recursion)
    const Token& token = take();
    if (is_keyword(token.text) && !absolute) {
      if (token.text == "in") {
        return fail(token.span, "\"in\" where a value should follow");
      }
      MutableNode node = make(NodeKind::literal, token.span);
      if (token.text != "null") node->value = Value(token.text == "true");
      return node;
    }
    if (is_keyword(token.text) || is_reserved(token.text)) return refuse_reserved(token);
    if (at_symbol("(")) {
      if (token.text == "has") return has(token);
      MutableNode node = make(NodeKind::call, token.span);
      node->name = token.text;
      return arguments(std::move(node));
    }
    MutableNode node = make(NodeKind::name, token.span);
    node->name = token.text;
    const auto bound = std::find(variables_.rbegin(), variables_.rend(), token.text);
    if (bound != variables_.rend() && !absolute) {
      node->kind = NodeKind::local;
      node->slot = static_cast<std::size_t>(variables_.rend() - bound) - 1;
    }
    return node;
  }

  MutableNode has(const Token& name) {  // NOLINT(misc-no-recursion)
    take();
    if (at_symbol(")")) return has_arity(name);
    MutableNode field = expression();
    if (!field) return nullptr;
    if (at_symbol(",")) return has_arity(name);
    if (field->kind != NodeKind::select) {
      return fail(field->span, "has() takes a member", "write has(a.b)");
    }
    // The selection itself is not evaluated: has() looks for the member in what holds it.
    field->kind = NodeKind::has;
    field->span = joined(name.span, peek().span);
    if (!expect(")", "\")\"")) return nullptr;
    return field;
  }

  MutableNode has_arity(const Token& name) {
    return fail(name.span, "has() takes one argument", "write has(a.b)", "wrong-arity");
  }

  MutableNode integer(const Token& token, std::optional<Span> minus) {
    const bool is_hex = token.text.size() > 1 && (token.text[1] == 'x' || token.text[1] == 'X');
    const char* const first = token.text.data() + (is_hex ? 2 : 0);
    const char* const last = token.text.data() + token.text.size();
    std::uint64_t size = 0;
    const auto [end, error] = std::from_chars(first, last, size, is_hex ? 16 : 10);
    constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    const Span span = minus ? joined(*minus, token.span) : token.span;
    if (error != std::errc{} || end != last || size > kMax + (minus ? 1 : 0)) {
      return fail(span, "an integer outside the 64 bits of int");
    }
    MutableNode node = make(NodeKind::literal, span);
    node->value = Value(static_cast<std::int64_t>(minus ? 0 - size : size));
    return node;
  }

  MutableNode number(const Token& token, std::optional<Span> minus) {
    const std::optional<double> value = parse_double(token.text);
    if (!value) return fail(token.span, "a number outside the range of double");
    MutableNode node = make(NodeKind::literal, minus ? joined(*minus, token.span) : token.span);
    node->value = Value(minus ? -*value : *value);
    return node;
  }

  std::vector<Token> tokens_;
  std::size_t next_ = 0;
  std::size_t depth_ = 0;
  std::vector<std::string> variables_{};  // of the macros around, outermost first
  ExpressionError error_{};
};

}  // namespace

std::variant<NodePtr, ExpressionError> parse_tree(std::string_view text) {
  std::variant<std::vector<Token>, ExpressionError> tokens = tokenize(text);
  if (auto* const error = std::get_if<ExpressionError>(&tokens)) return std::move(*error);
  return Parser(std::get<std::vector<Token>>(std::move(tokens))).run();
}

}  // namespace quell::expression
