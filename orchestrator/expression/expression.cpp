#include "orchestrator/expression/expression.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "orchestrator/expression/ast.h"
#include "orchestrator/expression/checker.h"
#include "orchestrator/expression/evaluator.h"
#include "orchestrator/expression/parser.h"

namespace quell {
namespace expression {

bool is_identifier(std::string_view text) noexcept {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !text.empty() && is_letter(text[0]) && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9');
  });
}

std::string path_of(const Node& node, bool with_locals) {
  std::vector<const std::string*> members;
  const Node* at = &node;
  while (at->kind == NodeKind::select || at->kind == NodeKind::index) {
    const std::string* const member = at->kind == NodeKind::select ? &at->name : constant_key(*at);
    if (member == nullptr || !is_identifier(*member)) return {};
    members.push_back(member);
    at = at->children[0].get();
  }
  std::string path;
  if (at->kind == NodeKind::name) {
    path = at->name;
  } else if (at->kind == NodeKind::local && with_locals) {
    path = at->name + "#" + std::to_string(at->slot);
  } else {
    return {};
  }
  for (auto member = members.rbegin(); member != members.rend(); ++member) {
    path += "." + **member;
  }
  return path;
}

namespace {

/// In the order of the text, each once. Recursion is bounded by kDepthMax.
// NOLINTNEXTLINE(misc-no-recursion)
void collect_paths(const Node& node, std::vector<std::string>& paths) {
  std::string path = path_of(node, false);
  if (path.empty() && node.kind == NodeKind::has && is_identifier(node.name)) {
    path = path_of(*node.children[0], false);
    if (!path.empty()) path += "." + node.name;
  }
  if (path.empty()) {
    for (const NodePtr& child : node.children) collect_paths(*child, paths);
  } else if (std::find(paths.begin(), paths.end(), path) == paths.end()) {
    paths.push_back(std::move(path));
  }
}

}  // namespace
}  // namespace expression

const Value* Scope::find(std::string_view name) const noexcept {
  for (const Scope* scope = this; scope != nullptr; scope = scope->parent) {
    const auto found = scope->names.find(name);
    if (found != scope->names.end()) return &found->second;
  }
  return nullptr;
}

std::variant<Expression, ExpressionError> Expression::parse(std::string_view text) {
  std::variant<expression::NodePtr, ExpressionError> tree = expression::parse_tree(text);
  if (auto* const error = std::get_if<ExpressionError>(&tree)) return std::move(*error);
  Expression parsed;
  parsed.text_ = text;
  parsed.root_ = std::get<expression::NodePtr>(std::move(tree));
  return parsed;
}

Type Expression::check(const TypeScope& scope, std::vector<ExpressionError>& errors) const {
  if (!root_) return Type{};
  return expression::check_tree(*root_, scope, errors);
}

Result<Value> Expression::evaluate(const Scope& scope) const {
  if (!root_) return make_error(ErrorCode::invalid, "the expression is empty");
  return expression::evaluate_tree(*root_, scope, text_);
}

std::vector<std::string> Expression::references() const {
  std::vector<std::string> paths;
  if (root_) expression::collect_paths(*root_, paths);
  return paths;
}

}  // namespace quell
