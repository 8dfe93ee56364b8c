#include "orchestrator/playbook/values.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/playbook/fields.h"

namespace quell {
namespace {

constexpr std::size_t kErrorsPerTextMax = 20;

bool is_text(const Type& type) noexcept {
  return type.kind == Type::Kind::string || type.kind == Type::Kind::url;
}

/// May the type be written into a text?
bool is_printable(Type::Kind kind) noexcept {
  switch (kind) {
    case Type::Kind::list:
    case Type::Kind::object:
    case Type::Kind::null:
    case Type::Kind::secret:
      return false;
    case Type::Kind::dyn:
    case Type::Kind::boolean:
    case Type::Kind::integer:
    case Type::Kind::number:
    case Type::Kind::string:
    case Type::Kind::url:
    case Type::Kind::timestamp:
    case Type::Kind::duration:
      break;
  }
  return true;
}

std::string constant_text(const Template& parsed) {
  std::string text;
  for (const Template::Part& part : parsed.parts()) text += part.literal;
  return text;
}

/// The first path that `expression` reads and that is all of it, else its text.
std::string only_path(const Expression& expression) {
  const std::vector<std::string> paths = expression.references();
  return paths.size() == 1 ? paths.front() : std::string();
}

/// A constant text as the declared type wants it; nothing where it does not fit.
std::optional<Value> converted(const std::string& text, const Type& wanted) {
  if (wanted.kind == Type::Kind::timestamp) {
    if (const auto time = parse_rfc3339(text)) return Value(*time);
    return std::nullopt;
  }
  if (wanted.kind == Type::Kind::duration) {
    if (const auto duration = parse_duration(text)) return Value(*duration);
    return std::nullopt;
  }
  return Value(text);
}

}  // namespace

// Depth is that of a declared type, which our own tables bound.
bool accepts(const Type& wanted, const Type& given) {  // NOLINT(misc-no-recursion)
  // A secret goes only where a secret is declared, and nothing else goes there.
  if (given.kind == Type::Kind::secret || wanted.kind == Type::Kind::secret) {
    return given.kind == wanted.kind;
  }
  if (wanted.kind == Type::Kind::dyn || given.kind == Type::Kind::dyn) return true;
  if (is_text(wanted) && is_text(given)) return true;
  if (wanted.kind == Type::Kind::number && given.kind == Type::Kind::integer) return true;
  if (wanted.kind != given.kind) return false;
  if (wanted.kind == Type::Kind::list && wanted.element && given.element) {
    return accepts(*wanted.element, *given.element);
  }
  if (wanted.kind == Type::Kind::object && wanted.fields && given.fields) {
    for (const Field& field : *wanted.fields) {
      const Field* const found = given.find(field.name);
      if (found == nullptr ? !field.type.nullable : !accepts(field.type, found->type)) return false;
    }
  }
  return true;
}

std::optional<Template> Values::parse(const YamlNode& node) {
  std::variant<Template, ExpressionError> parsed = Template::parse(node.text);
  if (auto* const error = std::get_if<ExpressionError>(&parsed)) {
    findings_.error(locate(node, findings_.source().text(), error->offset, error->length),
                    error->code.empty() ? "syntax" : error->code, std::move(error->message),
                    std::move(error->hint));
    return std::nullopt;
  }
  return std::get<Template>(std::move(parsed));
}

void Values::report(const YamlNode& node, const Template::Part& part, ExpressionError error) {
  // What the scope says of a missing step concerns `steps.ID`, whichever part of it was found bad.
  if (error.code == "later-step" || error.code == "parallel-step") {
    constexpr std::string_view kRoot = "steps.";
    const std::string& text = part.expression->text();
    const std::size_t root = text.rfind(kRoot, std::min(error.offset, text.size()));
    if (root != std::string::npos) {
      const auto end = std::find_if_not(
          text.begin() + static_cast<std::ptrdiff_t>(root + kRoot.size()), text.end(), [](char c) {
            return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                   (c >= 'A' && c <= 'Z');
          });
      error.offset = root;
      error.length = static_cast<std::size_t>(end - text.begin()) - root;
    }
  }
  findings_.error(locate(node, findings_.source().text(), part.offset + error.offset, error.length),
                  error.code.empty() ? "expression" : error.code, std::move(error.message),
                  std::move(error.hint));
}

void Values::under_expression(const YamlNode& node, const Template::Part& part,
                              std::string_view code, std::string message, std::string hint) {
  std::string_view text = part.expression->text();
  std::size_t lead = 0;
  while (text.starts_with(' ')) {
    text.remove_prefix(1);
    ++lead;
  }
  while (text.ends_with(' ')) text.remove_suffix(1);
  findings_.error(locate(node, findings_.source().text(), part.offset + lead, text.size()), code,
                  std::move(message), std::move(hint));
}

Type Values::check(const YamlNode& node, const Template& parsed, const Locals& locals,
                   Nulls nulls) {
  const Template::Part& part = parsed.parts().front();
  std::vector<ExpressionError> errors;
  const Type type = part.expression->check(scope_.types(locals, nulls), errors);
  if (nulls == Nulls::strict) return type;  // said already
  if (errors.size() > kErrorsPerTextMax) errors.resize(kErrorsPerTextMax);
  for (ExpressionError& error : errors) report(node, part, std::move(error));
  return errors.empty() ? type : Type{};
}

Type Values::check_text(const YamlNode& node, const Template& parsed, const Locals& locals) {
  const TypeScope scope = scope_.types(locals, Nulls::declared);
  std::size_t said = 0;
  for (const Template::Part& part : parsed.parts()) {
    if (!part.expression || said > kErrorsPerTextMax) continue;
    std::vector<ExpressionError> errors;
    const Type type = part.expression->check(scope, errors);
    said += errors.size();
    if (!errors.empty()) {
      for (ExpressionError& error : errors) report(node, part, std::move(error));
      continue;
    }
    const std::string path = only_path(*part.expression);
    if (type.kind == Type::Kind::secret) {
      under_expression(
          node, part, "secret-in-text", "a secret cannot become text",
          fmt::format("${{fingerprint({})}} gives fp:xxxxxxxx", path.empty() ? "..." : path));
    } else if (!is_printable(type.kind)) {
      under_expression(node, part, "unlike-types",
                       fmt::format("{} cannot become text", to_string(type)),
                       "name a member, or count it: size(...)");
    } else if (type.nullable) {
      under_expression(
          node, part, "nullable", fmt::format("{} may be null here", path.empty() ? "this" : path),
          path.empty() ? "guard it with a when, or give another value: x != null ? x : y"
                       : fmt::format("write {0} != null ? {0} : \"none\"", path));
    } else if (parsed.is_single_expression() && !is_text(type) && type.kind != Type::Kind::dyn) {
      // Alone it keeps its type, and who asked for a text is handed a number.
      under_expression(node, part, "wrong-type",
                       fmt::format("a text is needed here, not {}", to_string(type)),
                       fmt::format("make it text: string({})", path.empty() ? "..." : path));
    }
  }
  return Type::of(Type::Kind::string);
}

std::optional<Expression> Values::expression(const YamlNode& node, std::string_view key,
                                             const Locals& locals, Type& type) {
  type = Type{};
  if (node.kind != YamlNode::Kind::string) {
    findings_.error(
        node, "wrong-type",
        fmt::format("\"{}\" is an expression, not {}", key, to_string(node.kind)),
        node.is_scalar() && !node.empty ? fmt::format("write ${{{}}}", node.text) : "write ${...}");
    return std::nullopt;
  }
  const std::optional<Template> parsed = parse(node);
  if (!parsed) return std::nullopt;
  if (!parsed->is_single_expression()) {
    findings_.error(node, "wrong-type", fmt::format("\"{}\" is one expression", key),
                    "write it whole inside ${...}");
    return std::nullopt;
  }
  type = check(node, *parsed, locals, Nulls::declared);
  return parsed->parts().front().expression;
}

std::optional<Expression> Values::condition(const YamlNode& node, std::string_view key,
                                            const Locals& locals) {
  Type type;
  std::optional<Expression> parsed = expression(node, key, locals, type);
  if (!parsed) return std::nullopt;
  if (type.kind != Type::Kind::boolean && type.kind != Type::Kind::dyn) {
    findings_.error(node, "not-boolean",
                    fmt::format("\"{}\" is true or false, not {}", key, to_string(type)),
                    "compare it with something");
  } else if (type.nullable) {
    findings_.error(node, "nullable", fmt::format("\"{}\" may be null here", key),
                    "say what null means: ${x != null && x}");
  }
  return parsed;
}

std::optional<Template> Values::text(const YamlNode& node, std::string_view key,
                                     const Locals& locals) {
  if (!read_text(findings_, node, key)) return std::nullopt;
  std::optional<Template> parsed = parse(node);
  if (parsed && !parsed->is_constant()) check_text(node, *parsed, locals);
  return parsed;
}

void Values::refuse_null(const YamlNode& node, const Template& parsed, const Expected& expected) {
  const Template::Part& part = parsed.parts().front();
  const std::string path = only_path(*part.expression);
  std::string hint = "guard the step with a when";
  if (path.starts_with("inputs.")) {
    hint = fmt::format("guard it: when: ${{{} != null}}, or make the input required", path);
  } else if (path.starts_with("steps.")) {
    const std::string id = path.substr(6, path.find('.', 6) - 6);
    hint = fmt::format(
        "the step may not have run; guard it: when: ${{steps.{}.outcome == \"done\"}}", id);
  }
  under_expression(node, part, "nullable",
                   fmt::format("{} may be null, and {} needs a value", path.empty() ? "this" : path,
                               expected.what),
                   std::move(hint));
}

void Values::fit(const YamlNode& node, const Template* parsed, const Locals& locals,
                 const Type& type, const Expected& expected) {
  const bool may_be_null = !expected.required || expected.type.nullable;
  if (type.kind == Type::Kind::null) {
    if (!may_be_null) {
      findings_.error(node, "nullable", fmt::format("{} needs a value", expected.what),
                      "null is for optional inputs");
    }
    return;
  }
  if (type.kind == Type::Kind::secret && expected.type.kind != Type::Kind::secret) {
    const std::string path = parsed == nullptr || !parsed->parts().front().expression
                                 ? std::string()
                                 : only_path(*parsed->parts().front().expression);
    findings_.error(node, "secret-in-text", fmt::format("{} takes no secret", expected.what),
                    fmt::format("a secret goes whole to an input declared secret; "
                                "${{fingerprint({})}} gives fp:xxxxxxxx",
                                path.empty() ? "..." : path));
    return;
  }
  if (!accepts(expected.type, type)) {
    findings_.error(
        node, "wrong-type",
        fmt::format("{} takes {}, not {}", expected.what, to_string(without_null(expected.type)),
                    to_string(without_null(type))));
    return;
  }
  if (type.nullable && !may_be_null && parsed != nullptr &&
      check(node, *parsed, locals, Nulls::strict).nullable) {
    refuse_null(node, *parsed, expected);
  }
}

ValueTemplate Values::scalar(const YamlNode& node, const Locals& locals, const Expected& expected,
                             Type& type) {
  ValueTemplate out{.at = findings_.position(node)};
  switch (node.kind) {
    case YamlNode::Kind::null:
      type = Type::of(Type::Kind::null);
      fit(node, nullptr, locals, type, expected);
      return out;
    case YamlNode::Kind::boolean:
      type = Type::of(Type::Kind::boolean);
      out.node = Value(node.text == "true");
      fit(node, nullptr, locals, type, expected);
      return out;
    case YamlNode::Kind::integer: {
      std::int64_t number = 0;
      const char* const end = node.text.data() + node.text.size();
      if (std::from_chars(node.text.data(), end, number).ec != std::errc{}) {
        findings_.error(node, "bad-value", "this number is too large", "quote it if it is a text");
      }
      type = Type::of(Type::Kind::integer);
      out.node = Value(number);
      fit(node, nullptr, locals, type, expected);
      return out;
    }
    case YamlNode::Kind::number: {
      double number = 0;
      const char* const end = node.text.data() + node.text.size();
      if (std::from_chars(node.text.data(), end, number).ec != std::errc{}) {
        findings_.error(node, "bad-value", "this number is too large", "quote it if it is a text");
      }
      type = Type::of(Type::Kind::number);
      out.node = Value(number);
      fit(node, nullptr, locals, type, expected);
      return out;
    }
    case YamlNode::Kind::string:
    case YamlNode::Kind::list:
    case YamlNode::Kind::map:
      break;
  }
  type = Type{};
  if (expected.type.kind == Type::Kind::secret && node.text.find("${") == std::string::npos) {
    findings_.error(node, "secret-literal", "a secret never stands in a playbook",
                    "declare an input of type secret and pass it: ${inputs.NAME}");
    return out;
  }
  std::optional<Template> parsed = parse(node);
  if (!parsed) return out;
  if (parsed->is_constant()) {
    type = Type::of(Type::Kind::string);
    std::string text = constant_text(*parsed);
    if (std::optional<Value> value = converted(text, expected.type)) {
      out.node = std::move(*value);
      if (expected.type.kind == Type::Kind::timestamp ||
          expected.type.kind == Type::Kind::duration) {
        type = Type::of(expected.type.kind);
      }
    } else {
      findings_.error(
          node, "wrong-type",
          fmt::format("{} takes {}", expected.what, to_string(without_null(expected.type))),
          expected.type.kind == Type::Kind::timestamp
              ? "RFC 3339, for instance 2026-11-20T14:00:00Z"
              : "for instance 90s, 15m or 2h30m");
      return out;
    }
    fit(node, nullptr, locals, type, expected);
    return out;
  }
  if (parsed->is_single_expression()) {
    const std::size_t before = findings_.errors();
    type = check(node, *parsed, locals, Nulls::declared);
    if (findings_.errors() == before) fit(node, &*parsed, locals, type, expected);
  } else {
    type = check_text(node, *parsed, locals);
    if (expected.type.kind == Type::Kind::secret) {
      findings_.error(node, "secret-in-text", fmt::format("{} takes a secret whole", expected.what),
                      "pass it alone: ${inputs.NAME}");
    } else {
      fit(node, nullptr, locals, type, expected);
    }
  }
  out.node = std::move(*parsed);
  return out;
}

// Depth is that of the file, at most kYamlDepthMax.
ValueTemplate Values::value(  // NOLINT(misc-no-recursion)
    const YamlNode& node, const Locals& locals, const Expected& expected, Type* type) {
  Type own;
  ValueTemplate out{.at = findings_.position(node)};
  if (node.is_scalar()) {
    out = scalar(node, locals, expected, own);
  } else if (node.kind == YamlNode::Kind::list) {
    Expected element{.required = false, .what = "an element of " + expected.what};
    if (expected.type.kind == Type::Kind::list && expected.type.element) {
      element.type = *expected.type.element;
      element.required = !element.type.nullable;
    }
    std::vector<ValueTemplate> items;
    std::optional<Type> common;
    for (const YamlNode& item : node.items) {
      Type one;
      items.push_back(value(item, locals, element, &one));
      if (!common) {
        common = one;
      } else if (common->kind != one.kind) {
        common = Type{};
      }
    }
    out.node = std::move(items);
    own = Type::list_of(common.value_or(Type{}));
    if (expected.type.kind != Type::Kind::list && expected.type.kind != Type::Kind::dyn) {
      fit(node, nullptr, locals, own, expected);
    }
  } else {
    std::vector<NamedTemplate> members;
    std::vector<Field> fields;
    for (const YamlMember& member : node.members) {
      Expected inner{.required = false,
                     .what = fmt::format("\"{}\" of {}", shown(member.key.text), expected.what)};
      if (const Field* const field = expected.type.find(member.key.text)) {
        inner.type = field->type;
        inner.required = !field->type.nullable;
      }
      Type one;
      members.push_back({member.key.text, value(member.value, locals, inner, &one)});
      fields.push_back(Field{.name = member.key.text, .type = std::move(one)});
    }
    out.node = std::move(members);
    own = Type::object(std::move(fields));
    fit(node, nullptr, locals, own, expected);
  }
  if (type != nullptr) *type = std::move(own);
  return out;
}

}  // namespace quell
