#include "orchestrator/expression/evaluator.h"

#include <algorithm>
#include <compare>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "orchestrator/expression/budget.h"
#include "orchestrator/expression/functions.h"
#include "orchestrator/expression/operators.h"
#include "orchestrator/expression/text.h"

namespace quell::expression {
namespace {

/// A macro variable. `is_fresh`: its text was built by this evaluation rather than given to it.
struct Local {
  Value value{};
  bool is_fresh = false;
};

/// Runs one tree once. Its functions give false after `fail`. An error inside && or || may be
/// absorbed, but never one of the budget.
class Evaluator {
 public:
  Evaluator(const Scope& scope, std::string_view text)
      : scope_(scope), text_(text), budget_(scope) {}

  Result<Value> run(const Node& root) {
    Value value;
    if (!eval(root, value)) return evaluation_error(reason_, hint_, text_, at_);
    return value;
  }

 private:
  static constexpr std::string_view kSizeHint = "at most 1 MiB may be newly built";
  static constexpr std::string_view kKindHint = "convert it first: int(), double(), string()";

  bool fail(const Node& node, std::string_view reason, std::string_view hint = {}) {
    reason_ = reason;
    hint_ = hint;
    at_ = node.span;
    return false;
  }

  /// Ends the evaluation for good.
  bool stop(const Node& node, std::string_view reason, std::string_view hint) {
    stopped_ = true;
    return fail(node, reason, hint);
  }

  bool spend(const Node& node, std::uint64_t steps) {
    if (budget_.spend(steps)) return true;
    return stop(node, "the evaluation takes too many steps",
                fmt::format("at most {} and {} for each element of the inputs", kStepsMax,
                            kStepsPerElement));
  }

  bool too_large(const Node& node) { return stop(node, kResultTooLarge, kSizeHint); }

  bool secret_used(const Node& node) {
    return fail(node, "a secret can only be passed whole, compared with null or fingerprinted",
                "fingerprint(...) gives fp:xxxxxxxx");
  }

  bool no_overload(const Node& node, const Value& left, const Value& right) {
    if (left.is_secret() || right.is_secret()) return secret_used(node);
    return fail(node,
                fmt::format("{} for {} and {}", kNoSuchOverload, to_string(left.kind()),
                            to_string(right.kind())),
                kKindHint);
  }

  bool put(const Node& node, Computed result, Value& out) {
    if (!result.value) return fail(node, result.reason, result.hint);
    out = std::move(*result.value);
    return true;
  }

  /// Whether the node hands on a value as it was given to the evaluation.
  bool is_reference(const Node& node) const noexcept {
    const Node* at = &node;
    while ((at->kind == NodeKind::select || at->kind == NodeKind::index)) {
      at = at->children[0].get();
    }
    if (at->kind == NodeKind::local) return !locals_[at->slot].is_fresh;
    return at->kind == NodeKind::name;
  }

  // Recursion below is bounded by the height of the tree, kDepthMax.

  bool eval(const Node& node, Value& out) {  // NOLINT(misc-no-recursion)
    if (!spend(node, 1)) return false;
    switch (node.kind) {
      case NodeKind::literal:
        return copy(node, node.value, out);
      case NodeKind::name:
      case NodeKind::local:
      case NodeKind::select: {
        Value holder;
        const Value* const found = refer(node, holder);
        return found != nullptr && copy(node, *found, out);
      }
      case NodeKind::has:
        return has(node, out);
      case NodeKind::index: {
        Value holder;
        const Value* const base = refer(*node.children[0], holder);
        Value key;
        if (base == nullptr || !eval(*node.children[1], key)) return false;
        const Value* const found = element(node, *base, key);
        return found != nullptr && copy(node, *found, out);
      }
      case NodeKind::list:
        return list(node, out);
      case NodeKind::map:
        return map(node, out);
      case NodeKind::logical_not: {
        bool value = false;
        if (!truth(*node.children[0], value)) return false;
        out = Value(!value);
        return true;
      }
      case NodeKind::negate: {
        Value value;
        if (!eval(*node.children[0], value)) return false;
        if (value.is_secret()) return secret_used(node);
        return put(node, negated(value), out);
      }
      case NodeKind::arithmetic:
        return arithmetic_of(node, out);
      case NodeKind::equality:
        return equality(node, out);
      case NodeKind::ordering:
        return ordering(node, out);
      case NodeKind::membership:
        return membership(node, out);
      case NodeKind::logical_and:
        return logic(node, false, out);
      case NodeKind::logical_or:
        return logic(node, true, out);
      case NodeKind::conditional: {
        bool test = false;
        if (!truth(*node.children[0], test)) return false;
        return eval(*node.children[test ? 1 : 2], out);
      }
      case NodeKind::call:
        return call(node, out);
      case NodeKind::comprehension:
        return comprehension(node, out);
    }
    return fail(node, kNoSuchOverload);
  }

