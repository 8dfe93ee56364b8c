#include "orchestrator/engine/run_state.h"

#include <utility>

#include "orchestrator/engine/cut_looks.h"
#include "orchestrator/engine/entry_bodies.h"
#include "orchestrator/engine/expansion.h"
#include "orchestrator/engine/step_walk.h"

namespace quell {
namespace {

Timestamp time_of(const Value& value) {
  if (value.is_timestamp()) return value.as_timestamp();
  return parse_rfc3339(value.string_or("")).value_or(Timestamp{});
}

std::optional<Error> error_of(const Value& body) {
  if (!body.is_map()) return std::nullopt;
  Error error =
      make_error(error_code_from_string(body["class"].string_or("")).value_or(ErrorCode::internal),
                 body["message"].string_or(""));
  error.topic = body["topic"].string_or("");
  error.hint = body["hint"].string_or("");
  if (body["retry_after_ms"].is_int())
    error.retry_after = Duration(body["retry_after_ms"].as_int());
  return error;
}

/// The item that an entry names, or null when the journal and the playbook disagree.
ItemState* item_of(RunState& run, const Value& body) {
  const auto step = run.steps.find(body["step"].string_or(""));
  if (step == run.steps.end()) return nullptr;
  const auto index = step->second.item_index.find(body["item"].string_or(""));
  if (index == step->second.item_index.end()) return nullptr;
  return &step->second.items[index->second];
}

void set_active(RunState& run, const Value& body, bool active) {
  StepState& step = run.steps[body["step"].string_or("")];
  const auto index = step.item_index.find(body["item"].string_or(""));
  if (index == step.item_index.end()) return;
  if (active) {
    step.active.insert(index->second);
    return;
  }
  for (const ProbeState& probe : step.items[index->second].probes) {
    if (probe.phase == ProbeState::Phase::due) return;
  }
  step.active.erase(index->second);
}

/// What later steps see of one finished item or step.
Value visible(const ItemState& item, std::optional<Verdict> verdict) {
  ValueMap map = item.outputs.is_map() ? item.outputs.as_map() : ValueMap{};
  const OutcomeKind outcome = item.outcome.value_or(OutcomeKind::skipped);
  // A rehearsal goes on as if its mutations had been sent (playbook-language section 8).
  map["outcome"] = to_string(outcome == OutcomeKind::predicted ? OutcomeKind::done : outcome);
  map["verdict"] = verdict ? Value(to_string(*verdict)) : Value();
  map["error"] = item.error ? Value(item.error->message) : Value();
  return Value(std::move(map));
}

/// Every output that `step` declares, null as long as nothing gave it: a name that loads is always
/// there.
ValueMap empty_outputs(const Step& step) {
  ValueMap outputs;
  const auto add = [&](const Type& type) {
    if (!type.fields) return;
    for (const Field& field : *type.fields) outputs.emplace(field.name, Value());
  };
  if (step.foreach_items) {
    outputs.emplace("items", Value());
  } else if (const auto* const use = std::get_if<UseStep>(&step.kind)) {
    add(use->outputs);
  } else if (const auto* const set = std::get_if<SetStep>(&step.kind)) {
    add(set->type);
  } else if (const auto* const manual = std::get_if<ManualStep>(&step.kind)) {
    for (const InputSpec& field : manual->fields) outputs.emplace(field.name, Value());
  }
  return outputs;
}

/// `steps` as `frame` sees it.
Value& steps_seen_in(RunState& run, std::string_view frame) {
  const auto found = run.frames.find(frame);
  return found == run.frames.end() ? run.steps_value : found->second.steps;
}

void publish(RunState& run, const std::string& id) {
  const StepState& step = run.steps[id];
  ItemState whole;
  whole.outcome = step.outcome;
  whole.error = step.error;
  const Step* const declared = find_step(run, id);
  if (declared != nullptr && declared->foreach_items) {
    ValueMap items;
    for (const ItemState& item : step.items) items[item.key] = visible(item, step.verdict);
    whole.outputs = Value::map({{"items", Value(std::move(items))}});
  } else if (!step.items.empty()) {
    whole.outputs = step.items.front().outputs;
  } else {
    whole.outputs = step.values;
  }
  if (declared != nullptr) {
    ValueMap outputs = empty_outputs(*declared);
    if (whole.outputs.is_map()) {
      for (const auto& [name, value] : whole.outputs.as_map()) outputs[name] = value;
    }
    whole.outputs = Value(std::move(outputs));
  }
  Value& seen = steps_seen_in(run, frame_of(id));
  ValueMap all = seen.as_map();
  all[std::string(local_name(id))] = visible(whole, step.verdict);
  seen = Value(std::move(all));
}

/// What a `set` or `manual` gave, with the kinds that the playbook's check found.
Value typed_values(const RunState& run, const std::string& id, const Value& values) {
  const Step* const step = find_step(run, id);
  if (step == nullptr) return values;
  if (const auto* const set = std::get_if<SetStep>(&step->kind)) return coerce(set->type, values);
  if (const auto* const manual = std::get_if<ManualStep>(&step->kind)) {
    std::vector<Field> fields;
    for (const InputSpec& field : manual->fields) {
      fields.push_back(Field{.name = field.name, .type = field.type});
    }
    return coerce(Type::object(std::move(fields)), values);
  }
  return values;
}

/// Items that have begun or never will lie before `next_item`.
void pass_over_begun(StepState& state) {
  while (state.next_item < state.items.size() &&
         state.items[state.next_item].phase != ItemState::Phase::idle) {
    ++state.next_item;
  }
}

void finish_item(RunState& run, StepState& state, ItemState& item, const Value& body) {
  if (item.outcome == OutcomeKind::failed) ++state.failed_items;
  item.phase = ItemState::Phase::finished;
  set_active(run, body, false);
}

/// Counts the targets of a change that cannot be undone.
void count_irreversible(RunState& run, const Step& step, const StepState& state,
                        const ConnectorSet& connectors) {
  const auto* const use = std::get_if<UseStep>(&step.kind);
  const ActionSpec* const spec =
      use == nullptr ? nullptr : find_action(connectors, use->connection, use->action);
  if (spec == nullptr || spec->effect != Effect::mutate) return;
  if (step.irreversible || spec->irreversible) {
    run.irreversible_items += static_cast<std::int64_t>(state.items.size());
  }
}

void begin_items(RunState& run, const Step& step, StepState& state, const Value& body) {
  if (!std::holds_alternative<UseStep>(step.kind) && !is_expanded(step)) return;
  const auto add = [&](std::string key, Value value) {
    ItemState item;
    item.key = std::move(key);
    item.item = std::move(value);
    item.probes.resize(step.verify.size());
    state.item_index.emplace(item.key, state.items.size());
    state.items.push_back(std::move(item));
  };
  if (!step.foreach_items) {
    add("", Value());
    if (is_expanded(step)) expand(run, step, state);
    return;
  }
  // The entry names the items; their content is what the same expression gives over the same
  // journalled outputs.
  std::map<std::string, Value, std::less<>> by_key;
  const std::string_view frame = frame_of(step.id);
  const Result<Value> items = step.foreach_items->items.evaluate(scope_of(run, frame));
  if (items) {
    for (const Value& value : items->list_or_empty()) {
      Scope scope = scope_of(run, frame);
      scope.names[step.foreach_items->as] = value;
      const Result<Value> key = step.foreach_items->key.evaluate(scope);
      if (key) by_key.emplace(key->string_or(""), value);
    }
  }
  for (const Value& key : body["items"].list_or_empty())
    add(key.string_or(""), by_key[key.string_or("")]);
  for (const Value& key : body["excluded"].list_or_empty())
    state.excluded.push_back(key.string_or(""));
  if (is_expanded(step)) expand(run, step, state);
}

void apply_counts(RunState& run, const Value& counts) {
  run.requests.read += counts["read"].int_or(0);
  run.requests.probe += counts["probe"].int_or(0);
  run.requests.mutate += counts["mutate"].int_or(0);
  run.requests.notify += counts["notify"].int_or(0);
}

void apply_origin(RunState& run, const Value& body) {
  for (const Value& origin : body["origins"].list_or_empty()) {
    run.saw_range |= origin.string_or("") == "range";
    run.saw_loopback |= origin.string_or("") == "loopback";
    run.saw_outside |= origin.string_or("") == "outside";
  }
}

void apply_attempt_finished(RunState& run, const Entry& entry, const ConnectorSet& connectors) {
  const Value& body = entry.body;
  ItemState* const item = item_of(run, body);
  if (item == nullptr) return;
  const Step* const step = find_step(run, body["step"].string_or(""));
  const auto* const use = step == nullptr ? nullptr : std::get_if<UseStep>(&step->kind);
  item->outcome = from_string<OutcomeKind>(body["outcome"].string_or(""));
  item->error = error_of(body["error"]);
  item->request_left = false;
  // What a look finds says nothing of what was doubtful before.
  if (body["found"].is_null()) item->doubts = doubts_of(body["doubts"]);
  const ActionSpec* const spec =
      use == nullptr ? nullptr : find_action(connectors, use->connection, use->action);
  item->outputs = spec == nullptr ? body["outputs"] : coerce(spec->outputs, body["outputs"]);
  if (item->outcome == OutcomeKind::failed) {
    // The decision what follows (retry, give up) is an entry of its own.
    item->phase = ItemState::Phase::attempting;
  } else {
    item->in_doubt = false;
    item->phase = ItemState::Phase::verifying;
    if (use != nullptr && use->action == "probe_token" && item->outcome == OutcomeKind::done) {
      run.baselines[body["baseline"].string_or("")] = item->outputs;
    }
    if (use != nullptr && use->connection == "report" && use->action == "bundle")
      run.report = item->outputs["path"].string_or("");
  }
}

void apply_probe(RunState& run, const Entry& entry) {
  const Value& body = entry.body;
  const auto index = static_cast<std::size_t>(body["probe"].int_or(0));
  ProbeState* probe = nullptr;
  if (body["step"].is_null()) {
    if (index < run.verify.size()) probe = &run.verify[index].probe;
  } else if (ItemState* const item = item_of(run, body);
             item != nullptr && index < item->probes.size()) {
    probe = &item->probes[index];
    settle_look(run, *item, body);
  }
  if (probe == nullptr) return;
  if (body["skipped"].bool_or(false)) {
    probe->skipped = true;
    probe->phase = ProbeState::Phase::finished;
    return;
  }
  if (probe->looks == 0) probe->started = entry.at;
  ++probe->looks;
  if (!body["params"].is_null()) probe->params = body["params"];
  const bool answered = !body["error"].is_map();
  probe->errors_in_a_row = answered ? 0 : probe->errors_in_a_row + 1;
  probe->last.verdict =
      from_string<Verdict>(body["verdict"].string_or("")).value_or(Verdict::unproved);
  probe->last.grade = from_string<Grade>(body["grade"].string_or("")).value_or(Grade::none);
  probe->last.proof = body["proof"].string_or("");
  probe->last.corroborated = body["corroborated"].bool_or(false);
  probe->last.residual.reset();
  if (const Value& residual = body["residual"]; residual.is_map()) {
    probe->last.residual = Residual{.reason = residual["reason"].string_or("")};
    if (!residual["until"].is_null()) probe->last.residual->until = time_of(residual["until"]);
  }
  probe->in_a_row = probe->last.verdict == Verdict::proved ? probe->in_a_row + 1 : 0;
  if (body["due"].is_null()) {
    probe->phase = ProbeState::Phase::finished;
    if (!body["step"].is_null()) set_active(run, body, false);
    if (ItemState* const item = body["step"].is_null() ? nullptr : item_of(run, body);
        item != nullptr && !item->finished()) {
      set_active(run, body, true);
    }
  } else {
    probe->phase = ProbeState::Phase::due;
    probe->due = time_of(body["due"]);
  }
}

}  // namespace

const ActionSpec* find_action(const ConnectorSet& connectors, std::string_view connection,
                              std::string_view action) noexcept {
  const auto found = connectors.find(connection);
  return found == connectors.end() ? nullptr : find_action(found->second->actions(), action);
}

// Depth follows the declared type, which our own tables bound.
// NOLINTNEXTLINE(misc-no-recursion)
Value coerce(const Type& type, const Value& value) {
  switch (type.kind) {
    case Type::Kind::timestamp:
      if (value.is_string()) {
        if (const auto time = parse_rfc3339_fine(value.as_string())) return Value(*time);
      }
      return value;
    case Type::Kind::duration:
      if (value.is_string() && value.as_string().ends_with('s')) {
        const std::string number = value.as_string().substr(0, value.as_string().size() - 1);
        return Value(
            Duration(static_cast<std::int64_t>(std::strtod(number.c_str(), nullptr) * 1000.0)));
      }
      return value;
    case Type::Kind::list: {
      if (!value.is_list() || !type.element) return value;
      ValueList items;
      items.reserve(value.as_list().size());
      for (const Value& item : value.as_list()) items.push_back(coerce(*type.element, item));
      return Value(std::move(items));
    }
    case Type::Kind::object: {
      if (!value.is_map() || !type.fields) return value;
      ValueMap members = value.as_map();
      for (const Field& field : *type.fields) {
        const auto member = members.find(field.name);
        if (member != members.end()) member->second = coerce(field.type, member->second);
      }
      return Value(std::move(members));
    }
    case Type::Kind::dyn:
    case Type::Kind::null:
    case Type::Kind::boolean:
    case Type::Kind::integer:
    case Type::Kind::number:
    case Type::Kind::string:
    case Type::Kind::url:
    case Type::Kind::secret:
      return value;
  }
  return value;
}

// Depth follows the playbook's own nesting, which the loader bounds.
// NOLINTNEXTLINE(misc-no-recursion)
Value without_secrets(const Value& value) {
  if (value.is_secret()) return Value("fp:" + value.as_secret().fingerprint);
  if (value.is_list()) {
    ValueList items;
    for (const Value& item : value.as_list()) items.push_back(without_secrets(item));
    return Value(std::move(items));
  }
  if (value.is_map()) {
    ValueMap members;
    for (const auto& [name, member] : value.as_map())
      members.emplace(name, without_secrets(member));
    return Value(std::move(members));
  }
  return value;
}

const Step* find_step(const RunState& run, std::string_view id) noexcept {
  const auto found = run.step_index.find(id);
  return found == run.step_index.end() ? nullptr : found->second;
}

void add_steps(RunState& run, std::string_view frame, const std::vector<Step>& steps) {
  Value& seen = steps_seen_in(run, frame);
  ValueMap all = seen.as_map();
  for_each_step(run, steps, [&](const Step& step) {
    run.step_index[step.id] = &step;
    if (!step.proves.empty()) run.judges[step.proves].push_back(&step);
    ItemState nothing;
    nothing.outputs = Value(empty_outputs(step));
    all[std::string(local_name(step.id))] = visible(nothing, std::nullopt);
  });
  seen = Value(std::move(all));
}

RunState begin_run(const Entry& entry, std::shared_ptr<const Playbook> playbook, Value inputs) {
  RunState run;
  run.id = entry.run;
  run.playbook = std::move(playbook);
  run.mode = from_string<RunMode>(entry.body["mode"].string_or("")).value_or(RunMode::live);
  run.send_probes = entry.body["probes"].bool_or(true);
  run.who = entry.body["who"].string_or("");
  run.reason = entry.body["reason"].string_or("");
  if (const Value& asked = entry.body["asked"]; asked.is_map()) {
    run.asked = {.number = asked["number"].int_or(1),
                 .denied_by = asked["denied_by"].string_or(""),
                 .denied_why = asked["denied_why"].string_or(""),
                 .denied_run = asked["denied_run"].string_or("")};
  }
  run.approved_in_advance = entry.body["approved_in_advance"].bool_or(false);
  run.confirmed = entry.body["confirmed"].bool_or(false);
  run.automatic = entry.body["automatic"].bool_or(false);
  run.proposed = entry.body["proposed"].bool_or(false);
  for (const Value& pattern : entry.body["scope"].list_or_empty())
    run.scope.push_back(pattern.string_or(""));
  run.machine = entry.body["machine"].string_or("");
  run.pins = entry.body["pins"];
  run.inputs = std::move(inputs);
  run.started = entry.at;
  run.timed_from = entry.at;
  run.now = entry.at;
  for (const ProbeSpec& probe : run.playbook->verify) {
    run.verify.push_back(Postcondition{.spec = &probe});
  }
  run.steps_value = Value(ValueMap{});
  add_steps(run, "", run.playbook->steps);
  add_steps(run, "", run.playbook->finally_steps);
  if (run.playbook->lock) {
    Scope scope;
    scope.names["inputs"] = run.inputs;
    const Result<Value> lock = run.playbook->lock->evaluate(scope);
    if (lock) run.lock = lock->string_or("");
  }
  return run;
}

void apply(RunState& run, const Entry& entry, const ConnectorSet& connectors) {
  const Value& body = entry.body;
  run.now = entry.at;
  apply_counts(run, body["requests"]);
  apply_origin(run, body);
  switch (entry.kind) {
    case EntryKind::run_started:
    case EntryKind::secret_sealed:
    case EntryKind::note_added:
    case EntryKind::key_rotated:
      return;
    case EntryKind::step_started: {
      const std::string id = body["step"].string_or("");
      const Step* const step = find_step(run, id);
      if (step == nullptr) return;
      StepState& state = run.steps[id];
      state.phase = StepState::Phase::running;
      state.started = entry.at;
      if (!body["due"].is_null()) state.due = time_of(body["due"]);
      begin_items(run, *step, state, body);
      count_irreversible(run, *step, state, connectors);
      return;
    }
    case EntryKind::step_skipped: {
      if (!body["item"].is_null()) {
        ItemState* const item = item_of(run, body);
        if (item == nullptr) return;
        StepState& state = run.steps[body["step"].string_or("")];
        item->outcome = OutcomeKind::skipped;
        item->skipped_by = body["who"].string_or("");
        finish_item(run, state, *item, body);
        pass_over_begun(state);
        run.held = false;
        return;
      }
      StepState& state = run.steps[body["step"].string_or("")];
      state.phase = StepState::Phase::finished;
      state.outcome = OutcomeKind::skipped;
      state.skipped_by = body["who"].string_or("");
      publish(run, body["step"].string_or(""));
      return;
    }
    case EntryKind::attempt_started: {
      ItemState* const item = item_of(run, body);
      if (item == nullptr) return;
      const bool look = body["intent"].string_or("") == "look";
      if (item->attempt == 0) item->started = entry.at;
      item->attempt = static_cast<int>(body["attempt"].int_or(item->attempt + 1));
      if (!look) {
        ++item->retries;
        // What looks saw before a new attempt says nothing about it.
        item->probes.assign(item->probes.size(), ProbeState{});
      }
      item->phase = look ? ItemState::Phase::looking : ItemState::Phase::attempting;
      item->request_left = false;
      item->params = body["params"];
      set_active(run, body, true);
      pass_over_begun(run.steps[body["step"].string_or("")]);
      return;
    }
    case EntryKind::request_sent:
      run.changing |= body["effect"].string_or("") == "mutate";
      if (ItemState* const item = item_of(run, body); item != nullptr && body["probe"].is_null()) {
        item->request_left |= body["effect"].string_or("") == "mutate";
        if (!body["doubts"].is_null()) item->doubts = doubts_of(body["doubts"]);
      } else if (item != nullptr && body["effect"].string_or("") == "mutate" &&
                 body["probe"].int_or(-1) >= 0) {
        doubt_look(run, *item, body, connectors);
      }
      return;
    case EntryKind::attempt_finished:
      apply_attempt_finished(run, entry, connectors);
      return;
    case EntryKind::attempt_unknown: {
      ItemState* const item = item_of(run, body);
      if (item == nullptr) return;
      item->in_doubt = true;
      item->request_left = false;
      item->outcome = OutcomeKind::unknown;
      item->error = error_of(body["error"]);
      item->phase = body["look"].string_or("") == "probes" ? ItemState::Phase::probing_unknown
                                                           : ItemState::Phase::look_wait;
      item->due = time_of(body["due"]);
      return;
    }
    case EntryKind::retry_scheduled: {
      ItemState* const item = item_of(run, body);
      if (item == nullptr) return;
      item->phase =
          body["look"].bool_or(false) ? ItemState::Phase::look_wait : ItemState::Phase::retry_wait;
      item->due = time_of(body["due"]);
      return;
    }
    case EntryKind::probe_finished:
      apply_probe(run, entry);
      return;
    case EntryKind::step_finished: {
      if (!body["item"].is_null()) {
        ItemState* const item = item_of(run, body);
        if (item == nullptr) return;
        if (const Step* const step = find_step(run, body["step"].string_or(""));
            step != nullptr && is_expanded(*step)) {
          item->outcome = from_string<OutcomeKind>(body["outcome"].string_or(""));
          item->error = error_of(body["error"]);
        }
        finish_item(run, run.steps[body["step"].string_or("")], *item, body);
        return;
      }
      StepState& state = run.steps[body["step"].string_or("")];
      state.phase = StepState::Phase::finished;
      state.outcome = from_string<OutcomeKind>(body["outcome"].string_or(""));
      state.verdict = from_string<Verdict>(body["verdict"].string_or(""));
      state.error = error_of(body["error"]);
      state.deadline_passed = body["deadline_passed"].bool_or(false);
      state.failed_onward = body["continued"].bool_or(false);
      state.finished = entry.at;
      if (!body["values"].is_null()) {
        state.values = typed_values(run, body["step"].string_or(""), body["values"]);
      }
      publish(run, body["step"].string_or(""));
      return;
    }
    case EntryKind::approval_requested: {
      ApprovalState& approval =
          body["step"].is_null() ? run.gate : run.steps[body["step"].string_or("")].approval;
      const bool is_answered = static_cast<int>(approval.given_by.size()) >= approval.need;
      if (body["voids"].is_string()) {
        approval.given_by.resize(approval.given_before);
      } else if (approval.requested && is_answered) {
        approval.given_before = approval.given_by.size();
      }
      approval.requested = true;
      approval.need = static_cast<int>(body["need"].int_or(1));
      approval.why = body["why"].string_or("");
      approval.digest = body["digest"].string_or("");
      approval.voids = body["voids"].string_or("");
      approval.until = time_of(body["until"]);
      run.digest = approval.digest;
      return;
    }
    case EntryKind::manual_requested: {
      ManualState& manual = run.steps[body["step"].string_or("")].manual;
      manual.requested = true;
      manual.ask = body["ask"].string_or("");
      manual.until = time_of(body["until"]);
      return;
    }
    case EntryKind::manual_done: {
      StepState& state = run.steps[body["step"].string_or("")];
      state.manual.done = true;
      state.values = typed_values(run, body["step"].string_or(""), body["fields"]);
      return;
    }
    case EntryKind::approval_given: {
      ApprovalState& approval =
          body["step"].is_null() ? run.gate : run.steps[body["step"].string_or("")].approval;
      if (!has_a_yes(run)) run.timed_from = entry.at;
      approval.given_by.push_back(body["who"].string_or(""));
      run.break_glass |= body["break_glass"].bool_or(false);
      return;
    }
    case EntryKind::approval_denied:
    case EntryKind::approval_timed_out:
    case EntryKind::run_aborted:
      run.aborted = true;
      run.aborted_by = body["who"].string_or("the clock");
      run.abort_reason = body["reason"].string_or("");
      run.held = false;
      // What cleans up does not wait for whoever paused it.
      run.paused = false;
      for (auto& [id, step] : run.steps) {
        step.paused = false;
        for (ItemState& item : step.items) item.paused = false;
      }
      return;
    case EntryKind::run_held:
      run.held = true;
      if (ItemState* const item = item_of(run, body); item != nullptr) {
        item->phase = ItemState::Phase::held;
        item->request_left = false;
        set_active(run, body, true);
        pass_over_begun(run.steps[body["step"].string_or("")]);
      }
      return;
    case EntryKind::run_paused:
    case EntryKind::run_resumed: {
      const bool paused = entry.kind == EntryKind::run_paused;
      // The process that looked is gone: `why` says so, a person's word has none.
      if (!paused && !body["why"].is_null()) cut_looks_off(run);
      if (body["step"].is_null()) {
        run.paused = paused;
        if (body["machine"].is_string()) run.machine = body["machine"].as_string();
      } else if (ItemState* const item = item_of(run, body); item != nullptr) {
        item->paused = paused;
      } else {
        run.steps[body["step"].string_or("")].paused = paused;
      }
      return;
    }
    case EntryKind::attempt_settled: {
      ItemState* const item = item_of(run, body);
      if (item == nullptr) return;
      // "retry": the person accepts that it may happen twice.
      item->in_doubt = false;
      item->retries = 0;
      item->break_glass = body["break_glass"].bool_or(false);
      if (item->finished()) --run.steps[body["step"].string_or("")].failed_items;
      item->phase = ItemState::Phase::retry_wait;
      item->due = entry.at;
      set_active(run, body, true);
      run.held = false;
      return;
    }
    case EntryKind::run_finished:
      run.result = from_string<RunResult>(body["result"].string_or(""));
      run.finished_at = entry.at;
      run.head = body["head"].string_or("");
      return;
    case EntryKind::undo_requested:
      if (body["anew"].bool_or(false)) run.undo.asked_by.clear();
      run.undo.asked_by.push_back(body["who"].string_or(""));
      run.undo.need = body["need"].int_or(1);
      run.undo.reason = body["reason"].string_or("");
      if (!body["until"].is_null()) run.undo.until = time_of(body["until"]);
      if (static_cast<std::int64_t>(run.undo.asked_by.size()) < run.undo.need) return;
      run.undo.asked_by.clear();
      for (auto& [id, step] : run.steps) {
        for (ItemState& item : step.items) {
          if (is_liftable(run, id, item)) item.undo = ItemState::Undo::wanted;
        }
      }
      return;
    case EntryKind::undo_started:
    case EntryKind::undo_finished:
      if (ItemState* const item = item_of(run, body); item != nullptr) {
        item->undo = entry.kind == EntryKind::undo_started ? ItemState::Undo::running
                     : body["error"].is_map()              ? ItemState::Undo::failed
                                                           : ItemState::Undo::done;
      }
      return;
    case EntryKind::disarmed:
    case EntryKind::armed:
    case EntryKind::alert_received:
    case EntryKind::alert_dismissed:
    case EntryKind::alerts_refused:
    case EntryKind::command_refused:
    case EntryKind::access_noted:
      return;
    case EntryKind::watch_started:
      run.watch.started = true;
      run.watch.due = time_of(body["due"]);
      run.watch.until = time_of(body["until"]);
      return;
    case EntryKind::watch_observed:
      if (!body["due"].is_null()) {
        run.watch.due = time_of(body["due"]);
        if (body["alert"].is_null()) run.watch.looked = entry.at;
      }
      if (const auto result = from_string<RunResult>(body["result"].string_or("")))
        run.result = result;
      if (!body["probe"].is_null()) apply_probe(run, entry);
      return;
    case EntryKind::watch_finished:
      run.watch.finished = true;
      return;
  }
}

}  // namespace quell
