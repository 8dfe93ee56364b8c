#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orchestrator/expression/expression.h"
#include "state/base/clock.h"
#include "state/base/result.h"
#include "state/model/vocabulary.h"

namespace quell {

/// One drill: a world with a leak in it, the playbook that answers it, and how it must end.
struct Scenario {
  std::string id{};
  std::string title{};  // what the defenders do, in a few words
  std::string teaches{};
  std::string playbook{};     // id: `../ID.yaml` beside the scenario's folder, else a shipped one
  std::string folder{};       // that the scenario's file lies in; empty for a shipped one
  std::string profile{};      // of the range; empty: everything as documented
  Duration respond_after{0};  // from the intruder's first use to the start of the run
  Duration approve_after{0};  // a simulated approver says yes this long after being asked
  Duration lasts{0};          // the intruder is watched for at least this long
  RunResult ends = RunResult::contained;
  /// Inputs of the playbook; they may read `leaked` (vault_id, credential_id, access_token,
  /// refresh_token) and `fresh` (access_token, refresh_token of a grant that the defenders obtained
  /// anew).
  std::vector<std::pair<std::string, Template>> inputs{};
};

/// The scenarios that come with quell, as (file name, source); they are part of the program.
const std::vector<std::pair<std::string, std::string>>& shipped_scenarios();

/// Parses one scenario file; an Error is its first mistake.
Result<Scenario> load_scenario(std::string_view source, std::string_view file);

/// The scenario that `name` means: a path, or the id of a shipped one. An Error suggests the
/// nearest.
Result<Scenario> find_scenario(std::string_view name);

}  // namespace quell
