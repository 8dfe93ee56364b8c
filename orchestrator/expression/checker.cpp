#include "orchestrator/expression/checker.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/expression/functions.h"
#include "orchestrator/expression/text.h"
#include "orchestrator/expression/typing.h"

namespace quell::expression {
namespace {

using Kind = Type::Kind;

/// Dotted paths known not to be null at some place.
using Facts = std::set<std::string, std::less<>>;

Facts both(const Facts& a, const Facts& b) {
  Facts all = a;
  all.insert(b.begin(), b.end());
  return all;
}

Facts shared_by(const Facts& a, const Facts& b) {
  Facts common;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(),
                        std::inserter(common, common.begin()));
  return common;
}

/// A type, and what is known where the (boolean) expression is true or false.
struct Typed {
  Type type{};
  Facts when_true{};
  Facts when_false{};
};

bool is_null_literal(const Node& node) noexcept {
  return node.kind == NodeKind::literal && node.value.is_null();
}

/// Walks the tree once. Recursion is bounded by the height of the tree, kDepthMax.
class Checker {
 public:
  Checker(const TypeScope& scope, std::vector<ExpressionError>& errors)
      : scope_(scope), errors_(errors) {}

  /// The type of `node`, which may be null or secret: it is passed on whole.
  Typed whole(const Node& node, const Facts& known) {  // NOLINT(misc-no-recursion)
    Typed typed = visit(node, known);
    if (scope_.dyn_root) return Typed{};
    if (typed.type.nullable && known.contains(path_of(node, true))) typed.type.nullable = false;
    return typed;
  }

 private:
  void fail(Span at, std::string_view code, std::string message, std::string hint = {}) {
    errors_.push_back(ExpressionError{.offset = at.offset,
                                      .length = at.length,
                                      .code = std::string(code),
                                      .message = std::move(message),
                                      .hint = std::move(hint)});
  }

  /// The type of `node` where its content is read: neither null nor secret.
  Typed content(const Node& node, const Facts& known) {  // NOLINT(misc-no-recursion)
    Typed typed = whole(node, known);
    const std::string path = path_of(node, false);
    if (typed.type.kind == Kind::secret) {
      fail(node.span, "secret-in-text", "a secret can only be passed whole",
           fmt::format("fingerprint({}) gives fp:xxxxxxxx", path.empty() ? "..." : path));
      return Typed{};
    }
    return not_null(node, path, std::move(typed));
  }

  Typed not_null(const Node& node, const std::string& path, Typed typed) {
    if (typed.type.kind == Kind::null) {
      fail(node.span, "wrong-type", "null can only be compared", "use == or !=");
      return Typed{};
    }
    if (typed.type.nullable) {
      const std::string shown = path.empty() ? "this" : path;
      fail(node.span, "nullable", fmt::format("{} may be null here", shown),
           path.empty() ? std::string("name it with a set step and test it with != null first")
                        : fmt::format("test it first: {} != null && ...", path));
      return Typed{};
    }
    return typed;
  }

  Typed condition(const Node& node, const Facts& known) {  // NOLINT(misc-no-recursion)
    Typed typed = content(node, known);
    if (typed.type.kind != Kind::boolean && typed.type.kind != Kind::dyn) {
      fail(node.span, "not-boolean",
           fmt::format("true or false is needed here, not {}", to_string(typed.type)),
           "compare it with something");
    }
    return typed;
  }

  Typed visit(const Node& node, const Facts& known) {  // NOLINT(misc-no-recursion)
    switch (node.kind) {
      case NodeKind::literal:
        return Typed{.type = type_of(node.value)};
      case NodeKind::name:
        return Typed{.type = root_name(node)};
      case NodeKind::local:
        return Typed{.type = locals_[node.slot]};
      case NodeKind::select:
        return Typed{.type = member(content(*node.children[0], known).type, node, node.name)};
      case NodeKind::has:
        member(content(*node.children[0], known).type, node, node.name);
        return Typed{.type = Type::of(Kind::boolean)};
      case NodeKind::index:
        return Typed{.type = indexed(node, known)};
      case NodeKind::list:
        return Typed{.type = list(node, known)};
      case NodeKind::map:
        return Typed{.type = map(node, known)};
      case NodeKind::logical_not: {
        Typed typed = condition(*node.children[0], known);
        std::swap(typed.when_true, typed.when_false);
        typed.type = Type::of(Kind::boolean);
        return typed;
      }
      case NodeKind::negate:
        return Typed{.type = negated(node, known)};
      case NodeKind::arithmetic:
        return Typed{.type = arithmetic(node, known)};
      case NodeKind::equality:
        return equality(node, known);
      case NodeKind::ordering:
        return Typed{.type = ordering(node, known)};
      case NodeKind::membership:
        return Typed{.type = membership(node, known)};
      case NodeKind::logical_and:
        return conjunction(node, known);
      case NodeKind::logical_or:
        return disjunction(node, known);
      case NodeKind::conditional:
        return Typed{.type = conditional(node, known)};
      case NodeKind::call:
        return Typed{.type = call(node, known)};
      case NodeKind::comprehension:
        return Typed{.type = comprehension(node, known)};
    }
    return Typed{};
  }