  bool copy(const Node& node, const Value& from, Value& out) {
    if (from.is_string() && !spend(node, Budget::steps_of_bytes(from.as_string().size()))) {
      return false;
    }
    out = from;
    return true;
  }

  /// The value of `node` without a copy where it stands somewhere already, else in `holder`.
  const Value* refer(const Node& node, Value& holder) {  // NOLINT(misc-no-recursion)
    if (node.kind == NodeKind::name) {
      const Value* const found = scope_.find(node.name);
      if (found == nullptr) {
        fail(node, fmt::format("no such name \"{}\"", node.name));
      }
      return found;
    }
    if (node.kind == NodeKind::local) return &locals_[node.slot].value;
    if (node.kind == NodeKind::select) {
      if (const Value* const dotted = dotted_name(node)) return dotted;
      const Value* const base = refer(*node.children[0], holder);
      if (base == nullptr || !spend(node, 1)) return nullptr;
      if (base->is_entries()) {
        const Value* const found = entry(node, *base, Value(node.name));
        return found == nullptr ? nullptr : keep(*base, *found, holder);
      }
      if (!base->is_map()) {
        fail(node, fmt::format("{} has no members", to_string(base->kind())));
        return nullptr;
      }
      const ValueMap& members = base->as_map();
      const auto found = members.find(node.name);
      if (found == members.end()) {
        fail(node, fmt::format("no such key \"{}\"", node.name), "test it first with has()");
        return nullptr;
      }
      return keep(*base, found->second, holder);
    }
    return eval(node, holder) ? &holder : nullptr;
  }

  /// A name that itself has dots wins over members (cel-spec langdef, "Name Resolution").
  const Value* dotted_name(const Node& node) const {
    return scope_.has_dotted_names ? scope_.find(path_of(node, false)) : nullptr;
  }

  /// The member of a map whose keys are not all strings.
  const Value* entry(const Node& node, const Value& base, const Value& key) {
    if (!spend(node, base.as_entries().size())) return nullptr;
    const Value* const found = entry_at(base.as_entries(), key);
    if (found == nullptr) fail(node, "no such key", "test it first with in");
    return found;
  }

  /// `part` of `whole`; moved into `holder` when that is what keeps it alive.
  static const Value* keep(const Value& whole, const Value& part, Value& holder) {
    if (&whole != &holder) return &part;
    Value kept = part;
    holder = std::move(kept);
    return &holder;
  }

  const Value* element(const Node& node, const Value& base, const Value& key) {
    if (base.is_list()) {
      std::optional<std::int64_t> at;
      if (key.is_int()) at = key.as_int();
      // cel-spec langdef, "Field Selection": an index may be any number that is a whole one.
      if (key.is_number()) {
        const Computed whole = to_int(key);
        if (whole.value && compare(*whole.value, key) == std::partial_ordering::equivalent) {
          at = whole.value->as_int();
        }
      }
      if (!at) {
        fail(node, fmt::format("a list is indexed by int, not {}", to_string(key.kind())));
        return nullptr;
      }
      const ValueList& items = base.as_list();
      if (*at < 0 || static_cast<std::uint64_t>(*at) >= items.size()) {
        fail(node, fmt::format("index {} is out of bounds of a list of {}", *at, items.size()));
        return nullptr;
      }
      return &items[static_cast<std::size_t>(*at)];
    }
    if (base.is_entries()) return entry(node, base, key);
    if (!base.is_map()) {
      if (base.is_secret()) {
        secret_used(node);
      } else {
        fail(node, fmt::format("{} cannot be indexed", to_string(base.kind())));
      }
      return nullptr;
    }
    if (!key.is_string()) {
      fail(node, fmt::format("no such key: map keys are strings, not {}", to_string(key.kind())));
      return nullptr;
    }
    const auto found = base.as_map().find(key.as_string());
    if (found == base.as_map().end()) {
      // A computed key may come from outside and is not quoted.
      const std::string* const constant = constant_key(node);
      fail(node, constant == nullptr ? "no such key" : fmt::format("no such key \"{}\"", *constant),
           "test it first with in");
      return nullptr;
    }
    return &found->second;
  }

