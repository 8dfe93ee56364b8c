#pragma once

#include <optional>
#include <string>
#include <vector>

#include "orchestrator/cli/session.h"
#include "orchestrator/drill/drill.h"
#include "orchestrator/report/drill_record.h"

namespace quell::cli {

/// Tells a drill line by line: what the intruder's uses come to whenever they change, what the
/// players are told, and what quell does. Silent with --json.
class DrillTeller {
 public:
  explicit DrillTeller(Session& session) : session_(session) {}

  void intruder(const range::LogLine& line, Timestamp begun);
  void entry(const RunState& run, const Entry& entry, const ConnectorSet& connectors,
             Timestamp begun);
  void inject(const Inject& inject, Timestamp at, Timestamp begun);
  void note(const std::string& text, Timestamp at, Timestamp begun);

 private:
  void tell(Timestamp at, Timestamp begun, std::string_view who, const std::string& text);

  Session& session_;
  int last_use_ = 0;
  int last_refresh_ = 0;
};

/// `T+06:00`, or `none`.
std::string drill_clock(const std::optional<Duration>& time);

/// How long the intruder was inside, drawn from the intruder's own log.
std::string inside_bar(Stream& out, const DrillRecord& record, Duration span);
/// What it got in each part of the drill, as a line of bars.
std::string sparkline(const Stream& out, const DrillRecord& record);

/// The score card.
std::string score_text(Stream& out, const DrillRecord& record, AnswerOrigin origin);

/// The shipped scenarios: what each teaches, how it ends, when it was last passed.
std::string drill_list_text(const std::vector<Scenario>& scenarios,
                            const std::vector<DrillRecord>& records, Timestamp now);
/// Every drill that was kept, newest first, under its scenario.
std::string drill_history_text(const Stream& out, const std::vector<DrillRecord>& records,
                               Timestamp now);

}  // namespace quell::cli
