#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

#include "orchestrator/expression/ast.h"
#include "orchestrator/expression/budget.h"
#include "orchestrator/expression/conversions.h"
#include "state/base/value.h"

namespace quell::expression {

// CEL's operators on run-time values (cel-spec langdef, "Equality", "Ordering", "Numeric Values").

/// `+ - * / %` on numbers, times and durations, with CEL's overflow, division and range errors.
/// Text and lists are the evaluator's, since they count against its budget.
Computed arithmetic(Operator op, const Value& left, const Value& right);
Computed negated(const Value& value);

/// How two values of one kind, or an int and a double, are ordered; `unordered` with a NaN; none
/// for values that have no order between them.
std::optional<std::partial_ordering> compare(const Value& left, const Value& right);

/// The member under a key that CEL takes for equal to `key`, else null. Linear.
const Value* entry_at(const ValueEntries& entries, const Value& key);

/// A map of these entries, by name where all keys are strings; none when a key occurs twice.
std::optional<Value> map_of(ValueEntries entries);

enum class Equality : std::uint8_t { equal, unequal, secret, too_deep, out_of_budget };

/// CEL's heterogeneous equality: values of unlike types are unequal, but an int equals the double
/// of the same number. Secrets are equal to nothing that may be asked. Each element costs a step.
Equality equal(const Value& left, const Value& right, Budget& budget);

}  // namespace quell::expression
