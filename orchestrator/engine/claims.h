#pragma once

#include <optional>
#include <string>
#include <vector>

#include "orchestrator/engine/run_state.h"

namespace quell {

/// One thing that should be dead, and whether that was proved.
struct Claim {
  std::string subject{};
  Plane plane = Plane::holder;
  std::vector<Kill> kills{};
  std::string step{};  // "verify" for the postconditions of the run
  std::string item{};  // key of the item, or the probe under verify
  OutcomeKind outcome = OutcomeKind::skipped;
  Verdict verdict = Verdict::unproved;
  Grade grade = Grade::none;
  std::vector<std::string> proof{};
  std::optional<Residual> residual{};  // of every claim that is not proved
  bool corroborated = false;           // its proof has two owners (T8)
};

/// Every claim of the run as it stands, in the order of the steps.
std::vector<Claim> claims_of(const RunState& run, const ConnectorSet& connectors);

/// Those of one step, with all that is in it.
std::vector<Claim> claims_of_step(const RunState& run, const ConnectorSet& connectors,
                                  const Step& step);
/// Those of one time that a step goes through several steps.
std::vector<Claim> claims_of_time(const RunState& run, const ConnectorSet& connectors,
                                  const Expansion& time);

/// What the claims of one step or item come to: refuted if one is, proved if all are, nothing
/// without claims.
std::optional<Verdict> verdict_of(const std::vector<Claim>& claims);

Value to_value(const Claim& claim);

}  // namespace quell