  bool has(const Node& node, Value& out) {  // NOLINT(misc-no-recursion)
    Value holder;
    const Value* const base = refer(*node.children[0], holder);
    if (base == nullptr) return false;
    if (base->is_entries()) {
      out = Value(entry_at(base->as_entries(), Value(node.name)) != nullptr);
      return spend(node, base->as_entries().size());
    }
    if (!base->is_map()) {
      return fail(node, fmt::format("{} has no members", to_string(base->kind())));
    }
    out = Value(base->as_map().contains(node.name));
    return true;
  }

  bool truth(const Node& node, bool& out) {  // NOLINT(misc-no-recursion)
    Value value;
    if (!eval(node, value)) return false;
    if (!value.is_bool()) {
      return fail(node,
                  fmt::format("true or false is needed here, not {}", to_string(value.kind())),
                  "compare it with something");
    }
    out = value.as_bool();
    return true;
  }

  /// && and || over all their operands: `decisive` from any of them wins over an error of another,
  /// on either side (cel-spec langdef, "Logical Operators").
  bool logic(const Node& node, bool decisive, Value& out) {  // NOLINT(misc-no-recursion)
    Absorbed error;
    for (const NodePtr& child : node.children) {
      bool value = false;
      if (!truth(*child, value)) {
        if (!absorb(error)) return false;
      } else if (value == decisive) {
        out = Value(decisive);
        return true;
      }
    }
    if (error.held) return raise(error);
    out = Value(!decisive);
    return true;
  }

  /// The first error that && or || may yet forget.
  struct Absorbed {
    bool held = false;
    std::string reason{};
    std::string hint{};
    Span at{};
  };

  bool absorb(Absorbed& error) {
    if (stopped_) return false;
    if (!error.held) {
      error = Absorbed{.held = true, .reason = reason_, .hint = hint_, .at = at_};
    }
    return true;
  }

  bool raise(const Absorbed& error) {
    reason_ = error.reason;
    hint_ = error.hint;
    at_ = error.at;
    return false;
  }

  bool arithmetic_of(const Node& node, Value& out) {  // NOLINT(misc-no-recursion)
    Value left;
    Value right;
    if (!eval(*node.children[0], left) || !eval(*node.children[1], right)) return false;
    if (node.op == Operator::add && left.is_string() && right.is_string()) {
      const std::size_t bytes = left.as_string().size() + right.as_string().size();
      if (bytes > kResultBytesMax) return too_large(node);
      if (!spend(node, Budget::steps_of_bytes(bytes))) return false;
      std::string joined;
      joined.reserve(bytes);
      joined += left.as_string();
      joined += right.as_string();
      out = Value(std::move(joined));
      return true;
    }
    if (node.op == Operator::add && left.is_list() && right.is_list()) {
      return concatenation(node, left, right, out);
    }
    Computed result = arithmetic(node.op, left, right);
    if (!result.value && result.reason == kNoSuchOverload && result.hint.empty()) {
      return no_overload(node, left, right);
    }
    return put(node, std::move(result), out);
  }

  bool concatenation(const Node& node, const Value& left, const Value& right, Value& out) {
    ValueList items;
    std::size_t bytes = 0;
    for (const Value* const part : {&left, &right}) {
      const bool is_fresh = budget_.is_built(*part);
      for (const Value& item : part->as_list()) {
        if (!append(node, items, item, is_fresh, bytes)) return false;
      }
    }
    return finish(node, Value(std::move(items)), bytes, out);
  }

