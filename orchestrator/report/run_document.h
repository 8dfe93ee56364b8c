#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/engine/claims.h"
#include "orchestrator/engine/pace.h"
#include "orchestrator/engine/run_state.h"

namespace quell {

/// A time that the playbook sets itself (`settings.slo`), counted from the acceptance of the run.
struct Goal {
  std::string_view word{};  // "contained", "proved"
  Duration limit{};
  std::optional<Duration> took{};  // none: not reached

  bool met() const { return took && *took <= limit; }
};

/// The goals of a finished run: contained when the last step that kills something did, proved when
/// the run ended contained.
std::vector<Goal> goals_of(const RunState& run);

/// The document of `quell run --json` and `quell show --json` (docs/design.md, "Machine-readable
/// output").
Value run_document(const RunState& run, const ConnectorSet& connectors);

/// One row of `quell runs --json`.
Value run_summary(const RunState& run, const ConnectorSet& connectors);

/// How many requests that cannot be undone the rest of the run would send, as far as it can be
/// counted now.
std::int64_t irreversible_left(const RunState& run, const ConnectorSet& connectors);

/// The input that people file the run under: `incident` if the playbook has it, else empty.
std::string incident_of(const RunState& run);

/// A request that a plan saw leaving, or predicts.
struct PlannedRequest {
  std::string step{};
  std::string item{};
  std::string method{};
  std::string url{};
  Effect effect = Effect::read;
  bool irreversible = false;
  bool predicted = false;
};

/// What a rehearsal found that the run would send; made from a finished dry run and the reads it
/// sent.
struct Plan {
  std::string playbook{};
  std::string digest{};
  std::vector<PlannedRequest> requests{};
  RequestCounts counts{};
  int irreversible = 0;
  Duration contain{};
  Duration prove{};
  std::string limit{};  // what bounds the estimate, in words
  std::vector<std::string> not_established{};
};

Plan make_plan(const RunState& rehearsal, const ConnectorSet& connectors,
               const std::map<std::string, OriginLimits, std::less<>>& limits,
               std::vector<PlannedRequest> reads, Duration reading_took);

/// The document of `quell plan --json`.
Value plan_document(const Plan& plan);

}  // namespace quell