  /// Tells a better sentence about something missing, where the scope has one; it marks the whole
  /// path, since the path is what it speaks of.
  bool explained(const Node& node) {
    if (!scope_.explain_missing) return false;
    std::string path = path_of(node, false);
    if (node.kind == NodeKind::has) {
      path = path_of(*node.children[0], false);
      if (!path.empty()) path += "." + node.name;
    }
    if (path.empty()) return false;
    std::optional<ExpressionError> better = scope_.explain_missing(path);
    if (!better) return false;
    const Node& first = node.kind == NodeKind::has ? *node.children[0] : node;
    better->offset = first.span.offset;
    better->length =
        (node.kind == NodeKind::has ? node.word.end() : node.span.end()) - first.span.offset;
    errors_.push_back(std::move(*better));
    return true;
  }

  Type root_name(const Node& node) {
    const auto found = scope_.names.find(node.name);
    if (found != scope_.names.end()) return found->second;
    if (scope_.dyn_root || explained(node)) return Type{};
    std::vector<std::string_view> known;
    for (const auto& [name, type] : scope_.names) known.push_back(name);
    std::string hint = did_you_mean(node.name, known);
    if (hint.empty()) hint = fmt::format("known here: {}", fmt::join(known, ", "));
    fail(node.word, "unknown-name", fmt::format("unknown name \"{}\"", node.name), std::move(hint));
    return Type{};
  }

  Type member(const Type& base, const Node& node, const std::string& name) {
    if (base.kind == Kind::dyn) return Type{};
    if (base.kind != Kind::object) {
      fail(node.word, "wrong-type", fmt::format("{} has no members", to_string(base)));
      return Type{};
    }
    if (!base.fields) return Type{};
    if (const Field* const field = base.find(name)) return field->type;
    if (explained(node)) return Type{};
    std::vector<std::string_view> known;
    for (const Field& field : *base.fields) known.push_back(field.name);
    std::string hint = did_you_mean(name, known);
    constexpr std::size_t kListedMax = 12;
    if (hint.empty() && !known.empty() && known.size() <= kListedMax) {
      hint = fmt::format("it has: {}", fmt::join(known, ", "));
    }
    fail(node.word, "unknown-field", fmt::format("unknown field \"{}\"", name), std::move(hint));
    return Type{};
  }

  Type indexed(const Node& node, const Facts& known) {  // NOLINT(misc-no-recursion)
    const Type base = content(*node.children[0], known).type;
    const Type key = content(*node.children[1], known).type;
    if (base.kind == Kind::dyn) return Type{};
    if (base.kind == Kind::list) {
      if (key.kind != Kind::integer && key.kind != Kind::dyn) {
        fail(node.word, "wrong-type",
             fmt::format("a list is indexed by int, not {}", to_string(key)));
      }
      return base.element ? *base.element : Type{};
    }
    if (base.kind != Kind::object) {
      fail(node.word, "wrong-type", fmt::format("{} cannot be indexed", to_string(base)));
      return Type{};
    }
    if (!is_text(key) && key.kind != Kind::dyn) {
      fail(node.word, "wrong-type", fmt::format("map keys are strings, not {}", to_string(key)));
      return Type{};
    }
    const std::string* const constant = constant_key(node);
    return constant != nullptr ? member(base, node, *constant) : Type{};
  }

  Type list(const Node& node, const Facts& known) {  // NOLINT(misc-no-recursion)
    std::optional<Type> element;
    for (const NodePtr& child : node.children) {
      const Type type = content(*child, known).type;
      element = element ? merged(*element, type) : type;
    }
    // As in CEL, elements of several types make a list of dyn.
    return Type::list_of(element.value_or(Type{}));
  }

