#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "connectors/connector.h"
#include "connectors/http_transport.h"
#include "orchestrator/engine/asked.h"
#include "orchestrator/engine/claims.h"
#include "orchestrator/engine/decisions.h"
#include "orchestrator/engine/fold.h"
#include "orchestrator/engine/pace.h"
#include "orchestrator/engine/recent_use.h"
#include "orchestrator/engine/run_state.h"
#include "state/base/clock.h"
#include "state/journal.h"

namespace quell {

/// A file that a person attached as evidence; its copy lies beside the run's bundle.
struct Attachment {
  std::string name{};
  std::string sha256{};  // hex
  std::int64_t bytes = 0;
};

/// A person's word on a run, from any thread or process.
struct Command {
  enum class Kind : std::uint8_t {
    approve,
    deny,
    pause,
    resume,
    abort,
    retry,
    skip,
    note,
    done,
    undo
  };
  Kind kind = Kind::note;
  RunId run{};
  std::string who{};
  std::string from{};                 // through which door: `socket`, `panel 192.0.2.7`
  std::optional<Timestamp> vested{};  // since when `who` has roles and password; none: for ever
  std::string digest{};               // approve: the plan that was looked at, at least 8 hex digits
  std::string target{};      // STEP or STEP/ITEM; empty: the whole run, or for done the only step
  std::string reason{};      // the text of a note
  bool break_glass = false;  // approve, retry: past separation and protection, by a role that may
  std::map<std::string, std::string> fields{};  // done: what the person tells, as typed
  std::vector<Attachment> attachments{};        // done
  /// Called on the engine thread with the outcome; durable when it says ok.
  std::function<void(Status)> done{};
};

/// What changes the course of an incident is not done without saying why (threat T32). Error topic
/// "usage".
Status check_reason(std::string_view reason);

/// The word of a command, in the record and in URLs: `/api/v1/runs/r17x/approve`.
std::string_view to_string(Command::Kind kind) noexcept;
std::optional<Command::Kind> command_kind_from_string(std::string_view text) noexcept;

/// What begins a run.
struct RunRequest {
  std::shared_ptr<const Playbook> playbook{};
  Value inputs{};  // typed; secrets as SecretValue
  RunMode mode = RunMode::live;
  bool send_probes = true;
  std::string who{};
  std::string from{};         // as Command::from
  std::string request_key{};  // of whoever asks for it once and may ask twice; empty: none
  bool approved_in_advance = false;
  bool confirmed = false;  // who began it typed how much of the plan cannot be undone
  std::string reason{};    // why it asks again for what somebody denied
  bool automatic = false;  // an alert begins it, no person
  bool proposed = false;   // an alert's: it waits for a person before anything but reads
  std::string alert{};     // the alert's id
  /// Ids and URLs that it may change at all, `*` and `?` wild; empty: as the playbook says.
  std::vector<std::string> scope{};
};

/// Whether a person switched changes off, as a file that is read before every one of them.
struct KillSwitch {
  bool automation = false;  // nothing that an alert began changes anything
  bool people = false;      // nor does any other run
  std::string who{};  // did it, or armed it again
  std::string from{};  // as Command::from
  std::string reason{};
  bool operator==(const KillSwitch&) const = default;
};

/// A run that another process of the same user asks the owner to begin. Inputs are texts as typed;
/// the playbook travels as source, so that the owner checks it with its own connections.
struct StartCommand {
  std::string playbook_source{};
  std::string playbook_id{};
  std::map<std::string, std::string> called{};  // sources of the playbooks it calls, by id
  std::map<std::string, std::string> texts{};
  std::map<std::string, SecretPtr> secrets{};
  bool dry_run = false;
  bool send_probes = true;
  bool approved_in_advance = false;
  bool join = false;       // gives the run that holds the lock instead of refusing
  bool confirmed = false;  // as RunRequest::confirmed
  std::string reason{};    // as RunRequest::reason
  std::string who{};
  std::string from{};
  std::string request_key{};
  /// Called on the engine thread; durable when it gives a run.
  std::function<void(Result<RunId>)> done{};
};

/// Work that parts beside the engine have done on its thread. What `work` notes and begins is
/// durable when `done` is called with its answer.
struct Errand {
  std::function<Status()> work{};
  std::function<void(Status)> done{};
};

/// Carries out `report.bundle`: writes the bundle of a run and gives its folder.
using BundleWriter =
    std::function<Result<std::string>(const RunState& run, const std::string& incident)>;

/// Puts what a step found into the run's evidence, as `FileOp` says; `step` is STEP or STEP/ITEM.
using EvidenceKeeper =
    std::function<Result<EvidenceFile>(RunId run, const std::string& step, FileOp op)>;

/// One thread owns it and every run in it: drain events, decide, append, release the effects. That
/// loop is the group commit: all that one turn decides shares one append, and nothing leaves before
/// the append is durable.
class Engine {
 public:
  struct Parts {
    const Clock& clock;
    HttpTransport& transport;
    Journal& journal;
    SecretStore& secrets;
    const ConnectorSet& connectors;
    PlaybookLoader load_playbook{};
    BundleWriter write_bundle{};
    /// Empty: actions that collect evidence find no room for it.
    EvidenceKeeper keep_evidence{};
    /// Sees every entry after it is durable, with the run as it then stands; may be empty.
    std::function<void(const RunState&, const Entry&)> on_entry{};
    /// Sees every request as it leaves, for plans and verbose logs; may be empty. Secrets in it
    /// stay unrendered.
    std::function<void(const RunState&, const WorkId&, const HttpRequest&)> on_request{};
    const Policy* policy = nullptr;                             // null: the defaults
    std::map<std::string, OriginLimits, std::less<>> limits{};  // by origin
    /// Asked before every change; may be empty.
    std::function<KillSwitch()> kill_switch{};
    /// Whether this process still owns the state, asked before requests leave (threat T50); may be
    /// empty.
    std::function<bool()> still_owner{};
    /// Sentences for the operator that belong to no run; may be empty.
    std::function<void(const std::string&)> tell{};
    /// This machine, by a keyed fingerprint: what a copied state must not act under; may be empty.
    std::string machine{};
    bool drill = false;  // numbers runs as d1.. instead of r1..
  };

