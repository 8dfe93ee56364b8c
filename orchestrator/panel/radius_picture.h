#pragma once

#include <string>

#include "orchestrator/panel/html.h"
#include "orchestrator/report/radius_graph.h"

namespace quell::panel {

/// The picture as it stands in a page, coloured by its style sheet.
Markup radius_picture(const RadiusGraph& graph, const std::string& title);

/// The same as a file of its own, with its colours inside, for dark and light.
std::string radius_svg(const RadiusGraph& graph, const std::string& title);

/// Who can steer whom, rows acting on columns.
Markup lateral_table(const LateralMatrix& matrix);

}  // namespace quell::panel
