#include "orchestrator/expression/operators.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <compare>
#include <limits>

namespace quell::expression {
namespace {

using Int = std::int64_t;

Computed int_arithmetic(Operator op, Int left, Int right) {
  Int result = 0;
  bool overflows = false;
  if (op == Operator::add) {
    overflows = __builtin_add_overflow(left, right, &result);
  } else if (op == Operator::subtract) {
    overflows = __builtin_sub_overflow(left, right, &result);
  } else if (op == Operator::multiply) {
    overflows = __builtin_mul_overflow(left, right, &result);
  } else {
    const bool divides = op == Operator::divide;
    if (right == 0) return failed(divides ? "division by zero" : "modulus by zero");
    overflows = left == std::numeric_limits<Int>::min() && right == -1;
    if (!overflows) result = divides ? left / right : left % right;
  }
  if (overflows) return failed("integer overflow");
  return Value(result);
}

Computed double_arithmetic(Operator op, double left, double right) {
  if (op == Operator::add) return Value(left + right);
  if (op == Operator::subtract) return Value(left - right);
  if (op == Operator::multiply) return Value(left * right);
  if (op == Operator::divide) return Value(left / right);
  return failed(kNoSuchOverload, "% is for integers");
}

Computed duration_value(Int ms, bool overflows) {
  if (overflows || !in_range(Duration(ms))) {
    return failed("the duration is out of range", "at most about 292 years");
  }
  return Value(Duration(ms));
}

Computed timestamp_value(Int ms, bool overflows) {
  if (overflows || !in_range(Timestamp(Duration(ms)))) {
    return failed("the timestamp is out of range", "the years 1 to 9999");
  }
  return Value(Timestamp(Duration(ms)));
}

Computed time_arithmetic(Operator op, const Value& left, const Value& right) {
  const auto ms_of = [](const Value& value) -> Int {
    return value.is_timestamp() ? value.as_timestamp().time_since_epoch().count()
                                : value.as_duration().count();
  };
  Int ms = 0;
  if (op == Operator::add) {
    if (left.is_timestamp() && right.is_timestamp()) return failed(kNoSuchOverload);
    const bool overflows = __builtin_add_overflow(ms_of(left), ms_of(right), &ms);
    const bool gives_time = left.is_timestamp() || right.is_timestamp();
    return gives_time ? timestamp_value(ms, overflows) : duration_value(ms, overflows);
  }
  if (op == Operator::subtract) {
    if (left.is_duration() && right.is_timestamp()) return failed(kNoSuchOverload);
    const bool overflows = __builtin_sub_overflow(ms_of(left), ms_of(right), &ms);
    const bool gives_time = left.is_timestamp() && right.is_duration();
    return gives_time ? timestamp_value(ms, overflows) : duration_value(ms, overflows);
  }
  return failed(kNoSuchOverload);
}

/// As doubles, so that the greatest ints equal 2^63: what CEL's conformance suite expects.
std::partial_ordering compare_mixed(Int whole, double number) {
  return static_cast<double>(whole) <=> number;
}

std::partial_ordering reversed(std::partial_ordering order) {
  if (order == std::partial_ordering::less) return std::partial_ordering::greater;
  if (order == std::partial_ordering::greater) return std::partial_ordering::less;
  return order;
}

/// Values may nest deeper than one expression builds, through steps that build on each other.
constexpr std::size_t kValueDepthMax = 256;

// Depth is counted against kValueDepthMax.
// NOLINTNEXTLINE(misc-no-recursion)
Equality equal_at(const Value& left, const Value& right, Budget& budget, std::size_t depth) {
  if (!budget.spend(1)) return Equality::out_of_budget;
  if (depth > kValueDepthMax) return Equality::too_deep;
  const auto verdict = [](bool same) { return same ? Equality::equal : Equality::unequal; };
  if (left.is_null() || right.is_null()) return verdict(left.is_null() && right.is_null());
  if (left.is_secret() || right.is_secret()) return Equality::secret;
  if (left.is_list() && right.is_list()) {
    const ValueList& a = left.as_list();
    const ValueList& b = right.as_list();
    if (a.size() != b.size()) return Equality::unequal;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const Equality each = equal_at(a[i], b[i], budget, depth + 1);
      if (each != Equality::equal) return each;
    }
    return Equality::equal;
  }
  if (left.is_map() && right.is_map()) {
    const ValueMap& a = left.as_map();
    const ValueMap& b = right.as_map();
    if (a.size() != b.size()) return Equality::unequal;
    for (auto i = a.begin(), j = b.begin(); i != a.end(); ++i, ++j) {
      if (i->first != j->first) return Equality::unequal;
      const Equality each = equal_at(i->second, j->second, budget, depth + 1);
      if (each != Equality::equal) return each;
    }
    return Equality::equal;
  }
  if (left.is_entries() && right.is_entries()) {
    const ValueEntries& a = left.as_entries();
    if (a.size() != right.as_entries().size()) return Equality::unequal;
    for (const auto& [key, member] : a) {
      if (!budget.spend(a.size())) return Equality::out_of_budget;
      const Value* const other = entry_at(right.as_entries(), key);
      if (other == nullptr) return Equality::unequal;
      const Equality each = equal_at(member, *other, budget, depth + 1);
      if (each != Equality::equal) return each;
    }
    return Equality::equal;
  }
  if (left.is_string() && right.is_string()) {
    const std::size_t bytes = std::min(left.as_string().size(), right.as_string().size());
    if (!budget.spend(Budget::steps_of_bytes(bytes))) return Equality::out_of_budget;
  }
  const std::optional<std::partial_ordering> order = compare(left, right);
  return verdict(order && *order == std::partial_ordering::equivalent);
}

}  // namespace

