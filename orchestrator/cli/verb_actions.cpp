#include <algorithm>
#include <utility>

#include "connectors/shared_signals/shared_signals_connector.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/issuer_profiles.h"
#include "orchestrator/playbook/diagnostics.h"

namespace quell::cli {
namespace {

constexpr std::string_view kHelp =
    R"(quell actions - what the connectors can do, from their own declarations
usage: quell actions [CONNECTION | CONNECTION.ACTION] [--profile NAME] [--json | --markdown]
--profile   one vendor's calls at its issuer, with traps and what is not verified
--markdown  the same as a document; docs/actions.md is that
Examples    quell actions
            quell actions platform.archive_credential
            quell actions issuer
            quell actions issuer --profile github
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

/// Nobody is told anything unless a connection says so; the document tells of it all the same.
constexpr std::string_view kSignals = "signals";

constexpr std::string_view kMarkdownHead =
    R"(# Actions

Written by `quell actions --markdown` from the connectors' own declarations; a test keeps the two alike. `platform`, `issuer`,
`report` and `signals` stand for connections of the kinds `managed_agents`, `oauth`, `report` and `shared_signals`.

)";

ValueList text_values(const std::vector<std::string>& texts) {
  ValueList out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

Value profile_value(const IssuerProfile& profile) {
  ValueList calls;
  for (const VendorCall& call : profile.calls) {
    ValueList kills;
    for (const Kill kill : call.kills) kills.emplace_back(to_string(kill));
    calls.push_back(Value::map(
        {{"id", call.id},
         {"title", call.title},
         {"reach", to_string(call.reach)},
         {"takes", to_string(call.takes)},
         {"auth", to_string(call.auth)},
         {"kills", Value(std::move(kills))},
         {"spares", call.spares},
         {"breaks", call.breaks},
         {"settles_within", call.settles ? Value(*call.settles) : Value{}},
         {"needs", Value(text_values(call.needs))},
         {"traps", Value(text_values(call.traps))},
         {"unsure", Value(text_values(call.unsure))},
         {"rests_on", to_string(call.certainty.value_or(profile.certainty))}}));
  }
  return Value::map({{"id", profile.id},
                     {"title", profile.title},
                     {"rests_on", to_string(profile.certainty)},
                     {"source", profile.source},
                     {"rfc7009", profile.rfc7009},
                     {"calls", Value(std::move(calls))},
                     {"spares", profile.spares},
                     {"traps", Value(text_values(profile.traps))},
                     {"unsure", Value(text_values(profile.unsure))},
                     {"human", Value::map({{"page", profile.human_page},
                                           {"do", profile.human_do}})}});
}

bool is_issuer(const Connector& connector) {
  return connector.pins()["kind"].string_or("") == "oauth";
}

std::string ways_of(const IssuerProfile& profile) {
  std::string ways = profile.rfc7009 ? "RFC 7009" : "";
  for (const VendorCall& call : profile.calls)
    ways += (ways.empty() ? "" : ", ") + call.id + " (" + std::string(to_string(call.reach)) + ")";
  return ways.empty() ? "a person" : ways;
}

std::string profile_table(const IssuerProfiles& profiles) {
  std::vector<std::vector<std::string>> rows{{"profile", "issuer", "rests on", "ends a grant by"}};
  rows.push_back({std::string(kGenericProfile), "any with the standard endpoint", "standard",
                  "RFC 7009"});
  for (const IssuerProfile& profile : profiles) {
    rows.push_back({profile.id, profile.title, std::string(to_string(profile.certainty)),
                    ways_of(profile)});
  }
  return table(rows, "");
}

void tell_texts(Stream& out, std::string_view what, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) out.line(padded(std::string(what), 9) + text);
}

void tell_text(Stream& out, std::string_view what, const std::string& text) {
  if (!text.empty()) out.line(padded(std::string(what), 9) + text);
}

void tell_profile(Session& session, const IssuerProfile& profile) {
  Stream& out = session.out();
  out.line(padded(profile.id, 31) + profile.title);
  out.line("rests on " + std::string(to_string(profile.certainty)) + ": " + profile.source);
  if (profile.rfc7009) out.line("has      the standard revocation endpoint, RFC 7009");
  for (const VendorCall& call : profile.calls) {
    out.line("call     " + call.id + ", reach " + std::string(to_string(call.reach)) + ": " +
             call.title);
    tell_text(out, "  kills", joined(call.kills));
    tell_text(out, "  spares", call.spares);
    tell_text(out, "  breaks", call.breaks);
    tell_texts(out, "  needs", call.needs);
    tell_texts(out, "  trap", call.traps);
    tell_texts(out, "  unsure", call.unsure);
    if (call.certainty)
      tell_text(out, "  rests on", " " + std::string(to_string(*call.certainty)));
  }
  tell_text(out, "spares", profile.spares);
  tell_texts(out, "trap", profile.traps);
  tell_texts(out, "unsure", profile.unsure);
  tell_text(out, "page", profile.human_page);
  tell_text(out, "by hand", profile.human_do);
}

/// One profile by name, as text or JSON.
int show_profile(Session& session, const IssuerProfiles& profiles, const std::string& id) {
  std::vector<std::string> ids;
  for (const IssuerProfile& profile : profiles) {
    ids.push_back(profile.id);
    if (profile.id != id) continue;
    if (session.options().json) {
      session.print_json(profile_value(profile));
    } else {
      tell_profile(session, profile);
    }
    return kExitOk;
  }
  const std::string near = nearest_word(id, ids);
  return session.fail(
      make_error(ErrorCode::invalid, "usage", "no such profile.",
                 near.empty() ? "quell actions issuer lists them" : "did you mean " + near + "?"));
}

struct ActionsOptions {
  std::string name{};
  std::string profile{};
  bool is_markdown = false;
};

int actions(Session& session, const ActionsOptions& options) {
  const std::string& name = options.name;
  const bool is_markdown = options.is_markdown;
  const std::optional<ConnectorSet> connectors = session.bare_connectors();
  if (!connectors) return kExitNotStarted;
  const Result<std::shared_ptr<const IssuerProfiles>> profiles =
      load_issuer_profiles(session.config()->issuer_profile_dirs);
  if (!profiles) return session.fail(profiles.error());
  if (!options.profile.empty()) return show_profile(session, **profiles, options.profile);
  bool has_issuers = false;
  ValueList all;
  std::vector<std::vector<std::string>> rows{{"action", "effect", "what it does"}};
  std::vector<std::string> names;
  std::string document(kMarkdownHead);
  for (const auto& [connection, connector] : *connectors) {
    for (const ActionSpec& spec : connector->actions()) {
      const std::string full = connection + "." + spec.name;
      names.push_back(full);
      if (!name.empty() && name != full && name != connection) continue;
      has_issuers = has_issuers || (name == connection && is_issuer(*connector));
      all.push_back(spec_value(connection, spec));
      rows.push_back({full, std::string(to_string(spec.effect)) + (spec.irreversible ? " !" : ""),
                      spec.summary});
      if (is_markdown) document += markdown_of(connection, spec);
      if (name == full && !session.options().json && !is_markdown)
        tell_one(session, connection, connector->pins()["kind"].string_or(""), spec);
    }
  }
  if (is_markdown && name.empty() && !connectors->contains(kSignals)) {
    for (const ActionSpec& spec : shared_signals_actions())
      document += markdown_of(std::string(kSignals), spec);
  }
  if (all.empty()) {
    const std::string near = nearest_word(name, names);
    return session.fail(
        make_error(ErrorCode::invalid, "usage", "no such action.",
                   near.empty() ? "quell actions lists them" : "did you mean " + near + "?"));
  }
  if (session.options().json) {
    ValueMap document_of{{"actions", Value(std::move(all))}};
    if (has_issuers) {
      ValueList list;
      for (const IssuerProfile& profile : **profiles) list.push_back(profile_value(profile));
      document_of.emplace("profiles", Value(std::move(list)));
    }
    session.print_json(Value(std::move(document_of)));
  } else if (is_markdown) {
    document.pop_back();  // the empty line after the last action
    session.out().write(document);
  } else if (name.find('.') == std::string::npos) {
    session.out().write(table(rows, ""));
    if (has_issuers) session.out().write("\n" + profile_table(**profiles));
  }
  return kExitOk;
}

}  // namespace

Verb actions_verb() {
  auto options = std::make_shared<ActionsOptions>();
  return {.name = "actions",
          .help = kHelp,
          .declare =
              [options](CLI::App& app) {
                app.add_option("action", options->name);
                app.add_option("--profile", options->profile);
                app.add_flag("--markdown", options->is_markdown);
              },
          .run = [options](Session& session) { return actions(session, *options); }};
}

}  // namespace quell::cli
