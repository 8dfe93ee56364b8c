#include "orchestrator/expression/typing.h"

#include <utility>

namespace quell::expression {
namespace {

using Kind = Type::Kind;

/// url behaves as string.
Kind plain(const Type& type) noexcept { return type.kind == Kind::url ? Kind::string : type.kind; }

Type element_of(const Type& list) { return list.element ? *list.element : Type{}; }

}  // namespace

bool is_text(const Type& type) noexcept { return plain(type) == Kind::string; }

bool is_number(const Type& type) noexcept {
  return type.kind == Kind::integer || type.kind == Kind::number;
}

Type type_of(const Value& literal) {
  switch (literal.kind()) {
    case Value::Kind::null:
      return Type::of(Kind::null);
    case Value::Kind::boolean:
      return Type::of(Kind::boolean);
    case Value::Kind::integer:
      return Type::of(Kind::integer);
    case Value::Kind::number:
      return Type::of(Kind::number);
    case Value::Kind::string:
      return Type::of(Kind::string);
    case Value::Kind::list:
    case Value::Kind::map:
    case Value::Kind::timestamp:
    case Value::Kind::duration:
    case Value::Kind::secret:
    case Value::Kind::entries:
      break;  // never written as a literal
  }
  return Type{};
}

bool alike(const Type& a, const Type& b) {  // NOLINT(misc-no-recursion)
  if (a.kind == Kind::dyn || b.kind == Kind::dyn) return true;
  if (plain(a) != plain(b)) return false;
  return a.kind != Kind::list || alike(element_of(a), element_of(b));
}

Type merged(const Type& a, const Type& b) {  // NOLINT(misc-no-recursion)
  const bool nullable = a.nullable || b.nullable;
  Type type;
  if (a.kind != Kind::dyn && b.kind != Kind::dyn && alike(a, b)) {
    type = Type::of(a.kind == b.kind ? a.kind : Kind::string);
    if (a.kind == Kind::list) {
      type.element = std::make_shared<const Type>(merged(element_of(a), element_of(b)));
    }
    // Two objects of different shape: any member, each dyn.
    if (a.kind == Kind::object && a.fields == b.fields) type.fields = a.fields;
  }
  type.nullable = nullable;
  return type;
}

std::optional<Type> arithmetic_type(Operator op, const Type& a, const Type& b) {
  const bool adds = op == Operator::add;
  const bool subtracts = op == Operator::subtract;
  const auto one_of = [](Kind kind, std::initializer_list<Kind> kinds) {
    for (const Kind each : kinds) {
      if (each == kind) return true;
    }
    return false;
  };
  const auto works_with_itself = [&](Kind kind) {
    if (kind == Kind::integer) return true;
    if (kind == Kind::number) return op != Operator::remainder;
    if (kind == Kind::string || kind == Kind::list) return adds;
    return kind == Kind::duration && (adds || subtracts);
  };
  const Kind left = plain(a);
  const Kind right = plain(b);
  if (left == Kind::dyn && right == Kind::dyn) return Type{};
  if (left == Kind::dyn || right == Kind::dyn) {
    const Kind known = left == Kind::dyn ? right : left;
    if (one_of(known, {Kind::timestamp, Kind::duration}) && (adds || subtracts)) return Type{};
    if (!works_with_itself(known)) return std::nullopt;
    return Type::of(known);
  }
  if (left == right && works_with_itself(left)) {
    Type type = Type::of(left);
    if (left == Kind::list) type = Type::list_of(merged(element_of(a), element_of(b)));
    return type;
  }
  if (adds && left == Kind::timestamp && right == Kind::duration) return Type::of(left);
  if (adds && left == Kind::duration && right == Kind::timestamp) return Type::of(right);
  if (subtracts && left == Kind::timestamp && right == Kind::duration) return Type::of(left);
  if (subtracts && left == Kind::timestamp && right == Kind::timestamp) {
    return Type::of(Kind::duration);
  }
  return std::nullopt;
}

std::string_view symbol_of(Operator op) noexcept {
  switch (op) {
    case Operator::none:
      break;
    case Operator::add:
      return "+";
    case Operator::subtract:
      return "-";
    case Operator::multiply:
      return "*";
    case Operator::divide:
      return "/";
    case Operator::remainder:
      return "%";
    case Operator::equal:
      return "==";
    case Operator::not_equal:
      return "!=";
    case Operator::less:
      return "<";
    case Operator::less_equal:
      return "<=";
    case Operator::greater:
      return ">";
    case Operator::greater_equal:
      return ">=";
  }
  return "";
}

bool accepts(const Overload& overload, std::span<const Type> arguments, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const Type& given = arguments[i];
    const Kind wanted = overload.arguments[i];
    if (given.kind == Kind::dyn || wanted == Kind::dyn) continue;
    if (plain(given) != wanted) return false;
    if (wanted == Kind::list && overload.of_strings && given.element && !is_text(*given.element) &&
        given.element->kind != Kind::dyn) {
      return false;
    }
  }
  return true;
}

Type result_of(std::span<const Overload> overloads, std::span<const Type> arguments) {
  std::optional<Type> result;
  for (const Overload& overload : overloads) {
    if (overload.count != arguments.size() || !accepts(overload, arguments, arguments.size())) {
      continue;
    }
    Type type = Type::of(overload.result);
    if (overload.result == Kind::list) type = Type::list_of(Type::of(Kind::string));
    if (result && result->kind != type.kind) return Type{};
    result = std::move(type);
  }
  return result.value_or(Type{});
}

}  // namespace quell::expression
