// The schema for editors against the loader, which is the judge.

#include "orchestrator/playbook/schema.h"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "tests/orchestrator/playbook/checking.h"

namespace quell::test {
namespace {

bool knows_keys(const std::string& source) {
  const std::vector<std::string> found = findings(source);
  return std::none_of(found.begin(), found.end(),
                      [](const std::string& line) { return line.ends_with(" unknown-key"); });
}

}  // namespace

// Goal: what an editor completes, the loader takes. Method: each key of the schema in a file of its
// own.
TEST_CASE("the loader knows every key of the schema") {
  const Value schema = playbook_schema(catalog());
  const Value step = schema["$defs"]["step"]["properties"];
  REQUIRE(step.as_map().size() > 20);
  for (const auto& member : step.as_map()) {
    const std::string key = member.first;
    CAPTURE(key);
    CHECK(knows_keys(with_steps("  - id: one\n    " + key + ": x\n")));
  }
  for (const auto& member : schema["properties"].as_map()) {
    const std::string key = member.first;
    CAPTURE(key);
    CHECK(knows_keys(key + ": x\n"));
  }
  CHECK_FALSE(knows_keys(with_steps("  - id: one\n    on_failur: x\n")));
}

// Goal: each action is offered, with its inputs, and required ones as such.
TEST_CASE("the schema has every action with its inputs") {
  const Value schema = playbook_schema(catalog());
  std::size_t actions = 0;
  for (const std::string& connection : catalog().connections) {
    for (const ActionSpec& spec : catalog().actions_of(connection)) {
      const std::string name = connection + "." + spec.name;
      CAPTURE(name);
      ++actions;
      bool has_rule = false;
      const Value rules = schema["$defs"]["step"]["allOf"];
      for (const Value& rule : rules.list_or_empty()) {
        if (rule["if"]["properties"]["use"]["const"].string_or("") != name) continue;
        has_rule = true;
        const Value with = rule["then"]["properties"]["with"];
        for (const ParamSpec& input : spec.inputs) CHECK(with["properties"].has(input.name));
        CHECK(with["properties"].as_map().size() == spec.inputs.size());
      }
      CHECK(has_rule);
    }
  }
  const Value names = schema["$defs"]["action"]["anyOf"].list_or_empty()[0]["enum"];
  CHECK(names.list_or_empty().size() == actions);
}

}  // namespace quell::test
