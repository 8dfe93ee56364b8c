#include "orchestrator/playbook/schema.h"

#include <utility>

#include "state/base/assert.h"
#include "state/base/json.h"

namespace quell {
namespace {

/// What does not depend on the actions. Anything but a key may also be an expression, so values are
/// held loosely.
constexpr std::string_view kLanguage = R"({
"$schema":"https://json-schema.org/draft/2020-12/schema",
"title":"quell playbook, language version 1",
"type":"object",
"additionalProperties":false,
"required":["quell","id","title","purpose","steps"],
"properties":{
 "quell":{"const":1,"description":"version of the language"},
 "id":{"type":"string","pattern":"^[a-z0-9-]+$","description":"equals the file's name"},
 "title":{"type":"string"},
 "purpose":{"type":"string"},
 "inputs":{"type":"object","additionalProperties":{"$ref":"#/$defs/input"}},
 "settings":{"type":"object","additionalProperties":false,"properties":{
  "run_timeout":{"$ref":"#/$defs/duration"},
  "slo":{"type":"object","additionalProperties":false,"properties":{
   "contain":{"$ref":"#/$defs/duration"},"prove":{"$ref":"#/$defs/duration"}}},
  "lock":{"type":"string","description":"one run with a begun mutation per value"},
  "accept":{"type":"array","uniqueItems":true,"items":{"enum":["purge_first","rotation_is_not_revocation"]}}}},
 "steps":{"$ref":"#/$defs/steps"},
 "verify":{"$ref":"#/$defs/probes"},
 "watch":{"type":"object","additionalProperties":false,"required":["for"],"properties":{
  "every":{"$ref":"#/$defs/duration"},"for":{"$ref":"#/$defs/duration"},
  "budget":{"type":"integer","minimum":1,"description":"requests a minute"},
  "reopen_on":{"type":"array","uniqueItems":true,
   "items":{"enum":["credential_created","session_started","token_accepted","memory_poisoned"]}}}},
 "finally":{"$ref":"#/$defs/steps","description":"runs whatever happened, before the result is given"}},
"$defs":{
 "duration":{"type":"string","pattern":"^([0-9]+(ms|s|m|h|d))+$"},
 "condition":{"type":["string","boolean"],"description":"${...} that is true or false"},
 "plane":{"enum":["holder","issuer","runtime","resource"]},
 "input":{"type":"object","additionalProperties":false,"required":["type"],"properties":{
  "type":{"enum":["string","int","number","bool","duration","timestamp","url","enum","list","secret"]},
  "required":{"type":"boolean"},"default":{},"help":{"type":"string"},"pattern":{"type":"string","description":"RE2"},
  "min":{"type":"number"},"max":{"type":"number"},"values":{"type":"array","items":{"type":"string"}},
  "schemes":{"type":"array","items":{"type":"string"}},"of":{"type":"string"}}},
 "steps":{"type":"array","minItems":1,"items":{"$ref":"#/$defs/step"}},
 "probes":{"type":"array","items":{"type":"object","additionalProperties":false,"required":["probe"],"properties":{
  "probe":{"anyOf":[{"const":"self"},{"$ref":"#/$defs/probe"}]},"with":{"type":"object"},
  "when":{"$ref":"#/$defs/condition"},"expect":{"$ref":"#/$defs/condition"},"refute":{"$ref":"#/$defs/condition"},
  "until":{"type":"object","additionalProperties":false,"properties":{
   "every":{"$ref":"#/$defs/duration"},"for":{"$ref":"#/$defs/duration"},
   "consecutive":{"type":"integer","minimum":1}}}}}},
 "step":{"type":"object","additionalProperties":false,"required":["id"],
  "oneOf":[{"required":["use"]},{"required":["parallel"]},{"required":["block"]},{"required":["approve"]},
   {"required":["manual"]},{"required":["wait"]},{"required":["assert"]},{"required":["set"]},{"required":["call"]}],
  "properties":{
  "id":{"type":"string","pattern":"^[A-Za-z][A-Za-z0-9_]*$"},
  "title":{"type":"string"},
  "use":{"$ref":"#/$defs/action"},
  "with":{"type":"object"},
  "parallel":{"type":"object","minProperties":1,"additionalProperties":{"$ref":"#/$defs/steps"}},
  "block":{"$ref":"#/$defs/steps"},
  "rescue":{"$ref":"#/$defs/steps"},
  "approve":{"type":"object","additionalProperties":false,"required":["within"],"properties":{
   "need":{"type":"integer","minimum":1},"from":{"type":"string"},"within":{"$ref":"#/$defs/duration"},
   "on_timeout":{"enum":["abort","continue"]}}},
  "manual":{"type":"object","additionalProperties":false,"required":["ask","within"],"properties":{
   "ask":{"type":"string","description":"what the person is to do"},"from":{"type":"string"},
   "within":{"$ref":"#/$defs/duration"},"on_timeout":{"enum":["abort","continue"]},
   "fields":{"type":"object","description":"what the person tells","additionalProperties":{"$ref":"#/$defs/input"}}}},
  "wait":{"type":"object","additionalProperties":false,"required":["for"],"properties":{
   "for":{"$ref":"#/$defs/duration"},"until":{"$ref":"#/$defs/condition"},"every":{"$ref":"#/$defs/duration"}}},
  "assert":{"$ref":"#/$defs/condition"},
  "message":{"type":"string"},
  "set":{"type":"object","minProperties":1},
  "call":{"type":"string","description":"id of another playbook; its inputs stand under with"},
  "when":{"$ref":"#/$defs/condition"},
  "foreach":{"type":"object","additionalProperties":false,"required":["items","as","key","max"],"properties":{
   "items":{},"as":{"type":"string"},"key":{"type":"string","description":"names the item in the journal"},
   "concurrency":{"type":"integer","minimum":1},"rate":{"type":"string"},"max":{"type":"integer","minimum":1},
   "order":{"type":"string","description":"higher first"},"canary":{"type":"integer","minimum":0},
   "on_item_failure":{"enum":["continue","stop"]},"stop_after":{"type":"integer","minimum":1}}},
  "retry":{"type":"object","additionalProperties":false,"properties":{
   "max":{"type":"integer","minimum":0},"backoff":{"$ref":"#/$defs/duration"},"cap":{"$ref":"#/$defs/duration"},
   "jitter":{"type":"boolean"},"on":{"type":"array","items":{"enum":["transient","throttled"]}}}},
  "timeout":{"$ref":"#/$defs/duration","description":"of one request"},
  "deadline":{"$ref":"#/$defs/duration","description":"of the step with retries and verify"},
  "on_failure":{"enum":["abort","continue"]},
  "verify":{"anyOf":[{"const":"none"},{"$ref":"#/$defs/probes"}]},
  "reason":{"type":"string","description":"beside verify: none"},
  "proves":{"type":"string","description":"the earlier step whose claim this one's verify judges"},
  "undo":{"type":"object","additionalProperties":false,"required":["use"],"properties":{
   "use":{"$ref":"#/$defs/action"},"with":{"type":"object"}}},
  "irreversible":{"type":"boolean"},
  "plane":{"$ref":"#/$defs/plane"},
  "kills":{"type":"array","uniqueItems":true,
   "items":{"enum":["refresh_token","access_token","refresh","session","schedule","key","entry"]}}}}}
})";