  explicit Engine(Parts parts);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Folds the runs in that are not over; they are known afterwards but not taken up. Error
  /// `corrupt` names the entry.
  Status load();

  /// Makes the run `id` of the journal known, over or not. Error topic "run" when there is none of
  /// that name.
  Status recall(RunId id);

  /// The unfinished run that has begun to change the same thing, by the playbooks' own
  /// `settings.lock`, or that waits for a yes to do so; none where nobody does.
  std::optional<RunId> lock_holder(const Playbook& playbook, const Value& inputs) const;
  /// An unfinished run of the same playbook that locks the same thing, or where it locks nothing
  /// has the same inputs; whether or not it has begun to change something.
  std::optional<RunId> find_like(const Playbook& playbook, const Value& inputs) const;
  /// Does `holder` make room when a person's run begins to change what both lock? What an alert
  /// began does (threat T20).
  bool gives_way(RunId holder) const;
  /// The Error (topic "locked") that names `holder` and the way on.
  Error locked_by(RunId holder) const;

  /// Begins a run; durable on return.
  Result<RunId> start(const RunRequest& request);
  /// Begins a run; durable with the turn. Engine thread.
  Result<RunId> enroll(const RunRequest& request);
  /// Records what belongs to no run; durable with the turn. Engine thread.
  void note(EntryKind kind, ValueMap body);

  /// Takes up a run that is not over: settles what its last process left in doubt and goes on, or
  /// goes on watching. Refuses where the pins differ now or a secret of the run can no longer be
  /// opened; and, unless a person `accepts` it, where the state was last used on another machine or
  /// the clock stands before the last entry.
  Status take_up(RunId id, std::string_view who, bool accepts = false);

  /// Watches a finished run for regrowth, as its playbook says; a run without `watch:` is not
  /// watched, nor is a rehearsal.
  Status watch(RunId id);
  /// The next look of a watched run is due as soon as its request budget allows, since the alert of
  /// that id says that something moved; durable with the turn. Engine thread.
  void look_now(RunId id, const std::string& alert);
  /// A person ends the watch before its time.
  Status end_watch(RunId id, std::string_view who);

