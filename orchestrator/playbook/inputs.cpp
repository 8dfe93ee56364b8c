#include "orchestrator/playbook/inputs.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <re2/re2.h>

#include "orchestrator/playbook/fields.h"

namespace quell {
namespace {

constexpr std::int64_t kListItemsMax = 10'000;
constexpr std::int64_t kRegexMemoryMax = 1 << 20;

const std::vector<std::string> kTypeWords{"string",    "int", "number", "bool", "duration",
                                          "timestamp", "url", "enum",   "list", "secret"};
const std::vector<std::string> kElementWords{"string",   "int",       "number", "bool",
                                             "duration", "timestamp", "url"};

Type::Kind kind_of(std::string_view word) {
  if (word == "int") return Type::Kind::integer;
  if (word == "number") return Type::Kind::number;
  if (word == "bool") return Type::Kind::boolean;
  if (word == "duration") return Type::Kind::duration;
  if (word == "timestamp") return Type::Kind::timestamp;
  if (word == "url") return Type::Kind::url;
  if (word == "list") return Type::Kind::list;
  if (word == "secret") return Type::Kind::secret;
  return Type::Kind::string;  // also an enum
}

RE2::Options quiet_regex() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexMemoryMax);
  return options;
}

Error bad_input(const InputSpec& spec, std::string message, std::string hint) {
  return make_error(ErrorCode::invalid, "bad-input",
                    fmt::format("input {}: {}", spec.name, message), std::move(hint));
}

std::string article(Type::Kind kind) {
  switch (kind) {
    case Type::Kind::integer:
      return "a whole number";
    case Type::Kind::number:
      return "a number";
    case Type::Kind::boolean:
      return "true or false";
    case Type::Kind::duration:
      return "a duration";
    case Type::Kind::timestamp:
      return "a timestamp";
    case Type::Kind::url:
      return "a URL";
    case Type::Kind::list:
      return "a list";
    case Type::Kind::secret:
      return "a secret";
    case Type::Kind::string:
    case Type::Kind::dyn:
    case Type::Kind::null:
    case Type::Kind::object:
      break;
  }
  return "text";
}

std::string example(const InputSpec& spec, Type::Kind kind) {
  switch (kind) {
    case Type::Kind::integer:
      return "for instance 12";
    case Type::Kind::number:
      return "for instance 0.5";
    case Type::Kind::boolean:
      return "true or false";
    case Type::Kind::duration:
      return "for instance 90s, 15m or 2h30m";
    case Type::Kind::timestamp:
      return fmt::format("RFC 3339, for instance -i {}=2026-11-20T14:00:00Z", spec.name);
    case Type::Kind::url:
      return "for instance https://mcp.example.com/mcp";
    case Type::Kind::string:
    case Type::Kind::list:
    case Type::Kind::secret:
    case Type::Kind::dyn:
    case Type::Kind::null:
    case Type::Kind::object:
      break;
  }
  return {};
}

/// `text` as a value of the scalar type `kind`.
std::optional<Value> scalar_from_text(Type::Kind kind, std::string_view text) {
  switch (kind) {
    case Type::Kind::integer: {
      std::int64_t number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
      return Value(number);
    }
    case Type::Kind::number: {
      double number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(number)) {
        return std::nullopt;
      }
      return Value(number);
    }
    case Type::Kind::boolean:
      if (text == "true") return Value(true);
      if (text == "false") return Value(false);
      return std::nullopt;
    case Type::Kind::duration:
      if (const auto duration = parse_duration(text)) return Value(*duration);
      return std::nullopt;
    case Type::Kind::timestamp:
      if (const auto time = parse_rfc3339(text)) return Value(*time);
      return std::nullopt;
    case Type::Kind::string:
    case Type::Kind::url:
    case Type::Kind::list:
    case Type::Kind::secret:
    case Type::Kind::dyn:
    case Type::Kind::null:
    case Type::Kind::object:
      break;
  }
  return Value(text);
}

