#pragma once

#include <string>
#include <vector>

#include "connectors/connector.h"
#include "orchestrator/engine/policy.h"
#include "orchestrator/engine/run_state.h"
#include "state/model/entry.h"

namespace quell {

// Pure decisions: state and event give entries. The engine appends them, folds them in with
// apply(), and starts whatever the new state wants started. docs/design.md lists the rows.

inline constexpr int kUndo = -2;

/// Which look or attempt of a run something belongs to.
struct WorkId {
  std::string step{};  // empty: a top-level verify
  std::string item{};
  int probe = -1;  // index of the look; -1: the step's own action; kUndo: its undo

  auto operator<=>(const WorkId&) const = default;
};

/// What an action did on the wire, for its entry.
struct Traffic {
  RequestCounts requests{};
  bool from_range = false;
  bool from_loopback = false;
  bool from_outside = false;
};

/// What a decision needs to know beside the run itself.
struct Circumstances {
  Timestamp now{};
  const Policy& policy;
  bool disarmed = false;  // the kill switch is on for this run: no change begins
  bool locked = false;    // another run has begun to change what this one locks
  bool asked_elsewhere = false;  // another run waits for a yes over what this one locks
  // Of the last hour, where policy caps it:
  int automatic_runs = 0;              // that began before this one
  std::int64_t targets_elsewhere = 0;  // of changes that cannot be undone, by runs of the same sort
};

/// Everything that follows now without an outside event: steps that may start, waits that are over,
/// the result. Empty when the run waits for something. Call again after applying what it gave.
std::vector<Entry> decide(const RunState& run, const ConnectorSet& connectors,
                          const Circumstances& around);

/// How grave the change is that `step` makes.
Gravity gravity_of(const RunState& run, const Step& step, const ActionSpec& spec,
                   const Policy& policy);

/// The pattern of the protected list that shields the target of an action with these parameters for
/// `item`: its names, or what the run has read about it. Null when nothing does.
const std::string* shield_of_target(const Policy& policy, const ItemState& item,
                                    const Value& params);

/// What the claims of a run come to as they stand; the first that holds of exposed, aborted,
/// failed, incomplete, contained.
RunResult result_of(const RunState& run, const ConnectorSet& connectors, bool steps_failed);

/// What a finished attempt leads to.
std::vector<Entry> after_attempt(const RunState& run, const ConnectorSet& connectors,
                                 const WorkId& id, const Result<Outcome>& outcome,
                                 const Traffic& traffic, Timestamp now);

/// What a finished undo leads to.
std::vector<Entry> after_undo(const RunState& run, const WorkId& id, const Result<Outcome>& outcome,
                              const Traffic& traffic, Timestamp now);

/// That an attempt has sent something and its end was never seen.
Entry unknown_entry(const RunState& run, const WorkId& id, const ActionSpec& spec,
                    std::string_view why, Timestamp now);

/// How often and how soon `step` repeats an action: what it says itself, else the action's table.
RetrySpec retry_of(const Step& step, const ActionSpec& spec);

/// The wait after that many failures in a row.
Duration backoff_after(const RetrySpec& retry, int failures);

/// The wait of the attempt `id` of `run`: as above, and with jitter a part of it that depends on
/// both alone, so that the same journal gives the same waits.
Duration wait_before_retry(const RetrySpec& retry, RunId run, const WorkId& id, int failures);

/// What a finished look leads to. `params` are the look's own, without secrets.
std::vector<Entry> after_probe(const RunState& run, const ConnectorSet& connectors,
                               const WorkId& id, const Result<Outcome>& outcome,
                               const Value& params, const Traffic& traffic, Timestamp now);

/// What a new process does first with a run that another one left unfinished: attempts whose
/// request may have left become unknown, the others are due again.
std::vector<Entry> recover(const RunState& run, const ConnectorSet& connectors,
                           std::string_view who, Timestamp now);

/// The next instant after `decided`, when decide() was last asked, at which it may give something
/// although nothing happened; none while everything waits for answers or people. What was due
/// before that has begun, or waits for an answer or a person.
std::optional<Timestamp> next_due(const RunState& run, Timestamp decided);

/// The probes of an item that should be looking at `now`, and those of the top-level verify.
std::vector<WorkId> looks_due(const RunState& run, const ConnectorSet& connectors, Timestamp now);

/// A probe that changes something (a refresh test may mint): it never settles an unknown outcome.
bool may_mint(const ProbeSpec& probe, const ConnectorSet& connectors);

/// The attempts that the state wants on the wire.
std::vector<WorkId> attempts_wanted(const RunState& run);

/// The parameters of a step's action or of a probe, secrets inside; null members of optional
/// parameters are left out.
Result<Value> params_of(const RunState& run, const ConnectorSet& connectors, const WorkId& id);

/// SHA-256 (hex) of the canonical JSON of what an approval covers: playbook, inputs with secrets as
/// fingerprints, pins, and per step the parameters as far as inputs and finished reads resolve
/// them; of a foreach the items expression and its maximum.
std::string plan_digest(const RunState& run, const ConnectorSet& connectors);

/// The entry of `kind` for `run`.
Entry make_entry(EntryKind kind, RunId run, Timestamp at, ValueMap body);

}  // namespace quell
