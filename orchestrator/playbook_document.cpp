#include "orchestrator/playbook_document.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "orchestrator/playbook_library.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

/// As the language spells them, in the order of Step::kind.
constexpr std::array<std::string_view, std::variant_size_v<decltype(Step::kind)>> kStepWords{
    "use", "parallel", "block", "approve", "manual", "wait", "assert", "set", "call"};

template <typename List>
Value words_of(const List& list) {
  ValueList words;
  for (const auto& word : list) words.emplace_back(to_string(word));
  return Value(std::move(words));
}

Value texts_of(const std::vector<std::string>& texts) {
  return Value(ValueList(texts.begin(), texts.end()));
}

Value input_value(const InputSpec& input) {
  ValueMap value{{"name", input.name},
                 {"type", to_string(input.type)},
                 {"required", input.required},
                 {"help", input.help}};
  if (input.fallback) value["default"] = *input.fallback;
  if (!input.values.empty()) value["values"] = texts_of(input.values);
  if (!input.schemes.empty()) value["schemes"] = texts_of(input.schemes);
  if (!input.pattern.empty()) value["pattern"] = input.pattern;
  if (input.min) value["min"] = *input.min;
  if (input.max) value["max"] = *input.max;
  return Value(std::move(value));
}

Value step_value(const Step& step) {
  ValueMap value{{"id", step.id},
                 {"title", step.title},
                 {"kind", kStepWords.at(step.kind.index())},
                 {"irreversible", step.irreversible},
                 {"kills", words_of(step.kills)},
                 {"foreach", step.foreach_items.has_value()},
                 {"line", step.at.line}};
  if (step.plane) value["plane"] = to_string(*step.plane);
  if (const auto* use = std::get_if<UseStep>(&step.kind))
    value["action"] = use->connection + "." + use->action;
  if (const auto* call = std::get_if<CallStep>(&step.kind); call && call->callee)
    value["playbook"] = call->callee->id;
  return Value(std::move(value));
}

Value steps_value(const std::vector<Step>& steps) {
  ValueList values;
  for_each_step(steps, [&](const Step& step) { values.push_back(step_value(step)); });
  return Value(std::move(values));
}

Result<std::shared_ptr<const Playbook>> load_found(const PlaybookFile& file, const Config& config,
                                                   const ConnectorSet& connectors) {
  return load_checked(file, connectors, others_beside(file, config));
}

/// What a list tells of a playbook.
ValueMap line_of(const std::string& id, const PlaybookFile& file,
                 const Result<std::shared_ptr<const Playbook>>& loaded) {
  ValueMap line{{"id", id}, {"ok", loaded.has_value()}, {"sha256", sha256_hex(file.source)}};
  if (loaded) {
    line["title"] = (*loaded)->title;
    line["purpose"] = (*loaded)->purpose;
  } else {
    line["fault"] = describe(loaded.error());
  }
  return line;
}

}  // namespace

Value playbooks_document(const Config& config, const ConnectorSet& connectors) {
  ValueList lines;
  for (const std::string& id : playbook_ids(config)) {
    const Result<PlaybookFile> file = find_playbook(id, config);
    if (!file) {
      lines.push_back(Value::map({{"id", id}, {"ok", false}, {"fault", describe(file.error())}}));
      continue;
    }
    lines.emplace_back(line_of(id, *file, load_found(*file, config, connectors)));
  }
  return Value::map({{"playbooks", Value(std::move(lines))}});
}

Result<Value> playbook_document(const std::string& id, const Config& config,
                                const ConnectorSet& connectors) {
  // An id alone: find_playbook() would read any file of a path.
  const std::vector<std::string> ids = playbook_ids(config);
  if (std::find(ids.begin(), ids.end(), id) == ids.end()) {
    return make_error(ErrorCode::gone, "playbook", "there is no playbook of that id.",
                      "GET /api/v1/playbooks lists them");
  }
  const Result<PlaybookFile> file = find_playbook(id, config);
  if (!file) return file.error();
  const Result<std::shared_ptr<const Playbook>> loaded = load_found(*file, config, connectors);
  ValueMap document = line_of(id, *file, loaded);
  document["source"] = file->source;
  if (!loaded) return Value(std::move(document));
  const Playbook& playbook = **loaded;
  ValueList inputs;
  for (const InputSpec& input : playbook.inputs) inputs.push_back(input_value(input));
  document["inputs"] = Value(std::move(inputs));
  document["steps"] = steps_value(playbook.steps);
  document["finally"] = steps_value(playbook.finally_steps);
  ValueMap called;
  for (const auto& [name, source] : playbook.called) called.emplace(name, source);
  document["called"] = Value(std::move(called));
  document["summary"] = playbook_summary(playbook);
  return Value(std::move(document));
}

}  // namespace quell
