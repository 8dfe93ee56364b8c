#pragma once

#include "orchestrator/panel/page.h"
#include "state/base/value.h"

namespace quell::panel {

/// Which credentials could we not kill today? `answer` is that of GET /api/v1/preflight.
Page preflight_page(const Value& answer, const Frame& frame);

}  // namespace quell::panel
