#pragma once

#include <string>

#include "orchestrator/report/drill_record.h"

namespace quell {

/// The after-action report of a drill for people who write their review in Markdown: result, times
/// against targets, what the intruder got, defenders and intruder side by side, questions.
std::string drill_report_markdown(const DrillRecord& record);

/// `T+41:10`, hours only when there are any.
std::string drill_time(Duration since_first_use);

}  // namespace quell
