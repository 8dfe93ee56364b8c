#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/engine/pace.h"
#include "orchestrator/engine/policy.h"
#include "orchestrator/playbook/yaml_tree.h"

namespace quell {

/// Reads `policy:` into `policy`; mistakes become findings with their place.
void read_policy(const YamlNode& node, Policy& policy, Findings& findings);

/// Reads `users:`. From the first one on separation is strict.
void read_users(const YamlNode& node, Policy& policy, Findings& findings);

/// Reads a connection's `limits: {read: 600/min, write: 300/min}`.
OriginLimits read_limits(const YamlNode& node, Findings& findings);

/// Requests per second of `600/min`, `20/s`, `1000/h`.
std::optional<double> parse_rate(std::string_view text);

}  // namespace quell