bool is_kind(Type::Kind kind, const Value& value) {
  switch (kind) {
    case Type::Kind::integer:
      return value.is_int();
    case Type::Kind::number:
      return value.is_number() || value.is_int();
    case Type::Kind::boolean:
      return value.is_bool();
    case Type::Kind::duration:
      return value.is_duration();
    case Type::Kind::timestamp:
      return value.is_timestamp();
    case Type::Kind::list:
      return value.is_list();
    case Type::Kind::secret:
      return value.is_secret();
    case Type::Kind::string:
    case Type::Kind::url:
      return value.is_string();
    case Type::Kind::dyn:
    case Type::Kind::null:
    case Type::Kind::object:
      break;
  }
  return true;
}

std::size_t characters(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

/// `scheme://host...`, the scheme one of `schemes`, or http and https where none are named.
bool is_url(std::string_view text, const std::vector<std::string>& schemes) {
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view scheme = text.substr(0, colon);
  const std::string_view rest = text.substr(colon + 3);
  if (rest.empty() || rest[0] == '/' || rest[0] == '?' || rest[0] == '#') return false;
  if (std::any_of(rest.begin(), rest.end(), [](char c) {
        return static_cast<unsigned char>(c) <= 0x20U || c == '\x7f' || c == '\\';
      })) {
    return false;
  }
  if (schemes.empty()) return scheme == "https" || scheme == "http";
  return std::find(schemes.begin(), schemes.end(), scheme) != schemes.end();
}

std::vector<std::string> keys_of(std::string_view type) {
  std::vector<std::string> keys{"type", "required", "default", "help"};
  const auto add = [&](std::initializer_list<const char*> more) {
    keys.insert(keys.end(), more.begin(), more.end());
  };
  if (type == "string") add({"pattern", "min", "max"});
  if (type == "int" || type == "number") add({"min", "max"});
  if (type == "url") add({"schemes"});
  if (type == "enum") add({"values"});
  if (type == "list") add({"of", "max"});
  return keys;
}

/// "between 1 and 9", "at least 1" or "at most 9"; empty without a bound.
std::string bounds_of(const InputSpec& spec) {
  if (spec.min && spec.max) return fmt::format("between {} and {}", *spec.min, *spec.max);
  if (spec.min) return fmt::format("at least {}", *spec.min);
  return spec.max ? fmt::format("at most {}", *spec.max) : std::string{};
}

/// The literal value of a scalar or a list of scalars.
std::optional<Value> literal(const InputSpec& spec, Type::Kind kind, const YamlNode& node) {
  if (kind == Type::Kind::list) {
    if (node.kind != YamlNode::Kind::list) return std::nullopt;
    ValueList items;
    const Type::Kind of = spec.type.element ? spec.type.element->kind : Type::Kind::string;
    for (const YamlNode& item : node.items) {
      // An element is a scalar: `of` names no lists.
      const bool is_text = item.kind == YamlNode::Kind::string;
      const bool wants_text =
          of != Type::Kind::integer && of != Type::Kind::number && of != Type::Kind::boolean;
      if (!item.is_scalar() || is_text != wants_text) return std::nullopt;
      std::optional<Value> value = scalar_from_text(of, item.text);
      if (!value) return std::nullopt;
      items.push_back(std::move(*value));
    }
    return Value(std::move(items));
  }
  const bool wants_text =
      kind != Type::Kind::integer && kind != Type::Kind::number && kind != Type::Kind::boolean;
  if (!node.is_scalar() || (node.kind == YamlNode::Kind::string) != wants_text) return std::nullopt;
  return scalar_from_text(kind, node.text);
}

void read_default(Findings& findings, const YamlNode& node, InputSpec& spec) {
  if (spec.type.kind == Type::Kind::secret) {
    if (node.kind == YamlNode::Kind::string && is_secret_reference(node.text)) {
      spec.fallback = Value(node.text);
      return;
    }
    findings.error(node, "secret-literal", "a secret never stands in a playbook",
                   "name where it lies: secret://env/NAME, secret://file/PATH or "
                   "secret://credential/NAME");
    return;
  }
  const std::optional<Value> value = literal(spec, spec.type.kind, node);
  if (!value) {
    const bool in_list = spec.type.kind == Type::Kind::list && node.kind == YamlNode::Kind::list;
    const Type::Kind wanted =
        in_list && spec.type.element ? spec.type.element->kind : spec.type.kind;
    findings.error(node, "bad-default",
                   fmt::format("{}the default of \"{}\" is not {}", in_list ? "an element of " : "",
                               spec.name, article(wanted)),
                   wanted == Type::Kind::list ? "write [a, b]" : example(spec, wanted));
    return;
  }
  if (const Status fits = check_input(spec, *value); !fits) {
    findings.error(node, "bad-default", fits.error().message, fits.error().hint);
    return;
  }
  spec.fallback = *value;
}

void read_bounds(Findings& findings, Fields& fields, InputSpec& spec) {
  const auto bound = [&](std::string_view key, std::optional<double>& out) {
    const YamlNode* const node = fields.get(key);
    if (node == nullptr) return;
    const bool counts = spec.type.kind != Type::Kind::number;  // lengths and whole numbers
    if (node->kind != YamlNode::Kind::integer && (counts || node->kind != YamlNode::Kind::number)) {
      findings.error(*node, "wrong-type",
                     fmt::format("\"{}\" is {}, not {}", key,
                                 counts ? "a whole number" : "a number", to_string(node->kind)));
      return;
    }
    if (const auto number = scalar_from_text(Type::Kind::number, node->text)) {
      out = number->as_number();
    }
  };
  bound("min", spec.min);
  bound("max", spec.max);
  if (spec.min && spec.max && *spec.min > *spec.max) {
    findings.error(*fields.get("min"), "bad-value",
                   fmt::format("\"min\" of \"{}\" is greater than its \"max\"", spec.name));
  }
}

std::vector<std::string> read_words(Findings& findings, const YamlNode& node,
                                    std::string_view key) {
  std::vector<std::string> words;
  if (node.kind != YamlNode::Kind::list || node.items.empty()) {
    findings.error(node, "wrong-type", fmt::format("\"{}\" is a list of words", key));
    return words;
  }
  for (const YamlNode& item : node.items) {
    if (std::optional<std::string> word = read_text(findings, item, key)) {
      words.push_back(std::move(*word));
    }
  }
  return words;
}

std::optional<InputSpec> read_input(Findings& findings, const YamlMember& member) {
  InputSpec spec{.name = member.key.text, .at = findings.position(member.key)};
  if (!check_name(findings, member.key, "the name of an input")) return std::nullopt;
  const YamlNode* const type_node = member.value.find("type");
  const std::string type = type_node == nullptr ? "" : type_node->text;
  const bool known_type = std::find(kTypeWords.begin(), kTypeWords.end(), type) != kTypeWords.end();
  // With a wrong type every key of any type passes, so that one mistake gives one error.
  std::vector<std::string> keys = keys_of(type);
  if (!known_type) keys.insert(keys.end(), {"pattern", "min", "max", "schemes", "values", "of"});
  Fields fields(findings, member.value, fmt::format("input \"{}\"", spec.name), std::move(keys));
  fields.need("type");
  if (!fields.word("type", kTypeWords)) return std::nullopt;

  spec.type = Type::of(kind_of(type));
  if (type == "list") {
    fields.need("of");
    const std::string of = fields.word("of", kElementWords).value_or("string");
    spec.type = Type::list_of(Type::of(kind_of(of)));
    if (const auto max = fields.whole("max", {.min = 1, .max = kListItemsMax})) {
      spec.max = static_cast<double>(*max);
    }
  } else {
    read_bounds(findings, fields, spec);
  }
  if (const YamlNode* const node = fields.get("schemes")) {
    spec.schemes = read_words(findings, *node, "schemes");
  }
  if (type == "enum") fields.need("values");
  if (const YamlNode* const node = type == "enum" ? member.value.find("values") : nullptr) {
    spec.values = read_words(findings, *node, "values");
  }
  if (const YamlNode* const node = fields.get("pattern")) {
    if (std::optional<std::string> pattern = read_text(findings, *node, "pattern")) {
      const RE2 regex(*pattern, quiet_regex());
      if (regex.ok()) {
        spec.pattern = std::move(*pattern);
      } else {
        findings.error(*node, "bad-pattern",
                       fmt::format("the pattern of \"{}\" is no regular expression", spec.name),
                       "RE2 syntax: no back references, no look-around");
      }
    }
  }
  spec.required = fields.flag("required").value_or(false);
  spec.help = fields.line("help").value_or("");
  if (const YamlNode* const node = fields.get("default")) {
    if (spec.required) {
      findings.error(*node, "bad-default",
                     fmt::format("\"{}\" is required and has a default", spec.name),
                     "leave one of the two out");
    } else if (node->kind != YamlNode::Kind::null) {
      read_default(findings, *node, spec);
    }
  }
  if (!spec.required && member.value.find("default") == nullptr) spec.type.nullable = true;
  if (const YamlNode* const node = member.value.find("default");
      node != nullptr && node->kind == YamlNode::Kind::null) {
    spec.type.nullable = true;
  }
  return spec;
}

Status check_scalar(const InputSpec& spec, const Value& value) {
  if (value.is_int() || value.is_number()) {
    const double number = value.is_int() ? static_cast<double>(value.as_int()) : value.as_number();
    if ((spec.min && number < *spec.min) || (spec.max && number > *spec.max)) {
      return bad_input(spec, "the number is out of bounds", bounds_of(spec));
    }
    return ok();
  }
  if (!value.is_string()) return ok();
  const std::string& text = value.as_string();
  if (spec.type.kind == Type::Kind::url ||
      (spec.type.element && spec.type.element->kind == Type::Kind::url)) {
    if (is_url(text, spec.schemes)) return ok();
    return bad_input(spec, fmt::format("\"{}\" is not a URL", shown(text)),
                     spec.schemes.empty()
                         ? "http:// or https://, a host, no spaces"
                         : fmt::format("it begins with {}://", one_of(spec.schemes)));
  }
  if (spec.type.kind != Type::Kind::string) return ok();
  if (!spec.values.empty() &&
      std::find(spec.values.begin(), spec.values.end(), text) == spec.values.end()) {
    return bad_input(spec, fmt::format("\"{}\" is not among its values", shown(text)),
                     suggestion(text, spec.values));
  }
  const auto length = static_cast<double>(characters(text));
  if ((spec.min && length < *spec.min) || (spec.max && length > *spec.max)) {
    return bad_input(spec, "the text is too short or too long",
                     fmt::format("{} characters", bounds_of(spec)));
  }
  if (!spec.pattern.empty() && !RE2::PartialMatch(text, RE2(spec.pattern, quiet_regex()))) {
    return bad_input(spec, fmt::format("\"{}\" does not match its pattern", shown(text)),
                     fmt::format("the pattern is {}", spec.pattern));
  }
  return ok();
}

/// The elements of a list as text: one per comma, or those of a YAML flow list, of which a JSON
/// array is one, under the file rules of playbooks.
Result<std::vector<std::string>> elements_of(const InputSpec& spec, std::string_view text) {
  std::vector<std::string> elements;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || text[first] != '[') {
    for (std::size_t at = 0; !text.empty() && at <= text.size();) {
      const std::size_t end = std::min(text.find(',', at), text.size());
      elements.emplace_back(text.substr(at, end - at));
      at = end + 1;
    }
    return elements;
  }
  const auto refused = [&](std::string what) {
    return bad_input(spec, std::move(what),
                     fmt::format("-i {0}=a,b or -i '{0}=[\"a\", \"b\"]'; quote an element that "
                                 "begins with a bracket: '{0}=[\"[a]\"]'",
                                 spec.name));
  };
  const SourceText source(text);
  Findings findings(source);
  YamlNode root;
  const bool is_read = parse_yaml(findings, root);
  if (!is_read || findings.has_errors())
    return refused("it begins with [ and is no list: " + findings.take().front().message);
  if (root.kind != YamlNode::Kind::list) return refused("it begins with [ and is no list");
  for (const YamlNode& item : root.items) {
    if (!item.is_scalar() || item.kind == YamlNode::Kind::null)
      return refused(fmt::format("an element is {}", to_string(item.kind)));
    elements.push_back(item.text);
  }
  return elements;
}

}  // namespace

