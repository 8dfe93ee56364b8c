#pragma once

#include <map>
#include <set>
#include <string>

#include "orchestrator/engine/claims.h"
#include "orchestrator/engine/fold.h"
#include "orchestrator/engine/run_state.h"
#include "state/journal.h"

namespace quell {

/// Reads the entries of one run, in order, and tells the run as a report: `document` is what
/// `quell report --format json` prints and what every other format is made of. Texts in it are as
/// they came from outside; whoever shows them escapes them (threats T33, T46).
class ReportReader {
 public:
  void take(const StoredEntry& stored);
  /// `run` is folded from the same entries. No clock goes in: same entries, same document.
  Value document(const RunState& run, const ConnectorSet& connectors) const;

 private:
  ValueList timeline_{};
  std::int64_t timeline_left_out_ = 0;
  ValueList approvals_{};
  std::set<std::string> approvers_{};
  std::map<std::string, std::string> reasons_{};  // of what a person left out, by STEP or STEP/ITEM
  ValueList evidence_{};
  ValueList notes_{};
  std::map<std::string, ValueList> not_seen_{};  // by step: what its last look could not see
  Value as_of_{};
};

/// The report of one run as its journal has it now. Error topic "run" when the journal has none of
/// that id, or its playbook does not load.
Result<Value> report_of(RunId run, Journal& journal, const PlaybookLoader& load_playbook,
                        const ConnectorSet& connectors);

/// Did the attempt of that entry (attempt_finished) put files into the run's evidence?
bool keeps_evidence(const Value& body);

/// For a ticket. Whatever came from outside stands in code spans, where Markdown links, mentions
/// and renders nothing; control and bidirectional characters are shown as escapes.
std::string report_markdown(const Value& document);

}  // namespace quell
