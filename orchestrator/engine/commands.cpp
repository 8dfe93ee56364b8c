// What people say to runs: who may say it, what it becomes in the record.
#include <algorithm>
#include <array>
#include <utility>

#include "orchestrator/engine/engine.h"
#include "orchestrator/engine/expansion.h"
#include "orchestrator/engine/run_inputs.h"
#include "orchestrator/playbook/inputs.h"

namespace quell {
namespace {

struct Word {
  Command::Kind kind;
  std::string_view text;
};

constexpr std::array<Word, 10> kWords{{{Command::Kind::approve, "approve"},
                                       {Command::Kind::deny, "deny"},
                                       {Command::Kind::pause, "pause"},
                                       {Command::Kind::resume, "resume"},
                                       {Command::Kind::abort, "abort"},
                                       {Command::Kind::retry, "retry"},
                                       {Command::Kind::skip, "skip"},
                                       {Command::Kind::note, "note"},
                                       {Command::Kind::done, "done"},
                                       {Command::Kind::undo, "undo"}}};

constexpr std::size_t kInboxMax = 1'000;
constexpr std::size_t kDigestPrefixMin = 8;

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

Error refusal(std::string_view topic, std::string message, const RunState& run) {
  return make_error(ErrorCode::conflict, std::string(topic), std::move(message),
                    "quell show " + to_string(run.id));
}

/// Whether `command.who` may approve: in strict separation never the one who began the run, and
/// only with the role that the approval asks for.
Status may_approve(const Command& command, const RunState& run, const Policy& policy) {
  if (command.break_glass && !policy.has_role(command.who, policy.break_glass)) {
    return make_error(ErrorCode::denied, "approval",
                      command.who + " has no role of policy.break_glass.",
                      "ask somebody who has, or wait for an approver");
  }
  if (!policy.strict || command.break_glass) return ok();
  if (policy.is_same_person(command.who, run.who)) {
    return make_error(ErrorCode::denied, "approval",
                      command.who + " began " + to_string(run.id) +
                          ", and policy.separation is strict: somebody else has to approve.",
                      "ask an approver, or --break-glass --reason TEXT");
  }
  if (command.vested && *command.vested + policy.approver_age > run.started) {
    return make_error(ErrorCode::denied, "approval",
                      command.who + " got a role or a password after " + to_string(run.id) +
                          " was asked for, and cannot approve it.",
                      "ask another approver, or --break-glass --reason TEXT");
  }
  if (!policy.has_role(command.who, {"approver"})) {
    return make_error(ErrorCode::denied, "approval",
                      command.who + " is no user with the role approver.",
                      "users: [{name: ..., os_user: ..., roles: [approver]}]");
  }
  return ok();
}

Result<ValueMap> approval_body(const Command& command, const RunState& run, const Policy& policy,
                               const ConnectorSet& connectors) {
  const std::string id = to_string(run.id);
  const ApprovalState* const approval = pending_approval(run);
  if (approval == nullptr) return refusal("approval", id + " waits for no approval.", run);
  if (Status may = may_approve(command, run, policy); !may) return may.error();
  // A read may have changed the plan since the question was asked, a moment ago.
  const std::string digest = plan_digest(run, connectors);
  if (command.digest.size() < kDigestPrefixMin || !digest.starts_with(command.digest)) {
    return make_error(ErrorCode::conflict, "approval",
                      "the plan of " + id + " is " + digest.substr(0, 12) + ".",
                      "look again: quell approve " + id);
  }
  if (std::any_of(
          approval->given_by.begin(), approval->given_by.end(),
          [&](const std::string& who) { return policy.is_same_person(who, command.who); })) {
    return refusal("approval", id + " was already approved by " + command.who + ".", run);
  }
  ValueMap body{{"digest", approval->digest}, {"how", "looked at the plan"}};
  if (command.break_glass) {
    body["how"] = "break-glass";
    body["break_glass"] = true;
  }
  if (const std::string step = pending_approval_step(run); !step.empty()) body["step"] = step;
  return body;
}

/// A step or item that `pause` and `resume` name.
Result<ValueMap> place_body(const Command& command, const RunState& run) {
  if (command.target.empty()) return ValueMap{};
  if (const std::optional<Target> target = find_target(run, command.target)) {
    return ValueMap{{"step", target->step}, {"item", target->item->key}};
  }
  if (find_step(run, command.target) != nullptr) return ValueMap{{"step", command.target}};
  return make_error(ErrorCode::invalid, "item", to_string(run.id) + " has no such step or item.",
                    "quell show " + to_string(run.id) + " --items");
}

Result<ValueMap> retry_body(const Command& command, const RunState& run, const Policy& policy) {
  const std::optional<Target> target = find_target(run, command.target);
  if (!target) {
    return refusal("item", to_string(run.id) + " has no such step or item under way.", run);
  }
  const ItemState& item = *target->item;
  const bool failed = item.finished() && item.outcome == OutcomeKind::failed &&
                      run.steps.at(target->step).phase == StepState::Phase::running;
  if (!failed && item.phase != ItemState::Phase::held &&
      item.phase != ItemState::Phase::retry_wait) {
    return refusal("item", command.target + " of " + to_string(run.id) + " is not held.", run);
  }
  ValueMap body{{"step", target->step}, {"item", item.key}};
  if (command.break_glass) {
    if (!policy.has_role(command.who, policy.break_glass)) {
      return make_error(ErrorCode::denied, "approval",
                        command.who + " has no role of policy.break_glass.",
                        "ask somebody who has");
    }
    body["break_glass"] = true;
  }
  return body;
}

Result<ValueMap> skip_body(const Command& command, const RunState& run) {
  const std::string id = to_string(run.id);
  if (const std::optional<Target> target = find_target(run, command.target)) {
    const ItemState& item = *target->item;
    const bool waits = item.phase == ItemState::Phase::held ||
                       item.phase == ItemState::Phase::idle ||
                       item.phase == ItemState::Phase::retry_wait;
    if (!waits)
      return refusal("item", command.target + " of " + id + " is under way or over.", run);
    return ValueMap{{"step", target->step}, {"item", item.key}};
  }
  const Step* const step = find_step(run, command.target);
  if (step == nullptr) return refusal("item", id + " has no such step or item.", run);
  if (std::holds_alternative<ApproveStep>(step->kind)) {
    return refusal("item", "an approval is given or denied, not skipped.", run);
  }
  const auto state = run.steps.find(step->id);
  const bool waits = state == run.steps.end() || state->second.phase == StepState::Phase::idle ||
                     (state->second.phase == StepState::Phase::running &&
                      (std::holds_alternative<WaitStep>(step->kind) ||
                       std::holds_alternative<ManualStep>(step->kind)));
  if (!waits) return refusal("item", command.target + " of " + id + " is under way or over.", run);
  return ValueMap{{"step", step->id}};
}

/// What the record says of `command`, without who and why.
Result<std::pair<EntryKind, ValueMap>> words_for(const Command& command, const RunState& run,
                                                 const Policy& policy,
                                                 const ConnectorSet& connectors) {
  const auto as = [](EntryKind kind,
                     Result<ValueMap> body) -> Result<std::pair<EntryKind, ValueMap>> {
    if (!body) return body.error();
    return std::pair(kind, *std::move(body));
  };
  switch (command.kind) {
    case Command::Kind::approve:
      return as(EntryKind::approval_given, approval_body(command, run, policy, connectors));
    case Command::Kind::deny: {
      if (pending_approval(run) == nullptr) {
        return refusal("approval", to_string(run.id) + " waits for no approval.", run);
      }
      ValueMap body;
      if (const std::string step = pending_approval_step(run); !step.empty()) body["step"] = step;
      return std::pair(EntryKind::approval_denied, std::move(body));
    }
    case Command::Kind::pause:
      return as(EntryKind::run_paused, place_body(command, run));
    case Command::Kind::resume:
      return as(EntryKind::run_resumed, place_body(command, run));
    case Command::Kind::abort:
      return std::pair(EntryKind::run_aborted, ValueMap{});
    case Command::Kind::done:
      return as(EntryKind::manual_done, manual_body(run, command));
    case Command::Kind::retry:
      return as(EntryKind::attempt_settled, retry_body(command, run, policy));
    case Command::Kind::skip:
      return as(EntryKind::step_skipped, skip_body(command, run));
    case Command::Kind::note:
    case Command::Kind::undo:
      break;
  }
  return make_error(ErrorCode::internal, "an unknown command");
}

}  // namespace

std::string_view to_string(Command::Kind kind) noexcept {
  for (const Word& word : kWords) {
    if (word.kind == kind) return word.text;
  }
  return "";
}

std::optional<Command::Kind> command_kind_from_string(std::string_view text) noexcept {
  for (const Word& word : kWords) {
    if (word.text == text) return word.kind;
  }
  return std::nullopt;
}

Status check_reason(std::string_view reason) {
  if (reason.find_first_not_of(" \t\r\n") != std::string_view::npos) return ok();
  return make_error(ErrorCode::invalid, "usage", "it needs a reason.", "--reason TEXT");
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

void Engine::submit(Errand errand) {
  {
    const std::lock_guard<std::mutex> lock(inbox_mutex_);
    if (errands_.size() < kInboxMax) {
      errands_.push_back(std::move(errand));
      errand = Errand{};
    }
  }
  if (errand.done) {
    errand.done(make_error(ErrorCode::throttled, "too much waits for the engine"));
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
    if (const auto holder = lock_holder(**playbook, *inputs)) {
      if (command.join) return *holder;
      if (!gives_way(*holder)) return locked_by(*holder);
    }
  }
  return start({.playbook = *playbook,
                .inputs = *inputs,
                .mode = command.dry_run ? RunMode::dry_run : RunMode::live,
                .send_probes = command.send_probes,
                .who = command.who,
                .from = command.from,
                .request_key = command.request_key,
                .approved_in_advance = command.approved_in_advance,
                .confirmed = command.confirmed,
                .reason = command.reason});
}

bool Engine::has_commands() {
  const std::lock_guard<std::mutex> lock(inbox_mutex_);
  return !inbox_.empty() || !starts_.empty() || !errands_.empty();
}

void Engine::carry_out_commands() {
  std::deque<Command> commands;
  std::deque<StartCommand> starts;
  std::deque<Errand> errands;
  {
    const std::lock_guard<std::mutex> lock(inbox_mutex_);
    commands.swap(inbox_);
    starts.swap(starts_);
    errands.swap(errands_);
  }
  for (Errand& errand : errands) {
    answers_.emplace_back(
        [done = std::move(errand.done), answer = errand.work()] { done(answer); });
  }
  for (const StartCommand& command : starts) command.done(begin(command));
  for (Command& command : commands) {
    Status answer = ok();
    if (command.kind == Command::Kind::undo) {
      answer = undo(command);
    } else {
      Result<Entry> entry = entry_of(command);
      if (entry) {
        std::vector<Entry> entries;
        entries.push_back(*std::move(entry));
        record(std::move(entries));
      } else {
        answer = entry.error();
      }
    }
    if (!answer) note_refusal(command, answer.error());
    if (command.done) {
      answers_.emplace_back(
          [done = std::move(command.done), answer = std::move(answer)] { done(answer); });
    }
  }
}

void Engine::note_refusal(const Command& command, const Error& why) {
  ValueMap body{{"what", to_string(command.kind)}, {"who", command.who}, {"why", describe(why)}};
  if (!command.from.empty()) body["from"] = command.from;
  if (find(command.run) == nullptr) {
    body["run"] = to_string(command.run);
    note(EntryKind::command_refused, std::move(body));
    return;
  }
  std::vector<Entry> entries;
  entries.push_back(
      make_entry(EntryKind::command_refused, command.run, parts_.clock.now(), std::move(body)));
  record(std::move(entries));
}

Result<Entry> Engine::entry_of(const Command& command) {
  if (Status known = recall(command.run); !known) return known.error();
  const std::string id = to_string(command.run);
  const RunState* const run = find(command.run);
  const Timestamp now = parts_.clock.now();
  if (command.kind == Command::Kind::note) {
    ValueMap body{{"who", command.who}, {"text", command.reason}};
    if (!command.from.empty()) body["from"] = command.from;
    if (!command.target.empty()) body["about"] = command.target;
    return make_entry(EntryKind::note_added, command.run, now, std::move(body));
  }
  if (run->finished())
    return make_error(ErrorCode::conflict, "run", id + " is finished.", "quell show " + id);
  if (!active_.contains(command.run)) {
    return make_error(ErrorCode::conflict, "run", "no process works on " + id + ".",
                      "quell resume " + id);
  }
  if (command.kind == Command::Kind::abort || command.kind == Command::Kind::skip) {
    if (Status said = check_reason(command.reason); !said) return said.error();
  }
  Result<std::pair<EntryKind, ValueMap>> words = words_for(command, *run, policy_, parts_.connectors);
  if (!words) return words.error();
  words->second["who"] = command.who;
  if (!command.from.empty()) words->second["from"] = command.from;
  if (!command.reason.empty()) words->second["reason"] = command.reason;
  return make_entry(words->first, command.run, now, std::move(words->second));
}

}  // namespace quell
