#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "state/base/result.h"
#include "state/base/value.h"
#include "state/model/type.h"

namespace quell {

namespace expression {
struct Node;  // the syntax tree, private to this folder
}

/// A mistake in an expression, positioned by byte offset inside its text.
struct ExpressionError {
  std::size_t offset = 0;
  std::size_t length = 1;
  std::string
      code{};  // word in brackets: "syntax", "unknown-name", "unlike-types", "secret-in-text", ...
  std::string message{};
  std::string hint{};
};

/// Names that an expression may use, with their types. `dyn_root` (quell eval): every name is dyn.
struct TypeScope {
  std::map<std::string, Type, std::less<>> names{};
  bool dyn_root = false;
  /// Asked for a member that does not exist ("steps.revoke" of a later step): a better message than
  /// "unknown field", or nothing.
  std::function<std::optional<ExpressionError>(std::string_view path)> explain_missing{};
};

/// Values by root name; `parent` is asked for what `names` lacks.
struct Scope {
  std::map<std::string, Value, std::less<>> names{};
  const Scope* parent = nullptr;
  bool has_dotted_names = false;  // some name is `a.b`: only `quell eval` is given such
  const Value* find(std::string_view name) const noexcept;
};

/// One expression of the playbook language: a subset of CEL with CEL's own semantics. Immutable,
/// cheap to copy.
class Expression {
 public:
  /// `text` without the `${` and `}`.
  static std::variant<Expression, ExpressionError> parse(std::string_view text);

  /// Static type in `scope`; mistakes are appended to `errors` (then the type is dyn).
  Type check(const TypeScope& scope, std::vector<ExpressionError>& errors) const;

  /// Error `invalid` with CEL's reason (no such key, overflow, budget) when the evaluation fails.
  Result<Value> evaluate(const Scope& scope) const;

  const std::string& text() const noexcept { return text_; }
  /// Dotted paths read, as far as they are constant: "steps.radius.deployments".
  std::vector<std::string> references() const;

 private:
  std::string text_{};
  std::shared_ptr<const expression::Node> root_{};
};

/// A YAML string with `${...}` in it. Only `${...}`: the value keeps its type; elsewhere it is
/// interpolated as text.
class Template {
 public:
  struct Part {
    std::string literal{};
    std::optional<Expression> expression{};
    std::size_t offset = 0;  // of the expression's first byte inside the string
  };

  static std::variant<Template, ExpressionError> parse(std::string_view text);
  bool is_constant() const noexcept;
  bool is_single_expression() const noexcept;
  Type check(const TypeScope& scope, std::vector<ExpressionError>& errors) const;
  Result<Value> evaluate(const Scope& scope) const;
  const std::vector<Part>& parts() const noexcept { return parts_; }

 private:
  std::vector<Part> parts_{};
};

}  // namespace quell
