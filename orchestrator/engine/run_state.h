#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/action.h"
#include "connectors/connector.h"
#include "orchestrator/playbook/model.h"
#include "state/base/clock.h"
#include "state/base/value.h"
#include "state/model/entry.h"
#include "state/model/vocabulary.h"

namespace quell {

/// The connections that a run works with, by the name that playbooks use. Owned by whoever owns the
/// engine.
using ConnectorSet = std::map<std::string, std::shared_ptr<const Connector>, std::less<>>;

/// The action that `connection.action` names, or null.
const ActionSpec* find_action(const ConnectorSet& connectors, std::string_view connection,
                              std::string_view action) noexcept;

/// `value` with the kinds that `type` declares: what canonical JSON keeps as text becomes a
/// timestamp or a duration again.
Value coerce(const Type& type, const Value& value);

/// `value` with each secret replaced by `fp:` and its whole fingerprint: what may stand in a
/// journal entry.
Value without_secrets(const Value& value);

/// One line under `verify`, for one item: a series of looks until it is settled or its time is
/// over.
struct ProbeState {
  enum class Phase : std::uint8_t { idle, due, finished };
  Phase phase = Phase::idle;
  int looks = 0;
  bool skipped = false;     // its `when` was false, or the rehearsal sends none
  int in_a_row = 0;         // proved looks without another in between
  int errors_in_a_row = 0;  // looks that gave no answer; the action's own retry rule bounds them
  Timestamp started{};
  Timestamp due{};
  Judgement last{};
  Value params{};  // of the last look, secrets as fingerprints

  bool finished() const noexcept { return phase == Phase::finished; }
};

/// One unit of work of a `use` step: the step itself, or one item of its foreach.
struct ItemState {
  enum class Phase : std::uint8_t {
    idle,
    attempting,
    retry_wait,
    looking,
    look_wait,
    probing_unknown,
    verifying,
    held,
    finished
  };
  /// What lifting it came to.
  enum class Undo : std::uint8_t { none, wanted, running, done, failed };
  std::string key{};
  Value item{};
  Phase phase = Phase::idle;
  int attempt = 0;            // number of the last attempt, from 1
  int retries = 0;            // attempts since the item began or a person said retry
  bool request_left = false;  // a non-read request of the present attempt may have left
  bool in_doubt = false;      // an attempt ended without an answer and nothing has settled it yet
  Timestamp started{};
  Timestamp due{};
  std::optional<OutcomeKind> outcome{};
  std::optional<Error> error{};
  Value params{};
  Value outputs{};
  std::vector<Doubt> doubts{};
  std::vector<ProbeState> probes{};
  std::string skipped_by{};  // the person who skipped it
  bool paused = false;       // by a person: no attempt begins
  bool break_glass = false;  // a person with that right let its next attempt pass the protection
  Undo undo = Undo::none;

