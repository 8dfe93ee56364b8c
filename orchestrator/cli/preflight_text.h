#pragma once

#include <string>

#include "orchestrator/cli/terminal.h"
#include "state/base/clock.h"
#include "state/base/value.h"

namespace quell::cli {

/// The document of `quell preflight --json` as text; `all`: credentials that are ready too.
std::string preflight_text(const Stream& stream, const Value& document, bool all, Timestamp now);

}  // namespace quell::cli
