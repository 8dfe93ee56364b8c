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

/// A step that changes, probes or asks somebody, as a plan lists it.
struct PlannedStep {
  std::string id{};
  std::string plane{};           // empty where only people act
  std::string what{};            // in words
  std::int64_t items = 0;
  std::string noun{};            // what its items are called; empty without foreach
  std::int64_t requests = 0;
  std::optional<Effect> effect{};  // none where only people act
  bool irreversible = false;
  bool undo = false;  // its playbook says how it is lifted
};

/// What a rehearsal found that the run would send; made from a finished dry run and the reads it
/// sent.
struct Plan {
  std::string playbook{};
  std::string digest{};
  std::string incident{};
  Duration took{};  // to read for it
  std::vector<PlannedStep> steps{};
  ValueList ladders{};  // what each step `ladder` saw of its issuer, as that action gives it
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

/// The document of `quell plan --json`, and the plan that one spells. Error topic "plan" for another
/// document.
Value plan_document(const Plan& plan);
Result<Plan> plan_of_document(const Value& document);

/// What the items of a step are called, by what its claims kill: `session`, `deployment`.
std::string noun_of(const Step& step);

}  // namespace quell