  /// Adds one element to a list that is being built, and its cost to `bytes`.
  bool append(const Node& node, ValueList& items, Value item, bool is_fresh, std::size_t& bytes) {
    const std::size_t text = item.is_string() ? item.as_string().size() : 0;
    if (!spend(node, 1 + Budget::steps_of_bytes(text))) return false;
    bytes += budget_.bytes_of(item, is_fresh);
    if (bytes > kResultBytesMax) return too_large(node);
    items.push_back(std::move(item));
    return true;
  }

  bool finish(const Node& node, Value container, std::size_t bytes, Value& out) {
    if (!budget_.built(container, bytes)) return too_large(node);
    out = std::move(container);
    return true;
  }

  bool list(const Node& node, Value& out) {  // NOLINT(misc-no-recursion)
    ValueList items;
    items.reserve(node.children.size());
    std::size_t bytes = 0;
    for (const NodePtr& child : node.children) {
      Value item;
      if (!eval(*child, item)) return false;
      if (!append(node, items, std::move(item), !is_reference(*child), bytes)) return false;
    }
    return finish(node, Value(std::move(items)), bytes, out);
  }

  bool map(const Node& node, Value& out) {  // NOLINT(misc-no-recursion)
    ValueEntries entries;
    bool has_only_strings = true;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i + 1 < node.children.size(); i += 2) {
      const Node& key_node = *node.children[i];
      const Node& value_node = *node.children[i + 1];
      Value key;
      Value value;
      if (!eval(key_node, key) || !eval(value_node, value)) return false;
      if (!key.is_string() && !key.is_int() && !key.is_bool()) {
        return fail(key_node, fmt::format("a map key is a string, int or bool, not {}",
                                          to_string(key.kind())));
      }
      has_only_strings &= key.is_string();
      bytes += budget_.bytes_of(key, true) + budget_.bytes_of(value, !is_reference(value_node));
      if (bytes > kResultBytesMax) return too_large(node);
      entries.emplace_back(std::move(key), std::move(value));
    }
    if (!has_only_strings && !spend(node, entries.size() * entries.size())) return false;
    std::optional<Value> made = map_of(std::move(entries));
    if (!made) return fail(node, "a map key that occurs twice");
    return finish(node, *std::move(made), bytes, out);
  }

  bool equals(const Node& node, const Value& left, const Value& right, bool& out) {
    switch (equal(left, right, budget_)) {
      case Equality::equal:
        out = true;
        return true;
      case Equality::unequal:
        out = false;
        return true;
      case Equality::secret:
        return secret_used(node);
      case Equality::too_deep:
        return fail(node, "the values nest too deeply to compare");
      case Equality::out_of_budget:
        break;
    }
    return spend(node, 0);
  }

  bool equality(const Node& node, Value& out) {  // NOLINT(misc-no-recursion)
    Value left_holder;
    Value right_holder;
    const Value* const left = operand(*node.children[0], left_holder);
    if (left == nullptr) return false;
    const Value* const right = operand(*node.children[1], right_holder);
    bool same = false;
    if (right == nullptr || !equals(node, *left, *right, same)) return false;
    out = Value(same == (node.op == Operator::equal));
    return true;
  }

  /// An operand that is only looked at. A literal is not copied.
  const Value* operand(const Node& node, Value& holder) {  // NOLINT(misc-no-recursion)
    if (node.kind == NodeKind::literal) return spend(node, 1) ? &node.value : nullptr;
    return refer(node, holder);
  }

  bool ordering(const Node& node, Value& out) {  // NOLINT(misc-no-recursion)
    Value left_holder;
    Value right_holder;
    const Value* const left = operand(*node.children[0], left_holder);
    if (left == nullptr) return false;
    const Value* const right = operand(*node.children[1], right_holder);
    if (right == nullptr) return false;
    if (left->is_string() && right->is_string() &&
        !spend(node, Budget::steps_of_bytes(left->as_string().size()))) {
      return false;
    }
    const std::optional<std::partial_ordering> order = compare(*left, *right);
    if (!order) return no_overload(node, *left, *right);
    const bool is_less = *order == std::partial_ordering::less;
    const bool is_greater = *order == std::partial_ordering::greater;
    const bool is_same = *order == std::partial_ordering::equivalent;
    bool result = false;
    if (node.op == Operator::less) result = is_less;
    if (node.op == Operator::less_equal) result = is_less || is_same;
    if (node.op == Operator::greater) result = is_greater;
    if (node.op == Operator::greater_equal) result = is_greater || is_same;
    out = Value(result);
    return true;
  }

