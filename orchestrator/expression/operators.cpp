#include "orchestrator/expression/operators.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <compare>
#include <limits>

#include "orchestrator/expression/conversions.h"

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

Computed duration_value(Int nanos, bool overflows) {
  if (overflows) return failed("the duration is out of range", "at most about 292 years");
  return Value(duration_of(nanos));
}

/// `time` moved by milliseconds and nanoseconds, these -999,999 to 999,999.
Computed moved(FineTime time, Int ms, Int nanos) {
  nanos += time.nanos;
  ms += nanos >= kNanosPerMilli ? 1 : nanos < 0 ? -1 : 0;
  nanos -= nanos >= kNanosPerMilli ? kNanosPerMilli : nanos < 0 ? -kNanosPerMilli : 0;
  Int sum = 0;
  const bool overflows = __builtin_add_overflow(time.time.time_since_epoch().count(), ms, &sum);
  if (overflows || !in_range(Timestamp(Duration(sum)))) {
    return failed("the timestamp is out of range", "the years 1 to 9999");
  }
  return Value(
      FineTime{.time = Timestamp(Duration(sum)), .nanos = static_cast<std::int32_t>(nanos)});
}

/// The nanoseconds from `from` to `to`.
Computed between(FineTime from, FineTime to) {
  Int ms = 0;
  Int nanos = 0;
  const bool overflows = __builtin_sub_overflow(to.time.time_since_epoch().count(),
                                                from.time.time_since_epoch().count(), &ms) ||
                         __builtin_mul_overflow(ms, kNanosPerMilli, &nanos) ||
                         __builtin_add_overflow(nanos, Int{to.nanos} - from.nanos, &nanos);
  return duration_value(nanos, overflows);
}

Computed time_arithmetic(Operator op, const Value& left, const Value& right) {
  const bool adds = op == Operator::add;
  if (!adds && op != Operator::subtract) return failed(kNoSuchOverload);
  if (left.is_timestamp() && right.is_timestamp()) {
    return adds ? failed(kNoSuchOverload) : between(right.as_fine_time(), left.as_fine_time());
  }
  if (left.is_duration() && right.is_duration()) {
    const FineDuration a = left.as_fine_duration();
    const FineDuration b = right.as_fine_duration();
    Int sum = 0;
    const bool overflows = !in_range(a.whole) || !in_range(b.whole) ||
                           (adds ? __builtin_add_overflow(nanos_of(a), nanos_of(b), &sum)
                                 : __builtin_sub_overflow(nanos_of(a), nanos_of(b), &sum));
    return duration_value(sum, overflows);
  }
  if (left.is_duration() && !adds) return failed(kNoSuchOverload);
  const FineTime time = left.is_timestamp() ? left.as_fine_time() : right.as_fine_time();
  const FineDuration by = left.is_duration() ? left.as_fine_duration() : right.as_fine_duration();
  return adds ? moved(time, by.whole.count(), by.nanos)
              : moved(time, -by.whole.count(), -Int{by.nanos});
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
      return left.as_fine_time() <=> right.as_fine_time();
    case Value::Kind::duration:
      return left.as_fine_duration() <=> right.as_fine_duration();
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
