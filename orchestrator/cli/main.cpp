#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "orchestrator/cli/manual.h"
#include "orchestrator/cli/own_process.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/hardening.h"
#include "orchestrator/playbook/diagnostics.h"
#include "state/base/bytes.h"

namespace quell::cli {
namespace {

constexpr std::string_view kMainHelp =
    R"(quell - revoke leaked agent credentials, and prove that they are dead
usage: quell COMMAND [options]
Leak now    plan, run                 what a playbook would do; do it
            approve, deny             answer a waiting run
            follow, pause, resume, abort, retry, skip, note
See         radius, runs, show, alerts
Afterwards  report, evidence          what a run did, for people; all of it, signed
            journal                   the record itself
Be ready    preflight, drill, range, notify
Write       check, test, eval, actions, schema
Serve       init, serve, hook, arm, disarm
            user, token               who may come in
Shell       completion bash|zsh|fish
Everywhere  --config FILE  --json  --quiet  --color WHEN  --connect C.KEY=VALUE
            --server URL  --token secret://env/QUELL_TOKEN   through a remote quell
            --version  --help; quell help COMMAND or WORD of an error
First time  quell drill leaked-mcp-oauth
Exit codes  0 contained, or as asked  1 the answer is no  2 not started
            3 incomplete  4 exposed  5 failed  6 aborted  7 not finished here
)";

void declare_globals(CLI::App& app, GlobalOptions& options) {
  app.add_option("--config", options.config);
  app.add_flag("--json", options.json);
  app.add_flag("-q,--quiet", options.quiet);
  app.add_flag("-v,--verbose", options.verbose);
  app.add_option("--color", options.colour)->check(CLI::IsMember({"auto", "always", "never"}));
  app.add_option("--connect", options.connect)->allow_extra_args(false);
  app.add_option("--server", options.server);
  app.add_option("--token", options.token);
}

std::string version_text() {
  return std::string("quell ") + QUELL_VERSION +
         (is_dumpable_build() ? " (debug build: it may be dumped and traced)" : "");
}

/// Option names of `app`, for suggestions.
std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

/// A word of the command line that fits nothing: its name alone is shown, never a value behind `=`.
int refuse_extra(Session& session, const CLI::App& app, const std::string& word) {
  const std::string name = word.substr(0, word.find('='));
  if (!name.starts_with('-')) {
    return session.fail(make_error(ErrorCode::invalid, "usage", "there is an argument too many.",
                                   "quell help " + app.get_name()));
  }
  const std::string near = nearest_word(name, option_names(app));
  return session.fail(make_error(
      ErrorCode::invalid, "usage", "unknown option " + (name.size() <= 40 ? name : "") + ".",
      near.empty() ? "quell help " + app.get_name() : "did you mean " + near + "?"));
}

/// Whether anything asked for help, however wrong the rest is.
bool asks_for_help(const std::vector<std::string>& words) {
  return std::any_of(words.begin(), words.end(),
                     [](const std::string& word) { return word == "--help" || word == "-h"; });
}

int run_verb_named(const Verb& verb, std::vector<std::string> words) {
  CLI::App app{std::string(verb.name), std::string(verb.name)};
  app.set_help_flag();
  app.allow_extras();
  GlobalOptions options;
  declare_globals(app, options);
  bool help = asks_for_help(words);
  app.add_flag("-h,--help", help);
  verb.declare(app);
  std::string problem;
  if (verb.arrange) verb.arrange(words);
  try {
    std::reverse(words.begin(), words.end());
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    // The library's text may quote a value from the command line: only the kind of mistake is kept.
    problem = error.get_name();
  }
  Session session(options);
  if (help) {
    session.out().write(verb.help);
    if (verb.more_help) verb.more_help(session);
    return kExitOk;
  }
  if (!problem.empty()) {
    const std::string what =
        problem == "RequiredError"      ? "an argument is missing."
        : problem == "ArgumentMismatch" ? "an option has no value, or too many."
        : problem == "ExcludesError"    ? "two options exclude each other."
        : problem == "RequiresError"    ? "an option needs another one beside it."
                                        : "an option has a value that it does not take.";
    return session.fail(
        make_error(ErrorCode::invalid, "usage", what, "quell help " + std::string(verb.name)));
  }
  std::vector<std::string> extra = app.remaining();
  std::erase(extra, "--");  // the library hands the separator back
  if (!extra.empty()) return refuse_extra(session, app, extra.front());
  if (!options.server.empty() && !verb.is_remote) {
    return session.fail(make_error(
        ErrorCode::invalid, "server",
        "quell " + std::string(verb.name) + " works on this machine alone.", "leave --server out"));
  }
  return verb.run(session);
}

int dispatch(std::vector<std::string> words) {
  const std::vector<Verb> verbs = all_verbs();
  // Options may stand before the command: the first word that is neither an option nor an option's
  // value is the command.
  std::size_t at = 0;
  while (at < words.size() && words[at].starts_with('-')) {
    if (words[at] == "--version") {
      std::fputs((version_text() + "\n").c_str(), stdout);
      return kExitOk;
    }
    const bool takes_value = words[at] == "--config" || words[at] == "--color" ||
                             words[at] == "--connect" || words[at] == "--server" ||
                             words[at] == "--token";
    at += takes_value ? 2 : 1;
  }
  if (at >= words.size()) {
    std::fputs(std::string(kMainHelp).c_str(), asks_for_help(words) ? stdout : stderr);
    return asks_for_help(words) ? kExitOk : kExitNotStarted;
  }
  std::string name = words[at];
  words.erase(words.begin() + static_cast<std::ptrdiff_t>(at));
  if (name == "help") {
    if (at >= words.size()) {
      std::fputs(std::string(kMainHelp).c_str(), stdout);
      return kExitOk;
    }
    name = words[at];
    words = {"--help"};
  }
  std::vector<std::string> names;
  for (const Verb& verb : verbs) {
    if (verb.name == name) return run_verb_named(verb, std::move(words));
    names.emplace_back(verb.name);
  }
  const bool is_help = words == std::vector<std::string>{"--help"};
  if (is_help) {
    if (const std::optional<std::string> text = explain_error(name)) {
      std::fputs(text->c_str(), stdout);
      return kExitOk;
    }
    for (const std::string& word : error_words()) names.push_back(word);
  }
  Session session({});
  const std::string near = nearest_word(name, names);
  return session.fail(make_error(
      ErrorCode::invalid, "usage",
      "unknown command " +
          (name.size() <= 40 ? "\"" + escape_untrusted(name) + "\"" : std::string()) + ".",
      near.empty() ? "quell help"
                   : (is_help ? "did you mean quell help " : "did you mean quell ") + near + "?"));
}

}  // namespace

std::vector<Verb> all_verbs() {
  return {plan_verb(),   radius_verb(), run_verb(),    approve_verb(), deny_verb(),   done_verb(),
          follow_verb(), pause_verb(),  resume_verb(),  abort_verb(),  retry_verb(),
          skip_verb(),   note_verb(),   undo_verb(),    disarm_verb(), arm_verb(),
          runs_verb(),   show_verb(),   journal_verb(), serve_verb(),  alerts_verb(),
          hook_verb(),   notify_verb(), drill_verb(),   range_verb(),  check_verb(),
          test_verb(),   eval_verb(),   actions_verb(), schema_verb(), completion_verb(),
          user_verb(),   token_verb(),  evidence_verb(), report_verb(),
          preflight_verb(), init_verb()};
}

}  // namespace quell::cli

int main(int argc, char** argv) {
  quell::harden_process();
  if (!quell::cli::end_with_parent()) return 0;
  // A limit on file sizes is then an error of the write that meets it, which a run can be resumed
  // after, and not the end of the process.
  static_cast<void>(std::signal(SIGXFSZ, SIG_IGN));
  return quell::cli::dispatch(std::vector<std::string>(argv + 1, argv + argc));
}
