#pragma once

#include <vector>

#include "orchestrator/panel/run_pages.h"

namespace quell::panel {

/// What people did to the course of an incident, on top of what burns; empty when nobody did.
Markup stepped_in(const std::vector<InterventionLine>& interventions, Timestamp now);

/// Switching changes off, and on again, by those who may.
Markup kill_switch_section(const Frame& frame);

}  // namespace quell::panel
