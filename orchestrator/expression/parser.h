#pragma once

#include <string_view>
#include <variant>

#include "orchestrator/expression/ast.h"
#include "orchestrator/expression/expression.h"

namespace quell::expression {

/// The syntax tree of one expression, by CEL's grammar (cel-spec langdef, "Syntax"), with the
/// macros expanded and their variables bound. Recursion is bounded by kDepthMax.
std::variant<NodePtr, ExpressionError> parse_tree(std::string_view text);

}  // namespace quell::expression