  Type map(const Node& node, const Facts& known) {  // NOLINT(misc-no-recursion)
    std::vector<Field> fields;
    bool is_constant = true;
    for (std::size_t i = 0; i + 1 < node.children.size(); i += 2) {
      const Node& key = *node.children[i];
      const Type key_type = content(key, known).type;
      const Type type = content(*node.children[i + 1], known).type;
      if (key_type.kind != Kind::dyn && !is_text(key_type)) {
        fail(key.span, "unsupported",
             fmt::format("map keys are strings, not {}", to_string(key_type)),
             "write the key as \"...\"");
      }
      if (key.kind != NodeKind::literal || !key.value.is_string()) {
        is_constant = false;
        continue;
      }
      const std::string& name = key.value.as_string();
      if (std::any_of(fields.begin(), fields.end(),
                      [&name](const Field& field) { return field.name == name; })) {
        fail(key.span, "duplicate-key", "a key that occurs twice");
        continue;
      }
      fields.push_back(Field{.name = name, .type = type});
    }
    return is_constant ? Type::object(std::move(fields)) : Type::of(Kind::object);
  }

  Type negated(const Node& node, const Facts& known) {  // NOLINT(misc-no-recursion)
    Type type = content(*node.children[0], known).type;
    if (type.kind == Kind::integer || type.kind == Kind::number || type.kind == Kind::dyn) {
      return type;
    }
    fail(node.word, "wrong-type", fmt::format("{} has no negative", to_string(type)));
    return Type{};
  }

  Type arithmetic(const Node& node, const Facts& known) {  // NOLINT(misc-no-recursion)
    const Type left = content(*node.children[0], known).type;
    const Type right = content(*node.children[1], known).type;
    if (const std::optional<Type> type = arithmetic_type(node.op, left, right)) return *type;
    const std::string_view sign = symbol_of(node.op);
    if (left.kind == right.kind || (is_text(left) && is_text(right))) {
      fail(node.word, "wrong-type", fmt::format("{} has no {}", to_string(left), sign));
      return Type{};
    }
    std::string hint;
    if (is_text(left) || is_text(right)) {
      hint = node.op == Operator::add ? "make it text: string(...)" : "";
    } else if (is_number(left) && is_number(right)) {
      hint = "convert one of them: double(...) or int(...)";
    }
    fail(node.word, "unlike-types",
         fmt::format("{} {} {} is not defined", to_string(left), sign, to_string(right)),
         std::move(hint));
    return Type{};
  }

  Typed null_comparison(const Node& node, const Node& other,  // NOLINT(misc-no-recursion)
                        const Facts& known) {
    Typed result{.type = Type::of(Kind::boolean)};
    const Type type = whole(other, known).type;
    const std::string path = path_of(other, true);
    // A path that an earlier test already settled may be tested again.
    const bool may_be_null = type.nullable || type.kind == Kind::dyn || type.kind == Kind::null ||
                             type.kind == Kind::secret || known.contains(path);
    if (!may_be_null) {
      fail(node.word, "unlike-types", fmt::format("{} is never null", to_string(type)),
           "leave the comparison out");
      return result;
    }
    if (!path.empty()) {
      (node.op == Operator::equal ? result.when_false : result.when_true).insert(path);
    }
    return result;
  }

  Typed equality(const Node& node, const Facts& known) {  // NOLINT(misc-no-recursion)
    const Node& first = *node.children[0];
    const Node& second = *node.children[1];
    if (is_null_literal(second)) return null_comparison(node, first, known);
    if (is_null_literal(first)) return null_comparison(node, second, known);
    const Type left = content(first, known).type;
    const Type right = content(second, known).type;
    if (!alike(left, right)) {
      const bool numbers = is_number(left) && is_number(right);
      fail(node.word, "unlike-types",
           fmt::format("{} is never equal to {}", to_string(left), to_string(right)),
           numbers ? "convert one of them: double(...) or int(...)" : "");
    }
    return Typed{.type = Type::of(Kind::boolean)};
  }

  Type ordering(const Node& node, const Facts& known) {  // NOLINT(misc-no-recursion)
    const Type left = content(*node.children[0], known).type;
    const Type right = content(*node.children[1], known).type;
    const auto ordered = [](const Type& type) {
      return type.kind == Kind::boolean || is_number(type) || is_text(type) ||
             type.kind == Kind::timestamp || type.kind == Kind::duration || type.kind == Kind::dyn;
    };
    if (!ordered(left) || !ordered(right)) {
      fail(node.word, "wrong-type",
           fmt::format("{} has no order", to_string(ordered(left) ? right : left)));
    } else if (!alike(left, right) && !(is_number(left) && is_number(right))) {
      fail(node.word, "unlike-types",
           fmt::format("{} cannot be compared with {}", to_string(left), to_string(right)));
    }
    return Type::of(Kind::boolean);
  }

