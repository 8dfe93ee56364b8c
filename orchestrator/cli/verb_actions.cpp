#include <algorithm>
#include <utility>

#include "connectors/shared_signals/shared_signals_connector.h"
#include "orchestrator/action_document.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/issuer_profiles.h"
#include "orchestrator/playbook/diagnostics.h"

namespace quell::cli {
namespace {

constexpr std::string_view kActionsHelp =
    R"(quell actions - what the connectors can do, from their own declarations
usage: quell actions [CONNECTION | CONNECTION.ACTION] [--profile NAME] [--json | --markdown]
--profile   one vendor's calls at its issuer, with traps and what is not verified
--markdown  the same as a document; docs/actions.md is that
Examples    quell actions
            quell actions platform.archive_credential
            quell actions issuer
            quell actions issuer --profile github
)";

std::string joined(const Value& list) {
  std::string text;
  for (const Value& word : list.list_or_empty())
    text += (text.empty() ? "" : ", ") + word.string_or("");
  return text;
}

bool is_none(const Value& list) { return list.list_or_empty().empty(); }

std::string effect_words(const Value& action) {
  return action["effect"].string_or("") +
         (action["irreversible"].bool_or(false) ? ", irreversible" : "");
}

/// `issuer.revoke` without its connection.
std::string bare_name(const Value& action, const std::string& name) {
  return name.substr(std::min(name.size(), action["connection"].string_or("").size() + 1));
}

void tell_one(Session& session, const Value& action) {
  Stream& out = session.out();
  out.line(padded(action["name"].string_or(""), 31) + padded(effect_words(action), 25) + "kind " +
           action["kind"].string_or(""));
  out.line("  " + action["summary"].string_or(""));
  if (!is_none(action["planes"])) {
    out.line("plane    " + joined(action["planes"]) +
             (is_none(action["kills"]) ? "" : "; kills " + joined(action["kills"])) +
             (is_none(action["proves"]) ? "" : "; proves " + joined(action["proves"])));
  }
  bool is_first = true;
  for (const Value& input : action["inputs"].list_or_empty()) {
    const std::string help = input["help"].string_or("");
    out.line((is_first ? "inputs   " : "         ") + input["name"].string_or("") + " " +
             input["type"].string_or("") + (input["required"].bool_or(false) ? ", required" : "") +
             (help.empty() ? "" : ": " + help));
    is_first = false;
  }
  std::string outputs;
  for (const Value& field : action["outputs"].list_or_empty())
    outputs += (outputs.empty() ? "" : ", ") + field["name"].string_or("");
  if (!outputs.empty()) out.line("outputs  " + outputs);
  std::string proofs;
  for (const Value& proof : action["proofs"].list_or_empty())
    proofs += (proofs.empty() ? "" : ", ") + bare_name(action, proof.string_or(""));
  if (!proofs.empty()) out.line("proof    " + proofs);
  out.line("errors   " + joined(action["errors"]) + "; retried " +
           std::to_string(action["retries"].int_or(0)) + " times; repeat " +
           action["repeat"].string_or(""));
  const Value& cost = action["requests"];
  out.line("cost     " +
           counted(cost["read"].int_or(0) + cost["probe"].int_or(0) + cost["mutate"].int_or(0),
                   "request") +
           "; timeout " + action["timeout"].string_or("") + " each");
  const std::string note = action["note"].string_or("");
  if (!note.empty()) out.line("note     " + note);
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

std::string markdown_of(const Value& action) {
  std::string text = "## " + action["name"].string_or("") + "\n\n" +
                     sentence(action["summary"].string_or("")) + "\n\n";
  text += "Effect: " + effect_words(action) + ". ";
  if (!is_none(action["planes"])) text += "Plane: " + joined(action["planes"]) + ". ";
  if (!is_none(action["kills"])) text += "Kills: " + joined(action["kills"]) + ". ";
  if (!is_none(action["proves"])) text += "Proves: " + joined(action["proves"]) + ". ";
  text += "Repeat: " + action["repeat"].string_or("") +
          ". Timeout of a request: " + action["timeout"].string_or("") +
          ". Errors: " + joined(action["errors"]) + ".\n";
  if (!is_none(action["proofs"])) {
    text += "\nCan be proved by:";
    for (const Value& proof : action["proofs"].as_list())
      text += " `" + proof.string_or("") + "`";
    text += "\n";
  }
  const std::string note = action["note"].string_or("");
  if (!note.empty()) text += "\n" + sentence(note) + "\n";
  if (!is_none(action["inputs"])) {
    text += "\n| input | type | |\n|---|---|---|\n";
    for (const Value& input : action["inputs"].as_list()) {
      const bool is_required = input["required"].bool_or(false);
      const std::string help = input["help"].string_or("");
      text += "| `" + input["name"].string_or("") + "` | " + cell(input["type"].string_or("")) +
              " | " + (is_required ? "required" : "") +
              (is_required && !help.empty() ? "; " : "") + cell(help) + " |\n";
    }
  }
  if (!is_none(action["outputs"])) {
    text += "\n| output | type |\n|---|---|\n";
    for (const Value& field : action["outputs"].as_list())
      text += "| `" + field["name"].string_or("") + "` | " + cell(field["type"].string_or("")) +
              " |\n";
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

std::string ways_of(const Value& profile) {
  std::string ways = profile["rfc7009"].bool_or(false) ? "RFC 7009" : "";
  for (const Value& call : profile["calls"].list_or_empty())
    ways += (ways.empty() ? "" : ", ") + call["id"].string_or("") + " (" +
            call["reach"].string_or("") + ")";
  return ways.empty() ? "a person" : ways;
}

std::string profile_table(const Value& profiles) {
  std::vector<std::vector<std::string>> rows{{"profile", "issuer", "rests on", "ends a grant by"}};
  rows.push_back({std::string(kGenericProfile), "any with the standard endpoint", "standard",
                  "RFC 7009"});
  for (const Value& profile : profiles.list_or_empty()) {
    rows.push_back({profile["id"].string_or(""), profile["title"].string_or(""),
                    profile["rests_on"].string_or(""), ways_of(profile)});
  }
  return table(rows, "");
}

void tell_text(Stream& out, std::string_view what, const std::string& text) {
  if (!text.empty()) out.line(padded(what, 9) + text);
}

void tell_texts(Stream& out, std::string_view what, const Value& texts) {
  for (const Value& text : texts.list_or_empty()) tell_text(out, what, text.string_or(""));
}

void tell_profile(Session& session, const Value& profile) {
  Stream& out = session.out();
  const std::string grade = profile["rests_on"].string_or("");
  out.line(padded(profile["id"].string_or(""), 31) + profile["title"].string_or(""));
  out.line("rests on " + grade + ": " + profile["source"].string_or(""));
  if (profile["rfc7009"].bool_or(false))
    out.line("has      the standard revocation endpoint, RFC 7009");
  for (const Value& call : profile["calls"].list_or_empty()) {
    out.line("call     " + call["id"].string_or("") + ", reach " + call["reach"].string_or("") +
             ": " + call["title"].string_or(""));
    tell_text(out, "  kills", joined(call["kills"]));
    tell_text(out, "  spares", call["spares"].string_or(""));
    tell_text(out, "  breaks", call["breaks"].string_or(""));
    tell_texts(out, "  needs", call["needs"]);
    tell_texts(out, "  trap", call["traps"]);
    tell_texts(out, "  unsure", call["unsure"]);
    const std::string own_grade = call["rests_on"].string_or("");
    if (own_grade != grade) tell_text(out, "  rests on", " " + own_grade);
  }
  tell_text(out, "spares", profile["spares"].string_or(""));
  tell_texts(out, "trap", profile["traps"]);
  tell_texts(out, "unsure", profile["unsure"]);
  tell_text(out, "page", profile["human"]["page"].string_or(""));
  tell_text(out, "by hand", profile["human"]["do"].string_or(""));
}

/// One profile by name, as text or JSON.
int show_profile(Session& session, const Value& profiles, const std::string& id) {
  std::vector<std::string> ids;
  for (const Value& profile : profiles.list_or_empty()) {
    ids.push_back(profile["id"].string_or(""));
    if (ids.back() != id) continue;
    if (session.options().json) {
      session.print_json(profile);
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

/// actions_document() of this configuration, or of the quell that --server names. Errors have been
/// told when it gives nothing.
std::optional<Value> find_actions(Session& session) {
  Result<Value> found{Value()};
  if (!session.options().server.empty()) {
    const Result<ApiClient> server = session.remote();
    found = server ? server->get("/api/v1/actions") : Result<Value>(server.error());
  } else {
    const std::optional<ConnectorSet> connectors = session.bare_connectors();
    if (!connectors) return std::nullopt;
    const Result<std::shared_ptr<const IssuerProfiles>> profiles =
        load_issuer_profiles(session.config()->issuer_profile_dirs);
    found = profiles ? Result<Value>(actions_document(*connectors, **profiles))
                     : Result<Value>(profiles.error());
  }
  if (found) return *std::move(found);
  session.fail(found.error());
  return std::nullopt;
}

int actions(Session& session, const ActionsOptions& options) {
  const std::string& name = options.name;
  const std::optional<Value> found = find_actions(session);
  if (!found) return kExitNotStarted;
  if (!options.profile.empty()) return show_profile(session, (*found)["profiles"], options.profile);
  bool has_issuers = false;
  ValueList all;
  std::vector<std::vector<std::string>> rows{{"action", "effect", "what it does"}};
  std::vector<std::string> names;
  std::string document(kMarkdownHead);
  for (const Value& action : (*found)["actions"].list_or_empty()) {
    const std::string full = action["name"].string_or("");
    names.push_back(full);
    const bool is_connection = name == action["connection"].string_or("");
    if (!name.empty() && name != full && !is_connection) continue;
    has_issuers = has_issuers || (is_connection && action["kind"].string_or("") == "oauth");
    all.push_back(action);
    rows.push_back({full,
                    action["effect"].string_or("") +
                        (action["irreversible"].bool_or(false) ? " !" : ""),
                    action["summary"].string_or("")});
    if (options.is_markdown) document += markdown_of(action);
    if (name == full && !session.options().json && !options.is_markdown) tell_one(session, action);
  }
  const bool tells_of_signals = std::ranges::any_of(names, [](const std::string& full) {
    return full.starts_with(std::string(kSignals) + ".");
  });
  if (options.is_markdown && name.empty() && !tells_of_signals) {
    for (const ActionSpec& spec : shared_signals_actions())
      document += markdown_of(action_document(std::string(kSignals), "shared_signals", spec));
  }
  if (all.empty()) {
    const std::string near = nearest_word(name, names);
    return session.fail(
        make_error(ErrorCode::invalid, "usage", "no such action.",
                   near.empty() ? "quell actions lists them" : "did you mean " + near + "?"));
  }
  if (session.options().json) {
    ValueMap selected{{"actions", Value(std::move(all))}};
    if (has_issuers) selected.emplace("profiles", (*found)["profiles"]);
    session.print_json(Value(std::move(selected)));
  } else if (options.is_markdown) {
    document.pop_back();  // the empty line after the last action
    session.out().write(document);
  } else if (name.find('.') == std::string::npos) {
    session.out().write(table(rows, ""));
    if (has_issuers) session.out().write("\n" + profile_table((*found)["profiles"]));
  }
  return kExitOk;
}

}  // namespace

Verb actions_verb() {
  auto options = std::make_shared<ActionsOptions>();
  return {.name = "actions",
          .help = kActionsHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("action", options->name);
                app.add_option("--profile", options->profile);
                app.add_flag("--markdown", options->is_markdown);
              },
          .run = [options](Session& session) { return actions(session, *options); }};
}

}  // namespace quell::cli