/// Names of actions, and any other `connection.action`: a configuration may name connections.
Value names_schema(ValueList names) {
  return Value::map(
      {{"anyOf", Value::list({Value::map({{"enum", Value(std::move(names))}}),
                              Value::map({{"pattern", "^[a-z][a-z0-9_]*\\.[a-z][a-z0-9_]*$"}})})}});
}

/// Where a step uses `name`, its `with` has these inputs.
Value inputs_rule(const std::string& name, const ActionSpec& spec) {
  ValueMap inputs;
  ValueList required;
  for (const ParamSpec& input : spec.inputs) {
    inputs.emplace(
        input.name,
        Value::map({{"description",
                     to_string(input.type) + (input.help.empty() ? "" : ": ") + input.help}}));
    if (input.required) required.emplace_back(input.name);
  }
  const Value used =
      Value::map({{"properties", Value::map({{"use", Value::map({{"const", name}})}})},
                  {"required", Value::list({"use"})}});
  const Value with = Value::map({{"properties", Value(std::move(inputs))},
                                 {"additionalProperties", false},
                                 {"required", Value(std::move(required))}});
  return Value::map(
      {{"if", used}, {"then", Value::map({{"properties", Value::map({{"with", with}})}})}});
}

}  // namespace

Value playbook_schema(const ActionCatalog& catalog) {
  const Result<Value> language = parse_json(kLanguage);
  QUELL_ASSERT(language);
  ValueList actions;
  ValueList probes;
  ValueList rules;
  for (const std::string& connection : catalog.connections) {
    for (const ActionSpec& spec : catalog.actions_of(connection)) {
      const std::string name = connection + "." + spec.name;
      actions.emplace_back(name);
      if (spec.is_probe) probes.emplace_back(name);
      rules.push_back(inputs_rule(name, spec));
    }
  }
  ValueMap definitions = (*language)["$defs"].as_map();
  ValueMap step = definitions.at("step").as_map();
  step.insert_or_assign("allOf", Value(std::move(rules)));
  definitions.insert_or_assign("step", Value(std::move(step)));
  definitions.insert_or_assign("action", names_schema(std::move(actions)));
  definitions.insert_or_assign("probe", names_schema(std::move(probes)));
  ValueMap schema = language->as_map();
  schema.insert_or_assign("$defs", Value(std::move(definitions)));
  return Value(std::move(schema));
}

}  // namespace quell
