#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "orchestrator/drill/scenario.h"
#include "orchestrator/engine/engine.h"
#include "orchestrator/range/world.h"
#include "orchestrator/report/drill_record.h"
#include "state/base/random.h"
#include "state/keys.h"

namespace quell {

struct DrillOptions {
  std::uint64_t seed = 7;
  std::string team{};                // who practises; may be empty
  double speed = 20;                 // drill seconds per real second; 0: as fast as it goes
  std::string database{};            // of drills
  std::string incidents_database{};  // of real runs, which shares the keys; may be empty
  KeyPaths keys{};
  bool keep_score = true;  // in drill_scores_folder() of `database`
};

/// What people see while a drill goes on, in drill time.
struct DrillEvents {
  std::function<void(const range::LogLine& line, Timestamp begun)> intruder{};
  std::function<void(const RunState& run, const Entry& entry, const ConnectorSet& connectors,
                     Timestamp begun)>
      entry{};
  std::function<void(const Inject& inject, Timestamp at, Timestamp begun)> inject{};
  /// What befell the process itself or was announced: one sentence.
  std::function<void(const std::string& text, Timestamp at, Timestamp begun)> note{};
  /// Asked between turns: true ends the drill early.
  std::function<bool()> stopped{};
};

/// How a drill went. Times are since the intruder's first use.
struct DrillOutcome {
  RunId run{};
  RunResult result = RunResult::failed;
  Value document{};                        // of the run
  std::vector<range::LogLine> intruder{};  // the intruder's own log
  Timestamp begun{};
  Value truth{};             // the world's own at the end
  bool stopped = false;
  bool as_expected = false;  // result, truth and score are what the scenario says
  DrillRecord record{};      // kept, unless the drill was stopped
};

/// Plays `scenario` by itself: the real engine and playbook over the simulated world, in a journal
/// of its own, by one clock. The same seed plays the same drill.
Result<DrillOutcome> run_drill(const Scenario& scenario, const DrillOptions& options,
                               Random& random, const DrillEvents& events);

}  // namespace quell