  Type membership(const Node& node, const Facts& known) {  // NOLINT(misc-no-recursion)
    const Type item = content(*node.children[0], known).type;
    const Type group = content(*node.children[1], known).type;
    if (group.kind == Kind::list) {
      if (group.element && !alike(item, *group.element)) {
        fail(node.word, "unlike-types",
             fmt::format("{} is never in a {}", to_string(item), to_string(group)));
      }
    } else if (group.kind == Kind::object) {
      if (!is_text(item) && item.kind != Kind::dyn) {
        fail(node.word, "unlike-types",
             fmt::format("map keys are strings, not {}", to_string(item)));
      }
    } else if (group.kind != Kind::dyn) {
      fail(node.word, "wrong-type",
           fmt::format("\"in\" looks into a list or a map, not {}", to_string(group)),
           is_text(group) ? "for a part of a string: text.contains(part)" : "");
    }
    return Type::of(Kind::boolean);
  }

  Typed conjunction(const Node& node, const Facts& known) {  // NOLINT(misc-no-recursion)
    Typed result{.type = Type::of(Kind::boolean)};
    Facts so_far = known;
    bool is_first = true;
    for (const NodePtr& child : node.children) {
      const Typed typed = condition(*child, so_far);
      so_far = both(so_far, typed.when_true);
      result.when_true = both(result.when_true, typed.when_true);
      result.when_false =
          is_first ? typed.when_false : shared_by(result.when_false, typed.when_false);
      is_first = false;
    }
    return result;
  }

  Typed disjunction(const Node& node, const Facts& known) {  // NOLINT(misc-no-recursion)
    Typed result{.type = Type::of(Kind::boolean)};
    Facts so_far = known;
    bool is_first = true;
    for (const NodePtr& child : node.children) {
      const Typed typed = condition(*child, so_far);
      so_far = both(so_far, typed.when_false);
      result.when_false = both(result.when_false, typed.when_false);
      result.when_true = is_first ? typed.when_true : shared_by(result.when_true, typed.when_true);
      is_first = false;
    }
    return result;
  }

  Type conditional(const Node& node, const Facts& known) {  // NOLINT(misc-no-recursion)
    const Typed test = condition(*node.children[0], known);
    const Type yes = whole(*node.children[1], both(known, test.when_true)).type;
    const Type no = whole(*node.children[2], both(known, test.when_false)).type;
    if (yes.kind == Kind::null) return no.kind == Kind::dyn ? no : no.or_null();
    if (no.kind == Kind::null) return yes.kind == Kind::dyn ? yes : yes.or_null();
    if (yes.kind == Kind::secret || no.kind == Kind::secret ? yes.kind != no.kind
                                                            : !alike(yes, no)) {
      fail(node.word, "unlike-types", fmt::format("either {} or {}", to_string(yes), to_string(no)),
           "both values of ?: have one type");
      return Type{};
    }
    return merged(yes, no);
  }

  Type comprehension(const Node& node, const Facts& known) {  // NOLINT(misc-no-recursion)
    const Type range = content(*node.children[0], known).type;
    Type variable;
    if (range.kind == Kind::list) {
      if (range.element) variable = *range.element;
    } else if (range.kind == Kind::object) {
      variable = Type::of(Kind::string);
    } else if (range.kind != Kind::dyn) {
      fail(node.word, "wrong-type",
           fmt::format("{} has no elements to go through", to_string(range)));
    }
    locals_.resize(node.slot);
    locals_.push_back(variable);
    Type result = Type::of(Kind::boolean);
    if (node.macro == Macro::map) {
      const bool has_filter = node.children.size() > 2;
      Facts inner = known;
      if (has_filter) inner = both(known, condition(*node.children[1], known).when_true);
      result = Type::list_of(content(*node.children.back(), inner).type);
    } else {
      condition(*node.children[1], known);
      if (node.macro == Macro::filter) {
        result = range.kind == Kind::list ? range : Type::list_of(variable);
      }
    }
    locals_.resize(node.slot);
    return result;
  }

