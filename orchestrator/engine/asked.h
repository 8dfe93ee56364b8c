#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/engine/run_state.h"
#include "state/journal.h"

namespace quell {

/// What a run would change, as a name for it: what it locks, or else its playbook and its inputs.
/// Two runs of one name ask people for the same yes.
std::string request_name(const RunState& run);

/// Who was asked for a yes over the same thing within the last week, and what they said; and who
/// waits for one now. People are asked by one run at a time, and after a no only with a reason
/// (threat T31).
class Asked {
 public:
  /// `run`: as it stands after `entry`. True when somebody else may ask now.
  bool take(const Entry& entry, const RunState& run);
  /// The same for an entry of the past.
  void recall(const Entry& entry);
  /// A run that waits for a yes from before this process.
  void waits(const RunState& run);

  /// The run that waits for a yes over what `lock` names.
  std::optional<RunId> waiting(const std::string& lock) const;
  /// What is known of `name` before `run` asks; `number` counts it.
  AskedBefore before(const std::string& name, RunId run, Timestamp now) const;

 private:
  struct Request {
    RunId run{};
    Timestamp at{};
    std::string denied_by{};
    std::string denied_why{};
  };
  struct Waiting {
    RunId run{};
    bool automatic = false;
  };

  std::map<std::string, std::vector<Request>, std::less<>> requests_{};
  std::map<RunId, std::string> names_{};
  std::map<std::string, Waiting, std::less<>> waiting_{};  // by lock
};

/// The requests of the week before `now`, by the journal.
Result<Asked> recently_asked(Journal& journal, Timestamp now);

}  // namespace quell
