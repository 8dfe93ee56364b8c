#pragma once

#include <optional>
#include <string>
#include <vector>

#include "orchestrator/engine/run_state.h"
#include "orchestrator/panel/page.h"

namespace quell::panel {

/// What a person did to the course of an incident within the last day (threat T32).
struct InterventionLine {
  Timestamp at{};
  std::string who{};
  std::string what{};   // in words that follow the name
  std::string run{};    // may be empty
  std::string about{};  // step, item or alert; may be empty
  std::string reason{};
};
/// What burns, and what needs a person? `runs`: those that are not over, and those of the last day.
/// `interventions`: the last first.
Page now_page(const std::vector<const RunState*>& runs, const ConnectorSet& connectors,
              const std::vector<InterventionLine>& interventions, const Frame& frame);

/// How many decisions `runs` wait for.
std::int64_t decisions_in(const std::vector<const RunState*>& runs);

/// A row of the list of runs.
struct RunLine {
  std::string run{};
  std::string playbook{};
  std::string incident{};
  std::string who{};
  bool is_dry_run = false;
  Timestamp started{};
  std::optional<RunResult> result{};
};
/// `next`: what `?before=` takes for more; empty at the end.
Page runs_page(const std::vector<RunLine>& lines, const std::string& next, const Frame& frame);

/// Is it contained? If not, what now?
Page run_page(const RunState& run, const ConnectorSet& connectors, const Frame& frame);

/// Every claim in a line of its own, 200 a page from `from` on.
Page items_page(const RunState& run, const ConnectorSet& connectors, std::size_t from,
                const Frame& frame);

/// Something that the record says of one item.
struct ItemEvent {
  Timestamp at{};
  std::string what{};
  std::string words{};
};
/// What happened to this one thing? `key` is empty for a step without foreach.
Page item_page(const RunState& run, const ConnectorSet& connectors, const std::string& step,
               const std::string& key, const std::vector<ItemEvent>& events, const Frame& frame);

/// May exactly this be sent? `may`: why the viewer may not answer, empty when they may.
Page approve_page(const RunState& run, const ConnectorSet& connectors, const std::string& may,
                  const std::string& problem, const Frame& frame);

/// What must the next person know? Made for print.
Page handover_page(const RunState& run, const ConnectorSet& connectors, const Frame& frame);

}  // namespace quell::panel
