#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "orchestrator/engine/run_state.h"
#include "state/journal.h"

namespace quell {

/// Loads the playbook that a run pinned, from its own source and those of the playbooks it calls.
using PlaybookLoader = std::function<Result<std::shared_ptr<const Playbook>>(
    const std::string& source, const std::string& id,
    const std::map<std::string, std::string>& called)>;

/// What a journal comes to.
struct Folded {
  std::map<RunId, RunState> runs{};  // oldest first
  /// Runs whose pinned playbook does not load with the present connections, with a sentence that
  /// says so. They stay in the journal; nothing acts on them here.
  std::map<RunId, std::string> unreadable{};
  RunId last{};  // of all runs, readable or not
};

/// Folds entries in, one after the other, for whoever reads a journal as it grows.
class JournalFold {
 public:
  /// `connectors` and `secrets` (may be null) outlive it.
  JournalFold(SecretStore* secrets, PlaybookLoader load_playbook, const ConnectorSet& connectors);

  /// Error `corrupt` for an entry of a run whose beginning was not taken.
  Status take(const StoredEntry& stored);
  /// A run that is asked for no more; nothing of it must be taken afterwards.
  void forget(RunId run);

  const Folded& so_far() const noexcept { return folded_; }
  /// All of it, with the last run of the journal.
  Folded end(RunId last);

 private:
  void begin(const StoredEntry& stored);

  SecretStore* secrets_;
  PlaybookLoader load_playbook_;
  const ConnectorSet& connectors_;
  Folded folded_{};
};

/// Folds the whole journal. `secrets` may be null for reading commands: inputs then keep their
/// fingerprints only.
Result<Folded> fold_journal(Journal& journal, SecretStore* secrets,
                            const PlaybookLoader& load_playbook, const ConnectorSet& connectors);

/// Only the runs without a result and those that are still watched, so that its cost is theirs. The
/// chain is checked all the same, but for the MACs of other runs' entries.
Result<Folded> fold_unfinished(Journal& journal, SecretStore* secrets,
                               const PlaybookLoader& load_playbook, const ConnectorSet& connectors);

/// The runs without a result and those that are still watched.
Result<std::set<RunId>> unfinished_runs(Journal& journal);

/// Only the run `id`, finished or not; `runs` stays empty where the journal has none of that name.
Result<Folded> fold_run(Journal& journal, RunId id, SecretStore* secrets,
                        const PlaybookLoader& load_playbook, const ConnectorSet& connectors);

/// The run that a person names: `r17x`, `17` or `last`. Error topic "run" when there is none, or
/// when it does not load with these connections.
Result<RunState> fold_named(Journal& journal, std::string_view name,
                            const PlaybookLoader& load_playbook, const ConnectorSet& connectors);
/// The Error for a name that no run has.
Error no_such_run(std::string_view name);

/// The number of the last entry before `since`, 0 when there is none; found by halving, as far as
/// no clock was set back.
Result<std::uint64_t> last_before(Journal& journal, Timestamp since);

/// Only the runs that began at `since` or later; `last` is the last of these.
Result<Folded> fold_since(Journal& journal, Timestamp since, SecretStore* secrets,
                          const PlaybookLoader& load_playbook, const ConnectorSet& connectors);

}  // namespace quell
