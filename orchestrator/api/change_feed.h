#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "orchestrator/http_server.h"
#include "state/journal.h"

namespace quell {

/// What moved. Pages that are open hear which run, and which of its steps and items, never what it
/// became; whoever folds the journal in this process takes the last entries from here. Writing
/// costs the engine two pushes and no wake-up; readers look several times a second.
class ChangeFeed {
 public:
  /// Of one run.
  struct Moved {
    std::uint64_t version = 0;      // the last of its entries
    std::set<std::string> keys{};   // STEP or STEP/ITEM, at most one more than kKeysMax
    bool has_more = false;          // than `keys` says: look at the whole run
  };
  struct Look {
    std::map<RunId, Moved> runs{};  // number 0: of no run
    std::uint64_t last = 0;         // what to ask after next time
    bool has_gap = false;           // more happened than is kept: look at everything
  };
  static constexpr std::size_t kKeysMax = 200;
  static constexpr std::size_t kEntriesMax = 1'024;

  /// Nothing before `seq` is told; once, before the first tell().
  void begin_at(std::uint64_t seq) noexcept { last_.store(seq); }
  /// Any thread; `seq` rises.
  void tell(std::uint64_t seq, const Entry& entry);
  /// What was told after `seq`, and of `run` only where one is given.
  Look since(std::uint64_t seq, std::optional<RunId> run) const;
  std::uint64_t last() const noexcept { return last_.load(); }
  /// The entries themselves after `seq`, without hash and bytes; none where some of them are no
  /// longer at hand, and have to be read from the journal.
  std::optional<std::vector<StoredEntry>> entries_after(std::uint64_t seq) const;

 private:
  struct Change {
    std::uint64_t seq = 0;  // of the journal's entry
    RunId run{};
    std::string key{};  // empty: the run itself
  };

  mutable std::mutex mutex_{};
  std::deque<Change> changes_{};
  std::deque<StoredEntry> entries_{};  // the last ones
  std::atomic<std::uint64_t> last_{0};
};

/// The changes as server-sent events (WHATWG HTML 9.2) from after `seq` on, for one run or for all:
/// `data: {"run","version","keys"}`, at most five a second. Ends after five minutes, so that who
/// listens is asked again who they are. `feed` outlives it.
HttpReply stream_changes(const ChangeFeed& feed, std::uint64_t seq, std::optional<RunId> run);

}  // namespace quell