  bool finished() const noexcept { return phase == Phase::finished; }
};

/// How often people were asked for the same yes before, and the last no (threat T31).
struct AskedBefore {
  std::int64_t number = 1;  // of this request
  std::string denied_by{};  // empty: nobody did
  std::string denied_why{};
  std::string denied_run{};
};

struct ApprovalState {
  bool requested = false;
  int need = 1;
  std::string why{};  // of one that policy asks for, not the playbook
  std::string digest{};
  std::string voids{};  // the digest that was asked about before the plan changed
  Timestamp until{};
  std::vector<std::string> given_by{};
  std::size_t given_before = 0;  // of these, to an earlier question that was answered
};

/// Of a manual step.
struct ManualState {
  bool requested = false;
  std::string ask{};
  Timestamp until{};
  bool done = false;
};

struct StepState {
  enum class Phase : std::uint8_t { idle, running, finished };
  Phase phase = Phase::idle;
  std::optional<OutcomeKind> outcome{};
  std::optional<Verdict> verdict{};
  std::optional<Error> error{};
  Timestamp started{};
  Timestamp finished{};
  Timestamp due{};  // of a wait
  bool deadline_passed = false;
  bool failed_onward = false;      // failed, and the author said continue
  Value values{};                  // of a set or a manual
  std::vector<ItemState> items{};  // of a use: one without foreach
  std::map<std::string, std::size_t, std::less<>> item_index{};
  std::size_t next_item = 0;       // first that may not have begun
  std::set<std::size_t> active{};  // begun and not finished, or with looks still going on
  int failed_items = 0;
  bool paused = false;                  // by a person
  std::string skipped_by{};             // the person who skipped it
  std::vector<std::string> excluded{};  // keys beyond `max`
  ApprovalState approval{};
  ManualState manual{};
};

/// The names that the steps of one place see beside `run`: a called playbook's inputs and steps, or
/// what stands around a foreach and the item that it is at.
struct Frame {
  Value inputs{};  // with live SecretValues
  Value steps{};   // finished steps only
  std::map<std::string, Value, std::less<>> names{};
};

/// One time that a step goes through several steps. They are copies of the file's whose ids begin
/// with the frame: `each[vcrd_01]/stop`.
struct Expansion {
  std::string frame{};
  std::vector<Step> steps{};
  std::vector<Step> last{};      // the `finally` of a called playbook
  std::optional<Error> error{};  // why it cannot begin
};

/// One line of a top-level `verify`, of the run's playbook or of one that it calls.
struct Postcondition {
  const ProbeSpec* spec = nullptr;  // of a playbook that the run keeps alive
  std::string frame{};
  ProbeState probe{};
};

struct WatchState {
  bool started = false;
  bool finished = false;
  Timestamp looked{};  // when the last round began
  Timestamp due{};
  Timestamp until{};
};

/// People asked to lift what the run did; it begins when enough of them did.
struct UndoState {
  std::vector<std::string> asked_by{};
  std::int64_t need = 1;
  std::string reason{};  // of the last one
  Timestamp until{};     // then who asked before counts no more
};

struct RequestCounts {
  std::int64_t read = 0;
  std::int64_t probe = 0;
  std::int64_t mutate = 0;
  std::int64_t notify = 0;
};

/// Everything known of one run: a fold over its entries and nothing else. The engine thread owns
/// it.
struct RunState {
  RunId id{};
  std::shared_ptr<const Playbook> playbook{};
  RunMode mode = RunMode::live;
  bool send_probes = true;  // false: a dry run without --probe
  std::string who{};
  std::string reason{};                 // why it asks again for what was denied
  AskedBefore asked{};
  bool approved_in_advance = false;     // --yes while no user exists
  bool break_glass = false;             // somebody who may approved past separation and floors
  bool confirmed = false;               // whoever began it typed how much cannot be undone
  bool automatic = false;               // an alert began it, no person
  bool proposed = false;                // by an alert: nothing but reads before somebody says yes
  std::vector<std::string> scope{};     // what it may change at all; empty: as the playbook says
  std::string machine{};                // that last worked on it, by fingerprint
  std::string lock{};                   // what `settings.lock` comes to; empty: none
  bool changing = false;                // a request that changes something was about to leave
  std::int64_t irreversible_items = 0;  // targets of changes that cannot be undone, begun so far
  ApprovalState gate{};                 // that policy asks for
  Value pins{};
  Value inputs{};        // with live SecretValues
  std::string digest{};  // of the plan, once computed
  Timestamp started{};
  Timestamp timed_from{};  // what `run_timeout` counts from: of a proposal, the first yes
  Timestamp now{};         // of the last entry: what `run.now` means
  std::map<std::string, StepState, std::less<>> steps{};
  std::vector<Postcondition> verify{};
  std::map<std::string, std::shared_ptr<const std::vector<Expansion>>, std::less<>> expansions{};
  std::map<std::string, Frame, std::less<>> frames{};  // all but the playbook's own
  std::map<std::string, const Step*, std::less<>> step_index{};
  std::map<std::string, std::vector<const Step*>, std::less<>>
      judges{};  // by whose claim they judge
  std::map<std::string, Value, std::less<>>
      baselines{};  // "url token-fingerprint" -> last probe_token outputs
  RequestCounts requests{};
  bool saw_range = false;
  bool saw_loopback = false;
  bool saw_outside = false;
  bool paused = false;
  bool held = false;
  bool aborted = false;
  std::string aborted_by{};
  std::string abort_reason{};
  std::optional<RunResult> result{};
  Timestamp finished_at{};
  std::string head{};    // signed head at the end, SEQ:HASH
  std::string report{};  // folder of the bundle
  WatchState watch{};
  UndoState undo{};
  std::uint64_t last_seq = 0;
  Value steps_value{};  // `steps` as expressions see it: finished steps only

  bool finished() const noexcept { return result.has_value(); }
  bool is_watched() const noexcept { return watch.started && !watch.finished; }
  /// Nothing is done for it any more unless somebody asks.
  bool is_over() const noexcept { return finished() && !is_watched(); }
};

/// Has a person approved anything of what an alert proposes? True of every other run.
bool has_a_yes(const RunState& run);

/// When `run_timeout` ends the run; none while there is none, or while an alert's proposal waits
/// for its first yes.
std::optional<Timestamp> run_deadline(const RunState& run);

/// Makes `steps` of `frame` known to the run. Until one ends, others see it as not run: that is
/// what finally and a rescue see of a step that never began.
void add_steps(RunState& run, std::string_view frame, const std::vector<Step>& steps);

/// Makes the state of the run that `entry` (run_started) begins. `playbook` is loaded from the
/// entry's own source; `inputs` are the entry's inputs with secrets opened.
RunState begin_run(const Entry& entry, std::shared_ptr<const Playbook> playbook, Value inputs);

/// Folds one later entry of the same run in. Pure: the same entries give the same state.
void apply(RunState& run, const Entry& entry, const ConnectorSet& connectors);

/// The frame of that name; the playbook's own for an empty one.
Frame frame_named(const RunState& run, std::string_view name);
/// Names that an expression in `frame` sees; with those of an item when inside its foreach.
Scope scope_of(const RunState& run, std::string_view frame);
Scope scope_of_item(const RunState& run, const Step& step, const ItemState& item);

/// True where lifting what `item` of `step` did makes sense: it was this run that did it, the
/// playbook says how to undo it, and nobody has yet.
bool is_liftable(const RunState& run, std::string_view step, const ItemState& item) noexcept;

/// True while what the run did is being lifted.
bool is_undoing(const RunState& run);

/// The approval that the run waits for: of a step, else the one that policy asks for; or null.
const ApprovalState* pending_approval(const RunState& run) noexcept;
/// The step whose approval that is; empty for policy's.
std::string pending_approval_step(const RunState& run);

/// The step `id` anywhere in the playbook or in what the run made of it, or null.
const Step* find_step(const RunState& run, std::string_view id) noexcept;

AnswerOrigin origin_of_answers(const RunState& run) noexcept;

}  // namespace quell
