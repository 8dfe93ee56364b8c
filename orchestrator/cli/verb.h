#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "orchestrator/cli/session.h"

namespace quell::cli {

/// One command: its help, its options, and what it does. Options bind to memory that `run` shares.
struct Verb {
  std::string_view name{};
  std::string_view help{};
  bool is_remote = false;  // it can also work through --server
  std::function<void(CLI::App&)> declare{};
  /// Reorders the words of the command line before they are parsed; may be empty.
  std::function<void(std::vector<std::string>&)> arrange{};
  std::function<int(Session&)> run{};
  /// More help once the arguments are known (`quell run PLAYBOOK --help`); may be empty.
  std::function<void(Session&)> more_help{};
};

/// Every command, in the order of the help.
std::vector<Verb> all_verbs();

Verb check_verb();
Verb test_verb();
Verb eval_verb();
Verb schema_verb();
Verb completion_verb();
Verb plan_verb();
Verb radius_verb();
Verb preflight_verb();
Verb init_verb();
Verb run_verb();
Verb resume_verb();
Verb runs_verb();
Verb show_verb();
Verb follow_verb();
Verb approve_verb();
Verb deny_verb();
Verb done_verb();
Verb pause_verb();
Verb abort_verb();
Verb retry_verb();
Verb skip_verb();
Verb note_verb();
Verb undo_verb();
Verb disarm_verb();
Verb arm_verb();
Verb journal_verb();
Verb evidence_verb();
Verb report_verb();
Verb range_verb();
Verb drill_verb();
Verb serve_verb();
Verb alerts_verb();
Verb hook_verb();
Verb notify_verb();
Verb user_verb();
Verb token_verb();
Verb actions_verb();

}  // namespace quell::cli
