#include "orchestrator/engine/policy.h"

#include <algorithm>

namespace quell {

std::string_view to_string(Gravity gravity) noexcept {
  switch (gravity) {
    case Gravity::change:
      return "change";
    case Gravity::irreversible:
      return "irreversible";
    case Gravity::wide:
      return "wide";
  }
  return "";
}

int Policy::floor_of(Gravity gravity) const noexcept {
  switch (gravity) {
    case Gravity::change:
      return floor_change;
    case Gravity::irreversible:
      return std::max(floor_change, floor_irreversible);
    case Gravity::wide:
      return std::max({floor_change, floor_irreversible, floor_wide});
  }
  return floor_wide;
}

const User* Policy::find_user(std::string_view who) const noexcept {
  const auto found = std::find_if(users.begin(), users.end(), [&](const User& user) {
    return user.name == who || (!user.os_user.empty() && user.os_user == who);
  });
  return found == users.end() ? nullptr : &*found;
}

std::string Policy::person_of(std::string_view who) const {
  const User* const user = find_user(who);
  return user == nullptr ? std::string(who) : user->name;
}

bool Policy::has_role(std::string_view who, const std::vector<std::string>& roles) const {
  if (!strict) return true;
  const User* const user = find_user(who);
  return user != nullptr && std::any_of(roles.begin(), roles.end(), [&](const std::string& role) {
           return std::find(user->roles.begin(), user->roles.end(), role) != user->roles.end();
         });
}

const std::string* fitting(const std::vector<std::string>& patterns,
                           std::string_view name) noexcept {
  const auto found =
      std::find_if(patterns.begin(), patterns.end(),
                   [&](const std::string& pattern) { return fits_glob(name, pattern); });
  return found == patterns.end() ? nullptr : &*found;
}

// Depth follows the declared parameters, which the connectors' tables bound.
// NOLINTNEXTLINE(misc-no-recursion)
const std::string* fitting_in(const std::vector<std::string>& patterns, const Value& params) {
  if (patterns.empty()) return nullptr;
  if (params.is_string()) return fitting(patterns, params.as_string());
  const std::string* found = nullptr;
  if (params.is_list()) {
    for (const Value& item : params.as_list()) {
      if (found == nullptr) found = fitting_in(patterns, item);
    }
  } else if (params.is_map()) {
    for (const auto& [name, member] : params.as_map()) {
      if (found == nullptr) found = fitting_in(patterns, member);
    }
  }
  return found;
}

bool fits_glob(std::string_view name, std::string_view pattern) noexcept {
  // The last `*` seen and where its text ended: going back to it alone is enough, so the time is
  // bounded by the product of both lengths.
  std::size_t n = 0;
  std::size_t p = 0;
  std::size_t star = std::string_view::npos;
  std::size_t taken = 0;
  while (n < name.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || (pattern[p] != '*' && pattern[p] == name[n]))) {
      ++n;
      ++p;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace quell
