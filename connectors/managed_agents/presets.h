#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/managed_agents/config.h"

namespace quell {

/// A family of servers known by name: the wire form to start from, of which every part can still be
/// changed, and the environment that its own clients read. A variable left empty is not read: the
/// key of one vendor never goes to another by default.
struct ManagedAgentsPreset {
  std::string_view name{};
  ManagedAgentsConfig wire{};  // its base URL may hold `{region}`
  std::string_view base_url_variable{};
  std::string_view workspace_variable{};
  std::vector<std::string_view> region_variables{};  // the first one that is set counts

  bool needs_region() const { return wire.base_url.find("{region}") != std::string::npos; }
};

/// `anthropic`, which is what a connection without preset speaks, then the compatible servers of
/// API sheet 5 and 6.
std::span<const ManagedAgentsPreset> managed_agents_presets();

/// The preset `name`, or null.
const ManagedAgentsPreset* find_preset(std::string_view name) noexcept;

}  // namespace quell
