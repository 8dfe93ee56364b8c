#pragma once

#include <map>
#include <string>
#include <vector>

#include "orchestrator/cli/session.h"
#include "state/base/clock.h"

namespace quell::cli {

/// When a drill of each playbook last ended as its shipped scenario demands, by playbook, out of
/// the drills' own journal. Where that cannot be read, a sentence in `doubts` says why.
std::map<std::string, Timestamp, std::less<>> passed_drills(Session& session,
                                                            std::vector<std::string>& doubts);

}  // namespace quell::cli
