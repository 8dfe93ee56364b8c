#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/alerts/alert_record.h"
#include "orchestrator/engine/run_state.h"
#include "orchestrator/panel/page.h"
#include "orchestrator/playbook/diagnostics.h"
#include "orchestrator/report/run_document.h"

namespace quell::panel {

/// Which alert needs a look? Newest first, at most 200.
Page alerts_page(const std::vector<AlertRecord>& records, const Frame& frame);
/// What today's routes make of an alert.
struct MappedInput {
  std::string name{};
  std::string from{};   // as the route writes it: `${alert.body.data.id}`
  std::string value{};  // never of a secret
};
struct AlertReading {
  std::string route{};  // `quell.yaml:31`; empty: none takes it
  std::string playbook{};
  std::string mode{};
  std::string why{};  // none takes it, or it may do less than the route says
  std::vector<MappedInput> inputs{};
};
/// `reading`: none where this process takes no alerts.
Page alert_page(const AlertRecord& record, const std::optional<AlertReading>& reading,
                const Frame& frame);

/// A playbook in a list.
struct PlaybookLine {
  std::string id{};
  std::string title{};
  std::string purpose{};
  std::string fault{};  // why it does not load; empty: it does
};
/// What would it do? With `to_start`: what happened?
Page playbooks_page(const std::vector<PlaybookLine>& lines, bool to_start, const Frame& frame);
/// A playbook as its file says today.
struct PlaybookView {
  std::string id{};
  std::string source{};
  std::vector<Diagnostic> findings{};   // of the check, by line
  const Playbook* playbook = nullptr;   // null: it does not load
  std::string last_run{};               // that worked by it; empty: none
  std::string last_text{};              // that this run is pinned to
};
Page playbook_page(const PlaybookView& view, const ConnectorSet& connectors, const Frame& frame);

/// Is this text a playbook? Nothing is kept, nothing runs. `checked`: the text that was handed in and
/// what was found; null before.
struct CheckedText {
  std::string source{};
  std::string summary{};  // of one without errors
  std::vector<Diagnostic> findings{};
};
Page check_page(const CheckedText* checked, const Frame& frame);

/// What do you know? `given`: what was typed, without secrets; `problem`: why it was not taken.
Page inputs_page(const Playbook& playbook, const std::map<std::string, std::string>& given,
                 const std::string& problem, const Frame& frame);

/// A plan as the desk has it.
struct PlanView {
  std::string id{};
  std::string playbook{};
  bool is_busy = false;      // it is being made, or carried out
  bool has_changed = false;  // since somebody wanted it carried out
  std::string error{};       // why there is none, or why it was not carried out
  bool wants_reason = false;  // somebody denied the same before
  std::string hint{};
  const Plan* plan = nullptr;
};
/// Is this the plan?
Page plan_page(const PlanView& view, const Frame& frame);

/// One entry of the record.
struct EntryLine {
  std::uint64_t seq = 0;
  Timestamp at{};
  std::string run{};
  std::string kind{};
  std::string body{};
};
/// Can I trust the record? `next`: what `?after=` takes for more; 0 at the end.
Page journal_page(const std::vector<EntryLine>& lines, std::uint64_t entries,
                  const std::string& head, const std::string& run, std::uint64_t next,
                  const Frame& frame);

}  // namespace quell::panel
