#include "orchestrator/engine/engine.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "orchestrator/engine/claims.h"
#include "orchestrator/engine/entry_bodies.h"
#include "orchestrator/engine/live.h"
#include "orchestrator/engine/run_inputs.h"
#include "state/base/json.h"

namespace quell {
namespace {

/// Clocks of one machine may be set back a little.
constexpr Duration kClockSlack{60'000};
constexpr std::size_t kExposuresMax = 1'000;
/// One commit gathers what comes within so many looks at the network, or so many entries.
constexpr int kGatherRounds = 4;
constexpr std::size_t kGatherEntries = 256;
/// What no change waits for is durable after so long at most, while answers are due that may share
/// its commit.
constexpr Duration kCommitDelay{2};

/// Entries that leave no gap where a process dies before their commit: an attempt or a look is made
/// again, and what an attempt sent is known by its intent; an alert that was not answered comes
/// again.
bool may_wait(EntryKind kind) {
  return kind == EntryKind::step_started || kind == EntryKind::attempt_started ||
         kind == EntryKind::attempt_finished || kind == EntryKind::probe_finished ||
         kind == EntryKind::step_finished || kind == EntryKind::alert_received ||
         kind == EntryKind::run_started;
}

/// A rotated key of ours is no other system; everything else that a pin names must be as it was.
bool same_pins(const Value& before, const Value& now) {
  ValueMap a = before.is_map() ? before.as_map() : ValueMap{};
  ValueMap b = now.is_map() ? now.as_map() : ValueMap{};
  a.erase("key");
  b.erase("key");
  // Through text, because pins that were read from the journal have lost their exact kinds.
  return to_json(Value(std::move(a))) == to_json(Value(std::move(b)));
}

Value sources_value(const std::map<std::string, std::string>& sources) {
  ValueMap map;
  for (const auto& [id, source] : sources) map.emplace(id, source);
  return Value(std::move(map));
}

/// A no holds until somebody says why it should be asked again (threat T31). An armed route asks
/// nobody.
Status may_ask_again(const RunRequest& request, const AskedBefore& before) {
  const bool asks = !request.automatic || request.proposed;
  if (before.denied_by.empty() || !asks || check_reason(request.reason)) return ok();
  return make_error(ErrorCode::conflict, "asked-before",
                    before.denied_by + " denied the same in " + before.denied_run +
                        (before.denied_why.empty() ? "." : ": " + before.denied_why + "."),
                    "ask again with a reason: --reason TEXT");
}

void add_asked(Entry& first, const AskedBefore& asked) {
  ValueMap body = first.body.as_map();
  body["asked"] = Value::map({{"number", asked.number},
                              {"denied_by", asked.denied_by},
                              {"denied_why", asked.denied_why},
                              {"denied_run", asked.denied_run}});
  first.body = Value(std::move(body));
}

std::string incident_name(const RunState& run) { return run.inputs["incident"].string_or(""); }

}  // namespace

Engine::Engine(Parts parts)
    : parts_(std::move(parts)),
      policy_(parts_.policy == nullptr ? default_policy_ : *parts_.policy),
      pacer_(parts_.limits) {}
Engine::~Engine() = default;

Status Engine::load() {
  Result<Folded> folded =
      fold_unfinished(parts_.journal, &parts_.secrets, parts_.load_playbook, parts_.connectors);
  if (!folded) return folded.error();
  runs_ = std::move(folded->runs);
  unreadable_ = std::move(folded->unreadable);
  last_ = folded->last;
  Result<RecentUse> use = recent_use(parts_.journal, parts_.clock.now());
  if (!use) return use.error();
  recent_use_ = *std::move(use);
  Result<Asked> asked = recently_asked(parts_.journal, parts_.clock.now());
  if (!asked) return asked.error();
  asked_ = *std::move(asked);
  for (const auto& [id, run] : runs_) {
    if (!run.finished() && run.changing) take_lock(run);
    if (!run.finished() && !run.aborted) asked_.waits(run);
  }
  return ok();
}

Status Engine::recall(RunId id) {
  if (runs_.contains(id)) return ok();
  Result<Folded> folded =
      fold_run(parts_.journal, id, &parts_.secrets, parts_.load_playbook, parts_.connectors);
  if (!folded) return folded.error();
  if (const auto known = folded->unreadable.find(id); known != folded->unreadable.end())
    return make_error(ErrorCode::conflict, "run", known->second,
                      "quell journal show --run " + to_string(id));
  runs_.merge(folded->runs);
  if (runs_.contains(id)) return ok();
  return make_error(ErrorCode::invalid, "run", to_string(id) + " is not in this journal.",
                    "quell runs lists them");
}

std::optional<RunId> Engine::lock_holder(const Playbook& playbook, const Value& inputs) const {
  if (!playbook.lock) return std::nullopt;
  Scope scope;
  scope.names["inputs"] = inputs;
  const Result<Value> wanted = playbook.lock->evaluate(scope);
  const std::string lock = wanted ? wanted->string_or("") : "";
  if (const auto holder = holders_.find(lock); holder != holders_.end()) return holder->second;
  const std::optional<RunId> waiting = asked_.waiting(lock);
  return waiting && active_.contains(*waiting) ? waiting : std::nullopt;
}

std::optional<RunId> Engine::find_like(const Playbook& playbook, const Value& inputs) const {
  Scope scope;
  scope.names["inputs"] = inputs;
  const Result<Value> lock =
      playbook.lock ? playbook.lock->evaluate(scope) : Result<Value>(Value());
  const std::string wanted = lock ? lock->string_or("") : "";
  const std::string same = to_json(journalled_inputs(inputs));
  for (const auto& [id, run] : runs_) {
    if (run.finished() || run.aborted || run.mode != RunMode::live) continue;
    if (wanted.empty() ? run.playbook->id == playbook.id && run.lock.empty() &&
                             to_json(journalled_inputs(run.inputs)) == same
                       : run.lock == wanted) {
      return id;
    }
  }
  return std::nullopt;
}

bool Engine::gives_way(RunId holder) const { return runs_.at(holder).automatic; }

void Engine::take_lock(const RunState& run) {
  if (run.lock.empty()) return;
  const auto [holder, taken] = holders_.try_emplace(run.lock, run.id);
  if (!taken && !run.automatic && gives_way(holder->second)) holder->second = run.id;
}

Error Engine::locked_by(RunId holder) const {
  const std::string name = to_string(holder);
  const RunState& run = runs_.at(holder);
  const bool asks = pending_approval(run) != nullptr && !run.changing;
  return make_error(ErrorCode::conflict, "locked",
                    asks ? name + " waits for an approval to work on " + run.lock + "."
                         : name + " is already working on " + run.lock + ".",
                    (active_.contains(holder) ? "quell follow " : "quell resume ") + name +
                        ", or run it with --join");
}

Result<RunId> Engine::start(const RunRequest& request) {
  const Result<RunId> id = enroll(request);
  if (!id) return id;
  if (Status flushed = flush(); !flushed) return flushed.error();
  return id;
}

void Engine::note(EntryKind kind, ValueMap body) {
  std::vector<Entry> entries;
  entries.push_back(make_entry(kind, RunId{}, parts_.clock.now(), std::move(body)));
  record(std::move(entries));
}

Result<RunId> Engine::enroll(const RunRequest& request) {
  const RunId id{.number = last_.number + 1, .drill = parts_.drill};
  ValueMap pins;
  for (const auto& [name, connector] : parts_.connectors) pins.emplace(name, connector->pins());
  const Timestamp now = parts_.clock.now();
  ValueMap body{{"playbook", request.playbook->id},
                {"sha256", request.playbook->sha256},
                {"source", request.playbook->source},
                {"mode", to_string(request.mode)},
                {"probes", request.send_probes},
                {"who", request.who},
                {"approved_in_advance", request.approved_in_advance},
                {"confirmed", request.confirmed},
                {"automatic", request.automatic},
                {"machine", parts_.machine},
                {"pins", Value(std::move(pins))},
                {"inputs", journalled_inputs(request.inputs)}};
  if (request.proposed) body["proposed"] = true;
  if (!request.reason.empty()) body["reason"] = request.reason;
  if (!request.alert.empty()) body["alert"] = request.alert;
  if (!request.scope.empty()) body["scope"] = texts_value(request.scope);
  if (!request.playbook->called.empty()) body["called"] = sources_value(request.playbook->called);
  if (!request.from.empty()) body["from"] = request.from;
  if (!request.request_key.empty()) body["request_key"] = request.request_key;
  Entry first = make_entry(EntryKind::run_started, id, now, std::move(body));
  RunState run = begin_run(first, request.playbook, request.inputs);
  if (request.mode == RunMode::live) {
    run.asked = asked_.before(request_name(run), id, now);
    if (Status may = may_ask_again(request, run.asked); !may) return may.error();
    if (run.asked.number > 1) add_asked(first, run.asked);
  }
  std::vector<Entry> entries;
  entries.push_back(std::move(first));
  run.digest = plan_digest(run, parts_.connectors);
  // Sealed first: a run in the journal always has its secrets.
  if (Status sealed = seal_inputs(request.inputs, id, parts_.secrets, now, entries); !sealed)
    return sealed.error();
  runs_.insert_or_assign(id, std::move(run));
  last_ = id;
  active_.insert(id);
  record(std::move(entries));
  return id;
}

Status Engine::take_up(RunId id, std::string_view who, bool accepts) {
  if (Status known = recall(id); !known) return known;
  RunState& run = runs_.at(id);
  if (run.is_over()) {
    return make_error(ErrorCode::conflict, "run", to_string(id) + " is finished.",
                      "quell show " + to_string(id));
  }
  if (active_.contains(id)) return ok();
  for (const auto& [name, connector] : parts_.connectors) {
    if (run.pins.has(name) && !same_pins(run.pins[name], connector->pins())) {
      return make_error(
          ErrorCode::conflict, "pins",
          "connection " + name + " is not the one that " + to_string(id) + " was started with.",
          "give the configuration and the --connect that it was started with");
    }
  }
  if (!accepts) {
    if (!run.machine.empty() && !parts_.machine.empty() && run.machine != parts_.machine) {
      return make_error(ErrorCode::conflict, "elsewhere",
                        to_string(id) + " was last worked on by another machine.",
                        "if this is no forgotten copy: quell resume " + to_string(id) + " --yes");
    }
    if (parts_.clock.now() + kClockSlack < run.now) {
      return make_error(ErrorCode::conflict, "elsewhere",
                        "the clock stands before the last entry of " + to_string(id) + ".",
                        "set the clock, or quell resume " + to_string(id) + " --yes");
    }
  }
  if (!secrets_are_in_hand(run.inputs)) {
    return make_error(ErrorCode::corrupt, "secret",
                      "a sealed secret of " + to_string(id) + " cannot be opened.",
                      "put the seal key of that day back beside the others");
  }
  active_.insert(id);
  std::vector<Entry> entries = recover(run, parts_.connectors, who, parts_.clock.now());
  ValueMap resumed = entries.front().body.as_map();
  if (!parts_.machine.empty()) resumed["machine"] = parts_.machine;
  entries.front().body = Value(std::move(resumed));
  record(std::move(entries));
  return flush();
}

bool Engine::has_work() const {
  return std::any_of(active_.begin(), active_.end(), [&](RunId id) {
    const RunState& run = runs_.at(id);
    return !run.finished() && !run.held;
  });
}

void Engine::record(std::vector<Entry> entries) {
  recorded_ += entries.size();
  if (batch_.empty()) batch_began_ = parts_.clock.now();
  for (Entry& entry : entries) {
    if (entry.run.number > 0) {
      RunState& run = runs_.at(entry.run);
      recent_use_.take(entry);
      if (entry.kind != EntryKind::run_started) apply(run, entry, parts_.connectors);
      has_freed_lock_ |= asked_.take(entry, run);
      if (entry.kind == EntryKind::request_sent && run.changing) {
        take_lock(run);
      } else if (entry.kind == EntryKind::run_finished) {
        const auto holder = holders_.find(run.lock);
        if (holder != holders_.end() && holder->second == run.id) {
          holders_.erase(holder);
          has_freed_lock_ = true;
        }
      }
    }
    // That a request leaves calls for no decision.
    is_undecided_ |= entry.kind != EntryKind::request_sent;
    batch_.push_back(std::move(entry));
  }
}

Status Engine::flush() {
  if (!batch_.empty()) {
    const Result<Tip> tip = parts_.journal.append(batch_);
    if (!tip) return tip.error();
    const std::vector<Entry> durable = std::exchange(batch_, {});
    std::uint64_t seq = tip->seq - durable.size();
    for (const Entry& entry : durable) {
      ++seq;
      if (entry.run.number == 0) continue;
      RunState& run = runs_.at(entry.run);
      run.last_seq = seq;
      if (parts_.on_entry) parts_.on_entry(run, entry);
    }
  }
  return ok();
}

Status Engine::turn(Timestamp until) {
  std::vector<Completion> completions = std::exchange(arrived_, {});
  if (completions.empty()) completions = parts_.transport.poll(wait_until(until));
  watch_kill_switch();
  watch_clock();
  carry_out_commands();
  resume_waits();
  for (int round = 1;; ++round) {
    for (Completion& completion : completions) take(std::move(completion));
    if (Status decided = decide_all(); !decided) return decided;
    if (Status dispatched = dispatch(); !dispatched) return dispatched;
    release_reads();
    // What comes meanwhile shares the commit: reads go on at once, changes wait for it.
    const bool gathers = !sends_.empty() && in_flight_ > 0 && kept_.empty() &&
                         round <= kGatherRounds && batch_.size() < kGatherEntries;
    if (!gathers) break;
    completions = parts_.transport.poll(parts_.clock.now());
    if (completions.empty()) break;
  }
  if (!commit_is_due()) return ok();
  if (Status flushed = flush(); !flushed) return flushed;
  const bool sends = !sends_.empty();
  release();
  // The changes are on the wire before anybody else wakes.
  if (sends) {
    std::vector<Completion> early = parts_.transport.poll(parts_.clock.now());
    std::move(early.begin(), early.end(), std::back_inserter(arrived_));
  }
  answer_commands();
  return ok();
}

void Engine::answer_commands() {
  for (const auto& answer : std::exchange(answers_, {})) answer();
}

Timestamp Engine::wait_until(Timestamp until) {
  const Timestamp now = parts_.clock.now();
  if (is_undecided_ || !kept_.empty() || has_commands()) return now;
  const Timestamp wake = next_wake(until);
  return batch_.empty() ? wake : std::min(wake, batch_began_ + kCommitDelay);
}

bool Engine::commit_is_due() const {
  if (!sends_.empty() || !kept_.empty()) return true;
  if (batch_.empty()) return !answers_.empty();
  return in_flight_ == 0 || stopping_.load() || batch_.size() >= kGatherEntries ||
         parts_.clock.now() >= batch_began_ + kCommitDelay ||
         !std::all_of(batch_.begin(), batch_.end(),
                      [](const Entry& entry) { return may_wait(entry.kind); });
}

void Engine::resume_waits() {
  const Timestamp now = parts_.clock.now();
  while (!waits_.empty() && waits_.begin()->first <= now) {
    const std::shared_ptr<Live> live = waits_.begin()->second;
    waits_.erase(waits_.begin());
    if (live->abandoned) continue;
    live->io->resume_waited(now);
    pump(live);
  }
}

Status Engine::decide_all() {
  Status status = ok();
  decided_at_ = parts_.clock.now();
  do {  // each further round follows the end of a run
    has_freed_lock_ = false;
    for (const RunId id : active_) {
      decide_run(runs_.at(id), status);
      if (!status) return status;
    }
  } while (has_freed_lock_);
  is_undecided_ = false;
  return status;
}

Circumstances Engine::circumstances_of(const RunState& run) {
  const Timestamp now = parts_.clock.now();
  Circumstances around{
      .now = now,
      .policy = policy_,
      .disarmed = is_disarmed(run),
      .locked = is_locked(run),
      .asked_elsewhere = is_asked_elsewhere(run)};
  if (run.automatic) around.automatic_runs = recent_use_.automatic_runs_before(run.id, now);
  if (run.automatic || policy_.strict)
    around.targets_elsewhere = recent_use_.targets_of_others(run.id, run.automatic, now);
  return around;
}

void Engine::decide_run(RunState& run, Status& status) {
  if (stopping_.load()) return;
  // Each round either begins or ends something, so the rounds are bounded by the size of the run.
  Circumstances around = circumstances_of(run);
  while (true) {
    std::vector<Entry> entries = decide(run, parts_.connectors, around);
    if (!entries.empty()) {
      if (entries.back().kind == EntryKind::run_finished) {
        if (status = flush(); !status) return;
        const Result<std::string> head = parts_.journal.sign_head();
        if (!head) {
          status = head.error();
          return;
        }
        ValueMap body = entries.back().body.as_map();
        body["head"] = *head;
        entries.back().body = Value(std::move(body));
      }
      const bool ended = entries.back().kind == EntryKind::run_finished;
      record(std::move(entries));
      if (ended && !run.report.empty()) {
        // The bundle was written before the result was known: it gets the whole record now.
        if (status = flush(); !status) return;
        if (const Result<std::string> again = parts_.write_bundle(run, incident_name(run));
            !again) {
          status = again.error();
          return;
        }
      }
      continue;
    }
    const std::uint64_t before = recorded_;
    reconcile(run);
    // An action that ended at once (a parameter error, the bundle) has changed the state: decide
    // again.
    if (recorded_ == before) return;
    around.now = std::max(around.now, parts_.clock.now());  // it may have taken a while
  }
}

void Engine::reconcile(RunState& run) {
  if (run.finished()) {
    run_watch(run);
    run_undo(run);
    return;
  }
  const std::uint64_t before = recorded_;
  for (const WorkId& id : attempts_wanted(run)) {
    if (live_.contains({run.id, id})) continue;
    const StepState& state = run.steps.at(id.step);
    const ItemState& item = state.items[state.item_index.at(id.item)];
    const auto& use = std::get<UseStep>(find_step(run, id.step)->kind);
    if (use.connection == "report") {
      run_report(run, id, use.action);
    } else {
      start_live(run, id, item.phase == ItemState::Phase::looking ? Intent::look : Intent::act,
                 false);
    }
  }
  // Of an attempt that has ended at once, the conditions of its looks are decided first.
  if (recorded_ != before) return;
  for (const WorkId& id : looks_due(run, parts_.connectors, parts_.clock.now())) {
    if (!live_.contains({run.id, id})) start_live(run, id, Intent::act, false);
  }
}

Result<Value> Engine::residual_exposure(const RunState& run, const Value& since) {
  Folded past;
  std::map<RunId, const RunState*> asked{{run.id, &run}};
  if (since.is_timestamp()) {
    if (Status flushed = flush(); !flushed) return flushed.error();
    Result<Folded> folded = fold_since(parts_.journal, since.as_timestamp(), nullptr,
                                       parts_.load_playbook, parts_.connectors);
    if (!folded) return folded.error();
    past = *std::move(folded);
    for (const auto& [id, other] : past.runs) {
      if (other.mode != RunMode::dry_run) asked.emplace(id, &other);
    }
  }
  std::int64_t open = 0;
  ValueList rows;
  for (const auto& [id, other] : asked) {
    for (const Claim& claim : claims_of(*other, parts_.connectors)) {
      if (claim.verdict == Verdict::proved) continue;
      ++open;
      if (rows.size() >= kExposuresMax) continue;
      const Value told = to_value(claim);
      rows.push_back(Value::map({{"run", to_string(id)},
                                 {"subject", told["subject"]},
                                 {"plane", told["plane"]},
                                 {"verdict", told["verdict"]},
                                 {"until", told["residual"]["until"]},
                                 {"reason", told["residual"]["reason"].string_or("")}}));
    }
  }
  return Value::map({{"open", open}, {"exposures", Value(std::move(rows))}});
}

void Engine::run_report(RunState& run, const WorkId& id, const std::string& action) {
  const Result<Value> params = params_of(run, parts_.connectors, id);
  Result<Outcome> outcome = make_error(ErrorCode::internal, "no bundle was written");
  if (!params) {
    outcome = params.error();
  } else if (action == "residual_exposure") {
    Result<Value> open = residual_exposure(run, (*params)["since"]);
    if (open) {
      outcome = Outcome{.kind = OutcomeKind::done, .outputs = *std::move(open)};
    } else {
      outcome = open.error();
    }
  } else {
    const Result<std::string> path = parts_.write_bundle(run, (*params)["incident"].string_or(""));
    if (path) {
      outcome = Outcome{.kind = OutcomeKind::done, .outputs = Value::map({{"path", *path}})};
    } else {
      outcome = path.error();
    }
  }
  record(after_attempt(run, parts_.connectors, id, outcome, Traffic{}, parts_.clock.now()));
}

Timestamp Engine::next_wake(Timestamp until) const {
  Timestamp wake = until;
  if (!waits_.empty()) wake = std::min(wake, waits_.begin()->first);
  if (next_departure_) wake = std::min(wake, *next_departure_);
  if (stopping_.load()) return wake;
  for (const RunId id : active_) {
    if (const auto due = next_due(runs_.at(id), decided_at_)) wake = std::min(wake, *due);
  }
  return wake;
}

const RunState* Engine::find(RunId id) const {
  const auto found = runs_.find(id);
  return found == runs_.end() ? nullptr : &found->second;
}

}  // namespace quell
