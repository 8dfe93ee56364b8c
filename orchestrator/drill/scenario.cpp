#include "orchestrator/drill/scenario.h"

#include <algorithm>
#include <array>
#include <variant>

#include "orchestrator/playbook/diagnostics.h"
#include "orchestrator/playbook/yaml_tree.h"
#include "orchestrator/playbook_library.h"
#include "state/private_file.h"

namespace quell {
namespace {

constexpr std::array<std::string_view, 10> kKeys{
    "scenario",      "title",         "teaches", "playbook", "profile",
    "respond_after", "approve_after", "lasts",   "ends",     "inputs"};
constexpr std::array<std::string_view, 7> kRequired{"scenario", "title", "teaches", "playbook",
                                                    "lasts",    "ends",  "inputs"};

class ScenarioReader {
 public:
  explicit ScenarioReader(Findings& findings) : findings_(findings) {}

  Scenario read(const YamlNode& root) {
    if (root.kind != YamlNode::Kind::map) {
      findings_.error(root, "wrong-type", "a scenario is a map of keys");
      return {};
    }
    for (const std::string_view key : kRequired) {
      if (root.find(key) == nullptr)
        findings_.error(root, "missing-key", "\"" + std::string(key) + "\" is missing");
    }
    for (const YamlMember& member : root.members) read_key(member.key, member.value);
    return std::move(scenario_);
  }

 private:
  void read_key(const YamlNode& key, const YamlNode& value) {
    if (key.text == "scenario")
      scenario_.id = text(value);
    else if (key.text == "title")
      scenario_.title = text(value);
    else if (key.text == "teaches")
      scenario_.teaches = text(value);
    else if (key.text == "playbook")
      scenario_.playbook = text(value);
    else if (key.text == "profile")
      scenario_.profile = text(value);
    else if (key.text == "respond_after")
      scenario_.respond_after = duration(value);
    else if (key.text == "approve_after")
      scenario_.approve_after = duration(value);
    else if (key.text == "lasts")
      scenario_.lasts = duration(value);
    else if (key.text == "ends")
      read_end(value);
    else if (key.text == "inputs")
      read_inputs(value);
    else {
      const std::string near = nearest_word(key.text, {kKeys.begin(), kKeys.end()});
      findings_.error(key, "unknown-key", "unknown key \"" + shown(key.text) + "\"",
                      near.empty() ? "" : "did you mean \"" + near + "\"?");
    }
  }

  std::string text(const YamlNode& node) {
    if (!node.is_scalar()) findings_.error(node, "wrong-type", "a text belongs here");
    return node.text;
  }

  Duration duration(const YamlNode& node) {
    const std::optional<Duration> parsed =
        node.is_scalar() ? parse_duration(node.text) : std::nullopt;
    if (!parsed)
      findings_.error(node, "wrong-type", "a duration belongs here", "for instance 15s or 2m30s");
    return parsed.value_or(Duration{0});
  }

  void read_end(const YamlNode& node) {
    const std::optional<RunResult> end = from_string<RunResult>(node.text);
    if (!end)
      findings_.error(node, "unknown-result", "unknown result \"" + shown(node.text) + "\"",
                      "contained, incomplete, exposed, failed or aborted");
    scenario_.ends = end.value_or(RunResult::contained);
  }

  void read_inputs(const YamlNode& node) {
    if (node.kind != YamlNode::Kind::map) {
      findings_.error(node, "wrong-type", "inputs is a map");
      return;
    }
    for (const YamlMember& member : node.members) {
      const std::string value = text(member.value);
      auto parsed = Template::parse(value);
      if (const auto* problem = std::get_if<ExpressionError>(&parsed)) {
        findings_.error(
            locate(member.value, findings_.source().text(), problem->offset, problem->length),
            problem->code, problem->message, problem->hint);
      } else {
        scenario_.inputs.emplace_back(member.key.text, std::get<Template>(std::move(parsed)));
      }
    }
  }

  Findings& findings_;
  Scenario scenario_{};
};

}  // namespace

Result<Scenario> load_scenario(std::string_view source, std::string_view file) {
  const SourceText text(source);
  Findings findings(text);
  YamlNode root;
  Scenario scenario;
  if (parse_yaml(findings, root)) scenario = ScenarioReader(findings).read(root);
  if (!findings.has_errors()) return scenario;
  return first_error(findings.take(), std::string(file), "check", "");
}

Result<Scenario> find_scenario(std::string_view id) {
  if (id.find('/') != std::string_view::npos || id.ends_with(".yaml")) {
    const Result<PlaybookFile> file = read_playbook_file(std::string(id));
    if (!file) return file.error();
    Result<Scenario> scenario = load_scenario(file->source, file->file);
    if (scenario) scenario->folder = folder_of(file->file);
    return scenario;
  }
  std::vector<std::string> known;
  for (const auto& [file, source] : shipped_scenarios()) {
    const std::string stem = file.substr(0, file.rfind('.'));
    if (stem == id) return load_scenario(source, file);
    known.push_back(stem);
  }
  const std::string near = nearest_word(id, known);
  return make_error(ErrorCode::invalid, "drill", "no scenario \"" + shown(id) + "\".",
                    near.empty() ? "quell drill list" : "did you mean " + near + "?");
}

}  // namespace quell
