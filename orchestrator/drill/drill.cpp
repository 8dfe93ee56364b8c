#include "orchestrator/drill/drill.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "orchestrator/drill/alert_gate.h"
#include "orchestrator/drill/drill_site.h"
#include "orchestrator/drill/score.h"
#include "orchestrator/drill/script.h"
#include "orchestrator/owner.h"
#include "orchestrator/playbook/inputs.h"
#include "orchestrator/range/in_process_transport.h"
#include "orchestrator/rehearsal.h"
#include "orchestrator/report/run_document.h"
#include "state/base/json.h"

namespace quell {
namespace {

constexpr Duration kTurnMax{1'000};
/// A drill that has not ended by then never will.
constexpr Duration kDrillMax{std::chrono::hours(12)};
/// A process that dies between a request and its answer needs some time between the two.
constexpr Duration kCrashLatencyMin{20};
/// Where the platform would post its webhooks; they are taken out of the world by hand.
constexpr std::string_view kHookUrl = "http://127.0.0.1:8475/hooks/platform";

/// One drill while it goes on. Whatever is to happen at a time stands in one agenda.
class Drill {
 public:
  Drill(const Scenario& scenario, const DrillOptions& options, Random& random,
        const DrillEvents& events)
      : scenario_(scenario),
        options_(options),
        random_(random),
        events_(events),
        // At a whole minute, for schedules know no less: the second of the real one changes nothing.
        begun_(std::chrono::floor<std::chrono::minutes>(SystemClock().now())),
        scaled_(options.speed > 0 ? options.speed : 1, begun_),
        jumping_(begun_),
        clock_(options.speed > 0 ? static_cast<const Clock&>(scaled_) : jumping_),
        world_options_(world_options(scenario, options.seed, begun_)),
        policy_(drill_policy(scenario)) {
    // People are not clocks: the seed makes them up to a fifth faster or slower.
    SeededRandom chance(options.seed);
    pace_ = 0.8 + 0.4 * static_cast<double>(chance.below(1'001)) / 1'000.0;
  }

  Result<DrillOutcome> play() {
    if (Status opened = open(); !opened) return opened.error();
    schedule();
    const Timestamp lasts_until = begun_ + scenario_.lasts;
    const Timestamp never = begun_ + kDrillMax;
    while (!is_stopped() && clock_.now() < never && !is_over(lasts_until)) {
      if (Status done = do_what_is_due(); !done) return done.error();
      Timestamp until = std::min(clock_.now() + kTurnMax, agenda_.empty() ? never : next_due());
      if (clock_.now() < lasts_until) until = std::min(until, lasts_until);
      if (Status turned = turn(until); !turned) return turned.error();
      tell_intruder();
    }
    return finish();
  }

 private:
  using Deed = std::function<Status()>;

  Status open();
  Status open_owner();
  void connect();
  void schedule();
  Status turn(Timestamp until);
  Status start_run();
  Status look_at_plan();
  Status take_up_again();
  void see(const RunState& run, const Entry& entry);
  void happened(std::string_view moment, Timestamp at);
  void plan_people(const RunState& run, const Entry& entry);
  Status collect_webhooks();
  Result<DrillOutcome> finish();

  void at(Timestamp due, Deed deed) { agenda_.emplace(due, std::move(deed)); }
  Timestamp next_due() const { return agenda_.begin()->first; }
  Status do_what_is_due() {
    while (!agenda_.empty() && next_due() <= clock_.now()) {
      const Deed deed = std::move(agenda_.extract(agenda_.begin()).mapped());
      if (Status done = deed(); !done) return done;
    }
    return ok();
  }
  /// `wish` at this drill's pace.
  Duration paced(Duration wish) const {
    return Duration(std::llround(static_cast<double>(wish.count()) * pace_));
  }
  const RunState* run() const { return run_ && owner_ ? owner_->engine().find(*run_) : nullptr; }
  bool is_over(Timestamp lasts_until) const {
    const RunState* const state = run();
    if (state == nullptr || crashed_) return false;
    return state->held || (state->finished() && !starts_again_ && clock_.now() >= lasts_until);
  }
  bool is_stopped() const { return events_.stopped && events_.stopped(); }
  void note(const std::string& text) {
    if (events_.note) events_.note(text, clock_.now(), begun_);
  }
  /// Tells what the intruder did since the last time.
  void tell_intruder() {
    const std::vector<range::LogLine>& log = world_->intruder_log();
    for (; told_ < log.size(); ++told_) {
      if (events_.intruder) events_.intruder(log[told_], begun_);
    }
  }
  void submit(Command command) {
    if (owner_) owner_->engine().submit(std::move(command));
  }

  const Scenario& scenario_;
  const DrillOptions& options_;
  Random& random_;
  const DrillEvents& events_;
  Timestamp begun_;
  // The one clock of a drill: scaled for people, jumping from event to event where nobody watches.
  ScaledClock scaled_;
  ManualClock jumping_;
  const Clock& clock_;
  range::WorldOptions world_options_;
  Policy policy_;
  double pace_ = 1;
  std::unique_ptr<range::World> world_{};
  std::optional<ScoreKeeper> score_{};
  std::unique_ptr<range::InProcessTransport> transport_{};
  std::unique_ptr<Owner> owner_{};
  std::unique_ptr<AlertGate> gate_{};  // goes before the owner
  std::shared_ptr<const Playbook> playbook_{};
  std::multimap<Timestamp, Deed> agenda_{};
  std::size_t told_ = 0;
  std::optional<RunId> run_{};
  bool hooked_ = false;        // the alert of the scenario came in
  bool dies_now_ = false;      // the request that the process does not survive has arrived
  bool crashed_ = false;       // no process is there
  bool starts_again_ = false;  // the approval timed out, somebody will break the glass
  bool past_waiting_ = false;  // whoever is asked now breaks the glass
  bool watched_ = false;
};

Status Drill::open() {
  Result<std::unique_ptr<range::World>> world = range::World::create(world_options_);
  if (!world) return world.error();
  world_ = *std::move(world);
  score_.emplace(scenario_, *world_, begun_);
  connect();
  if (Status opened = open_owner(); !opened) return opened;
  const Result<PlaybookFile> file = playbook_of(scenario_);
  if (!file) return file.error();
  const Result<std::shared_ptr<const Playbook>> playbook =
      load_checked(*file, owner_->connectors(), others_beside(*file, Config{}));
  if (!playbook) return playbook.error();
  playbook_ = *playbook;
  return fits(scenario_, *playbook_);
}

void Drill::connect() {
  range::InProcessOptions options{.latency = scenario_.latency};
  if (scenario_.crash && !run_) {
    options.latency = std::max(options.latency, kCrashLatencyMin);
    options.loses_answer = [this](const range::Request& request, Timestamp) {
      if (request.host == scenario_.crash->host && request.method != "GET" && !dies_now_ &&
          request.target.find(scenario_.crash->path) != std::string::npos) {
        dies_now_ = true;
        transport_->wake();
      }
      return false;
    };
  }
  transport_ = options_.speed > 0
                   ? std::make_unique<range::InProcessTransport>(*world_, world_options_, scaled_,
                                                                 std::move(options))
                   : std::make_unique<range::InProcessTransport>(*world_, world_options_, jumping_,
                                                                 std::move(options));
}

Status Drill::open_owner() {
  Result<std::unique_ptr<Owner>> opened = Owner::open(
      {.database = options_.database,
       .keys = options_.keys,
       .clock = clock_,
       .random = random_,
       .transport = *transport_,
       .make_connectors =
           [this](const std::function<std::string(const Secret&)>& fingerprint) {
             return drill_connectors(*world_, random_, fingerprint);
           },
       .on_entry =
           [this](const RunState& run, const Entry& entry) {
             if (owner_) see(run, entry);
           },
       .policy = &policy_,
       .limits = drill_limits(scenario_),
       .drill = true,
       .sibling_database = options_.incidents_database});
  if (!opened) return opened.error();
  owner_ = *std::move(opened);
  return ok();
}

/// What happens by the clock, whatever anybody does.
void Drill::schedule() {
  happened("", begun_);
  if (!scenario_.alerts) {
    at(begun_ + paced(scenario_.respond_after),
       [this] { return scenario_.plan_first ? look_at_plan() : start_run(); });
    return;
  }
  const Value wish = Value::map(
      {{"url", kHookUrl}, {"events", Value::list({Value(scenario_.alerts->event)})}});
  world_->handle({.host = range::Host::control,
                  .method = "POST",
                  .target = "/webhooks",
                  .body = to_json(wish)},
                 begun_);
  gate_ = std::make_unique<AlertGate>(AlertGate::Parts{.owner = *owner_,
                                                       .clock = clock_,
                                                       .playbook = playbook_,
                                                       .inputs = scenario_.inputs,
                                                       .secret = world_->keys().webhook_secret});
}

/// Puts what the scenario says of this moment on the agenda.
void Drill::happened(std::string_view moment, Timestamp when) {
  for (const ScriptedDeed& deed : deeds_after(scenario_, moment, when)) {
    at(deed.due, [this, deed] {
      const Inject* const inject = carry_out(*world_, deed, clock_.now());
      if (inject == nullptr) return ok();
      score_->see(*inject, clock_.now());
      if (events_.inject) events_.inject(*inject, clock_.now(), begun_);
      return ok();
    });
  }
}

Status Drill::turn(Timestamp until) {
  if (crashed_) {
    // Nobody is there; the world goes on.
    transport_->poll(until);
    return ok();
  }
  if (gate_) {
    if (Status collected = collect_webhooks(); !collected) return collected;
    if (const auto delivery = world_->next_delivery()) until = std::min(until, *delivery);
  }
  if (Status turned = owner_->engine().turn(until); !turned) return turned;
  if (gate_) gate_->turn_is_durable();
  if (dies_now_) {
    crashed_ = true;
    dies_now_ = false;
    owner_.reset();
    connect();
    score_->died(clock_.now());
    note("the process dies: the change was sent, its answer is not recorded");
    at(clock_.now() + scenario_.crash->restart_after, [this] { return take_up_again(); });
    return ok();
  }
  const RunState* const state = run();
  if (scenario_.watch && !watched_ && state != nullptr && state->finished()) {
    watched_ = true;
    return owner_->engine().watch(*run_);
  }
  return ok();
}

Status Drill::start_run() {
  const Result<Value> inputs =
      scenario_inputs(scenario_, *playbook_, *world_, clock_.now(), owner_->secrets());
  if (!inputs) return inputs.error();
  const Result<RunId> run = owner_->engine().start({.playbook = playbook_,
                                                    .inputs = *inputs,
                                                    .mode = RunMode::drill,
                                                    .who = std::string(kDrillResponder)});
  if (!run) return run.error();
  run_ = *run;
  starts_again_ = false;
  if (scenario_.exclusion) {
    for (const std::string& vault : world_->leaked().idle_vault_ids)
      score_->leave_out(vault, *scenario_.exclusion, clock_.now());
  }
  return ok();
}

/// The players ask for a plan before they start, as people do who have read the runbook.
Status Drill::look_at_plan() {
  const Result<Value> inputs =
      scenario_inputs(scenario_, *playbook_, *world_, clock_.now(), owner_->secrets());
  if (!inputs) return inputs.error();
  const RehearsalParts parts{.clock = clock_,
                             .transport = *transport_,
                             .connectors = owner_->connectors(),
                             .limits = drill_limits(scenario_),
                             .who = std::string(kDrillResponder),
                             .should_stop = [this] { return is_stopped(); }};
  const Result<Rehearsal> rehearsal = rehearse(parts, playbook_, *inputs);
  if (!rehearsal) return is_stopped() ? ok() : Status(rehearsal.error());
  if (const auto failed = failure_of(*rehearsal)) return *failed;
  score_->announce(rehearsal->plan.contain, clock_.now());
  note("the plan says " + format_duration(rehearsal->plan.contain) + " to contain, bounded by " +
       rehearsal->plan.limit);
  return start_run();
}

Status Drill::take_up_again() {
  if (Status opened = open_owner(); !opened) return opened;
  crashed_ = false;
  score_->restarted(clock_.now());
  note("another process takes the run up");
  return owner_->engine().take_up(*run_, kDrillResponder);
}

void Drill::see(const RunState& run, const Entry& entry) {
  tell_intruder();
  score_->see(run, entry, owner_->connectors());
  if (events_.entry) events_.entry(run, entry, owner_->connectors(), begun_);
  plan_people(run, entry);
  if (const auto moment = moment_of(entry)) happened(*moment, entry.at);
}

/// The drill's people approve, do what a run asks them to, and make the mistakes that the scenario
/// gives them.
void Drill::plan_people(const RunState& run, const Entry& entry) {
  const RunId id = run.id;
  if (entry.kind == EntryKind::approval_requested && scenario_.approve_after) {
    at(entry.at + paced(*scenario_.approve_after), [this, id] {
      const RunState* const state = owner_ ? owner_->engine().find(id) : nullptr;
      const ApprovalState* const asked = state == nullptr ? nullptr : pending_approval(*state);
      if (asked != nullptr)
        submit({.kind = Command::Kind::approve,
                .run = id,
                .who = std::string(kDrillApprover),
                .digest = asked->digest});
      return ok();
    });
  }
  if (entry.kind == EntryKind::approval_timed_out && scenario_.break_glass_after) {
    starts_again_ = true;
    at(entry.at + paced(*scenario_.break_glass_after), [this] {
      past_waiting_ = true;
      return start_run();
    });
  }
  if (entry.kind == EntryKind::approval_requested && past_waiting_) {
    submit({.kind = Command::Kind::approve,
            .run = id,
            .who = std::string(kDrillAdmin),
            .digest = entry.body["digest"].string_or(""),
            .reason = "nobody answers the pager and the token is in use",
            .break_glass = true});
  }
  if (entry.kind == EntryKind::manual_requested) {
    const std::string step = entry.body["step"].string_or("");
    std::map<std::string, std::string> fields;
    for (const InputSpec& field : std::get<ManualStep>(find_step(run, step)->kind).fields) {
      if (!field.fallback && field.required) fields[field.name] = example_text(field);
    }
    at(entry.at + paced(scenario_.approve_after.value_or(Duration{0})),
       [this, id, step, fields] {
         submit({.kind = Command::Kind::done,
                 .run = id,
                 .who = std::string(kDrillApprover),
                 .target = step,
                 .fields = fields});
         return ok();
       });
  }
}

/// The platform's webhook arrives, as often as the scenario says.
Status Drill::collect_webhooks() {
  for (const range::Delivery& delivery : world_->take_deliveries(clock_.now())) {
    world_->delivered(delivery.number, 200, clock_.now());
    if (std::exchange(hooked_, true)) continue;
    const AlertStorm& storm = *scenario_.alerts;
    const std::int64_t all = storm.copies + storm.forged;
    for (std::int64_t i = 0; i < all; ++i) {
      // The forged ones come in the middle of the others.
      const bool is_forged = i > 0 && i <= storm.forged;
      const range::Request request = is_forged ? forged(delivery.request) : delivery.request;
      at(clock_.now() + storm.within * i / std::max<std::int64_t>(all - 1, 1),
         [this, request] { return gate_->take(request); });
    }
    if (storm.replay_after.count() > 0) {
      at(clock_.now() + storm.replay_after,
         [this, request = delivery.request] { return gate_->take(request); });
    }
  }
  if (!run_) run_ = gate_->run();
  return ok();
}

Result<DrillOutcome> Drill::finish() {
  DrillOutcome outcome;
  outcome.begun = begun_;
  outcome.intruder = world_->intruder_log();
  outcome.truth = world_->truth(clock_.now());
  const RunState* const state = run();
  if (state == nullptr) {
    outcome.stopped = true;
    if (is_stopped()) return outcome;
    return make_error(ErrorCode::invalid, "drill",
                      "scenario " + scenario_.id + ": nothing ever began a run.",
                      "give it respond_after, or alerts that arrive within lasts");
  }
  outcome.run = *run_;
  outcome.stopped = !state->finished();
  outcome.result = state->result.value_or(RunResult::failed);
  outcome.document = run_document(*state, owner_->connectors());
  outcome.record = score_->finish(*state, owner_->connectors(),
                                  gate_ ? gate_->counts() : AlertCounts{}, clock_.now());
  outcome.record.seed = options_.seed;
  outcome.record.team = options_.team;
  outcome.record.speed = options_.speed;
  outcome.as_expected = !outcome.stopped && outcome.record.agrees();
  if (outcome.stopped) return outcome;
  if (state->is_watched()) {
    if (Status ended = owner_->engine().end_watch(*run_, "the drill's end"); !ended)
      return ended.error();
  }
  if (Status closed = owner_->engine().close(*run_); !closed) return closed.error();
  if (options_.keep_score) {
    const Status kept =
        keep_drill_record(drill_scores_folder(options_.database), outcome.record, random_);
    if (!kept) return kept.error();
  }
  return outcome;
}

}  // namespace

Result<DrillOutcome> run_drill(const Scenario& scenario, const DrillOptions& options,
                               Random& random, const DrillEvents& events) {
  return Drill(scenario, options, random, events).play();
}

}  // namespace quell
