#include <algorithm>
#include <utility>

#include "orchestrator/cli/verb.h"
#include "orchestrator/playbook/diagnostics.h"

namespace quell::cli {
namespace {

constexpr std::string_view kHelp =
    R"(quell actions - what the connectors can do, from their own declarations
usage: quell actions [CONNECTION.ACTION] [--json]
Examples    quell actions
            quell actions platform.archive_credential
)";

template <typename List>
std::string joined(const List& list) {
  std::string text;
  for (const auto& word : list) text += (text.empty() ? "" : ", ") + std::string(to_string(word));
  return text;
}

std::string effect_words(const ActionSpec& spec) {
  return std::string(to_string(spec.effect)) + (spec.irreversible ? ", irreversible" : "");
}

Value spec_value(const std::string& connection, const ActionSpec& spec) {
  const auto words = [](const auto& list) {
    ValueList out;
    for (const auto& word : list) out.emplace_back(to_string(word));
    return Value(std::move(out));
  };
  ValueList inputs;
  for (const ParamSpec& input : spec.inputs) {
    inputs.push_back(Value::map({{"name", input.name},
                                 {"type", to_string(input.type)},
                                 {"required", input.required},
                                 {"help", input.help}}));
  }
  ValueList outputs;
  if (spec.outputs.fields) {
    for (const Field& field : *spec.outputs.fields)
      outputs.push_back(Value::map({{"name", field.name}, {"type", to_string(field.type)}}));
  }
  ValueList proofs;
  for (const std::string& proof : spec.proofs) proofs.emplace_back(connection + "." + proof);
  return Value::map({{"name", connection + "." + spec.name},
                     {"summary", spec.summary},
                     {"effect", to_string(spec.effect)},
                     {"irreversible", spec.irreversible},
                     {"repeat", to_string(spec.repeat)},
                     {"probe", spec.is_probe},
                     {"planes", words(spec.planes)},
                     {"kills", words(spec.kills)},
                     {"proves", words(spec.proves)},
                     {"inputs", Value(std::move(inputs))},
                     {"outputs", Value(std::move(outputs))},
                     {"errors", words(spec.errors)},
                     {"proofs", Value(std::move(proofs))},
                     {"requests", Value::map({{"read", spec.cost.read},
                                              {"probe", spec.cost.probe},
                                              {"mutate", spec.cost.mutate}})}});
}

void tell_one(Session& session, const std::string& connection, const std::string& kind,
              const ActionSpec& spec) {
  Stream& out = session.out();
  const std::string name = connection + "." + spec.name;
  out.line(padded(name, 31) + padded(effect_words(spec), 25) + "kind " + kind);
  out.line("  " + spec.summary);
  if (!spec.planes.empty()) {
    out.line("plane    " + joined(spec.planes) +
             (spec.kills.empty() ? "" : "; kills " + joined(spec.kills)) +
             (spec.proves.empty() ? "" : "; proves " + joined(spec.proves)));
  }
  for (std::size_t i = 0; i < spec.inputs.size(); ++i) {
    const ParamSpec& input = spec.inputs[i];
    out.line((i == 0 ? "inputs   " : "         ") + input.name + " " + to_string(input.type) +
             (input.required ? ", required" : "") + (input.help.empty() ? "" : ": " + input.help));
  }
  std::string outputs;
  if (spec.outputs.fields) {
    for (const Field& field : *spec.outputs.fields)
      outputs += (outputs.empty() ? "" : ", ") + field.name;
  }
  if (!outputs.empty()) out.line("outputs  " + outputs);
  if (!spec.proofs.empty()) {
    std::string proofs;
    for (const std::string& proof : spec.proofs) proofs += (proofs.empty() ? "" : ", ") + proof;
    out.line("proof    " + proofs);
  }
  out.line("errors   " + joined(spec.errors) + "; retried " + std::to_string(spec.retry.max) +
           " times; repeat " + std::string(to_string(spec.repeat)));
  out.line("cost     " + counted(spec.cost.read + spec.cost.probe + spec.cost.mutate, "request") +
           "; timeout " + format_duration(spec.timeout) + " each");
  if (!spec.note.empty()) out.line("note     " + spec.note);
}

int actions(Session& session, const std::string& name) {
  const std::optional<ConnectorSet> connectors = session.bare_connectors();
  if (!connectors) return kExitNotStarted;
  ValueList all;
  std::vector<std::vector<std::string>> rows{{"action", "effect", "what it does"}};
  std::vector<std::string> names;
  for (const auto& [connection, connector] : *connectors) {
    for (const ActionSpec& spec : connector->actions()) {
      const std::string full = connection + "." + spec.name;
      names.push_back(full);
      if (!name.empty() && name != full) continue;
      all.push_back(spec_value(connection, spec));
      rows.push_back({full, std::string(to_string(spec.effect)) + (spec.irreversible ? " !" : ""),
                      spec.summary});
      if (!name.empty() && !session.options().json)
        tell_one(session, connection, connector->pins()["kind"].string_or(""), spec);
    }
  }
  if (all.empty()) {
    const std::string near = nearest_word(name, names);
    return session.fail(
        make_error(ErrorCode::invalid, "usage", "no such action.",
                   near.empty() ? "quell actions lists them" : "did you mean " + near + "?"));
  }
  if (session.options().json) {
    session.print_json(Value::map({{"actions", Value(std::move(all))}}));
  } else if (name.empty()) {
    session.out().write(table(rows, ""));
  }
  return kExitOk;
}

}  // namespace

Verb actions_verb() {
  auto name = std::make_shared<std::string>();
  return {.name = "actions",
          .help = kHelp,
          .declare = [name](CLI::App& app) { app.add_option("action", *name); },
          .run = [name](Session& session) { return actions(session, *name); }};
}

}  // namespace quell::cli
