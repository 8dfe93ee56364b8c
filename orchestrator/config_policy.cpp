// What the configuration demands of every run: `policy:`, `users:`, `limits:`.
#include "orchestrator/config_policy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <utility>

#include "orchestrator/config_reader.h"

namespace quell {
namespace {

constexpr int kApprovalsMax = 10;
constexpr int kTargetsMax = 1'000'000;
constexpr std::size_t kUsersMax = 1'000;
constexpr std::array<std::string_view, 5> kRoles{"viewer", "responder", "approver", "author",
                                                 "admin"};

/// A map of whole numbers, each key with its place.
void read_numbers(ConfigReader& reader, const YamlNode& node, const std::string& what, int most,
                  std::initializer_list<std::pair<std::string_view, int*>> places) {
  if (!reader.is_map(node, what)) return;
  std::vector<std::string_view> keys;
  for (const auto& [key, place] : places) keys.push_back(key);
  for (const YamlMember& member : node.members) {
    if (!reader.is_known(member.key, keys)) continue;
    const auto* const found = std::find_if(places.begin(), places.end(), [&](const auto& place) {
      return place.first == member.key.text;
    });
    reader.number(member.value, what + "." + member.key.text, most, *found->second);
  }
}

}  // namespace

void read_policy(const YamlNode& node, Policy& policy, Findings& findings) {
  constexpr std::array<std::string_view, 6> kKeys{
      "separation", "break_glass", "protected", "approval_floor", "auto", "irreversible_per_hour"};
  ConfigReader reader(findings);
  if (!reader.is_map(node, "policy")) return;
  for (const YamlMember& member : node.members) {
    const std::string& key = member.key.text;
    if (!reader.is_known(member.key, kKeys)) continue;
    if (key == "separation") {
      constexpr std::array<std::string_view, 2> kWords{"auto", "strict"};
      policy.strict |= reader.word(member.value, "policy.separation", kWords) == "strict";
    } else if (key == "break_glass") {
      policy.break_glass.clear();
      if (!reader.is_list(member.value, "policy.break_glass", kRoles.size())) continue;
      for (const YamlNode& item : member.value.items) {
        policy.break_glass.push_back(reader.word(item, "a role", kRoles));
      }
    } else if (key == "protected") {
      policy.protected_targets = reader.texts(member.value, "policy.protected");
    } else if (key == "approval_floor") {
      read_numbers(reader, member.value, "policy.approval_floor", kApprovalsMax,
                   {{"mutate", &policy.floor_change},
                    {"irreversible", &policy.floor_irreversible},
                    {"wide", &policy.floor_wide}});
    } else if (key == "auto") {
      read_numbers(reader, member.value, "policy.auto", kTargetsMax,
                   {{"irreversible_per_run", &policy.auto_irreversible_per_run},
                    {"irreversible_per_hour", &policy.auto_irreversible_per_hour},
                    {"runs_per_hour", &policy.auto_runs_per_hour}});
    } else {
      reader.number(member.value, "policy.irreversible_per_hour", kTargetsMax,
                    policy.irreversible_per_hour);
    }
  }
}

void read_users(const YamlNode& node, Policy& policy, Findings& findings) {
  constexpr std::array<std::string_view, 3> kKeys{"name", "os_user", "roles"};
  ConfigReader reader(findings);
  if (!reader.is_list(node, "users", kUsersMax)) return;
  for (const YamlNode& item : node.items) {
    User user;
    if (!reader.is_map(item, "a user")) continue;
    for (const YamlMember& member : item.members) {
      if (!reader.is_known(member.key, kKeys)) continue;
      if (member.key.text == "name") user.name = reader.text(member.value, "name");
      if (member.key.text == "os_user") user.os_user = reader.text(member.value, "os_user");
      if (member.key.text != "roles") continue;
      if (!reader.is_list(member.value, "roles", kRoles.size())) continue;
      for (const YamlNode& role : member.value.items) {
        user.roles.push_back(reader.word(role, "a role", kRoles));
      }
    }
    if (user.name.empty()) {
      findings.error(item, "missing-key", "a user needs a name",
                     "{name: mara, os_user: mara, roles: [approver]}");
    } else if (policy.find_user(user.name) != nullptr) {
      findings.error(item, "duplicate", "two users are called " + shown(user.name));
    }
    policy.users.push_back(std::move(user));
  }
  policy.strict |= !policy.users.empty();
}

OriginLimits read_limits(const YamlNode& node, Findings& findings) {
  constexpr std::array<std::string_view, 2> kKeys{"read", "write"};
  OriginLimits limits;
  ConfigReader reader(findings);
  if (!reader.is_map(node, "limits")) return limits;
  for (const YamlMember& member : node.members) {
    if (!reader.is_known(member.key, kKeys)) continue;
    const std::optional<double> rate = parse_rate(member.value.text);
    if (!rate) {
      findings.error(member.value, "wrong-type", "a limit is a number of requests per time",
                     "600/min, 20/s or 1000/h");
      continue;
    }
    (member.key.text == "read" ? limits.read : limits.write) = rate;
  }
  return limits;
}

std::optional<double> parse_rate(std::string_view text) {
  constexpr double kRateMax = 1'000'000;
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  double count = 0;
  const char* const begin = text.data();
  const auto [end, error] = std::from_chars(begin, begin + slash, count);
  if (error != std::errc{} || end != begin + slash || !(count > 0) || count > kRateMax)
    return std::nullopt;
  const std::string_view unit = text.substr(slash + 1);
  if (unit == "s") return count;
  if (unit == "min") return count / 60.0;
  if (unit == "h") return count / 3'600.0;
  return std::nullopt;
}

}  // namespace quell
