#pragma once

#include <string>

#include "orchestrator/panel/page.h"
#include "state/base/value.h"

namespace quell::panel {

/// The report of a run as one file for a browser: no script, no link, its own CSP, nothing is asked
/// of anybody (threat T46). `document` is ReportReader's.
std::string report_html(const Value& document);

/// The same within the panel.
Page report_page(const Value& document);

}  // namespace quell::panel
