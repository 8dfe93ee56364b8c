#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "state/base/clock.h"
#include "state/base/value.h"

namespace quell {

/// A person who may act on runs, by the configuration's `users:`.
struct User {
  std::string name{};
  std::string os_user{};
  std::vector<std::string> roles{};  // viewer, responder, approver, author, admin
};

/// How grave a change is, for the floors of approvals.
enum class Gravity : std::uint8_t { change, irreversible, wide };
std::string_view to_string(Gravity gravity) noexcept;

/// What the engine demands whatever a playbook says (threat model section 7; threats T16, T23). The
/// stricter of policy and playbook wins.
struct Policy {
  /// Approvals that a change of that gravity needs before it begins.
  int floor_change = 0;
  int floor_irreversible = 1;
  int floor_wide = 2;
  /// More irreversible targets than this in one run are wide.
  int wide_above = 25;
  /// More irreversible targets than this in one foreach need a canary, where automation or strict
  /// separation works.
  int canary_above = 20;
  int canary = 3;
  /// What alerts may do without a person: irreversible targets in one run and in an hour, and runs
  /// in an hour. Beyond it the run waits for an approval.
  int auto_irreversible_per_run = 3;
  int auto_irreversible_per_hour = 10;
  int auto_runs_per_hour = 6;
  /// Irreversible targets in an hour of all runs that people begin in strict separation; beyond it
  /// one approver more is needed.
  int irreversible_per_hour = 2'000;
  /// The life of an approval that no playbook asked for.
  Duration approval_life{std::chrono::minutes{10}};
  /// That of what an alert proposes: people may have to be woken.
  Duration proposal_life{std::chrono::hours{24}};
  /// How long before a run began its approvers must have had their roles and passwords.
  Duration approver_age{0};
  /// strict: whoever began a run never approves it, and `--yes` is no approval. Else solo: one
  /// person's word meets every floor, and the report says so.
  bool strict = false;
  std::vector<User> users{};
  std::vector<std::string> break_glass{"admin"};  // roles that may pass the protected list
  /// Ids, URLs, ARNs that no run touches; `*` stands for any text, `?` for one character.
  std::vector<std::string> protected_targets{};

  int floor_of(Gravity gravity) const noexcept;
  /// The user whose name or OS user is `who`, or null.
  const User* find_user(std::string_view who) const noexcept;
  /// One name for each person, whether `who` is their name or their OS user; of others `who`.
  std::string person_of(std::string_view who) const;
  bool is_same_person(std::string_view a, std::string_view b) const {
    return person_of(a) == person_of(b);
  }
  /// True when `who` has one of `roles`; in solo separation everybody has every role.
  bool has_role(std::string_view who, const std::vector<std::string>& roles) const;
};

/// The pattern of `patterns` that describes `name`, or null.
const std::string* fitting(const std::vector<std::string>& patterns,
                           std::string_view name) noexcept;
/// The one that describes any text anywhere in `params`, or null; secrets are no names.
const std::string* fitting_in(const std::vector<std::string>& patterns, const Value& params);

/// True when `name` is what `pattern` describes: `*` any text, `?` one character, all else itself.
bool fits_glob(std::string_view name, std::string_view pattern) noexcept;

}  // namespace quell
