#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "orchestrator/playbook/model.h"
#include "orchestrator/playbook/scope.h"
#include "orchestrator/playbook/yaml_tree.h"

namespace quell {

/// What a place in the file takes.
struct Expected {
  Type type{};           // dyn: anything but a secret
  bool required = true;  // null is refused; an optional parameter given null is omitted
  std::string what{};    // names the place in messages: `input "since" of platform.blast_radius`
};

/// Reads values and expressions of a playbook and checks them against the names in scope. Every
/// mistake becomes a finding under the very word.
class Values {
 public:
  Values(Findings& findings, const PlaybookScope& scope) : findings_(findings), scope_(scope) {}

  /// `key: ${...}` that must be boolean.
  std::optional<Expression> condition(const YamlNode& node, std::string_view key,
                                      const Locals& locals);
  /// `key: ${...}` of any type, which goes to `type`.
  std::optional<Expression> expression(const YamlNode& node, std::string_view key,
                                       const Locals& locals, Type& type);
  /// Text with expressions in it.
  std::optional<Template> text(const YamlNode& node, std::string_view key, const Locals& locals);
  /// A constant, a template, a list or a map that must fit `expected`; `type` becomes its own type.
  ValueTemplate value(const YamlNode& node, const Locals& locals, const Expected& expected,
                      Type* type = nullptr);

 private:
  std::optional<Template> parse(const YamlNode& node);
  Type check(const YamlNode& node, const Template& parsed, const Locals& locals, Nulls nulls);
  Type check_text(const YamlNode& node, const Template& parsed, const Locals& locals);
  void report(const YamlNode& node, const Template::Part& part, ExpressionError error);
  void under_expression(const YamlNode& node, const Template::Part& part, std::string_view code,
                        std::string message, std::string hint);
  ValueTemplate scalar(const YamlNode& node, const Locals& locals, const Expected& expected,
                       Type& type);
  void fit(const YamlNode& node, const Template* parsed, const Locals& locals, const Type& type,
           const Expected& expected);
  void refuse_null(const YamlNode& node, const Template& parsed, const Expected& expected);

  Findings& findings_;
  const PlaybookScope& scope_;
};

/// May a value of type `given` stand where `wanted` is declared? Nullability apart.
bool accepts(const Type& wanted, const Type& given);

}  // namespace quell