  /// Lifts what can be lifted of a finished run, the last thing first, once as many people asked for
  /// it as the run itself needed approvals. Refused while the run is exposed: what is lifted then
  /// would help the intruder.
  Status undo(const Command& command);
  /// True while an undo of `id` goes on.
  bool is_undoing(RunId id) const;

  /// The run and its watch are over: its secrets are erased.
  Status close(RunId id);
  /// A run that is over needs no room here; recall() makes it known again. False while something of
  /// it is still under way.
  bool forget(RunId id);

  /// Enqueues a person's command; any thread.
  void submit(Command command);
  void submit(StartCommand command);
  void submit(Errand errand);

  /// One turn: waits for events until `until` at most, decides, appends, releases. An Error means
  /// the journal could not be written; nothing that depends on it was sent.
  Status turn(Timestamp until);

  /// After this nothing new is sent; answers in flight are settled by further turns. Any thread,
  /// and signal handlers.
  void stop_starting() noexcept { stopping_.store(true); }
  /// True while an action that has sent a change is not settled.
  bool has_changes_in_flight() const noexcept { return unsettled_ > 0; }
  /// For a process that ends: writes down as unknown what is not settled yet, makes durable what is
  /// not, and answers whoever waits for that.
  Status wind_up();
  /// Why `run` begins no change although nobody paused it: the kill switch or a lock; else empty.
  std::string obstacle(const RunState& run) const;
  void wake() { parts_.transport.wake(); }

  /// What it demands now. Engine thread.
  const Policy& policy() const noexcept { return policy_; }
  const RunState* find(RunId id) const;
  /// True while a run that this engine drives has no result and is not held.
  bool has_work() const;
  /// The runs that were not over at load(), and those begun or recalled since; oldest first.
  const std::map<RunId, RunState>& runs() const noexcept { return runs_; }
  /// The last run of the journal, known or not.
  RunId last() const noexcept { return last_; }
  /// The runs that load() could not read with the present connections, with a sentence for each.
  const std::map<RunId, std::string>& unreadable() const noexcept { return unreadable_; }

 private:
  struct Live;
  /// A request on its way out: it leaves when its turn comes and nothing forbids it any more.
  struct Outgoing {
    Ticket ticket = 0;
    std::shared_ptr<Live> live{};
    HttpRequest request{};
    Timestamp give_up{};  // its origin asks to wait longer than its step may
  };
  /// A request that waits, has left, or waits for the answer to the same question.
  struct Exchange {
    std::shared_ptr<Live> live{};
    std::size_t index = 0;
    Effect effect = Effect::read;
    Trust trust = Trust::configured;
    std::string origin{};             // once it has left
    std::string question{};           // of a read that others may share; else empty
    std::vector<Ticket> followers{};  // that get the same answer
    std::optional<Outgoing> again{};  // a read that is asked again where it comes too early
    int refusals = 0;                 // "not now" (429, or 503 with Retry-After) so far
  };
  struct PendingSend {
    Ticket ticket = 0;
    HttpRequest request{};
  };

