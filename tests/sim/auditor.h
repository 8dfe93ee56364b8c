#pragma once

#include <map>
#include <set>
#include <string>

#include "orchestrator/engine/claims.h"
#include "orchestrator/engine/engine.h"
#include "tests/sim/findings.h"
#include "tests/sim/site.h"
#include "tests/support/memory_journal.h"

namespace quell::sim {

/// Holds what the journal says against what is true and what was allowed. One for all processes of
/// a seed. What must hold of single requests stands in process_seams.cpp and site.cpp.
class Auditor {
 public:
  Auditor(Site& site, const Policy& policy, Findings& findings)
      : site_(site), policy_(policy), findings_(findings) {}

  /// Sees every entry once it is durable. `run` as the engine has it, or null.
  void see(const Entry& entry, const RunState* run, const ConnectorSet& connectors);

  /// A run has its result: what it claims is held against the world.
  void finished(const RunState& run, const ConnectorSet& connectors, Timestamp now);

  /// The chain verifies from the first entry to the last.
  void chain_verifies(const MemoryJournal& disk);
  /// The journal folded anew tells of every run what the engine tells.
  void folds_the_same(MemoryJournal& disk, SecretStore& secrets, const Engine& engine,
                      const PlaybookLoader& load, const ConnectorSet& connectors);
  /// No token or key stands in any byte of the journal.
  void holds_no_secret(MemoryJournal& disk, const std::set<std::string>& secrets);

 private:
  void begins_nothing_after_abort(const Entry& entry, const RunState& run,
                                  const ConnectorSet& connectors);
  void looks_before_it_repeats(const Entry& entry, const RunState& run);
  void is_approved(const Entry& entry, const RunState& run, const ConnectorSet& connectors);
  void names_every_item(const RunState& run, const ConnectorSet& connectors);
  void contained_means_all_proved(const RunState& run, const ConnectorSet& connectors);
  bool lives(const RunState& run, const Claim& claim, Kill kill, Timestamp now);
  bool session_came(const RunState& run, Timestamp now);

  Site& site_;
  const Policy& policy_;
  Findings& findings_;
  std::set<RunId> aborted_{};
  std::map<RunId, std::set<std::string>> approved_by_{};
  std::map<RunId, std::set<std::string>> targets_of_alert_{};
  std::set<std::string> in_doubt_{};        // "run step item" whose change has no known end
  std::map<RunId, Timestamp> last_look_{};  // at the postconditions
};

}  // namespace quell::sim
