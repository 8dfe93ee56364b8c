#include "orchestrator/playbook/steps.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/playbook/calls.h"
#include "orchestrator/playbook/inputs.h"

namespace quell {
namespace {

const std::vector<std::string> kKindWords{"use",  "parallel", "block", "approve", "manual",
                                          "wait", "assert",   "set",   "call"};
const std::vector<std::string> kStepKeys{
    "id",      "title",   "use",   "with",         "parallel", "block",      "rescue",
    "approve", "manual",  "wait",  "assert",       "message",  "set",        "call",
    "when",    "foreach", "retry", "timeout",      "deadline", "on_failure", "verify",
    "reason",  "proves",  "undo",  "irreversible", "plane",    "kills"};
// Modifiers that concern one action's request and its claims.
constexpr std::array<std::string_view, 9> kUseOnly{
    "retry", "timeout", "verify", "reason", "proves", "undo", "irreversible", "plane", "kills"};

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

StepReader::StepReader(Findings& findings, Callees& callees, PlaybookScope& scope)
    : findings_(findings),
      callees_(callees),
      scope_(scope),
      values_(findings, scope),
      actions_(findings, callees.catalog(), scope, values_) {}

// Depth is that of the file, at most kYamlDepthMax.
std::vector<Step> StepReader::read_steps(const YamlNode& list,  // NOLINT(misc-no-recursion)
                                         std::string_view key) {
  std::vector<Step> steps;
  if (list.kind != YamlNode::Kind::list) {
    findings_.error(list, "wrong-type",
                    fmt::format("\"{}\" is a list of steps, not {}", key, to_string(list.kind)),
                    "begin each step with a dash: - id: ...");
    return steps;
  }
  if (list.items.empty()) {
    findings_.error(list, "missing-value", fmt::format("\"{}\" has no step", key));
  }
  for (const YamlNode& node : list.items) {
    if (std::optional<Step> step = read_step(node)) steps.push_back(std::move(*step));
  }
  return steps;
}

void StepReader::begin_finally() {
  in_finally_ = true;
  scope_.doubt_since(0);
}

std::optional<Step> StepReader::read_step(const YamlNode& node) {  // NOLINT(misc-no-recursion)
  const YamlNode* const id = node.find("id");
  Shell shell{.node = node,
              .mark = id != nullptr && id->is_scalar() && !id->empty ? *id : node,
              .fields = Fields(findings_, node, "a step", kStepKeys),
              .locals = around_};
  if (node.kind != YamlNode::Kind::map) return std::nullopt;
  Step& step = shell.step;
  step.at = findings_.position(shell.mark);
  if (const YamlNode* const value = shell.fields.need("id");
      value != nullptr && check_name(findings_, *value, "the id of a step")) {
    step.id = value->text;
    const auto [first, is_new] = lines_by_id_.emplace(step.id, findings_.line(*value));
    if (!is_new) {
      findings_.error(*value, "duplicate-id", fmt::format("\"{}\" is a step already", step.id),
                      fmt::format("the first is in line {}", first->second));
    }
  }
  shell.leaves.id = step.id;
  step.title = shell.fields.line("title").value_or("");
  if (const auto word = shell.fields.word("on_failure", {"abort", "continue"})) {
    step.continue_on_failure = *word == "continue";
  }

  const YamlNode* const outer = scope_.current();
  scope_.enter(&node);
  const std::size_t mark = scope_.mark();
  const std::size_t first_use = uses_.size();
  read_kind(shell);
  scope_.enter(outer);

  const auto* const manual = std::get_if<ManualStep>(&step.kind);
  const bool in_doubt = step.when.has_value() || step.continue_on_failure ||
                        (manual != nullptr && manual->continue_on_timeout);
  if (step.foreach_items) {
    scope_.forget_since(mark);  // each item has results of its own
    for (std::size_t i = first_use; i < uses_.size(); ++i) uses_[i].loops.push_back(step.id);
  }
  if (in_doubt) scope_.doubt_since(mark);
  if (!step.id.empty() && scope_.find(step.id) == nullptr) {
    shell.leaves.may_not_have_run = in_doubt;
    scope_.learn(std::move(shell.leaves));
  }
  return std::move(step);
}

void StepReader::read_kind(Shell& shell) {  // NOLINT(misc-no-recursion)
  std::vector<const YamlMember*> kinds;
  for (const YamlMember& member : shell.node.members) {
    for (const std::string& word : kKindWords) {
      if (member.key.text == word) kinds.push_back(&member);
    }
  }
  if (kinds.empty()) {
    findings_.error(shell.mark, "no-kind", "this step does nothing",
                    fmt::format("give it one of {}", one_of(kKindWords)));
    shell.leaves.opaque = true;
    return;
  }
  for (std::size_t i = 1; i < kinds.size(); ++i) {
    findings_.error(kinds[i]->key, "two-kinds",
                    fmt::format("this step has \"{}\" already", kinds[0]->key.text),
                    "make two steps of it");
  }
  const std::string& kind = kinds[0]->key.text;
  if (kind != "use") refuse_modifiers(shell, kind);
  const YamlNode* const body = shell.fields.get(kind);
  if (body == nullptr) {
    shell.leaves.opaque = true;
    return;
  }
  if (kind == "use") {
    read_use(shell);
    return;
  }
  if (const YamlNode* const each = shell.fields.get("foreach")) read_foreach(shell, *each);
  read_when(shell);
  shell.step.deadline = shell.fields.duration("deadline", {.min = Duration{100}});
  if (kind == "parallel" || kind == "block") {
    const Locals outside = std::exchange(around_, shell.locals);
    if (kind == "parallel") read_parallel(shell, *body);
    if (kind == "block") read_block(shell, *body);
    around_ = outside;
  }
  if (kind == "call") read_call(shell, *body);
  if (kind == "manual") read_manual(shell, *body);
  if (kind == "approve") read_approve(shell, *body);
  if (kind == "wait") read_wait(shell, *body);
  if (kind == "assert") read_assert(shell, *body);
  if (kind == "set") read_set(shell, *body);
  if (shell.step.foreach_items) {
    shell.leaves.outputs = {Field{.name = "items", .type = Type::of(Type::Kind::object)}};
  }
}

void StepReader::read_when(Shell& shell) {
  if (const YamlNode* const when = shell.fields.get("when")) {
    shell.step.when = values_.condition(*when, "when", shell.locals);
    if (shell.step.when) shell.locals = shell.locals.with(guards_of(shell.step.when->text()));
  }
}

void StepReader::refuse_modifiers(Shell& shell, std::string_view kind) {
  for (const YamlMember& member : shell.node.members) {
    const std::string& key = member.key.text;
    if (key == "foreach" && kind == "set") {
      findings_.error(member.key, "misplaced-key", "\"foreach\" goes with every step but set",
                      "map() makes a list of another: ${list.map(x, x.id)}");
    }
    if (key == "with" && kind != "call") {
      findings_.error(
          member.key, "misplaced-key",
          fmt::format("\"with\" stands beside use or call, this step has \"{}\"", kind));
    }
    if (key == "deadline" && !is_one_of(kind, {"parallel", "block", "call"})) {
      findings_.error(member.key, "misplaced-key",
                      fmt::format("\"deadline\" belongs to steps that send something, this one "
                                  "has \"{}\"",
                                  kind),
                      is_one_of(kind, {"approve", "manual"}) ? "within bounds it" : "leave it out");
    }
    for (const std::string_view only : kUseOnly) {
      if (key != only) continue;
      findings_.error(
          member.key, "misplaced-key",
          fmt::format("\"{}\" belongs to a step with use, this one has \"{}\"", key, kind),
          "move it to the step that it is about");
    }
    if (key == "rescue" && kind != "block") {
      findings_.error(member.key, "misplaced-key", "\"rescue\" stands beside block only",
                      "write block: [...] and rescue: [...]");
    }
    if (key == "message" && kind != "assert") {
      findings_.error(member.key, "misplaced-key", "\"message\" stands beside assert only");
    }
  }
}

void StepReader::read_parallel(Shell& shell, const YamlNode& node) {  // NOLINT(misc-no-recursion)
  ParallelStep parallel;
  if (node.kind != YamlNode::Kind::map || node.members.empty()) {
    findings_.error(node, "wrong-type", "\"parallel\" is a map of named branches",
                    "parallel: {name: [steps], other: [steps]}");
    shell.step.kind = std::move(parallel);
    return;
  }
  std::vector<KnownStep> learned;
  for (const YamlMember& branch : node.members) {
    check_name(findings_, branch.key, "the name of a branch");
    const std::size_t mark = scope_.mark();
    if (branch.value.empty) {
      findings_.error(branch.key, "missing-value",
                      fmt::format("branch \"{}\" has no step", shown(branch.key.text)));
    } else {
      parallel.branches.push_back({branch.key.text, read_steps(branch.value, branch.key.text)});
    }
    for (KnownStep& step : scope_.forget_since(mark)) learned.push_back(std::move(step));
  }
  for (KnownStep& step : learned) scope_.learn(std::move(step));
  shell.step.kind = std::move(parallel);
}

void StepReader::read_block(Shell& shell, const YamlNode& node) {  // NOLINT(misc-no-recursion)
  BlockStep block;
  const std::size_t mark = scope_.mark();
  block.body = read_steps(node, "block");
  if (const YamlNode* const rescue = shell.fields.get("rescue")) {
    scope_.doubt_since(mark);
    block.rescue = read_steps(*rescue, "rescue");
    scope_.doubt_since(mark);
  }
  shell.step.kind = std::move(block);
}

void StepReader::read_approve(Shell& shell, const YamlNode& node) {
  Fields fields(findings_, node, "approve", {"need", "from", "within", "on_timeout"});
  ApproveStep approve;
  if (node.kind == YamlNode::Kind::map) {
    approve.need = static_cast<int>(
        fields.whole("need", {.min = 1, .max = kApproversMax}).value_or(approve.need));
    if (const YamlNode* const from = fields.get("from");
        from != nullptr && check_name(findings_, *from, "the role under from")) {
      approve.from = from->text;
    }
    fields.need("within");
    approve.within = fields.duration("within", {.min = Duration{1'000}}).value_or(approve.within);
    if (const auto word = fields.word("on_timeout", {"abort", "continue"})) {
      approve.continue_on_timeout = *word == "continue";
    }
  }
  shell.step.kind = approve;
}

void StepReader::read_manual(Shell& shell, const YamlNode& node) {
  Fields fields(findings_, node, "manual", {"ask", "from", "within", "on_timeout", "fields"});
  ManualStep manual;
  if (node.kind == YamlNode::Kind::map) {
    if (const YamlNode* const ask = fields.need("ask")) {
      if (auto text = values_.text(*ask, "ask", shell.locals)) manual.ask = std::move(*text);
    }
    if (const YamlNode* const from = fields.get("from");
        from != nullptr && check_name(findings_, *from, "the role under from")) {
      manual.from = from->text;
    }
    fields.need("within");
    manual.within = fields.duration("within", {.min = Duration{1'000}}).value_or(manual.within);
    if (const auto word = fields.word("on_timeout", {"abort", "continue"})) {
      manual.continue_on_timeout = *word == "continue";
    }
    if (const YamlNode* const told = fields.get("fields")) {
      manual.fields = read_inputs(findings_, *told);
    }
  }
  for (const InputSpec& field : manual.fields) {
    if (field.type.kind == Type::Kind::secret) {
      findings_.error(*node.find("fields"), "secret-in-text",
                      fmt::format("\"{}\" would have a person type a secret", field.name),
                      "a secret is an input of the playbook");
    }
    shell.leaves.outputs.push_back(Field{.name = field.name, .type = field.type});
  }
  shell.step.kind = std::move(manual);
}

void StepReader::read_call(Shell& shell, const YamlNode& node) {  // NOLINT(misc-no-recursion)
  CallStep call;
  const std::optional<std::string> id = read_text(findings_, node, "call");
  if (id) {
    const Result<const Callee*> callee = callees_.find(*id);
    if (!callee) {
      const Error& error = callee.error();
      findings_.error(node, error.topic, error.message, error.hint);
    } else {
      call.callee = (*callee)->playbook;
      learn_callee(shell, **callee);
      std::vector<ParamSpec> inputs;
      for (const InputSpec& input : call.callee->inputs) {
        // The text of a reference is resolved where a run begins, not where a step does.
        const bool needed = input.type.kind == Type::Kind::secret && input.fallback.has_value();
        inputs.push_back({.name = input.name,
                          .type = input.type,
                          .required = (input.required && !input.fallback) || needed,
                          .help = input.help});
      }
      ValueTemplate with =
          actions_.inputs(*id, inputs, shell.fields.get("with"), node, shell.locals);
      if (auto* const given = std::get_if<std::vector<NamedTemplate>>(&with.node)) {
        call.with = std::move(*given);
      }
    }
  }
  shell.step.kind = std::move(call);
}

/// The rules of the whole see through a call.
void StepReader::learn_callee(const Shell& shell, const Callee& callee) {
  called_[callee.playbook->id] = callee.playbook->source;
  called_.insert(callee.playbook->called.begin(), callee.playbook->called.end());
  const std::string prefix = shell.step.id + "/";
  for (UseFact use : callee.uses) {
    use.id.insert(0, prefix);
    if (!use.proves.empty()) use.proves.insert(0, prefix);
    for (std::string& id : use.known_before) id.insert(0, prefix);
    for (std::string& id : use.loops) id.insert(0, prefix);
    for (const KnownStep& known : scope_.known()) use.known_before.push_back(known.id);
    use.mark = &shell.mark;
    use.use = &shell.mark;
    use.in_finally |= in_finally_;
    use.accepted.insert(use.accepted.end(), callee.playbook->accept.begin(),
                        callee.playbook->accept.end());
    uses_.push_back(std::move(use));
  }
}

void StepReader::read_wait(Shell& shell, const YamlNode& node) {
  Fields fields(findings_, node, "wait", {"for", "until", "every"});
  WaitStep wait;
  if (node.kind == YamlNode::Kind::map) {
    fields.need("for");
    wait.span = fields.duration("for");
    if (const YamlNode* const until = fields.get("until")) {
      wait.until = values_.condition(*until, "until", shell.locals);
      wait.every = fields.duration("every", {.min = kPollMin}).value_or(wait.every);
    } else if (const YamlNode* const every = node.find_key("every")) {
      findings_.error(*every, "misplaced-key", "\"every\" needs an until",
                      "wait: {until: ${...}, every: 5s, for: 5m}");
    }
  }
  shell.step.kind = std::move(wait);
}

void StepReader::read_assert(Shell& shell, const YamlNode& node) {
  AssertStep assertion;
  if (auto condition = values_.condition(node, "assert", shell.locals)) {
    assertion.condition = std::move(*condition);
  }
  if (const YamlNode* const message = shell.fields.need("message")) {
    if (auto text = values_.text(*message, "message", shell.locals)) {
      assertion.message = std::move(*text);
    }
  }
  shell.step.kind = std::move(assertion);
}

void StepReader::read_set(Shell& shell, const YamlNode& node) {
  SetStep set;
  if (node.kind != YamlNode::Kind::map || node.members.empty()) {
    findings_.error(node, "wrong-type", "\"set\" is a map of names and values",
                    "set: {name: ${...}}");
    shell.leaves.opaque = true;
    shell.step.kind = std::move(set);
    return;
  }
  for (const YamlMember& member : node.members) {
    if (!check_name(findings_, member.key, "a name under set")) continue;
    const std::string& name = member.key.text;
    if (name == "outcome" || name == "verdict" || name == "error") {
      findings_.error(member.key, "bad-id",
                      fmt::format("\"{}\" is a name that every step has", name),
                      "choose another word");
      continue;
    }
    if (member.value.empty) {
      findings_.error(member.key, "missing-value", fmt::format("\"{}\" has no value", name));
      continue;
    }
    Expected anything{.required = false, .what = fmt::format("\"{}\" under set", name)};
    Type type;
    set.values.push_back({name, values_.value(member.value, shell.locals, anything, &type)});
    if (type.kind == Type::Kind::null) type = Type{}.or_null();
    shell.leaves.outputs.push_back(Field{.name = name, .type = std::move(type)});
  }
  set.type = Type::object(shell.leaves.outputs);
  shell.step.kind = std::move(set);
}

}  // namespace quell
