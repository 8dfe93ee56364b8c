#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "state/base/clock.h"
#include "state/journal.h"
#include "state/model/ids.h"

namespace quell {

/// On whose account a change that cannot be undone goes, as `request_sent` says it.
inline constexpr std::string_view kByAutomation = "automation";
inline constexpr std::string_view kByPeople = "people";

/// What was begun within the last hour: runs by alerts, and targets of changes that cannot be
/// undone. Policy caps both (threat T16).
class RecentUse {
 public:
  void take(const Entry& entry);

  /// Runs that alerts began within the hour before `run`.
  int automatic_runs_before(RunId run, Timestamp now);
  /// Targets that other runs of the same sort reached.
  std::int64_t targets_of_others(RunId run, bool automatic, Timestamp now);

 private:
  struct Use {
    Timestamp at{};
    RunId run{};
    bool automatic = false;
    std::string target{};
  };
  void forget_before(Timestamp now);

  std::deque<std::pair<RunId, Timestamp>> automatic_runs_{};  // in order
  std::deque<Use> uses_{};
  std::map<std::string, int> reached_{};     // requests by run and target
  std::map<RunId, std::int64_t> targets_{};  // by run
  std::int64_t automatic_targets_ = 0;
  std::int64_t peoples_targets_ = 0;
};

/// The use of the hour before `now`, by the journal.
Result<RecentUse> recent_use(Journal& journal, Timestamp now);

}  // namespace quell
