#pragma once

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
#include "orchestrator/engine/claims.h"
#include "orchestrator/engine/decisions.h"
#include "orchestrator/engine/fold.h"
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
  enum class Kind : std::uint8_t { approve, deny, pause, resume, abort, retry, skip, note, done };
  Kind kind = Kind::note;
  RunId run{};
  std::string who{};
  std::string digest{};  // approve: the plan that was looked at, at least 8 hex digits
  std::string target{};  // retry, skip: STEP or STEP/ITEM; done: STEP, or empty for the only one
  std::string reason{};  // deny, abort, skip, retry; the text of a note
  std::map<std::string, std::string> fields{};  // done: what the person tells, as typed
  std::vector<Attachment> attachments{};        // done
  /// Called on the engine thread with the outcome; durable when it says ok.
  std::function<void(Status)> done{};
};

/// What begins a run.
struct RunRequest {
  std::shared_ptr<const Playbook> playbook{};
  Value inputs{};  // typed; secrets as SecretValue
  RunMode mode = RunMode::live;
  bool send_probes = true;
  std::string who{};
  bool approved_in_advance = false;
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
  std::string who{};
  /// Called on the engine thread; durable when it gives a run.
  std::function<void(Result<RunId>)> done{};
};

/// Carries out `report.bundle`: writes the bundle of a run and gives its folder.
using BundleWriter =
    std::function<Result<std::string>(const RunState& run, const std::string& incident)>;

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
    /// Sees every entry after it is durable, with the run as it then stands; may be empty.
    std::function<void(const RunState&, const Entry&)> on_entry{};
    /// Sees every request as it leaves, for plans and verbose logs; may be empty. Secrets in it
    /// stay unrendered.
    std::function<void(const RunState&, const WorkId&, const HttpRequest&)> on_request{};
    bool drill = false;  // numbers runs as d1.. instead of r1..
  };

  explicit Engine(Parts parts);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Folds the whole journal in. Unfinished runs are known afterwards but not taken up. Error
  /// `corrupt` names the entry.
  Status load();

  /// Error topic "locked" when another unfinished run has begun to change the same thing, by the
  /// playbooks' own `settings.lock`.
  Status check_lock(const Playbook& playbook, const Value& inputs) const;

  /// Begins a run; durable on return.
  Result<RunId> start(const RunRequest& request);

  /// Takes up an unfinished run: settles what its last process left in doubt and goes on. Refuses
  /// where the pins differ now or a secret of the run can no longer be opened.
  Status take_up(RunId id, std::string_view who);

  /// Watches a finished run for regrowth, as its playbook says; a run without `watch:` is not
  /// watched.
  Status watch(RunId id);

  /// The run and its watch are over: its secrets are erased.
  Status close(RunId id);

  /// Enqueues a person's command; any thread.
  void submit(Command command);
  void submit(StartCommand command);

  /// One turn: waits for events until `until` at most, decides, appends, releases. An Error means
  /// the journal could not be written; nothing that depends on it was sent.
  Status turn(Timestamp until);

  /// After this nothing new is sent; answers in flight are settled by further turns. Any thread,
  /// and signal handlers.
  void stop_starting() noexcept { stopping_.store(true); }
  /// True while a request that changes something has no answer yet.
  bool has_changes_in_flight() const noexcept { return changes_in_flight_ > 0; }
  void wake() { parts_.transport.wake(); }

  const RunState* find(RunId id) const;
  /// True while a run that this engine drives has no result and is not held.
  bool has_work() const;
  /// Every run of the journal, oldest first.
  const std::map<RunId, RunState>& runs() const noexcept { return runs_; }
  /// One sentence per run of the journal that load() could not read with the present connections.
  const std::vector<std::string>& unreadable() const noexcept { return unreadable_; }

 private:
  struct Live;
  struct PendingSend {
    Ticket ticket = 0;
    HttpRequest request{};
  };

  void record(std::vector<Entry> entries);
  Status flush();
  Status decide_all();
  void decide_run(RunState& run, Status& status);
  void reconcile(RunState& run);
  void start_live(RunState& run, const WorkId& id, Intent intent, bool of_watch);
  void pump(std::shared_ptr<Live> live);
  void send(const std::shared_ptr<Live>& live, SendOp op);
  void keep(const std::shared_ptr<Live>& live, KeepOp op);
  void finish(const std::shared_ptr<Live>& live, const Result<Outcome>& outcome);
  void abandon(const std::shared_ptr<Live>& live);
  void release();
  void take(Completion completion);
  void carry_out_commands();
  Result<RunId> begin(const StartCommand& command);
  Result<std::vector<Entry>> entries_of(const Command& command) const;
  void run_report(RunState& run, const WorkId& id, const std::string& action);
  /// What is not proved dead, of `run` and of the others that began since then.
  Value residual_exposure(const RunState& run, const Value& since) const;
  void run_watch(RunState& run);
  std::vector<Entry> after_watch_look(RunState& run, const Live& live,
                                      const Result<Outcome>& outcome) const;
  Timestamp next_wake(Timestamp until) const;

  Parts parts_;
  std::map<RunId, RunState> runs_{};
  std::vector<std::string> unreadable_{};
  RunId last_{};
  std::set<RunId> active_{};
  std::map<std::pair<RunId, WorkId>, std::shared_ptr<Live>> live_{};
  std::unordered_map<Ticket, std::pair<std::shared_ptr<Live>, std::size_t>> tickets_{};
  std::multimap<Timestamp, std::shared_ptr<Live>> waits_{};
  std::vector<Completion> refused_{};          // by the guard; taken like answers
  std::vector<Entry> batch_{};                 // folded in, not yet durable
  std::vector<PendingSend> sends_{};           // leave when the batch is durable
  std::vector<std::shared_ptr<Live>> kept_{};  // sealed a secret; go on when the batch is durable
  std::vector<std::function<void()>> answers_{};  // to commands, when the batch is durable
  Ticket next_ticket_ = 1;
  std::size_t changes_in_flight_ = 0;
  std::mutex inbox_mutex_{};
  std::deque<Command> inbox_{};
  std::deque<StartCommand> starts_{};
  std::atomic<bool> stopping_{false};
};

}  // namespace quell