  bool membership(const Node& node, Value& out) {  // NOLINT(misc-no-recursion)
    Value item_holder;
    Value group_holder;
    const Value* const item = operand(*node.children[0], item_holder);
    if (item == nullptr) return false;
    const Value* const group = operand(*node.children[1], group_holder);
    if (group == nullptr) return false;
    if (item->is_secret()) return secret_used(node);
    if (group->is_map()) {
      out = Value(item->is_string() && group->as_map().contains(item->as_string()));
      return true;
    }
    if (group->is_entries()) {
      out = Value(entry_at(group->as_entries(), *item) != nullptr);
      return spend(node, group->as_entries().size());
    }
    if (!group->is_list()) return no_overload(node, *item, *group);
    bool found = false;
    for (const Value& candidate : group->as_list()) {
      if (!equals(node, *item, candidate, found)) return false;
      if (found) break;
    }
    out = Value(found);
    return true;
  }

  bool call(const Node& node, Value& out) {  // NOLINT(misc-no-recursion)
    if (node.function == nullptr) {
      return fail(node, fmt::format("unknown function \"{}\"", node.name));
    }
    const FunctionSpec& function = *node.function;
    if (function.form != CallForm::either &&
        node.is_method != (function.form == CallForm::method)) {
      return fail(node, kNoSuchOverload,
                  node.is_method ? fmt::format("write {}(x)", node.name)
                                 : fmt::format("write x.{}(...)", node.name));
    }
    std::vector<Value> arguments;
    arguments.reserve(node.children.size());
    std::size_t text = 0;
    bool is_reference_only = function.id == FunctionId::to_dyn;
    for (const NodePtr& child : node.children) {
      Value value;
      if (!eval(*child, value)) return false;
      if (value.is_secret() && function.id != FunctionId::fingerprint) return secret_used(node);
      if (value.is_string()) text += value.as_string().size();
      if (value.is_list()) text += value.as_list().size();
      arguments.push_back(std::move(value));
    }
    is_reference_only |=
        function.id == FunctionId::to_string && arguments.size() == 1 && arguments[0].is_string();
    // A pattern that is not a literal is compiled each time.
    constexpr std::uint64_t kCompileSteps = 100;
    const bool compiles = function.id == FunctionId::matches && !node.pattern;
    if (!spend(node, Budget::steps_of_bytes(text) + (compiles ? kCompileSteps : 0))) return false;
    Computed result = call_function(function.id, arguments, node.pattern.get(), kResultBytesMax);
    if (!result.value) {
      if (result.reason == kResultTooLarge) return too_large(node);
      if (result.reason == kNoSuchOverload && result.hint.empty()) {
        return fail(node, overload_text(node, arguments));
      }
      return fail(node, result.reason, result.hint);
    }
    out = std::move(*result.value);
    if (is_reference_only) return true;
    if (out.is_string()) return spend(node, Budget::steps_of_bytes(out.as_string().size()));
    if (!out.is_list()) return true;
    std::size_t bytes = 0;
    for (const Value& item : out.as_list()) {
      bytes += budget_.bytes_of(item, true);
      if (bytes > kResultBytesMax || !spend(node, 1)) break;
    }
    if (stopped_) return false;
    return budget_.built(out, bytes) || too_large(node);
  }

  static std::string overload_text(const Node& node, const std::vector<Value>& arguments) {
    std::vector<std::string_view> kinds;
    kinds.reserve(arguments.size());
    for (const Value& argument : arguments) kinds.push_back(to_string(argument.kind()));
    return fmt::format("{} of {}() for ({})", kNoSuchOverload, node.name, fmt::join(kinds, ", "));
  }

