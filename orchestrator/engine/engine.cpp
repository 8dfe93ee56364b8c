#include "orchestrator/engine/engine.h"

#include <algorithm>
#include <utility>

#include "orchestrator/engine/claims.h"
#include "orchestrator/engine/live.h"
#include "orchestrator/engine/run_inputs.h"
#include "orchestrator/playbook/inputs.h"
#include "state/base/json.h"

namespace quell {
namespace {

constexpr std::size_t kInboxMax = 1'000;
constexpr std::size_t kDigestPrefixMin = 8;
constexpr std::size_t kExposuresMax = 1'000;

/// The one step that waits for an approval in `run`, or null.
const std::string* waiting_approval(const RunState& run) {
  for (const auto& [id, state] : run.steps) {
    if (state.approval.requested && state.phase == StepState::Phase::running) return &id;
  }
  return nullptr;
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

/// A change was sent, whether or not its answer has come.
bool has_begun_to_change(const RunState& run) {
  if (run.requests.mutate > 0) return true;
  for (const auto& [id, step] : run.steps) {
    for (const ItemState& item : step.items) {
      if (item.request_left) return true;
    }
  }
  return false;
}

/// One unit of work, as people name it.
struct Target {
  std::string step{};
  const ItemState* item = nullptr;
};

/// `STEP`, or `STEP/ITEM`; both may hold a `/` of their own.
std::optional<Target> find_target(const RunState& run, const std::string& text) {
  for (std::size_t end = text.size(); end != std::string::npos && end > 0;
       end = text.rfind('/', end - 1)) {
    const auto step = run.steps.find(text.substr(0, end));
    if (step == run.steps.end()) continue;
    const std::string item = end == text.size() ? "" : text.substr(end + 1);
    const auto index = step->second.item_index.find(item);
    if (index != step->second.item_index.end()) {
      return Target{.step = step->first, .item = &step->second.items[index->second]};
    }
  }
  return std::nullopt;
}

/// What the journal says of a manual step that a person did: the step, what they told and attached.
Result<ValueMap> manual_body(const RunState& run, const Command& command) {
  const std::string id = to_string(run.id);
  std::vector<std::string> waiting;
  for (const auto& [step, state] : run.steps) {
    if (state.manual.requested && state.phase == StepState::Phase::running) waiting.push_back(step);
  }
  const bool is_named = !command.target.empty();
  if (is_named ? std::find(waiting.begin(), waiting.end(), command.target) == waiting.end()
               : waiting.size() != 1) {
    std::string hint = "quell show " + id;
    if (!waiting.empty()) hint = "it waits for quell done " + id + " " + waiting.front();
    return make_error(ErrorCode::conflict, "item",
                      is_named || waiting.empty() ? id + " does not wait for anybody to do that."
                                                  : id + " waits for several things to be done.",
                      hint);
  }
  const std::string& step = is_named ? command.target : waiting.front();
  const auto& manual = std::get<ManualStep>(find_step(run, step)->kind);
  ValueMap fields;
  std::size_t used = 0;
  for (const InputSpec& spec : manual.fields) {
    const auto text = command.fields.find(spec.name);
    Value value = spec.fallback.value_or(Value());
    if (text != command.fields.end()) {
      Result<Value> typed = input_from_text(spec, text->second);
      if (!typed) return typed.error();
      value = *std::move(typed);
      ++used;
    }
    if (Status fits = check_input(spec, value); !fits) return fits.error();
    fields.emplace(spec.name, std::move(value));
  }
  if (used != command.fields.size()) {
    return make_error(ErrorCode::invalid, "bad-input", step + " asks for no such field.",
                      "quell show " + id);
  }
  ValueList attachments;
  for (const Attachment& file : command.attachments) {
    attachments.push_back(
        Value::map({{"name", file.name}, {"sha256", file.sha256}, {"bytes", file.bytes}}));
  }
  return ValueMap{{"step", step},
                  {"fields", Value(std::move(fields))},
                  {"attachments", Value(std::move(attachments))}};
}

std::string incident_name(const RunState& run) { return run.inputs["incident"].string_or(""); }

}  // namespace

Engine::Engine(Parts parts) : parts_(std::move(parts)) {}
Engine::~Engine() = default;

Status Engine::load() {
  Result<Folded> folded =
      fold_journal(parts_.journal, &parts_.secrets, parts_.load_playbook, parts_.connectors);
  if (!folded) return folded.error();
  runs_ = std::move(folded->runs);
  unreadable_ = std::move(folded->unreadable);
  last_ = folded->last;
  return ok();
}

Status Engine::check_lock(const Playbook& playbook, const Value& inputs) const {
  const auto value_for = [](const Playbook& source, const Value& values) -> std::string {
    Scope scope;
    scope.names["inputs"] = values;
    const Result<Value> value = source.lock ? source.lock->evaluate(scope) : Result<Value>(Value());
    return value ? value->string_or("") : "";
  };
  const std::string wanted = value_for(playbook, inputs);
  if (wanted.empty()) return ok();
  for (const auto& [id, run] : runs_) {
    if (run.finished() || !has_begun_to_change(run)) continue;
    if (value_for(*run.playbook, run.inputs) != wanted) continue;
    const std::string holder = to_string(id);
    return make_error(ErrorCode::conflict, "locked",
                      holder + " is already working on " + wanted + ".",
                      active_.contains(id) ? "quell follow " + holder : "quell resume " + holder);
  }
  return ok();
}

Result<RunId> Engine::start(const RunRequest& request) {
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
                {"pins", Value(std::move(pins))},
                {"inputs", journalled_inputs(request.inputs)}};
  if (!request.playbook->called.empty()) body["called"] = sources_value(request.playbook->called);
  std::vector<Entry> entries;
  entries.push_back(make_entry(EntryKind::run_started, id, now, std::move(body)));
  // Sealed first: a run in the journal always has its secrets.
  if (Status sealed = seal_inputs(request.inputs, id, parts_.secrets, now, entries); !sealed)
    return sealed.error();
  RunState run = begin_run(entries.front(), request.playbook, request.inputs);
  run.digest = plan_digest(run, parts_.connectors);
  runs_.insert_or_assign(id, std::move(run));
  last_ = id;
  active_.insert(id);
  record(std::move(entries));
  if (Status flushed = flush(); !flushed) return flushed.error();
  return id;
}

Status Engine::take_up(RunId id, std::string_view who) {
  const auto found = runs_.find(id);
  if (found == runs_.end()) {
    return make_error(ErrorCode::invalid, "run", to_string(id) + " is not in this journal.",
                      "quell runs lists them");
  }
  RunState& run = found->second;
  if (run.finished()) {
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
  if (!secrets_are_in_hand(run.inputs)) {
    return make_error(ErrorCode::corrupt, "secret",
                      "a sealed secret of " + to_string(id) + " cannot be opened.",
                      "put the seal key of that day back beside the others");
  }
  active_.insert(id);
  record(recover(run, parts_.connectors, who, parts_.clock.now()));
  return flush();
}

void Engine::submit(Command command) {
  {
    const std::lock_guard<std::mutex> lock(inbox_mutex_);
    if (inbox_.size() < kInboxMax) {
      inbox_.push_back(std::move(command));
      command = Command{};
    }
  }
  if (command.done) {
    command.done(make_error(ErrorCode::throttled, "too many commands wait"));
    return;
  }
  wake();
}

void Engine::submit(StartCommand command) {
  {
    const std::lock_guard<std::mutex> lock(inbox_mutex_);
    if (starts_.size() < kInboxMax) {
      starts_.push_back(std::move(command));
      command = StartCommand{};
    }
  }
  if (command.done) {
    command.done(make_error(ErrorCode::throttled, "too many runs wait to begin"));
    return;
  }
  wake();
}

Result<RunId> Engine::begin(const StartCommand& command) {
  if (stopping_.load())
    return make_error(ErrorCode::conflict, "state", "the process that owns the state is stopping.",
                      "try again");
  Result<std::shared_ptr<const Playbook>> playbook =
      parts_.load_playbook(command.playbook_source, command.playbook_id, command.called);
  if (!playbook) return playbook.error();
  Result<Value> inputs = inputs_from_texts(
      **playbook, command.texts, command.secrets,
      [this](const Secret& secret) { return parts_.secrets.fingerprint(secret); });
  if (!inputs) return inputs.error();
  if (!command.dry_run) {
    if (Status free = check_lock(**playbook, *inputs); !free) return free.error();
  }
  return start({.playbook = *playbook,
                .inputs = *inputs,
                .mode = command.dry_run ? RunMode::dry_run : RunMode::live,
                .send_probes = command.send_probes,
                .who = command.who,
                .approved_in_advance = command.approved_in_advance});
}

bool Engine::has_work() const {
  return std::any_of(active_.begin(), active_.end(), [&](RunId id) {
    const RunState& run = runs_.at(id);
    return !run.finished() && !run.held;
  });
}

void Engine::record(std::vector<Entry> entries) {
  for (Entry& entry : entries) {
    if (entry.kind != EntryKind::run_started) apply(runs_.at(entry.run), entry, parts_.connectors);
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
      RunState& run = runs_.at(entry.run);
      run.last_seq = ++seq;
      if (parts_.on_entry) parts_.on_entry(run, entry);
    }
  }
  for (const auto& answer : std::exchange(answers_, {})) answer();
  return ok();
}

Status Engine::turn(Timestamp until) {
  carry_out_commands();
  const Timestamp now = parts_.clock.now();
  while (!waits_.empty() && waits_.begin()->first <= now) {
    const std::shared_ptr<Live> live = waits_.begin()->second;
    waits_.erase(waits_.begin());
    if (live->abandoned) continue;
    live->io->resume_waited(now);
    pump(live);
  }
  if (Status decided = decide_all(); !decided) return decided;
  if (Status flushed = flush(); !flushed) return flushed;
  release();
  std::vector<Completion> completions = std::exchange(refused_, {});
  if (completions.empty() && kept_.empty() && batch_.empty())
    completions = parts_.transport.poll(next_wake(until));
  for (Completion& completion : completions) take(std::move(completion));
  if (Status decided = decide_all(); !decided) return decided;
  if (Status flushed = flush(); !flushed) return flushed;
  release();
  return ok();
}

Status Engine::decide_all() {
  Status status = ok();
  for (const RunId id : active_) {
    decide_run(runs_.at(id), status);
    if (!status) return status;
  }
  return status;
}

void Engine::decide_run(RunState& run, Status& status) {
  if (stopping_.load()) return;
  // Each round either begins or ends something, so the rounds are bounded by the size of the run.
  while (true) {
    std::vector<Entry> entries = decide(run, parts_.connectors, parts_.clock.now());
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
    const std::size_t before = batch_.size();
    reconcile(run);
    // An action that ended at once (a parameter error, the bundle) has changed the state: decide
    // again.
    if (batch_.size() == before) return;
  }
}

void Engine::reconcile(RunState& run) {
  if (run.finished()) {
    run_watch(run);
    return;
  }
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
  for (const WorkId& id : looks_due(run, parts_.connectors, parts_.clock.now())) {
    if (!live_.contains({run.id, id})) start_live(run, id, Intent::act, false);
  }
}

Value Engine::residual_exposure(const RunState& run, const Value& since) const {
  std::int64_t open = 0;
  ValueList rows;
  for (const auto& [id, other] : runs_) {
    const bool is_asked =
        id == run.id || (since.is_timestamp() && other.started >= since.as_timestamp() &&
                         other.mode != RunMode::dry_run);
    if (!is_asked) continue;
    for (const Claim& claim : claims_of(other, parts_.connectors)) {
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
    outcome =
        Outcome{.kind = OutcomeKind::done, .outputs = residual_exposure(run, (*params)["since"])};
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
  if (stopping_.load()) return wake;
  for (const RunId id : active_) {
    if (const auto due = next_due(runs_.at(id), parts_.clock.now())) wake = std::min(wake, *due);
  }
  return wake;
}

const RunState* Engine::find(RunId id) const {
  const auto found = runs_.find(id);
  return found == runs_.end() ? nullptr : &found->second;
}

void Engine::carry_out_commands() {
  std::deque<Command> commands;
  std::deque<StartCommand> starts;
  {
    const std::lock_guard<std::mutex> lock(inbox_mutex_);
    commands.swap(inbox_);
    starts.swap(starts_);
  }
  for (const StartCommand& command : starts) command.done(begin(command));
  for (Command& command : commands) {
    Result<std::vector<Entry>> entries = entries_of(command);
    Status answer = entries ? ok() : Status(entries.error());
    if (entries) record(std::move(*entries));
    if (command.done) {
      answers_.emplace_back(
          [done = std::move(command.done), answer = std::move(answer)] { done(answer); });
    }
  }
}

Result<std::vector<Entry>> Engine::entries_of(const Command& command) const {
  const std::string id = to_string(command.run);
  const RunState* const run = find(command.run);
  if (run == nullptr)
    return make_error(ErrorCode::invalid, "run", id + " is not in this journal.",
                      "quell runs lists them");
  const Timestamp now = parts_.clock.now();
  const auto one = [&](EntryKind kind, ValueMap body) {
    body["who"] = command.who;
    if (!command.reason.empty()) body["reason"] = command.reason;
    return std::vector<Entry>{make_entry(kind, command.run, now, std::move(body))};
  };
  if (command.kind == Command::Kind::note)
    return one(EntryKind::note_added, {{"text", command.reason}});
  if (run->finished())
    return make_error(ErrorCode::conflict, "run", id + " is finished.", "quell show " + id);
  if (!active_.contains(command.run)) {
    return make_error(ErrorCode::conflict, "run", "no process works on " + id + ".",
                      "quell resume " + id);
  }
  switch (command.kind) {
    case Command::Kind::approve: {
      const std::string* const step = waiting_approval(*run);
      if (step == nullptr)
        return make_error(ErrorCode::conflict, "approval", id + " waits for no approval.",
                          "quell show " + id);
      const ApprovalState& approval = run->steps.at(*step).approval;
      if (command.digest.size() < kDigestPrefixMin ||
          !approval.digest.starts_with(command.digest)) {
        return make_error(ErrorCode::conflict, "approval",
                          "the plan of " + id + " is " + approval.digest.substr(0, 12) + ".",
                          "look again: quell approve " + id);
      }
      if (std::find(approval.given_by.begin(), approval.given_by.end(), command.who) !=
          approval.given_by.end()) {
        return make_error(ErrorCode::conflict, "approval",
                          id + " was already approved by " + command.who + ".", "quell show " + id);
      }
      return one(EntryKind::approval_given,
                 {{"step", *step}, {"digest", approval.digest}, {"how", "looked at the plan"}});
    }
    case Command::Kind::deny: {
      const std::string* const step = waiting_approval(*run);
      if (step == nullptr)
        return make_error(ErrorCode::conflict, "approval", id + " waits for no approval.",
                          "quell show " + id);
      return one(EntryKind::approval_denied, {{"step", *step}});
    }
    case Command::Kind::pause:
      return one(EntryKind::run_paused, {});
    case Command::Kind::resume:
      return one(EntryKind::run_resumed, {});
    case Command::Kind::abort:
      return one(EntryKind::run_aborted, {});
    case Command::Kind::done: {
      Result<ValueMap> body = manual_body(*run, command);
      if (!body) return body.error();
      return one(EntryKind::manual_done, *std::move(body));
    }
    case Command::Kind::retry:
    case Command::Kind::skip: {
      const std::optional<Target> target = find_target(*run, command.target);
      if (!target) {
        return make_error(ErrorCode::invalid, "item", id + " has no such step or item under way.",
                          "quell show " + id);
      }
      const ItemState& state = *target->item;
      const bool waits =
          state.phase == ItemState::Phase::held || state.phase == ItemState::Phase::retry_wait;
      if (!waits) {
        return make_error(ErrorCode::conflict, "item",
                          command.target + " of " + id + " is not held.", "quell show " + id);
      }
      const EntryKind kind = command.kind == Command::Kind::retry ? EntryKind::attempt_settled
                                                                  : EntryKind::step_skipped;
      return one(kind, {{"step", target->step}, {"item", state.key}});
    }
    case Command::Kind::note:
      break;
  }
  return make_error(ErrorCode::internal, "an unknown command");
}

}  // namespace quell