  void record(std::vector<Entry> entries);
  Status flush();
  /// How long a turn may wait for answers: not at all where something is not decided yet.
  Timestamp wait_until(Timestamp until);
  /// Not while more may share the commit and nothing of the batch is urgent.
  bool commit_is_due() const;
  void resume_waits();
  void answer_commands();
  Status decide_all();
  void decide_run(RunState& run, Status& status);
  void reconcile(RunState& run);
  void start_live(RunState& run, const WorkId& id, Intent intent, bool of_watch);
  void pump(std::shared_ptr<Live> live);
  void send(const std::shared_ptr<Live>& live, SendOp op);
  /// Lets the requests leave that may: the most urgent first, at the pace that each origin allows.
  Status dispatch();
  bool depart(Outgoing& outgoing, Timestamp now);
  bool joins_another(Outgoing& outgoing);
  void refuse(Outgoing& outgoing, Error why);
  /// The action goes no further now; its attempt is made again later.
  void put_off(const std::shared_ptr<Live>& live, std::string why);
  /// The action goes no further, and what it sent may or may not have been applied.
  void leave_unknown(const std::shared_ptr<Live>& live, std::string_view why);
  /// Why policy or the run's own scope keeps `outgoing` from its target; nothing when they do not.
  std::optional<Error> refusal_of(const Outgoing& outgoing) const;
  bool is_irreversible(const Live& live) const;
  Circumstances circumstances_of(const RunState& run);
  void watch_kill_switch();
  /// Somebody set the machine's clock: it is told and written down, and what alerts began pauses.
  void watch_clock();
  bool is_disarmed(const RunState& run) const;
  bool is_locked(const RunState& run) const;
  /// Another run that this one does not outrank waits for a yes over the same thing.
  bool is_asked_elsewhere(const RunState& run) const;
  void take_lock(const RunState& run);
  void keep(const std::shared_ptr<Live>& live, KeepOp op);
  Result<EvidenceFile> file_evidence(const Live& live, FileOp op);
  void finish(const std::shared_ptr<Live>& live, const Result<Outcome>& outcome);
  void abandon(const std::shared_ptr<Live>& live);
  void release();
  /// Those that change nothing need not wait for the commit.
  void release_reads();
  void begin_exchange(PendingSend pending);
  void take(Completion completion);
  /// A read that came too early waits for its turn again. False where that is no use.
  bool asks_again(Exchange& exchange, const HttpResponse& answer);
  void deliver(const Exchange& exchange, Result<HttpResponse> answer);
  void carry_out_commands();
  /// Somebody may have said something since; a poll that did not wait has swallowed the wake().
  bool has_commands();
  Result<RunId> begin(const StartCommand& command);
  Result<Entry> entry_of(const Command& command);
  void note_refusal(const Command& command, const Error& why);
  void run_report(RunState& run, const WorkId& id, const std::string& action);
  /// What is not proved dead, of `run` and of the others that began since then.
  Result<Value> residual_exposure(const RunState& run, const Value& since);
  void run_watch(RunState& run);
  void run_undo(RunState& run);
  std::vector<Entry> after_watch_look(RunState& run, const Live& live,
                                      const Result<Outcome>& outcome) const;
  Timestamp next_wake(Timestamp until) const;

  /// Containment, the looks that prove it, and everything else.
  static constexpr std::size_t kRanks = 3;

  Parts parts_;
  Policy default_policy_{};
  const Policy& policy_;
  std::map<RunId, RunState> runs_{};
  std::map<RunId, std::string> unreadable_{};
  RunId last_{};
  std::set<RunId> active_{};
  std::map<std::pair<RunId, WorkId>, std::shared_ptr<Live>> live_{};
  std::unordered_map<Ticket, Exchange> exchanges_{};
  std::unordered_map<std::string, Ticket> questions_{};  // that leave with this turn
  std::array<std::deque<Outgoing>, kRanks> outgoing_{};  // most urgent first
  Pacer pacer_;
  RecentUse recent_use_{};
  Asked asked_{};
  Duration jumped_{0};      // of the machine's clock, as far as it has been told
  Timestamp decided_at_{};  // what was due then has begun, or waits for somebody
  std::optional<Timestamp> next_departure_{};
  std::map<std::string, RunId, std::less<>> holders_{};  // by what they lock
  KillSwitch kill_switch_{};
  std::multimap<Timestamp, std::shared_ptr<Live>> waits_{};
  std::vector<Completion> arrived_{};  // to be taken next: what the guard refused, early answers
  std::uint64_t recorded_ = 0;         // entries, since the beginning
  bool is_undecided_ = true;           // something was recorded since the last decisions
  bool has_freed_lock_ = false;        // for runs that these decisions have passed already
  std::vector<Entry> batch_{};         // folded in, not yet durable
  Timestamp batch_began_{};            // with its first entry
  std::size_t in_flight_ = 0;          // requests that have left and are not answered
  std::vector<PendingSend> sends_{};   // leave when the batch is durable
  std::vector<std::shared_ptr<Live>> kept_{};  // sealed a secret; go on when the batch is durable
  std::vector<std::function<void()>> answers_{};  // to commands, when the batch is durable
  Ticket next_ticket_ = 1;
  std::size_t unsettled_ = 0;
  std::mutex inbox_mutex_{};
  std::deque<Command> inbox_{};
  std::deque<StartCommand> starts_{};
  std::deque<Errand> errands_{};
  std::atomic<bool> stopping_{false};
};

}  // namespace quell
