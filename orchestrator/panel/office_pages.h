#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/alerts/alert_record.h"
#include "orchestrator/engine/run_state.h"
#include "orchestrator/panel/page.h"
#include "orchestrator/report/run_document.h"

namespace quell::panel {

/// Which alert needs a look? Newest first, at most 200.
Page alerts_page(const std::vector<AlertRecord>& records, const Frame& frame);
Page alert_page(const AlertRecord& record, const Frame& frame);

/// A playbook in a list.
struct PlaybookLine {
  std::string id{};
  std::string title{};
  std::string purpose{};
  std::string fault{};  // why it does not load; empty: it does
};
/// What would it do? With `to_start`: what happened?
Page playbooks_page(const std::vector<PlaybookLine>& lines, bool to_start, const Frame& frame);
Page playbook_page(const Playbook& playbook, const ConnectorSet& connectors, const Frame& frame);

/// What do you know? `given`: what was typed, without secrets; `problem`: why it was not taken.
Page inputs_page(const Playbook& playbook, const std::map<std::string, std::string>& given,
                 const std::string& problem, const Frame& frame);

/// A plan as the desk has it.
struct PlanView {
  std::string id{};
  std::string playbook{};
  bool is_busy = false;      // it is being made, or carried out
  bool has_changed = false;  // since somebody wanted it carried out
  std::string error{};       // why there is none
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