std::vector<InputSpec> read_inputs(Findings& findings, const YamlNode& node) {
  std::vector<InputSpec> inputs;
  if (node.kind != YamlNode::Kind::map) {
    findings.error(node, "wrong-type", fmt::format("inputs is a map, not {}", to_string(node.kind)),
                   "for instance vault_id: {type: string, required: true}");
    return inputs;
  }
  for (const YamlMember& member : node.members) {
    if (std::optional<InputSpec> spec = read_input(findings, member)) {
      inputs.push_back(std::move(*spec));
    } else {
      // Known by name, so that its uses are not errors of their own.
      inputs.push_back(InputSpec{.name = member.key.text});
    }
  }
  return inputs;
}

Result<Value> input_from_text(const InputSpec& spec, std::string_view text) {
  Value value;
  if (spec.type.kind == Type::Kind::list) {
    const Type::Kind of = spec.type.element ? spec.type.element->kind : Type::Kind::string;
    const Result<std::vector<std::string>> elements = elements_of(spec, text);
    if (!elements) return elements.error();
    ValueList items;
    for (const std::string& element : *elements) {
      std::optional<Value> item = scalar_from_text(of, element);
      if (!item) {
        return bad_input(spec, fmt::format("\"{}\" is not {}", shown(element), article(of)),
                         example(spec, of));
      }
      items.push_back(std::move(*item));
    }
    value = Value(std::move(items));
  } else {
    const std::optional<Value> scalar = scalar_from_text(spec.type.kind, text);
    if (!scalar) {
      return bad_input(spec, fmt::format("\"{}\" is not {}", shown(text), article(spec.type.kind)),
                       example(spec, spec.type.kind));
    }
    value = *scalar;
  }
  if (const Status fits = check_input(spec, value); !fits) return fits.error();
  return value;
}

