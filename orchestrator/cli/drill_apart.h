#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "orchestrator/drill/drill_desk.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell::cli {

/// Plays a shipped scenario, as fast as it goes, in a process of its own (`quell drill`, by this very
/// program): its memory, its processor time and its end are none of an incident's. Gives the
/// document that it prints. Ten minutes at most; ends it when `should_stop`. Error topic "drill".
Result<Value> play_drill_apart(const std::string& config_file, const DrillWish& wish,
                               const std::function<bool()>& should_stop);

}  // namespace quell::cli
