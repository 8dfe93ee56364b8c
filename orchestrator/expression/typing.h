#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "orchestrator/expression/ast.h"
#include "orchestrator/expression/functions.h"
#include "state/model/type.h"

namespace quell::expression {

// What the checker knows of types: pure functions, bounded by the depth of declared types.

/// A string or a url, which behaves as one.
bool is_text(const Type& type) noexcept;
bool is_number(const Type& type) noexcept;

Type type_of(const Value& literal);

/// Whether a value of one type can equal one of the other. dyn is like anything; int and double are
/// unlike, as for CEL's checker.
bool alike(const Type& a, const Type& b);

/// The one type of two alternatives: theirs if they are alike, else dyn.
Type merged(const Type& a, const Type& b);

/// What `a op b` gives (cel-spec langdef, "List of Standard Definitions"); none where CEL has no
/// such overload.
std::optional<Type> arithmetic_type(Operator op, const Type& a, const Type& b);

std::string_view symbol_of(Operator op) noexcept;

/// Whether the first `count` arguments fit the overload.
bool accepts(const Overload& overload, std::span<const Type> arguments, std::size_t count);

/// The result of the overloads that take `arguments`; dyn when they disagree.
Type result_of(std::span<const Overload> overloads, std::span<const Type> arguments);

}  // namespace quell::expression