std::string example_text(const InputSpec& spec) {
  if (!spec.values.empty()) return spec.values.front();
  switch (spec.type.kind) {
    case Type::Kind::integer:
    case Type::Kind::number:
      return fmt::format("{}", std::ceil(spec.min.value_or(std::min(0.0, spec.max.value_or(0.0)))));
    case Type::Kind::boolean:
      return "false";
    case Type::Kind::duration:
      return "1s";
    case Type::Kind::timestamp:
      return "2026-01-01T00:00:00Z";
    case Type::Kind::url:
      return (spec.schemes.empty() ? "https" : spec.schemes.front()) + "://example.com/";
    case Type::Kind::string:
      return std::string(static_cast<std::size_t>(std::max(1.0, spec.min.value_or(1.0))), 'x');
    case Type::Kind::list:
    case Type::Kind::secret:
    case Type::Kind::dyn:
    case Type::Kind::null:
    case Type::Kind::object:
      break;
  }
  return {};
}

Value example_value(const InputSpec& spec) {
  if (spec.fallback) return *spec.fallback;
  if (!spec.required) return Value();
  InputSpec free = spec;
  free.pattern.clear();
  const Result<Value> value = input_from_text(free, example_text(spec));
  return value ? *value : Value();
}

Status check_input(const InputSpec& spec, const Value& value) {
  if (value.is_null()) {
    if (!spec.required) return ok();
    return bad_input(spec, "it is required and was not given", "-i " + spec.name + "=...");
  }
  if (!is_kind(spec.type.kind, value)) {
    return bad_input(spec, fmt::format("{} is needed", article(spec.type.kind)),
                     example(spec, spec.type.kind));
  }
  if (!value.is_list()) return check_scalar(spec, value);
  const ValueList& items = value.as_list();
  if (spec.max && static_cast<double>(items.size()) > *spec.max) {
    return bad_input(spec, fmt::format("{} elements are too many", items.size()),
                     fmt::format("at most {}", *spec.max));
  }
  for (const Value& item : items) {
    if (spec.type.element && !is_kind(spec.type.element->kind, item)) {
      return bad_input(spec, fmt::format("an element is not {}", article(spec.type.element->kind)),
                       example(spec, spec.type.element->kind));
    }
    InputSpec element = spec;
    element.min.reset();
    element.max.reset();
    if (const Status fits = check_scalar(element, item); !fits) return fits;
  }
  return ok();
}

bool is_secret_reference(std::string_view text) noexcept {
  for (const std::string_view prefix :
       {"secret://env/", "secret://file/", "secret://credential/"}) {
    if (text.starts_with(prefix) && text.size() > prefix.size()) return true;
  }
  return false;
}

}  // namespace quell
