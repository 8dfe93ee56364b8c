#include "connectors/http/declaration.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "state/base/json.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

/// `parts` as they were written.
std::string pattern_of(const CallTemplate& parts) {
  std::string text;
  for (const TemplatePart& part : parts)
    text += part.name.empty() ? part.literal : "{" + part.name + "}";
  return text;
}

Type type_of(const DeclaredOutput& output, bool nullable) {
  const Type type = Type::of(output.kind);
  return nullable && output.kind != Type::Kind::dyn ? type.or_null() : type;
}

void add_sentence(std::string& note, std::string_view what, std::string_view text) {
  if (text.empty()) return;
  note += (note.empty() ? "" : "; ") + std::string(what) + std::string(text);
}

std::string note_of(const DeclaredAction& action) {
  std::string note;
  add_sentence(note, "spares ", action.spares);
  add_sentence(note, "breaks ", action.breaks);
  if (action.settles) add_sentence(note, "takes effect within ", format_duration(*action.settles));
  for (const std::string& need : action.needs) add_sentence(note, "needs ", need);
  for (const std::string& trap : action.traps) add_sentence(note, "trap: ", trap);
  for (const std::string& unsure : action.unsure) add_sentence(note, "not verified: ", unsure);
  if (action.certainty) add_sentence(note, "rests on ", to_string(*action.certainty));
  add_sentence(note, "source: ", action.source);
  return note;
}

ParamSpec param_of(const DeclaredInput& input) {
  ParamSpec spec{.name = input.name, .type = Type::of(input.kind), .help = input.help};
  spec.required = !input.fallback.has_value();
  if (!spec.required) {
    spec.type = spec.type.or_null();
    spec.help +=
        (spec.help.empty() ? "" : "; ") + fmt::format("default {}", to_json(*input.fallback));
  }
  std::string values;
  for (const std::string& value : input.values) values += (values.empty() ? "" : ", ") + value;
  if (!values.empty()) spec.help += (spec.help.empty() ? "" : "; ") + ("one of " + values);
  return spec;
}

bool sends_body_method(const DeclaredAction& action) {
  return action.method != "GET" && action.method != "HEAD";
}

RequestTemplate request_of(const DeclaredAction& action) {
  return {.method = action.method,
          .url = "{base}" + pattern_of(action.path),
          .effect = action.effect};
}

std::vector<std::string> proofs_of(const DeclaredAction& action, const DeclaredActions& all) {
  std::vector<std::string> proofs;
  for (const DeclaredAction& probe : all) {
    const bool proves = std::ranges::any_of(probe.proves, [&](Kill kill) {
      return std::ranges::find(action.kills, kill) != action.kills.end();
    });
    if (proves) proofs.push_back(probe.name);
  }
  return proofs;
}

ActionSpec spec_of(const DeclaredAction& action, const DeclaredActions& all) {
  ActionSpec spec;
  spec.name = action.name;
  spec.summary = action.title;
  spec.effect = action.effect;
  spec.planes = action.planes;
  spec.kills = action.kills;
  spec.proves = action.proves;
  spec.is_probe = !action.proves.empty();
  for (const DeclaredInput& input : action.inputs) spec.inputs.push_back(param_of(input));
  const bool changes = action.effect == Effect::mutate;
  std::vector<Field> outputs{
      {.name = "answer", .type = Type::of(Type::Kind::string)},
      {.name = "http_status", .type = Type::of(Type::Kind::integer).or_null()}};
  // A change that was made stays made, whatever its answer leaves out.
  for (const DeclaredOutput& output : action.outputs)
    outputs.push_back({.name = output.name,
                       .type = type_of(output, changes || spec.is_probe || output.optional)});
  if (changes)
    outputs.push_back(
        {.name = "settles_within", .type = Type::of(Type::Kind::duration).or_null()});
  spec.outputs = Type::object(std::move(outputs));
  spec.errors = {ErrorCode::invalid,  ErrorCode::denied,   ErrorCode::throttled,
                 ErrorCode::gone,     ErrorCode::conflict, ErrorCode::unavailable_here};
  spec.errors.push_back(changes ? ErrorCode::unknown : ErrorCode::transient);
  spec.timeout = action.timeout;
  spec.repeat = changes ? action.repeat : Repeat::safe;
  spec.irreversible = action.irreversible;
  spec.wide = action.wide;
  if (sends_body_method(action)) spec.requests.push_back(request_of(action));
  if (const DeclaredAction* const look = find_declared(all, action.look)) {
    spec.can_look = true;
    if (sends_body_method(*look)) spec.requests.push_back(request_of(*look));
  }
  spec.cost = {.read = action.effect == Effect::read ? 1 : 0,
               .probe = action.effect == Effect::probe ? 1 : 0,
               .mutate = changes ? 1 : 0};
  spec.proofs = proofs_of(action, all);
  spec.note = note_of(action);
  return spec;
}

Value rules_value(const std::vector<AnswerRule>& rules) {
  ValueList list;
  for (const AnswerRule& rule : rules) {
    ValueList members;
    for (const auto& [path, text] : rule.json) members.push_back(Value::list({path, text}));
    list.push_back(Value::map({{"status", rule.status},
                               {"json", Value(std::move(members))},
                               {"means", to_string(rule.means)}}));
  }
  return Value(std::move(list));
}

}  // namespace

const DeclaredInput* DeclaredAction::find_input(std::string_view input) const noexcept {
  for (const DeclaredInput& one : inputs) {
    if (one.name == input) return &one;
  }
  return nullptr;
}

const DeclaredAction* find_declared(const DeclaredActions& actions,
                                    std::string_view name) noexcept {
  for (const DeclaredAction& action : actions) {
    if (action.name == name) return &action;
  }
  return nullptr;
}

std::vector<ActionSpec> specs_of(const DeclaredActions& actions) {
  std::vector<ActionSpec> specs;
  for (const DeclaredAction& action : actions) specs.push_back(spec_of(action, actions));
  return specs;
}

std::string digest_of(const DeclaredActions& actions) {
  ValueList list;
  for (const DeclaredAction& action : actions) {
    ValueList headers;
    for (const auto& [name, value] : action.headers)
      headers.push_back(Value::list({name, pattern_of(value)}));
    ValueList outputs;
    for (const DeclaredOutput& output : action.outputs)
      outputs.push_back(Value::list({output.name, output.path}));
    ValueList inputs;
    for (const DeclaredInput& input : action.inputs)
      inputs.push_back(Value::list({input.name, static_cast<int>(input.kind),
                                    input.fallback.value_or(Value{})}));
    ValueList proves;
    for (const Kill kill : action.proves) proves.emplace_back(to_string(kill));
    list.push_back(Value::map({{"name", action.name},
                               {"effect", to_string(action.effect)},
                               {"method", action.method},
                               {"path", pattern_of(action.path)},
                               {"query", pattern_of(action.query)},
                               {"headers", Value(std::move(headers))},
                               {"body_kind", static_cast<int>(action.body_kind)},
                               {"body", pattern_of(action.body)},
                               {"shows", action.shows},
                               {"answers", rules_value(action.answers)},
                               {"inputs", Value(std::move(inputs))},
                               {"outputs", Value(std::move(outputs))},
                               {"proves", Value(std::move(proves))},
                               {"grade", to_string(action.grade)},
                               {"repeat", to_string(action.repeat)},
                               {"look", action.look}}));
  }
  return sha256_hex(to_json(Value(std::move(list))));
}

}  // namespace quell
