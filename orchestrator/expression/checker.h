#pragma once

#include <vector>

#include "orchestrator/expression/ast.h"
#include "orchestrator/expression/expression.h"
#include "state/model/type.h"

namespace quell::expression {

/// The static type of `root`. Appends every mistake that can be seen without running it; after one
/// the type is dyn. With `scope.dyn_root` only unknown functions and their arity are mistakes, as
/// in CEL without a type environment.
Type check_tree(const Node& root, const TypeScope& scope, std::vector<ExpressionError>& errors);

}  // namespace quell::expression
