#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "orchestrator/drill/scenario.h"
#include "orchestrator/engine/claims.h"
#include "orchestrator/engine/run_state.h"
#include "orchestrator/range/world.h"
#include "orchestrator/report/drill_record.h"

namespace quell {

/// What became of the alerts of a drill that begins by them.
struct AlertCounts {
  std::int64_t runs = 0;
  std::int64_t repeated = 0;
  std::int64_t refused = 0;
};

/// Watches one drill and makes its score card. What the intruder got is read from the intruder's
/// own log and from the world's truth, never from a verdict.
class ScoreKeeper {
 public:
  ScoreKeeper(const Scenario& scenario, const range::World& world, Timestamp begun)
      : scenario_(scenario), world_(world), begun_(begun) {}

  /// Every entry, as it becomes durable.
  void see(const RunState& run, const Entry& entry, const ConnectorSet& connectors);
  void see(const Inject& inject, Timestamp at);
  /// The players looked at a plan: so long it would take to contain.
  void announce(Duration contain, Timestamp at);
  void leave_out(const std::string& item, const Exclusion& exclusion, Timestamp at);
  void died(Timestamp at);
  void restarted(Timestamp at);
  /// The drill stood still between the two; `until` is not before the last pause's.
  void paused(Timestamp from, Timestamp until) { pauses_.emplace_back(from, until); }

  /// The score of the drill, whose last run is `run`, at its end.
  DrillRecord finish(const RunState& run, const ConnectorSet& connectors, const AlertCounts& alerts,
                     Timestamp now);

 private:
  /// A claim that was called proved, and what the intruder's log calls the use that must fail now.
  struct Green {
    std::string subject{};
    std::string use{};
    Timestamp at{};
  };

  void moment(Timestamp at, DrillMoment::Side side, std::string text, bool is_bad = false);
  void see_approval(const Entry& entry);
  void see_step(const RunState& run, const Entry& entry);
  void see_exclusions(const Entry& entry);
  void see_look(const RunState& run, const Entry& entry, const ConnectorSet& connectors);
  void judge_tokens(const RunState& run, const ConnectorSet& connectors, Timestamp at);
  void judge_platform(const Step& step, const std::string& item, Timestamp at);
  void add_false_greens(DrillRecord& record) const;
  void add_times(DrillRecord& record, const std::vector<Claim>& claims, const RunState& run) const;
  void add_exposures(DrillRecord& record, const std::vector<Claim>& claims) const;
  void add_intruder(DrillRecord& record, Timestamp now) const;
  void compare(DrillRecord& record, const std::vector<Claim>& claims, const RunState& run,
               const AlertCounts& alerts, Timestamp end) const;
  std::int64_t blind_repeats() const;
  /// Of the drill's own time: what lies in a pause is none.
  Duration since(Timestamp at) const;

  const Scenario& scenario_;
  const range::World& world_;
  Timestamp begun_;
  std::vector<std::pair<Timestamp, Timestamp>> pauses_{};
  std::vector<DrillMoment> timeline_{};
  std::optional<Timestamp> started_{};
  std::optional<Timestamp> planned_{};
  std::optional<Timestamp> decided_{};
  std::optional<Timestamp> refuted_{};
  std::optional<Timestamp> died_{};
  std::optional<Duration> announced_{};
  std::optional<Timestamp> announced_at_{};
  std::optional<RunResult> first_result_{};
  std::map<Plane, Timestamp> plane_done_{};  // the last step of the plane that ended
  std::optional<Timestamp> last_kill_{};
  std::set<std::pair<std::string, std::string>> green_now_{};  // subject and kill
  std::vector<Green> greens_{};
  std::vector<FalseGreen> false_greens_{};  // that the world's truth told at once
  std::vector<DrillExclusion> excluded_{};
  std::vector<DrillApproval> approvals_{};
};

}  // namespace quell
