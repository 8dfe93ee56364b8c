#include "orchestrator/playbook/actions.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "connectors/connector.h"
#include "orchestrator/playbook/fields.h"

namespace quell {
namespace {

const ActionSpec* find_spec(std::span<const ActionSpec> actions, std::string_view name) noexcept {
  const auto found = std::find_if(actions.begin(), actions.end(),
                                  [&](const ActionSpec& spec) { return spec.name == name; });
  return found == actions.end() ? nullptr : &*found;
}

const ParamSpec* find_param(const std::vector<ParamSpec>& inputs, std::string_view name) noexcept {
  const auto found = std::find_if(inputs.begin(), inputs.end(),
                                  [&](const ParamSpec& input) { return input.name == name; });
  return found == inputs.end() ? nullptr : &*found;
}

}  // namespace

std::optional<ActionRef> Actions::find(const YamlNode& node, std::string_view key) {
  const std::optional<std::string> text = read_text(findings_, node, key);
  if (!text) return std::nullopt;
  const std::size_t dot = text->find('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == text->size() ||
      text->find('.', dot + 1) != std::string::npos) {
    findings_.error(node, "bad-value",
                    fmt::format("\"{}\" names an action as connection.action", key),
                    "for instance platform.get_credential");
    return std::nullopt;
  }
  ActionRef ref{.connection = text->substr(0, dot), .action = text->substr(dot + 1)};
  const std::string_view source = findings_.source().text();
  const bool is_known = std::find(catalog_.connections.begin(), catalog_.connections.end(),
                                  ref.connection) != catalog_.connections.end();
  if (!is_known) {
    findings_.error(locate(node, source, 0, dot), "unknown-connection",
                    fmt::format("no connection \"{}\"", shown(ref.connection)),
                    suggestion(ref.connection, catalog_.connections));
    return std::nullopt;
  }
  const std::span<const ActionSpec> actions = catalog_.actions_of(ref.connection);
  ref.spec = find_spec(actions, ref.action);
  if (ref.spec != nullptr) return ref;
  std::vector<std::string> names;
  for (const ActionSpec& spec : actions) names.push_back(spec.name);
  findings_.error(locate(node, source, dot + 1, ref.action.size()), "unknown-action",
                  fmt::format("{} has no action \"{}\"", ref.connection, shown(ref.action)),
                  suggestion(ref.action, names));
  return std::nullopt;
}

std::string Actions::proposal(const std::string& name, const ParamSpec& input) const {
  const TypeScope scope = scope_.types(Locals{}, Nulls::declared);
  const auto inputs = scope.names.find("inputs");
  if (inputs != scope.names.end()) {
    const Field* const field = inputs->second.find(input.name);
    if (field != nullptr && accepts(input.type, field->type)) {
      return fmt::format("{0} needs {1}: \"${{inputs.{1}}}\"", name, input.name);
    }
  }
  for (const KnownStep& step : scope_.known()) {
    for (const Field& output : step.outputs) {
      if (output.name != input.name || !accepts(input.type, output.type)) continue;
      return fmt::format("{0} needs {1}: \"${{steps.{2}.{1}}}\"", name, input.name, step.id);
    }
  }
  return fmt::format("{} needs {} ({})", name, input.name, to_string(input.type));
}

ValueTemplate Actions::inputs(const std::string& name, const std::vector<ParamSpec>& inputs,
                              const YamlNode* with, const YamlNode& use, const Locals& locals) {
  ValueTemplate out{.at = findings_.position(with == nullptr ? use : *with)};
  std::vector<NamedTemplate> members;
  if (with != nullptr && with->kind != YamlNode::Kind::map) {
    findings_.error(*with, "wrong-type",
                    fmt::format("\"with\" is a map, not {}", to_string(with->kind)),
                    "write with: {name: value}");
    out.node = std::move(members);
    return out;
  }
  if (with != nullptr) {
    std::vector<std::string> names;
    for (const ParamSpec& input : inputs) names.push_back(input.name);
    for (const YamlMember& member : with->members) {
      const ParamSpec* const input = find_param(inputs, member.key.text);
      Expected expected{.required = false, .what = fmt::format("\"{}\"", shown(member.key.text))};
      if (input == nullptr) {
        findings_.error(member.key, "unknown-input",
                        fmt::format("{} has no input \"{}\"", name, shown(member.key.text)),
                        names.empty() ? "it takes no inputs" : suggestion(member.key.text, names));
        continue;
      }
      if (member.value.empty) {
        findings_.error(member.key, "missing-value",
                        fmt::format("input \"{}\" has no value", input->name),
                        "write one, or leave the input out");
        continue;
      }
      expected.type = input->type;
      expected.required = input->required;
      expected.what = fmt::format("input \"{}\" of {}", input->name, name);
      members.push_back({input->name, values_.value(member.value, locals, expected)});
    }
  }
  for (const ParamSpec& input : inputs) {
    if (!input.required || (with != nullptr && with->find(input.name) != nullptr)) continue;
    const SourceSpan span = with == nullptr ? span_of(use, findings_.source().text())
                                            : SourceSpan{.offset = with->offset};
    findings_.error(span, "missing-input", fmt::format("input \"{}\" is missing", input.name),
                    proposal(name, input));
  }
  out.node = std::move(members);
  return out;
}

}  // namespace quell