Computed arithmetic(Operator op, const Value& left, const Value& right) {
  if (left.is_int() && right.is_int()) return int_arithmetic(op, left.as_int(), right.as_int());
  if (left.is_number() && right.is_number()) {
    return double_arithmetic(op, left.as_number(), right.as_number());
  }
  const auto is_time = [](const Value& value) {
    return value.is_timestamp() || value.is_duration();
  };
  if (is_time(left) && is_time(right)) return time_arithmetic(op, left, right);
  return failed(kNoSuchOverload);
}

Computed negated(const Value& value) {
  if (value.is_number()) return Value(-value.as_number());
  if (!value.is_int()) return failed(kNoSuchOverload);
  return int_arithmetic(Operator::subtract, 0, value.as_int());
}

std::optional<std::partial_ordering> compare(const Value& left, const Value& right) {
  if (left.is_int() && right.is_number()) return compare_mixed(left.as_int(), right.as_number());
  if (left.is_number() && right.is_int()) {
    return reversed(compare_mixed(right.as_int(), left.as_number()));
  }
  if (left.kind() != right.kind()) return std::nullopt;
  switch (left.kind()) {
    case Value::Kind::boolean:
      return left.as_bool() <=> right.as_bool();
    case Value::Kind::integer:
      return left.as_int() <=> right.as_int();
    case Value::Kind::number:
      return left.as_number() <=> right.as_number();
    case Value::Kind::string:
      // Bytes of UTF-8 are in the order of their code points.
      return left.as_string() <=> right.as_string();
    case Value::Kind::timestamp:
      return left.as_timestamp() <=> right.as_timestamp();
    case Value::Kind::duration:
      return left.as_duration() <=> right.as_duration();
    case Value::Kind::null:
    case Value::Kind::list:
    case Value::Kind::map:
    case Value::Kind::secret:
    case Value::Kind::entries:
      break;
  }
  return std::nullopt;
}

const Value* entry_at(const ValueEntries& entries, const Value& key) {
  for (const auto& [each, member] : entries) {
    const std::optional<std::partial_ordering> order = compare(each, key);
    if (order && *order == std::partial_ordering::equivalent) return &member;
  }
  return nullptr;
}

std::optional<Value> map_of(ValueEntries entries) {
  const bool is_named = std::all_of(entries.begin(), entries.end(),
                                    [](const auto& each) { return each.first.is_string(); });
  if (!is_named) {
    for (const auto& [key, member] : entries) {
      if (entry_at(entries, key) != &member) return std::nullopt;
    }
    return Value(std::move(entries));
  }
  ValueMap members;
  for (auto& [key, member] : entries) {
    if (!members.emplace(key.as_string(), std::move(member)).second) return std::nullopt;
  }
  return Value(std::move(members));
}

Equality equal(const Value& left, const Value& right, Budget& budget) {
  return equal_at(left, right, budget, 0);
}

}  // namespace quell::expression
