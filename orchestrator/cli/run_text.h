#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/cli/terminal.h"
#include "orchestrator/engine/claims.h"
#include "orchestrator/engine/run_state.h"
#include "orchestrator/report/run_document.h"

namespace quell::cli {

/// `T+00:47`, hours only when there are any.
std::string clock_since(Timestamp start, Timestamp now);

std::string upper(std::string_view text);
/// A text of an outside system, fit for a terminal.
std::string shown(const std::string& text);

/// The sign, word and colour of a verdict: `✓ proved`.
std::string verdict_text(const Stream& stream, Verdict verdict, Grade grade);

/// The result in capitals with its origin and colour: `CONTAINED RANGE`.
std::string result_text(const Stream& stream, RunResult result, AnswerOrigin origin);

/// The line that a person at a terminal reads when `entry` happened, or empty.
std::string line_for_person(const Stream& stream, const RunState& run, const Entry& entry,
                            const ConnectorSet& connectors);

/// The line of the same event in a pipe: time, run, clock, step or step/item, then words; or empty.
std::string line_for_pipe(const RunState& run, const Entry& entry, const ConnectorSet& connectors);

/// The block at the end of a run: result, table of claims, what is still exposed.
std::string closing_text(const Stream& stream, const RunState& run, const ConnectorSet& connectors,
                         Timestamp now);

/// What runs now, for the live region.
std::vector<std::string> live_text(const Stream& stream, const RunState& run, Timestamp now);

/// The text of `quell plan`.
std::string plan_text(const Stream& stream, const Plan& plan, bool all_requests);

}  // namespace quell::cli
