#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/expression/conversions.h"
#include "orchestrator/expression/evaluator.h"
#include "orchestrator/expression/expression.h"
#include "orchestrator/expression/lexer.h"

namespace quell {
namespace {

using expression::Span;

/// The expression without the white space around it, as a part of the whole string.
Span inner_span(const Template::Part& part) {
  constexpr std::string_view kSpace = " \t\r\n\f";
  const std::string& text = part.expression->text();
  const std::size_t first = std::min(text.find_first_not_of(kSpace), text.size());
  const std::size_t last = text.find_last_not_of(kSpace);
  return {.offset = part.offset + first,
          .length = last == std::string::npos ? 1 : last + 1 - first};
}

/// What keeps a value of `type` out of a longer text, if anything does.
std::optional<ExpressionError> not_text(const Type& type, const Template::Part& part) {
  const Span at = inner_span(part);
  const std::string inside = part.expression->text().substr(at.offset - part.offset, at.length);
  ExpressionError error{.offset = at.offset, .length = at.length};
  switch (type.kind) {
    case Type::Kind::secret:
      error.code = "secret-in-text";
      error.message = "a secret cannot become text";
      error.hint = fmt::format("${{fingerprint({})}} gives fp:xxxxxxxx", inside);
      return error;
    case Type::Kind::null:
    case Type::Kind::list:
    case Type::Kind::object:
      error.code = "unlike-types";
      error.message = fmt::format("{} cannot become text", to_string(type));
      error.hint = "name a member, count it with size(), or join() its strings";
      return error;
    case Type::Kind::dyn:
    case Type::Kind::boolean:
    case Type::Kind::integer:
    case Type::Kind::number:
    case Type::Kind::string:
    case Type::Kind::url:
    case Type::Kind::timestamp:
    case Type::Kind::duration:
      break;
  }
  if (!type.nullable) return std::nullopt;
  error.code = "nullable";
  error.message = fmt::format("{} may be null here", inside);
  error.hint = fmt::format("say what null means: {} != null ? ... : ...", inside);
  return error;
}

}  // namespace

std::variant<Template, ExpressionError> Template::parse(std::string_view text) {
  Template parsed;
  std::string literal;
  const auto flush = [&] {
    if (literal.empty()) return;
    parsed.parts_.push_back(Part{.literal = std::exchange(literal, {})});
  };
  std::size_t at = 0;
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("$${")) {
      literal += "${";
      at += 3;
      continue;
    }
    if (!rest.starts_with("${")) {
      literal += text[at++];
      continue;
    }
    const std::size_t from = at + 2;
    const std::size_t close = expression::find_closing_brace(text, from);
    if (close == std::string_view::npos) {
      // Where the expression itself is broken, as by an open string, that is the better message.
      std::variant<Expression, ExpressionError> broken = Expression::parse(text.substr(from));
      auto* const error = std::get_if<ExpressionError>(&broken);
      if (error != nullptr && error->message == "a string is not closed") {
        error->offset += from;
        return std::move(*error);
      }
      return ExpressionError{.offset = at,
                             .length = 2,
                             .code = "syntax",
                             .message = "\"${\" is not closed",
                             .hint = "close it with }, or write $${ for the two characters"};
    }
    flush();
    std::variant<Expression, ExpressionError> inner =
        Expression::parse(text.substr(from, close - from));
    if (auto* const error = std::get_if<ExpressionError>(&inner)) {
      error->offset += from;
      return std::move(*error);
    }
    parsed.parts_.push_back(
        Part{.expression = std::get<Expression>(std::move(inner)), .offset = from});
    at = close + 1;
  }
  flush();
  return parsed;
}

bool Template::is_constant() const noexcept {
  return std::none_of(parts_.begin(), parts_.end(),
                      [](const Part& part) { return part.expression.has_value(); });
}

bool Template::is_single_expression() const noexcept {
  return parts_.size() == 1 && parts_.front().expression.has_value();
}

Type Template::check(const TypeScope& scope, std::vector<ExpressionError>& errors) const {
  Type whole;
  for (const Part& part : parts_) {
    if (!part.expression) continue;
    const std::size_t before = errors.size();
    const Type type = part.expression->check(scope, errors);
    for (std::size_t i = before; i < errors.size(); ++i) errors[i].offset += part.offset;
    if (is_single_expression()) {
      whole = type;
    } else if (errors.size() == before) {
      if (std::optional<ExpressionError> error = not_text(type, part)) {
        errors.push_back(std::move(*error));
      }
    }
  }
  return is_single_expression() ? whole : Type::of(Type::Kind::string);
}

Result<Value> Template::evaluate(const Scope& scope) const {
  if (is_single_expression()) return parts_.front().expression->evaluate(scope);
  std::string text;
  for (const Part& part : parts_) {
    if (!part.expression) {
      text += part.literal;
      continue;
    }
    const Result<Value> value = part.expression->evaluate(scope);
    if (!value) return value.error();
    const Span whole{.offset = 0, .length = part.expression->text().size()};
    const std::optional<std::string> piece = expression::plain_text(*value);
    if (!piece) {
      return expression::evaluation_error(
          fmt::format("{} cannot become text", to_string(value->kind())),
          value->is_secret() ? "fingerprint(...) gives fp:xxxxxxxx"
                             : "give ${...} alone to keep the value as it is",
          part.expression->text(), whole);
    }
    text += *piece;
    if (text.size() > expression::kResultBytesMax) {
      return expression::evaluation_error(expression::kResultTooLarge,
                                          "at most 1 MiB may be newly built",
                                          part.expression->text(), whole);
    }
  }
  return Value(std::move(text));
}

}  // namespace quell
