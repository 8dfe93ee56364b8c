#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "state/base/value.h"

namespace quell::expression {

/// How deep brackets, operators and macros may nest (playbook language section 5). A chain such as
/// `a.b.c` or `a + b + c` nests once per link; `&&` and `||` chains count as one.
constexpr std::size_t kDepthMax = 64;
/// The longest expression, in bytes.
constexpr std::size_t kTextBytesMax = 64U << 10U;

struct FunctionSpec;
class Pattern;

enum class NodeKind : std::uint8_t {
  literal,
  name,           // a root name: `inputs`
  local,          // the variable of a macro around it
  select,         // a.b
  has,            // has(a.b); the child is `a`
  index,          // a[b]
  list,           // [a, b]
  map,            // {k: v}: children alternate key, value
  logical_not,    // !a
  negate,         // -a
  arithmetic,     // + - * / %
  equality,       // == !=
  ordering,       // < <= > >=
  membership,     // a in b
  logical_and,    // two children or more
  logical_or,     // two children or more
  conditional,    // a ? b : c
  call,           // f(a) or a.f(b); the receiver is the first child
  comprehension,  // range, then predicate or transform; `map` may have both
};

enum class Operator : std::uint8_t {
  none,
  add,
  subtract,
  multiply,
  divide,
  remainder,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
};

enum class Macro : std::uint8_t { none, all, exists, exists_one, filter, map };

/// A part of the text, in bytes.
struct Span {
  std::size_t offset = 0;
  std::size_t length = 1;

  std::size_t end() const noexcept { return offset + length; }
};

struct Node;
using NodePtr = std::unique_ptr<const Node>;

/// One node of the syntax tree. Immutable once parsed, so evaluations may share it.
struct Node {
  NodeKind kind = NodeKind::literal;
  Operator op = Operator::none;
  Macro macro = Macro::none;
  bool is_method = false;  // a call with a receiver
  std::size_t height = 0;  // of the tree below; at most kDepthMax
  std::size_t slot = 0;    // of a local, or of the variable that a comprehension binds
  Span span{};             // the whole sub-expression
  Span word{};             // where a mistake of this node is shown: member, function, operator
  std::string name{};      // name, member, function, macro variable
  Value value{};           // of a literal
  std::vector<NodePtr> children{};
  const FunctionSpec* function = nullptr;    // null for an unknown one
  std::shared_ptr<const Pattern> pattern{};  // of matches() with a literal pattern
};

/// The constant string key of `a["key"]`, else null.
inline const std::string* constant_key(const Node& index) {
  const Node& key = *index.children[1];
  return key.kind == NodeKind::literal && key.value.is_string() ? &key.value.as_string() : nullptr;
}

bool is_identifier(std::string_view text) noexcept;

/// `a.b.c` as it is written, for a chain of members from a root name; else empty. A macro variable
/// is a root only with `with_locals`, and then carries its slot, so that two are never confused.
std::string path_of(const Node& node, bool with_locals);

}  // namespace quell::expression
