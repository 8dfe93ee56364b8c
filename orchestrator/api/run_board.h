#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "orchestrator/api/change_feed.h"
#include "orchestrator/engine/fold.h"
#include "state/sqlite_journal.h"

namespace quell {

/// A run in a list: what its first and its last entry say, without what lies between.
struct RunRow {
  RunId id{};
  std::string playbook{};
  std::string incident{};
  std::string who{};
  RunMode mode = RunMode::live;
  Timestamp started{};
  std::optional<Timestamp> finished{};
  std::optional<RunResult> result{};
  std::uint64_t first_seq = 0;
};

/// What a person did to the course of an incident.
struct Intervention {
  Timestamp at{};
  EntryKind kind{};
  RunId run{};           // number 0: of no run
  std::string who{};
  std::string what{};    // in words that follow the name
  std::string about{};   // step, item or alert; may be empty
  std::string reason{};
};

/// What the journal says, for everybody who only looks. It takes what is durable from the feed, or
/// reads it with a connection of its own, and never asks the engine: a thousand looks cost the
/// incident nothing but the disk's cache (threat T37). Any thread; one at a time looks.
class RunBoard {
 public:
  struct Parts {
    std::string database{};
    PlaybookLoader load_playbook{};
    const ConnectorSet& connectors;  // these outlive it
    const ChangeFeed& feed;
  };

  explicit RunBoard(Parts parts);
  ~RunBoard();

  /// Calls `look` with the run as it stands now; the run may not be kept. Error topic "run" when
  /// there is none of that id.
  Status with_run(RunId id, const std::function<void(const RunState&)>& look);
  /// Calls `look` with every run that is not over, and with the finished ones of the last day.
  Status with_present_runs(Timestamp now,
                           const std::function<void(const std::vector<const RunState*>&)>& look);

  /// The runs before `before` (none: from the last one), newest first, `most` at most.
  Result<std::vector<RunRow>> rows(std::optional<RunId> before, std::size_t most);
  /// The last run that the key began (RunRequest::request_key), if there is one.
  Result<std::optional<RunId>> begun_by(const std::string& request_key);

  /// What people did in the day before `now`, the last first, twenty at most.
  Result<std::vector<Intervention>> interventions(Timestamp now);

  /// Calls `look` with the journal on the board's own connection, for reading.
  Status with_journal(const std::function<Status(Journal&)>& look);

 private:
  Status open();
  /// Takes in what was appended since.
  Status catch_up();
  /// Notes an entry by its label; true where its body is wanted. A run that begins here is folded.
  bool note(const EntryLabel& label);
  /// From the feed, or where that has a gap, from the journal.
  Status read_on();
  /// Takes in a run of the past.
  Status recall(RunId id);
  void note_row(const StoredEntry& stored);
  void note_intervention(const Entry& entry);
  Status take(const StoredEntry& stored);
  /// Lets go of what nobody looked at for long.
  void let_go(Timestamp now);

  Parts parts_;
  std::mutex mutex_{};
  std::unique_ptr<SqliteJournal> journal_{};  // opened with the first look
  std::unique_ptr<JournalFold> fold_{};
  std::set<RunId> folded_{};  // whose entries go into fold_
  std::uint64_t seen_ = 0;
  bool is_past_ = true;  // what is read now was written before the first look
  std::map<RunId, RunRow> rows_{};
  std::map<std::string, RunId, std::less<>> keys_{};
  std::deque<Intervention> interventions_{};  // the last in front
  std::deque<RunId> recalled_{};  // of the past, the newest wish in front
};

}  // namespace quell
