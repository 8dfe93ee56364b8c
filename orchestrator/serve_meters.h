#pragma once

#include "orchestrator/alerts/intake.h"
#include "orchestrator/engine/run_state.h"
#include "orchestrator/metrics.h"

namespace quell {

/// What the journal's entries and the deliveries of alerts come to in the metrics of quell serve.
/// Any thread.
class ServeMeters {
 public:
  explicit ServeMeters(Metrics& metrics) : metrics_(metrics) {}

  void operator()(const RunState& run, const Entry& entry);
  void operator()(const IntakeEvent& event);

 private:
  Metrics& metrics_;
};

}  // namespace quell
