#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/action.h"
#include "state/base/clock.h"
#include "state/base/value.h"

// How probes say what they saw.
namespace quell::managed_agents {

inline constexpr std::string_view kNeverRead =
    "404, and what this look never saw proves nothing by its absence";

Outcome judged(Verdict verdict, Grade grade, std::string proof, Value outputs);
/// `why` is what may still work, too.
Outcome unproved(std::string why, Value outputs);
Outcome refuted(std::string why, Value outputs);

/// The first few of `names`, and how many more there are.
std::string named(const std::vector<std::string>& names);

// `{id, found, status, archived_at}` of an object.
Value not_found(const std::string& id);
Value seen(const std::string& id, const std::string& status,
           const std::optional<Timestamp>& archived_at);

}  // namespace quell::managed_agents
