#include <algorithm>

#include "orchestrator/cli/verb.h"
#include "orchestrator/drill/scenario.h"
#include "orchestrator/playbook/diagnostics.h"
#include "orchestrator/playbook_library.h"

namespace quell::cli {
namespace {

constexpr std::string_view kCompletionHelp =
    R"(quell completion - completion of commands, options and names for a shell
usage: quell completion bash|zsh|fish
Examples    source <(quell completion bash)              # this shell
            quell completion bash >/etc/bash_completion.d/quell
            quell completion zsh >"${fpath[1]}/_quell"
            quell completion fish >~/.config/fish/completions/quell.fish
)";

/// One command as a shell needs it.
struct Words {
  std::string command{};
  std::string summary{};
  std::vector<std::string> options{};
  std::vector<std::string> names{};  // what may stand behind it: playbooks, scenarios, shells
};

std::string summary_of(const Verb& verb) {
  const std::string_view line = verb.help.substr(0, verb.help.find('\n'));
  const std::size_t dash = line.find(" - ");
  return dash == std::string_view::npos ? std::string() : std::string(line.substr(dash + 3));
}

std::vector<std::string> ids_of(const std::vector<std::pair<std::string, std::string>>& files) {
  std::vector<std::string> ids;
  ids.reserve(files.size());
  for (const auto& file : files) ids.push_back(file.first.substr(0, file.first.find('.')));
  return ids;
}

std::vector<Words> all_words() {
  std::vector<Words> all;
  for (const Verb& verb : all_verbs()) {
    Words words{.command = std::string(verb.name), .summary = summary_of(verb)};
    CLI::App app;
    app.set_help_flag();
    verb.declare(app);
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) words.options.push_back("--" + name);
    }
    for (const char* const global :
         {"--config", "--json", "--quiet", "--verbose", "--color", "--connect", "--help"}) {
      words.options.emplace_back(global);
    }
    if (verb.name == "run" || verb.name == "plan" || verb.name == "check" || verb.name == "test")
      words.names = ids_of(shipped_playbooks());
    if (verb.name == "drill") words.names = ids_of(shipped_scenarios());
    if (verb.name == "completion") words.names = {"bash", "zsh", "fish"};
    all.push_back(std::move(words));
  }
  all.push_back({.command = "help", .summary = "help of a command, or of an error's word"});
  for (const Verb& verb : all_verbs()) all.back().names.emplace_back(verb.name);
  return all;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

/// The body of a case over the command: options where the word begins with a dash, else names.
std::string cases(const std::vector<Words>& all) {
  std::string text;
  for (const Words& words : all) {
    text += "    " + words.command + ") options='" + joined(words.options) + "'; names='" +
            joined(words.names) + "' ;;\n";
  }
  return text;
}

std::string commands(const std::vector<Words>& all) {
  std::vector<std::string> names;
  names.reserve(all.size());
  for (const Words& words : all) names.push_back(words.command);
  return joined(names);
}

std::string bash_script(const std::vector<Words>& all) {
  return "_quell() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} options= names=\n"
         "  COMPREPLY=()\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "    COMPREPLY=($(compgen -W '" +
         commands(all) +
         " --version --help' -- \"$word\"))\n"
         "    return\n"
         "  fi\n"
         "  case $command in\n" +
         cases(all) +
         "  esac\n"
         "  case $word in\n"
         "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
         "    *) COMPREPLY=($(compgen -W \"$names\" -- \"$word\")) ;;\n"
         "  esac\n"
         "}\n"
         "complete -o bashdefault -o default -F _quell quell\n";
}

std::string zsh_script(const std::vector<Words>& all) {
  return "#compdef quell\n"
         "_quell() {\n"
         "  local options= names=\n"
         "  if (( CURRENT == 2 )); then\n"
         "    compadd -- " +
         commands(all) +
         "\n"
         "    return\n"
         "  fi\n"
         "  case $words[2] in\n" +
         cases(all) +
         "  esac\n"
         "  if [[ $PREFIX == -* ]]; then\n"
         "    compadd -- ${=options}\n"
         "  else\n"
         "    compadd -- ${=names}\n"
         "    _files\n"
         "  fi\n"
         "}\n"
         "compdef _quell quell\n";
}

/// Between single quotes of fish.
std::string fish_text(std::string_view text) {
  std::string safe = "'";
  for (const char c : text)
    safe += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return safe + "'";
}

std::string fish_script(const std::vector<Words>& all) {
  std::string text;
  for (const Words& words : all) {
    text += "complete -c quell -n __fish_use_subcommand -f -a " + words.command + " -d " +
            fish_text(words.summary) + "\n";
    const std::string seen =
        "complete -c quell -n '__fish_seen_subcommand_from " + words.command + "'";
    for (const std::string& option : words.options) text += seen + " -l " + option.substr(2) + "\n";
    if (!words.names.empty()) text += seen + " -a '" + joined(words.names) + "'\n";
  }
  return text;
}

int completion(Session& session, const std::string& shell) {
  const std::vector<Words> all = all_words();
  if (shell == "bash") {
    session.out().write(bash_script(all));
  } else if (shell == "zsh") {
    session.out().write(zsh_script(all));
  } else if (shell == "fish") {
    session.out().write(fish_script(all));
  } else {
    const std::string near = nearest_word(shell, {"bash", "zsh", "fish"});
    return session.fail(
        make_error(ErrorCode::invalid, "usage", "no completion for this shell.",
                   near.empty() ? "bash, zsh or fish" : "did you mean " + near + "?"));
  }
  return kExitOk;
}

}  // namespace

Verb completion_verb() {
  auto shell = std::make_shared<std::string>();
  return {.name = "completion",
          .help = kCompletionHelp,
          .declare = [shell](CLI::App& app) { app.add_option("shell", *shell)->required(); },
          .run = [shell](Session& session) { return completion(session, *shell); }};
}

}  // namespace quell::cli
