#include <algorithm>
#include <utility>

#include "orchestrator/cli/verb.h"
#include "orchestrator/playbook/diagnostics.h"

namespace quell::cli {
namespace {

constexpr std::string_view kHelp =
    R"(quell actions - what the connectors can do, from their own declarations
usage: quell actions [CONNECTION.ACTION] [--json | --markdown]
--markdown  the same as a document; docs/actions.md is that
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

/// A cell of a Markdown table.
std::string cell(std::string_view text) {
  std::string safe;
  for (const char c : text) safe += c == '|' ? "\\|" : std::string(1, c);
  return safe;
}

/// Declarations begin as it suits a table: here each is a sentence.
std::string sentence(std::string text) {
  if (text.empty()) return text;
  if (text.front() >= 'a' && text.front() <= 'z')
    text.front() = static_cast<char>(text.front() - 'a' + 'A');
  if (text.back() != '.') text += '.';
  return text;
}

std::string markdown_of(const std::string& connection, const ActionSpec& spec) {
  std::string text =
      "## " + connection + "." + spec.name + "\n\n" + sentence(spec.summary) + "\n\n";
  text += "Effect: " + effect_words(spec) + ". ";
  if (!spec.planes.empty()) text += "Plane: " + joined(spec.planes) + ". ";
  if (!spec.kills.empty()) text += "Kills: " + joined(spec.kills) + ". ";
  if (!spec.proves.empty()) text += "Proves: " + joined(spec.proves) + ". ";
  text += "Repeat: " + std::string(to_string(spec.repeat)) +
          ". Timeout of a request: " + format_duration(spec.timeout) +
          ". Errors: " + joined(spec.errors) + ".\n";
  if (!spec.proofs.empty()) {
    text += "\nCan be proved by:";
    for (const std::string& proof : spec.proofs) text += " `" + connection + "." + proof + "`";
    text += "\n";
  }
  if (!spec.note.empty()) text += "\n" + sentence(spec.note) + "\n";
  if (!spec.inputs.empty()) {
    text += "\n| input | type | |\n|---|---|---|\n";
    for (const ParamSpec& input : spec.inputs) {
      text += "| `" + input.name + "` | " + cell(to_string(input.type)) + " | " +
              (input.required ? "required" : "") +
              (input.required && !input.help.empty() ? "; " : "") + cell(input.help) + " |\n";
    }
  }
  if (spec.outputs.fields && !spec.outputs.fields->empty()) {
    text += "\n| output | type |\n|---|---|\n";
    for (const Field& field : *spec.outputs.fields)
      text += "| `" + field.name + "` | " + cell(to_string(field.type)) + " |\n";
  }
  return text + "\n";
}

constexpr std::string_view kMarkdownHead =
    R"(# Actions

Written by `quell actions --markdown` from the connectors' own declarations; a test keeps the two alike. `platform`, `issuer` and
`report` stand for connections of the kinds `managed_agents`, `oauth` and `report`.

)";

int actions(Session& session, const std::string& name, bool is_markdown) {
  const std::optional<ConnectorSet> connectors = session.bare_connectors();
  if (!connectors) return kExitNotStarted;
  ValueList all;
  std::vector<std::vector<std::string>> rows{{"action", "effect", "what it does"}};
  std::vector<std::string> names;
  std::string document(kMarkdownHead);
  for (const auto& [connection, connector] : *connectors) {
    for (const ActionSpec& spec : connector->actions()) {
      const std::string full = connection + "." + spec.name;
      names.push_back(full);
      if (!name.empty() && name != full) continue;
      all.push_back(spec_value(connection, spec));
      rows.push_back({full, std::string(to_string(spec.effect)) + (spec.irreversible ? " !" : ""),
                      spec.summary});
      if (is_markdown) document += markdown_of(connection, spec);
      if (!name.empty() && !session.options().json && !is_markdown)
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
  } else if (is_markdown) {
    document.pop_back();  // the empty line after the last action
    session.out().write(document);
  } else if (name.empty()) {
    session.out().write(table(rows, ""));
  }
  return kExitOk;
}

}  // namespace

Verb actions_verb() {
  auto name = std::make_shared<std::string>();
  auto is_markdown = std::make_shared<bool>(false);
  return {.name = "actions",
          .help = kHelp,
          .declare =
              [name, is_markdown](CLI::App& app) {
                app.add_option("action", *name);
                app.add_flag("--markdown", *is_markdown);
              },
          .run = [name,
                  is_markdown](Session& session) { return actions(session, *name, *is_markdown); }};
}

}  // namespace quell::cli
