#include "orchestrator/playbook_test/typed_value.h"

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/playbook/fields.h"
#include "state/base/clock.h"

namespace quell {
namespace {

/// Numbers as YAML of the language writes them; nothing where one does not fit.
template <typename Number>
std::optional<Value> number_of(const std::string& text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return Value(number);
}

Value secret_value(std::string_view text, const Fingerprints& fingerprint) {
  SecretValue value{.secret = std::make_shared<const Secret>(Secret::copy_of(text))};
  value.fingerprint = fingerprint(*value.secret);
  return Value(std::move(value));
}

std::optional<Value> untyped_scalar(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return Value();
    case YamlNode::Kind::boolean:
      return Value(node.text == "true");
    case YamlNode::Kind::integer:
      return number_of<std::int64_t>(node.text);
    case YamlNode::Kind::number:
      return number_of<double>(node.text);
    case YamlNode::Kind::string:
      return Value(node.text);
    case YamlNode::Kind::list:
    case YamlNode::Kind::map:
      break;
  }
  return std::nullopt;
}

std::optional<Value> typed_scalar(const YamlNode& node, Type::Kind kind,
                                  const Fingerprints& fingerprint) {
  const bool is_text = node.kind == YamlNode::Kind::string;
  switch (kind) {
    case Type::Kind::dyn:
      return untyped_scalar(node);
    case Type::Kind::boolean:
      if (node.kind != YamlNode::Kind::boolean) return std::nullopt;
      return Value(node.text == "true");
    case Type::Kind::integer:
      if (node.kind != YamlNode::Kind::integer) return std::nullopt;
      return number_of<std::int64_t>(node.text);
    case Type::Kind::number:
      if (node.kind != YamlNode::Kind::integer && node.kind != YamlNode::Kind::number)
        return std::nullopt;
      return number_of<double>(node.text);
    case Type::Kind::string:
    case Type::Kind::url:
      if (!is_text) return std::nullopt;
      return Value(node.text);
    case Type::Kind::secret:
      if (!is_text || node.text.empty()) return std::nullopt;
      return secret_value(node.text, fingerprint);
    case Type::Kind::timestamp:
      if (const auto time = is_text ? parse_rfc3339(node.text) : std::nullopt) return Value(*time);
      return std::nullopt;
    case Type::Kind::duration:
      if (const auto span = is_text ? parse_duration(node.text) : std::nullopt) return Value(*span);
      return std::nullopt;
    case Type::Kind::null:
    case Type::Kind::list:
    case Type::Kind::object:
      break;
  }
  return std::nullopt;
}

/// Reads one value; its depth is that of the YAML tree, kYamlDepthMax at most.
class TypedReader {
 public:
  TypedReader(Findings& findings, const Fingerprints& fingerprint)
      : findings_(findings), fingerprint_(fingerprint) {}

  std::optional<Value> read(const YamlNode& node, const Type& type,  // NOLINT(misc-no-recursion)
                            std::string_view what) {
    const bool any = type.kind == Type::Kind::dyn;
    if (node.kind == YamlNode::Kind::null && !node.empty &&
        (type.nullable || any || type.kind == Type::Kind::null))
      return Value();
    if (node.kind == YamlNode::Kind::list && (any || type.kind == Type::Kind::list))
      return list(node, type, what);
    if (node.kind == YamlNode::Kind::map && (any || type.kind == Type::Kind::object))
      return map(node, type, what);
    std::optional<Value> value =
        node.empty ? std::nullopt : typed_scalar(node, type.kind, fingerprint_);
    if (!value) {
      findings_.error(
          node, "wrong-type",
          fmt::format("{} is {}, not {}", what, to_string(type), to_string(node.kind)),
          type.kind == Type::Kind::timestamp ? "for instance \"2026-11-20T14:00:00Z\"" : "");
    }
    return value;
  }

 private:
  std::optional<Value> list(const YamlNode& node, const Type& type,  // NOLINT(misc-no-recursion)
                            std::string_view what) {
    const Type element = type.element ? *type.element : Type{};
    const std::string name = fmt::format("an element of {}", what);
    ValueList items;
    bool good = true;
    for (const YamlNode& item : node.items) {
      std::optional<Value> value = read(item, element, name);
      good = good && value.has_value();
      if (value) items.push_back(std::move(*value));
    }
    if (!good) return std::nullopt;
    return Value(std::move(items));
  }

  std::optional<Value> map(const YamlNode& node, const Type& type,  // NOLINT(misc-no-recursion)
                           std::string_view what) {
    ValueMap members;
    if (type.fields) {
      for (const Field& field : *type.fields)
        members.emplace(field.name, filler(field.type, fingerprint_));
    }
    std::vector<std::string> known;
    if (type.fields) {
      for (const Field& field : *type.fields) known.push_back(field.name);
    }
    bool good = true;
    for (const YamlMember& member : node.members) {
      const Field* const field = type.find(member.key.text);
      if (type.fields && field == nullptr) {
        findings_.error(member.key, "unknown-key",
                        fmt::format("{} has no \"{}\"", what, shown(member.key.text)),
                        suggestion(member.key.text, known));
        good = false;
        continue;
      }
      std::optional<Value> value = read(member.value, field == nullptr ? Type{} : field->type,
                                        fmt::format("\"{}\"", shown(member.key.text)));
      good = good && value.has_value();
      if (value) members[member.key.text] = std::move(*value);
    }
    if (!good) return std::nullopt;
    return Value(std::move(members));
  }

  Findings& findings_;
  const Fingerprints& fingerprint_;
};

}  // namespace

std::optional<Value> read_typed(Findings& findings, const YamlNode& node, const Type& type,
                                std::string_view what, const Fingerprints& fingerprint) {
  return TypedReader(findings, fingerprint).read(node, type, what);
}

// The depth is that of a declared type, which is a few levels.
Value filler(const Type& type, const Fingerprints& fingerprint) {  // NOLINT(misc-no-recursion)
  if (type.nullable) return Value();
  switch (type.kind) {
    case Type::Kind::dyn:
    case Type::Kind::null:
      return Value();
    case Type::Kind::boolean:
      return Value(false);
    case Type::Kind::integer:
      return Value(0);
    case Type::Kind::number:
      return Value(0.0);
    case Type::Kind::string:
    case Type::Kind::url:
      return Value("");
    case Type::Kind::list:
      return Value(ValueList{});
    case Type::Kind::timestamp:
      return Value(Timestamp{});
    case Type::Kind::duration:
      return Value(Duration{0});
    case Type::Kind::secret:
      return secret_value("filler", fingerprint);
    case Type::Kind::object:
      break;
  }
  ValueMap members;
  if (type.fields) {
    for (const Field& field : *type.fields)
      members.emplace(field.name, filler(field.type, fingerprint));
  }
  return Value(std::move(members));
}

}  // namespace quell
