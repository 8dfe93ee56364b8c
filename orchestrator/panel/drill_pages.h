#pragma once

#include <string>
#include <vector>

#include "orchestrator/panel/page.h"
#include "orchestrator/report/drill_record.h"

namespace quell::panel {

/// A scenario in a list.
struct ScenarioLine {
  std::string id{};
  std::string title{};
  std::string teaches{};
  std::string ends{};
};

/// Did we pass? `records`: every drill that was kept, oldest first.
Page drills_page(const std::vector<ScenarioLine>& scenarios,
                 const std::vector<DrillRecord>& records, const Frame& frame);

/// What did the intruder get? `before`: the drills of the same scenario, oldest first.
Page drill_page(const DrillRecord& record, const std::vector<DrillRecord>& before,
                const Frame& frame);

/// What the intruder got and was refused, minute by minute, with what both sides did.
Markup intruder_picture(const DrillRecord& record);

/// The after-action report as one document that needs nothing beside it and runs no script.
std::string drill_report_html(const DrillRecord& record);

}  // namespace quell::panel
