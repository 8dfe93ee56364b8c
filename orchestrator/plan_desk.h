#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "orchestrator/api/api_route.h"
#include "orchestrator/rehearsal.h"
#include "state/base/random.h"

namespace quell {

/// Makes plans for people who are not at the keyboard of this machine, one after the other on a
/// thread of its own with a transport of its own: reads only. A run for real begins only as it was
/// planned: right before, the plan is made again and compared. A plan and the inputs it was made
/// with, secrets too, are kept for half an hour in memory alone, and 64 of them at most.
class PlanDesk {
 public:
  struct Parts {
    const Clock& clock;
    Random& random;
    const ConnectorSet& connectors;  // these outlive it
    PlaybookLoader load_playbook{};
    std::function<Result<std::unique_ptr<HttpTransport>>()> make_transport{};
    std::function<std::string(const Secret&)> fingerprint{};
    std::map<std::string, OriginLimits, std::less<>> limits{};
    std::function<Result<RunId>(StartCommand)> begin{};
  };

  enum class State : std::uint8_t { computing, ready, starting, started, failed };

  /// What somebody asked for, and what came of it.
  struct Entry {
    std::string id{};
    StartCommand wish{};
    std::shared_ptr<const Playbook> playbook{};
    Timestamp asked{};
    State state = State::computing;
    std::optional<Error> error{};          // why there is none
    std::optional<Rehearsal> rehearsal{};  // where it worked out
    bool has_changed = false;              // it is not what it was when its start was asked for
    std::optional<RunId> run{};            // that it became
  };

  explicit PlanDesk(Parts parts);
  ~PlanDesk();

  /// Takes a wish in; its inputs are checked at once (topic "bad-input"). Gives the plan's id.
  /// Error `throttled` while eight wait.
  Result<std::string> ask(StartCommand wish);
  /// The plan of that id, if `who` asked for it.
  std::shared_ptr<const Entry> find(const std::string& id, const std::string& who) const;
  /// How a plan is to be carried out; `from` as Actor has it, `reason` as StartCommand.
  struct Start {
    std::string who{};
    std::string from{};
    std::string reason{};
    bool dry_run = false;
  };
  /// Has a plan that is ready carried out, or its dry run. Error topic "plan" when it is not ready.
  /// What comes of it stands in the entry: a run, an error, or the plan as it is now, ready to be
  /// looked at again; ready too, with the error, where somebody denied the same before.
  Status start(const std::string& id, const Start& how);

 private:
  void work();
  void make(Entry& entry);
  void begin(Entry& entry);
  Result<Rehearsal> rehearse_wish(const Entry& entry);
  /// With the lock held.
  Status queue(std::shared_ptr<const Entry> entry);
  void drop_old(Timestamp now);

  Parts parts_;
  mutable std::mutex mutex_{};
  std::condition_variable wanted_{};
  std::map<std::string, std::shared_ptr<const Entry>> entries_{};
  std::deque<std::string> order_{};  // oldest first
  std::deque<std::string> queue_{};
  bool stops_ = false;
  std::thread worker_{};  // started with the first wish
};

/// `/api/v1/plans`. `desk` outlives the routes.
std::vector<ApiRoute> plan_routes(PlanDesk& desk);

}  // namespace quell
