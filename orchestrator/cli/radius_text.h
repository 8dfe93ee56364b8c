#pragma once

#include <string>

#include "orchestrator/cli/terminal.h"
#include "orchestrator/report/radius_graph.h"

namespace quell::cli {

/// What `quell radius` shows: what was asked about, a tree of what it reaches, who can steer whom,
/// and what could not be seen. `all`: every id, where else the first few stand for the rest.
std::string radius_text(const Stream& stream, const Radius& radius, bool all);

}  // namespace quell::cli