  Type call(const Node& node, const Facts& known) {  // NOLINT(misc-no-recursion)
    const bool takes_secret =
        node.function != nullptr && node.function->id == FunctionId::fingerprint;
    // The arguments of a mistyped macro would only add mistakes that are none.
    const bool is_unknown_method = node.function == nullptr && node.is_method;
    std::vector<Type> arguments;
    for (const NodePtr& child : node.children) {
      arguments.push_back(takes_secret
                              ? not_null(*child, path_of(*child, false), whole(*child, known)).type
                              : content(*child, known).type);
      if (is_unknown_method) break;
    }
    if (!callable(node) || node.function == nullptr) return Type{};
    const std::span<const Overload> overloads = overloads_of(node.function->id);
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const bool fits = std::any_of(
          overloads.begin(), overloads.end(), [&arguments, i](const Overload& overload) {
            return overload.count == arguments.size() && accepts(overload, arguments, i + 1);
          });
      if (fits) continue;
      wrong_argument(node, arguments[i], i);
      return Type{};
    }
    check_constants(node);
    return result_of(overloads, arguments);
  }

  /// Whether the function exists, is written this way and takes that many arguments.
  bool callable(const Node& node) {
    if (node.function == nullptr) {
      std::vector<std::string_view> names{"has", "all", "exists", "exists_one", "filter", "map"};
      for (const FunctionSpec& function : all_functions()) names.push_back(function.name);
      fail(node.word, "unknown-function", fmt::format("unknown function \"{}\"", node.name),
           did_you_mean(node.name, names));
      return false;
    }
    const FunctionSpec& function = *node.function;
    if (function.form == CallForm::method && !node.is_method) {
      fail(node.word, "unknown-function", fmt::format("{}() is called on a value", node.name),
           fmt::format("write x.{}(...)", node.name));
      return false;
    }
    if (function.form == CallForm::global && node.is_method) {
      fail(node.word, "unknown-function", fmt::format("{}() is not called on a value", node.name),
           fmt::format("write {}(x)", node.name));
      return false;
    }
    const std::span<const Overload> overloads = overloads_of(function.id);
    std::set<std::size_t> counts;
    const std::size_t receiver = node.is_method ? 1 : 0;
    for (const Overload& overload : overloads) counts.insert(overload.count - receiver);
    const std::size_t given = node.children.size() - receiver;
    if (counts.contains(given)) return true;
    fail(node.word, "wrong-arity",
         fmt::format("{}() takes {} argument{}, not {}", node.name, fmt::join(counts, " or "),
                     *counts.rbegin() == 1 ? "" : "s", given));
    return false;
  }

  void wrong_argument(const Node& node, const Type& given, std::size_t at) {
    std::vector<std::string> wanted;
    for (const Overload& overload : overloads_of(node.function->id)) {
      if (overload.count != node.children.size()) continue;
      Type type = Type::of(overload.arguments[at]);
      if (type.kind == Kind::list && overload.of_strings) {
        type = Type::list_of(Type::of(Kind::string));
      }
      std::string text = to_string(type);
      if (std::find(wanted.begin(), wanted.end(), text) == wanted.end()) {
        wanted.push_back(std::move(text));
      }
    }
    const bool is_receiver = node.is_method && at == 0;
    fail(is_receiver ? node.word : node.children[at]->span, "wrong-type",
         fmt::format("{}() {} {}, not {}", node.name, is_receiver ? "is for" : "takes",
                     fmt::join(wanted, ", "), to_string(given)));
  }

  /// A constant that a conversion or pattern can never take is a mistake of the author, so it is
  /// found before the run.
  void check_constants(const Node& node) {
    const Node& last = *node.children.back();
    if (scope_.dyn_root || last.kind != NodeKind::literal || !last.value.is_string()) return;
    Computed result = Value();
    const bool is_conversion = node.children.size() == 1 && !node.is_method;
    const bool is_getter = node.children.size() == 2 && node.name.starts_with("get");
    if (node.pattern) {
      result = call_function(node.function->id, std::array<Value, 2>{Value(""), last.value},
                             node.pattern.get(), 0);
    } else if (is_getter) {
      result = call_function(node.function->id,
                             std::array<Value, 2>{Value(Timestamp{}), last.value}, nullptr, 0);
    } else if (is_conversion) {
      result = call_function(node.function->id, std::array<Value, 1>{last.value}, nullptr, 0);
    }
    if (!result.value) {
      fail(last.span, "bad-constant", std::move(result.reason), std::move(result.hint));
    }
  }

  const TypeScope& scope_;
  std::vector<ExpressionError>& errors_;
  std::vector<Type> locals_{};  // of the macro variables, by slot
};

}  // namespace

Type check_tree(const Node& root, const TypeScope& scope, std::vector<ExpressionError>& errors) {
  const std::size_t before = errors.size();
  Type type = Checker(scope, errors).whole(root, {}).type;
  return errors.size() == before ? type : Type{};
}

}  // namespace quell::expression
