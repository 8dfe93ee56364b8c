#include "orchestrator/drill/scenario.h"

#include <utility>

#include "orchestrator/drill/scenario_reader.h"
#include "orchestrator/playbook/yaml_tree.h"
#include "orchestrator/playbook_library.h"
#include "state/private_file.h"

namespace quell {

std::string_view to_string(Inject::Kind kind) noexcept {
  switch (kind) {
    case Inject::Kind::alert:
      return "alert";
    case Inject::Kind::chat:
      return "chat";
    case Inject::Kind::claim:
      return "claim";
    case Inject::Kind::silence:
      return "silence";
  }
  return "";
}

std::vector<Diagnostic> check_scenario(std::string_view source, const Playbook* playbook) {
  const SourceText text(source);
  Findings findings(text);
  YamlNode root;
  if (parse_yaml(findings, root)) read_scenario(root, playbook, findings);
  return findings.take();
}

bool is_scenario(std::string_view source) {
  const SourceText text(source);
  Findings findings(text);
  YamlNode root;
  return parse_yaml(findings, root) && root.find("scenario") != nullptr &&
         root.find("quell") == nullptr;
}

Result<Scenario> load_scenario(std::string_view source, std::string_view file) {
  const SourceText text(source);
  Findings findings(text);
  YamlNode root;
  Scenario scenario;
  if (parse_yaml(findings, root)) scenario = read_scenario(root, nullptr, findings);
  if (findings.has_errors())
    return first_error(findings.take(), std::string(file), "check",
                       "quell check " + std::string(file));
  scenario.file = file;
  scenario.source = source;
  return scenario;
}

Status fits(const Scenario& scenario, const Playbook& playbook) {
  std::vector<Diagnostic> found = check_scenario(scenario.source, &playbook);
  if (found.empty()) return ok();
  return first_error(std::move(found), scenario.file, "check", "quell check " + scenario.file);
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
