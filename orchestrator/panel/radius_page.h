#pragma once

#include <string>

#include "orchestrator/panel/page.h"
#include "orchestrator/report/radius_graph.h"
#include "state/base/clock.h"

namespace quell::panel {

/// Who could use it, and who did? The form; `start` and `since` as they were typed, `problem` why
/// they were not taken.
Page radius_form_page(const std::string& start, const std::string& since,
                      const std::string& problem, const Frame& frame);

/// One answer of the desk.
struct RadiusView {
  std::string id{};
  std::string asked{};  // what it starts at, as one text
  std::string since{};  // RFC 3339; may be empty
  bool is_busy = false;
  std::string error{};  // why there is none
  std::string hint{};
  const Radius* radius = nullptr;
  Timestamp scanned_at{};
  Duration took{};
  std::int64_t requests = 0;
};
Page radius_page(const RadiusView& view, const Frame& frame);

}  // namespace quell::panel
