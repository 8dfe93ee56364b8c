#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/playbook/model.h"
#include "orchestrator/playbook/yaml_tree.h"
#include "state/base/result.h"

namespace quell {

/// Reads the `inputs:` of a playbook (language section 3): types, their own keys, defaults.
std::vector<InputSpec> read_inputs(Findings& findings, const YamlNode& node);

/// Turns the text of a form or of `-i name=text` into the input's type. Error `invalid` with topic
/// `bad-input` says what the type takes; a list takes one element per comma, or a YAML flow
/// list such as a JSON array. Not for secrets: their references are resolved elsewhere.
Result<Value> input_from_text(const InputSpec& spec, std::string_view text);

/// Does `value` fit the input: type, pattern, bounds, values, schemes. Error as above.
Status check_input(const InputSpec& spec, const Value& value);

/// A text that input_from_text() takes, a pattern apart: what the people of a drill answer.
std::string example_text(const InputSpec& spec);
/// The default, else the value of example_text(): what a rehearsal goes on with.
Value example_value(const InputSpec& spec);

/// `secret://env/NAME`, `secret://file/PATH` or `secret://credential/NAME`.
bool is_secret_reference(std::string_view text) noexcept;

}  // namespace quell
