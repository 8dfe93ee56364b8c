#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orchestrator/expression/expression.h"
#include "orchestrator/playbook/diagnostics.h"
#include "orchestrator/playbook/model.h"
#include "orchestrator/range/world.h"
#include "state/base/clock.h"
#include "state/base/result.h"
#include "state/model/vocabulary.h"

namespace quell {

/// When something of a scenario happens: that long after the intruder's first use, or after
/// something else did.
struct Moment {
  /// `started`, `asked` (for an approval), `approval_timed_out`, `finished`, `reopened`, or the id
  /// of a step that ended; empty: the intruder's first use.
  std::string on{};
  Duration after{0};
};

/// Somebody acts in the world.
struct ScriptedAct {
  Moment when{};
  range::Act act{};
};

/// A fault of the range, in the words of its control host.
struct ScriptedFault {
  Moment when{};
  Value wish{};
};

/// Something that the players see or hear and have to judge.
struct Inject {
  enum class Kind : std::uint8_t {
    alert,    // a system tells
    chat,     // somebody tells
    claim,    // somebody tells something that is not so
    silence,  // somebody does not answer
  };
  Moment when{};
  Kind kind = Kind::chat;
  std::string from{};
  std::string text{};
};
std::string_view to_string(Inject::Kind kind) noexcept;

/// The run begins by a webhook of the platform, which arrives more than once.
struct AlertStorm {
  std::string event{};       // `vault_credential.refresh_failed`
  std::int64_t copies = 1;   // of the same delivery, genuine
  Duration within{0};        // all of them
  std::int64_t forged = 0;   // of the same body under another key, among them
  Duration replay_after{0};  // one copy once more, that long after; 0: none
};

/// Somebody decides that the vaults which look idle need no work; the inputs do not name them.
struct Exclusion {
  std::string by{};
  std::string because{};
};

/// The process dies when a change with `path` has reached `host` and nothing is known of its
/// answer; another one takes the run up.
struct CrashPoint {
  range::Host host = range::Host::issuer;
  std::string path{};
  Duration restart_after{0};
};

/// Times to beat, from the intruder's first use.
struct DrillGoals {
  std::optional<Duration> plan{};     // what would be sent is on the table
  std::optional<Duration> decide{};   // somebody said yes
  std::optional<Duration> contain{};  // each plane
  std::optional<Duration> prove{};
};

/// How it must end, beside the result.
struct Truth {
  std::optional<bool> intruder_in{};
  std::optional<bool> memory_clean{};  // what was injected is gone from heads and history
  /// The worst verdict of all claims that kill this.
  std::vector<std::pair<Kill, Verdict>> claims{};
  std::optional<std::int64_t> excluded_without_owner{};
  std::optional<std::int64_t> open_reviews{};
  std::optional<std::int64_t> runs{};             // that alerts began
  std::optional<std::int64_t> alerts_repeated{};  // known ones that were let pass
  std::optional<std::int64_t> alerts_refused{};
  std::optional<RunResult> first_result{};  // before a watch reopened the run, or of the first run
  std::optional<std::int64_t> blind_repeats{};  // changes sent again before anybody looked
  std::optional<double> announced_within{};  // per cent of the real time to contain
};

/// One drill: a world with a leak in it, the playbook that answers it, and how it must end.
/// docs/drills.md describes the file.
struct Scenario {
  std::string id{};
  std::string title{};  // what the defenders do, in a few words
  std::string teaches{};
  std::string playbook{};  // id: `../ID.yaml` beside the scenario's folder, else a shipped one
  std::string file{};      // for messages
  std::string source{};
  std::string folder{};   // that the scenario's file lies in; empty for a shipped one
  std::string profile{};  // of the range; empty: everything as documented
  range::Population population{};
  Duration latency{0};
  std::vector<ScriptedFault> faults{};
  std::vector<ScriptedAct> acts{};
  std::vector<Inject> injects{};
  std::vector<std::string> questions{};   // for the review
  Duration respond_after{0};              // from the intruder's first use to the start of the run
  std::optional<Duration> approve_after;  // a simulated approver says yes; none: never
  std::optional<Duration> break_glass_after{};  // once the approval timed out: again, past it
  std::optional<AlertStorm> alerts{};
  std::optional<Exclusion> exclusion{};
  std::optional<CrashPoint> crash{};
  bool plan_first = false;  // the players look at a plan and its finish time before they start
  bool watch = false;       // for regrowth, after the result
  Duration lasts{0};        // the intruder is watched for at least this long
  DrillGoals goals{};
  RunResult ends = RunResult::contained;
  Truth truth{};
  /// Inputs of the playbook; they may read `leaked` (vault_id, credential_id, access_token,
  /// refresh_token, mcp_server_url, tenant_vault_ids, idle_vault_ids) and `fresh` (access_token,
  /// refresh_token of a grant that the defenders obtained anew), and with profile `poisoned`
  /// `injected` (session_id, agent_id, memory_store_id). With `alerts` they read `alert`, as
  /// a route's do.
  std::vector<std::pair<std::string, Template>> inputs{};
};

/// The scenarios that come with quell, as (file name, source); they are part of the program.
const std::vector<std::pair<std::string, std::string>>& shipped_scenarios();

/// Every mistake of one scenario file in one pass; with its playbook also what does not fit that.
std::vector<Diagnostic> check_scenario(std::string_view source, const Playbook* playbook);

/// True where `source` is a scenario rather than a playbook, by its first keys.
bool is_scenario(std::string_view source);

/// Parses one scenario file; an Error is its first mistake.
Result<Scenario> load_scenario(std::string_view source, std::string_view file);

/// The first mistake of `scenario` beside its playbook.
Status fits(const Scenario& scenario, const Playbook& playbook);

/// The scenario that `name` means: a path, or the id of a shipped one. An Error suggests the
/// nearest.
Result<Scenario> find_scenario(std::string_view name);

}  // namespace quell
