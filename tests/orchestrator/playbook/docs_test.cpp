// Goal: who copies an example from the guide gets a playbook that loads.
// Method: every yaml block of docs/playbooks.md goes through the loader. What stands behind the
// word yaml says what the block is: nothing for a whole playbook, `steps` or `inputs` for a part of
// one.

#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/orchestrator/playbook/checking.h"
#include "tests/orchestrator/playbook/fault_cases.h"

namespace quell::test {
namespace {

struct Example {
  std::string kind{};  // "", "steps" or "inputs"
  std::string text{};
  int line = 0;
};

std::vector<Example> examples_of(const std::string& page) {
  constexpr std::string_view kFence = "```";
  std::vector<Example> examples;
  std::istringstream lines(read_source_file(page));
  bool inside = false;
  bool is_yaml = false;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (!line.starts_with(kFence)) {
      if (is_yaml) examples.back().text += line + "\n";
      continue;
    }
    inside = !inside;
    is_yaml = inside && line.starts_with("```yaml");
    if (is_yaml) {
      const std::string kind = line.size() > 8 ? line.substr(8) : "";
      examples.push_back({.kind = kind, .line = number});
    }
  }
  return examples;
}

std::string indented(const std::string& text) {
  std::string out = "  ";
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text[i] == '\n' && i + 1 < text.size() && text[i + 1] != '\n') out += "  ";
  }
  return out;
}

constexpr const char* kTop = "quell: 1\nid: p\ntitle: T\npurpose: P\n";
// What a part may name without declaring it.
constexpr const char* kInputs =
    "  vault_id: {type: string, required: true}\n"
    "  credential_id: {type: string, required: true}\n"
    "  mcp_server_url: {type: url, required: true}\n"
    "  leaked_token: {type: secret}\n"
    "  note: {type: string}\n";

std::string whole(const Example& example) {
  if (example.kind == "steps") {
    return std::string(kTop) + "inputs:\n" + kInputs + "steps:\n" + indented(example.text);
  }
  if (example.kind == "inputs") {
    return std::string(kTop) + "inputs:\n" + indented(example.text) +
           "steps: [{id: a, wait: {for: 1s}}]\n";
  }
  return example.text;
}

TEST_CASE("every example of the guide loads without a finding") {
  const std::vector<Example> examples = examples_of("docs/playbooks.md");
  CHECK(examples.size() >= 5);
  for (const Example& example : examples) {
    CAPTURE(example.line);
    CAPTURE(example.text);
    const bool known = example.kind.empty() || example.kind == "steps" || example.kind == "inputs";
    CHECK(known);
    const std::string source = whole(example);
    const std::size_t id = source.find("\nid: ") + 5;
    const std::string file = source.substr(id, source.find_first_of(" \n", id) - id) + ".yaml";
    std::string found;
    for (const Diagnostic& one : load_playbook(source, file, catalog(), callable()).diagnostics) {
      found += render(one, file, source, false);
    }
    CHECK(found == "");
  }
}

}  // namespace
}  // namespace quell::test