  bool comprehension(const Node& node, Value& out) {  // NOLINT(misc-no-recursion)
    Value range;
    if (!eval(*node.children[0], range)) return false;
    if (!range.is_list() && !range.is_map() && !range.is_entries()) {
      if (range.is_secret()) return secret_used(node);
      return fail(node, fmt::format("{} has no elements to go through", to_string(range.kind())));
    }
    // Nested macros hold references into the locals, so they never move.
    if (locals_.capacity() == 0) locals_.reserve(kDepthMax + 1);
    locals_.resize(std::max(locals_.size(), node.slot + 1));
    Loop loop{.is_fresh = budget_.is_built(range)};
    if (range.is_list()) {
      for (const Value& item : range.as_list()) {
        if (!turn(node, item, loop)) return false;
        if (loop.done) break;
      }
    } else if (range.is_entries()) {
      for (const auto& [key, member] : range.as_entries()) {
        if (!turn(node, key, loop)) return false;
        if (loop.done) break;
      }
    } else {
      for (const auto& [key, member] : range.as_map()) {
        if (!turn(node, Value(key), loop)) return false;
        if (loop.done) break;
      }
    }
    locals_[node.slot] = Local{};
    return conclude(node, std::move(loop), out);
  }

  struct Loop {
    bool is_fresh = false;  // the elements were built by this evaluation
    bool done = false;
    std::size_t hits = 0;
    Absorbed error{};
    ValueList items{};
    std::size_t bytes = 0;
  };

  /// One element. all and exists are && and || over the elements, with the same absorption of
  /// errors; exists_one, filter and map stop at the first error (cel-spec langdef, "Macros").
  bool turn(const Node& node, const Value& item, Loop& loop) {  // NOLINT(misc-no-recursion)
    Local& local = locals_[node.slot];
    if (!copy(node, item, local.value)) return false;
    local.is_fresh = loop.is_fresh;
    bool holds = true;
    const bool has_test = node.macro != Macro::map || node.children.size() > 2;
    if (has_test && !truth(*node.children[1], holds)) {
      const bool absorbs = node.macro == Macro::all || node.macro == Macro::exists;
      return absorbs && absorb(loop.error);
    }
    switch (node.macro) {
      case Macro::all:
        loop.done = !holds;
        break;
      case Macro::exists:
        loop.done = holds;
        break;
      case Macro::exists_one:
        loop.hits += holds ? 1 : 0;
        break;
      case Macro::filter:
        return !holds || append(node, loop.items, item, loop.is_fresh, loop.bytes);
      case Macro::map: {
        if (!holds) break;
        const Node& transform = *node.children.back();
        Value result;
        return eval(transform, result) &&
               append(node, loop.items, std::move(result), !is_reference(transform), loop.bytes);
      }
      case Macro::none:
        return fail(node, kNoSuchOverload);
    }
    return true;
  }

  bool conclude(const Node& node, Loop loop, Value& out) {
    switch (node.macro) {
      case Macro::all:
      case Macro::exists: {
        const bool decisive = node.macro == Macro::exists;
        if (!loop.done && loop.error.held) return raise(loop.error);
        out = Value(loop.done == decisive);
        return true;
      }
      case Macro::exists_one:
        out = Value(loop.hits == 1);
        return true;
      case Macro::filter:
      case Macro::map:
        return finish(node, Value(std::move(loop.items)), loop.bytes, out);
      case Macro::none:
        break;
    }
    return fail(node, kNoSuchOverload);
  }

  const Scope& scope_;
  std::string_view text_;
  Budget budget_;
  std::vector<Local> locals_{};  // macro variables, by slot
  bool stopped_ = false;
  std::string reason_{};
  std::string hint_{};
  Span at_{};
};

}  // namespace

Result<Value> evaluate_tree(const Node& root, const Scope& scope, std::string_view text) {
  return Evaluator(scope, text).run(root);
}

Error evaluation_error(std::string_view reason, std::string_view hint, std::string_view text,
                       Span at) {
  constexpr std::size_t kQuotedBytesMax = 60;
  std::string quoted(text.substr(std::min(at.offset, text.size()), at.length));
  if (quoted.size() > kQuotedBytesMax) {
    std::size_t end = 0;
    while (end + code_point_bytes(quoted, end) <= kQuotedBytesMax) {
      end += code_point_bytes(quoted, end);
    }
    quoted = quoted.substr(0, end) + "...";
  }
  return make_error(ErrorCode::invalid, "expression", fmt::format("{} in {}", reason, quoted),
                    std::string(hint));
}

}  // namespace quell::expression
