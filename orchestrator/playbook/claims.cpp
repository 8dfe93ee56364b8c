// Steps with an action: what they are given, repeat, claim, undo, and how it is proved.

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/playbook/steps.h"
#include "orchestrator/playbook/warnings.h"
#include "state/base/contains.h"

namespace quell {
namespace {

const std::vector<std::string> kPlaneWords{"holder", "issuer", "runtime", "resource"};
const std::vector<std::string> kKillWords{"refresh_token", "access_token", "refresh", "session",
                                          "schedule",      "key",          "entry"};

template <typename Word>
std::vector<std::string> words_of(const std::vector<Word>& words) {
  std::vector<std::string> texts;
  texts.reserve(words.size());
  for (const Word word : words) texts.emplace_back(to_string(word));
  return texts;
}

bool meet(const std::vector<Kill>& a, const std::vector<Kill>& b) {
  return std::any_of(a.begin(), a.end(), [&](Kill kill) { return contains(b, kill); });
}

/// `20/s`, `300/min`, `1000/h` as items per second.
std::optional<double> parse_rate(std::string_view text) {
  double number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number, std::chars_format::fixed);
  if (error != std::errc{} || !(number > 0) || number > 1e6) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(last - end));
  if (unit == "/s") return number;
  if (unit == "/min") return number / 60;
  if (unit == "/h") return number / 3600;
  return std::nullopt;
}

std::string proof_hint(const ActionRef& action) {
  if (action.spec->proofs.empty()) return "add verify, or verify: none with a reason";
  return fmt::format("{}.{} can prove it", action.connection, action.spec->proofs.front());
}

}  // namespace

void StepReader::read_use(Shell& shell) {
  Step& step = shell.step;
  const YamlNode& use = *shell.fields.get("use");
  for (const std::string_view key : {"rescue", "message"}) {
    if (const YamlNode* const misplaced = shell.node.find_key(key)) {
      findings_.error(
          *misplaced, "misplaced-key",
          fmt::format("\"{}\" stands beside {} only", key, key == "rescue" ? "block" : "assert"));
    }
  }
  const std::optional<ActionRef> action = actions_.find(use, "use");
  if (const YamlNode* const each = shell.fields.get("foreach")) read_foreach(shell, *each);
  read_when(shell);
  if (const YamlNode* const retry = shell.fields.get("retry")) read_retry(shell, *retry);
  step.timeout = shell.fields.duration("timeout", {.min = Duration{100}});
  step.deadline = shell.fields.duration("deadline", {.min = Duration{100}});
  if (!action) {
    shell.leaves.opaque = true;
    step.kind = UseStep{};
    return;
  }

  UseFact fact{.id = step.id, .mark = &shell.mark, .use = &use, .action = *action};
  fact.in_finally = in_finally_;
  for (const KnownStep& known : scope_.known()) fact.known_before.push_back(known.id);
  step.kind = UseStep{.connection = action->connection,
                      .action = action->action,
                      .with = actions_.inputs(*action, shell.fields.get("with"), use, shell.locals),
                      .outputs = action->spec->outputs};
  read_claims(shell, *action, fact);
  read_undo(shell, *action);
  read_proves(shell, fact);
  read_verify(shell, *action, fact);
  uses_.push_back(std::move(fact));

  if (step.foreach_items) {
    shell.leaves.outputs = {Field{.name = "items", .type = Type::of(Type::Kind::object)}};
  } else if (action->spec->outputs.fields) {
    shell.leaves.outputs = *action->spec->outputs.fields;
  } else {
    shell.leaves.opaque = true;
  }
}

void StepReader::read_foreach(Shell& shell, const YamlNode& node) {
  Fields fields(findings_, node, "foreach",
                {"items", "as", "key", "concurrency", "rate", "max", "order", "canary",
                 "on_item_failure", "stop_after"});
  if (node.kind != YamlNode::Kind::map) return;
  Foreach each;
  Type list;
  if (const YamlNode* const items = fields.need("items")) {
    if (auto expression = values_.expression(*items, "items", shell.locals, list)) {
      each.items = std::move(*expression);
    }
    if (list.kind != Type::Kind::list && list.kind != Type::Kind::dyn) {
      findings_.error(*items, "wrong-type",
                      fmt::format("\"items\" is a list, not {}", to_string(list)),
                      "foreach goes through a list");
    } else if (list.nullable) {
      findings_.error(*items, "nullable", "\"items\" may be null here",
                      "give another list for null: ${x != null ? x : []}");
    }
  }
  Type element = list.kind == Type::Kind::list && list.element ? *list.element : Type{};
  if (const YamlNode* const as = fields.need("as");
      as != nullptr && check_name(findings_, *as, "the name under as", NameUse::root)) {
    each.as = as->text;
    shell.locals = shell.locals.with(each.as, element);
  }
  if (const YamlNode* const key = fields.need("key")) {
    if (auto text = values_.text(*key, "key", shell.locals)) each.key = std::move(*text);
    if (key->kind == YamlNode::Kind::string && key->text.find("${") == std::string::npos) {
      findings_.error(*key, "bad-value", "this key is the same for every item",
                      "name the item: ${x.id}");
    }
  }
  each.concurrency =
      static_cast<int>(fields.whole("concurrency", {.min = 1, .max = kConcurrencyMax}).value_or(1));
  fields.need("max");
  each.max = static_cast<int>(fields.whole("max", {.min = 1, .max = kItemsMax}).value_or(1));
  each.canary = static_cast<int>(fields.whole("canary", {.min = 0, .max = kItemsMax}).value_or(0));
  if (const YamlNode* const rate = fields.get("rate")) {
    each.rate_per_second = parse_rate(rate->text);
    if (!each.rate_per_second) {
      findings_.error(*rate, "bad-value", "\"rate\" is a number of items per time",
                      "for instance 20/s, 300/min or 1000/h");
    }
  }
  if (const YamlNode* const order = fields.get("order")) {
    Type type;
    each.order = values_.expression(*order, "order", shell.locals, type);
    if (type.kind != Type::Kind::integer && type.kind != Type::Kind::number &&
        type.kind != Type::Kind::dyn) {
      findings_.error(*order, "wrong-type",
                      fmt::format("\"order\" is a number, not {}", to_string(type)),
                      "the items with the highest come first; int(...) makes one of a timestamp");
    } else if (type.nullable) {
      findings_.error(*order, "nullable", "\"order\" may be null here",
                      "give a number for null: ${x != null ? x : 0}");
    }
  }
  if (const auto word = fields.word("on_item_failure", {"continue", "stop"})) {
    each.stop_on_failure = *word == "stop";
  }
  if (const auto count = fields.whole("stop_after", {.min = 1, .max = kItemsMax})) {
    each.stop_after = static_cast<int>(*count);
    if (!each.stop_on_failure) {
      findings_.error(*node.find_key("stop_after"), "misplaced-key",
                      "\"stop_after\" needs on_item_failure: stop");
    }
  }
  shell.step.foreach_items = std::move(each);
}

void StepReader::read_retry(Shell& shell, const YamlNode& node) {
  Fields fields(findings_, node, "retry", {"max", "backoff", "cap", "jitter", "on"});
  if (node.kind != YamlNode::Kind::map) return;
  RetryOverride& retry = shell.step.retry;
  if (const auto max = fields.whole("max", {.min = 0, .max = kAttemptsMax})) {
    retry.max = static_cast<int>(*max);
  }
  retry.backoff = fields.duration("backoff");
  retry.cap = fields.duration("cap");
  retry.jitter = fields.flag("jitter");
  // An unknown outcome is settled by a look, never by a retry, and no other class gets better.
  for (const std::string& word : fields.word_list("on", {"transient", "throttled"})) {
    if (const auto code = error_code_from_string(word)) retry.on.push_back(*code);
  }
  if (retry.backoff && retry.cap && *retry.cap < *retry.backoff) {
    findings_.error(*node.find("cap"), "bad-value", "\"cap\" is shorter than \"backoff\"");
  }
}

void StepReader::read_claims(Shell& shell, const ActionRef& action, UseFact& fact) {
  Step& step = shell.step;
  if (const auto word = shell.fields.word("plane", kPlaneWords)) {
    const Plane plane = from_string<Plane>(*word).value_or(Plane::holder);
    if (contains(action.spec->planes, plane)) {
      step.plane = plane;
    } else {
      findings_.error(*shell.node.find("plane"), "wrong-plane",
                      fmt::format("{} does not act in the {} plane", action.name(), *word),
                      action.spec->planes.empty()
                          ? "it has no plane: leave the key out"
                          : fmt::format("its plane is {}", one_of(words_of(action.spec->planes))));
    }
  } else if (action.spec->planes.size() == 1) {
    step.plane = action.spec->planes.front();
  }
  const YamlNode* const kills = shell.fields.get("kills");
  for (const std::string& word : shell.fields.word_list("kills", kKillWords)) {
    const Kill kill = from_string<Kill>(word).value_or(Kill::entry);
    const auto node = std::find_if(kills->items.begin(), kills->items.end(),
                                   [&](const YamlNode& item) { return item.text == word; });
    if (!contains(action.spec->kills, kill)) {
      findings_.error(*node, "wrong-kill", fmt::format("{} does not kill {}", action.name(), word),
                      action.spec->kills.empty()
                          ? "it makes no claim: leave kills out"
                          : fmt::format("it kills {}", one_of(words_of(action.spec->kills))));
      continue;
    }
    step.kills.push_back(kill);
    fact.kill_nodes.push_back(&*node);
  }
  fact.kills = step.kills;
  if (!step.kills.empty() && !step.plane && shell.node.find("plane") == nullptr) {
    findings_.error(*kills, "missing-key", "a step with kills names its plane",
                    fmt::format("add plane: {}", one_of(words_of(action.spec->planes))));
  }
  // An action that no probe can prove may well be used without a claim, and one that proves another
  // step adds to that one's.
  if (kills == nullptr && shell.node.find("proves") == nullptr && action.spec->effect == Effect::mutate && !action.spec->kills.empty() &&
      !action.spec->proofs.empty()) {
    findings_.warning(
        shell.mark, "no-claim",
        fmt::format("{} kills {}, and this step claims nothing", action.name(),
                    one_of(words_of(action.spec->kills))),
        fmt::format("add kills: [{}]", fmt::join(words_of(action.spec->kills), ", ")));
  }
}

void StepReader::read_undo(Shell& shell, const ActionRef& action) {
  Step& step = shell.step;
  step.irreversible = shell.fields.flag("irreversible").value_or(false);
  const YamlNode* const undo = shell.fields.get("undo");
  const bool mutates = action.spec->effect == Effect::mutate;
  if (!mutates) {
    for (const std::string_view key : {"undo", "irreversible"}) {
      if (const YamlNode* const misplaced = shell.node.find_key(key)) {
        findings_.error(*misplaced, "misplaced-key",
                        fmt::format("{} changes nothing, there is nothing to undo", action.name()),
                        fmt::format("leave {} out", key));
      }
    }
    return;
  }
  if (undo != nullptr && step.irreversible) {
    findings_.error(*shell.node.find_key("irreversible"), "two-kinds",
                    "a step has either undo or irreversible", "leave one of the two out");
  } else if (undo != nullptr && action.spec->irreversible) {
    findings_.error(*shell.node.find_key("undo"), "wrong-undo",
                    fmt::format("{} cannot be undone", action.name()), "write irreversible: true");
  } else if (undo == nullptr && !step.irreversible) {
    findings_.error(shell.mark, "no-undo",
                    fmt::format("\"{}\" changes something and has neither undo nor irreversible",
                                shown(step.id)),
                    action.spec->irreversible
                        ? fmt::format("{} cannot be undone: add irreversible: true", action.name())
                        : "add undo: {use: ..., with: ...}, or irreversible: true");
  }
  if (undo == nullptr) return;
  Fields fields(findings_, *undo, "undo", {"use", "with"});
  if (undo->kind != YamlNode::Kind::map) return;
  const YamlNode* const use = fields.need("use");
  const std::optional<ActionRef> back = use == nullptr ? std::nullopt : actions_.find(*use, "use");
  if (!back) return;
  if (back->spec->effect != Effect::mutate) {
    findings_.error(*use, "wrong-undo", fmt::format("{} changes nothing back", back->name()),
                    "name the action that restores what was before");
  }
  step.undo = UndoSpec{.connection = back->connection,
                       .action = back->action,
                       .with = actions_.inputs(*back, fields.get("with"), *use, shell.locals)};
}

void StepReader::read_proves(Shell& shell, UseFact& fact) {
  const YamlNode* const proves = shell.fields.get("proves");
  if (proves == nullptr) return;
  const std::optional<std::string> id = read_text(findings_, *proves, "proves");
  if (!id) return;
  const KnownStep* const known = scope_.find(*id);
  if (known == nullptr) {
    const int line = scope_.line_of(*id);
    std::vector<std::string> ids;
    for (const UseFact& use : uses_) {
      if (!use.kills.empty()) ids.push_back(use.id);
    }
    findings_.error(*proves, line > 0 ? "later-step" : "unknown-step",
                    line > 0 ? fmt::format("\"{}\" is not done before this step", shown(*id))
                             : fmt::format("no step \"{}\"", shown(*id)),
                    line > 0 ? fmt::format("a step proves an earlier one; \"{}\" is in line {}",
                                           shown(*id), line)
                             : suggestion(*id, ids));
    return;
  }
  if (!shell.step.kills.empty()) {
    findings_.error(
        *shell.node.find_key("kills"), "misplaced-key",
        "a step that proves another makes no claim of its own",
        fmt::format("leave kills out, or make a step of its own that proves \"{}\"", *id));
  }
  const auto target =
      std::find_if(uses_.begin(), uses_.end(), [&](const UseFact& use) { return use.id == *id; });
  if (!known->opaque && (target == uses_.end() || target->kills.empty())) {
    findings_.error(*proves, "no-claim", fmt::format("\"{}\" claims nothing", *id),
                    "name a step that has kills");
    return;
  }
  if (shell.node.find("verify") == nullptr) {
    findings_.error(*shell.node.find_key("proves"), "no-verify",
                    fmt::format("nothing here can prove \"{}\"", *id),
                    "add verify: the probes under it judge that step's claims");
  }
  shell.step.proves = *id;
  fact.proves = *id;
}

void StepReader::read_verify(Shell& shell, const ActionRef& action, UseFact& fact) {
  Step& step = shell.step;
  const YamlNode* const verify = shell.fields.get("verify");
  const YamlNode* const reason = shell.node.find_key("reason");
  const bool is_none = verify != nullptr && verify->is_scalar() && verify->text == "none";
  if (reason != nullptr && !is_none) {
    findings_.error(*reason, "misplaced-key", "\"reason\" stands beside verify: none only");
  }
  if (verify == nullptr) {
    if (action.spec->effect == Effect::mutate && shell.node.find("verify") == nullptr) {
      findings_.error(shell.mark, "no-verify",
                      fmt::format("\"{}\" changes something and has no verify", shown(step.id)),
                      proof_hint(action));
    }
    return;
  }
  if (is_none) {
    shell.fields.need("reason");
    step.verify_none_reason = shell.fields.line("reason").value_or("");
    return;
  }
  if (verify->kind != YamlNode::Kind::list || verify->items.empty()) {
    findings_.error(*verify, "wrong-type", "\"verify\" is a list of probes, or none with a reason",
                    "verify: [{probe: connection.action, with: {...}}]");
    return;
  }
  std::vector<Kill> kills = step.kills;
  const auto target = std::find_if(uses_.begin(), uses_.end(),
                                   [&](const UseFact& use) { return use.id == step.proves; });
  if (!step.proves.empty() && target != uses_.end()) kills = target->kills;
  std::vector<Kill> proved;
  for (const YamlNode& node : verify->items) {
    if (auto probe = read_probe(node, &action, shell.locals, kills, &proved)) {
      step.verify.push_back(std::move(*probe));
    }
  }
  if (!step.proves.empty() && target != uses_.end()) {
    target->probed.insert(target->probed.end(), proved.begin(), proved.end());
  } else {
    fact.probed = std::move(proved);
  }
}

std::optional<ProbeSpec> StepReader::read_probe(const YamlNode& node, const ActionRef* self,
                                                const Locals& outer, const std::vector<Kill>& kills,
                                                std::vector<Kill>* proved) {
  Fields fields(findings_, node, "a probe", {"probe", "with", "when", "expect", "refute", "until"});
  if (node.kind != YamlNode::Kind::map) return std::nullopt;
  ProbeSpec probe{.at = findings_.position(node)};
  Locals locals = outer;
  if (const YamlNode* const when = fields.get("when")) {
    probe.when = values_.condition(*when, "when", locals);
    if (probe.when) locals = locals.with(guards_of(probe.when->text()));
  }
  if (const YamlNode* const until = fields.get("until")) probe.until = read_until(*until);
  const YamlNode* const name = fields.need("probe");
  if (name == nullptr) return std::nullopt;

  const auto judge = [&](const ActionRef& judged, std::string message, std::string hint) {
    const std::vector<Kill>& proves = judged.spec->proves;
    if (proved != nullptr) proved->insert(proved->end(), proves.begin(), proves.end());
    if (kills.empty() || meet(proves, kills)) return;
    findings_.error(*name, "cannot-prove", std::move(message), std::move(hint));
  };
  if (name->is_scalar() && name->text == "self") {
    probe.self = true;
    if (self == nullptr) {
      findings_.error(*name, "bad-value", "self judges a step, and no step stands here",
                      "name a probe: connection.action");
      return std::nullopt;
    }
    if (const YamlNode* const with = node.find_key("with")) {
      findings_.error(*with, "misplaced-key",
                      "self takes no inputs: it judges the step's own result");
    }
    if (const YamlNode* const until = node.find_key("until")) {
      findings_.error(*until, "misplaced-key",
                      "self looks once: the step's own result does not change");
    }
    read_judgement(fields, probe, *self, locals);
    if (node.find("expect") == nullptr) {
      findings_.error(*name, "missing-key", "self needs an expect",
                      "expect: ${result...} says what proves it, refute what refutes it");
    }
    judge(*self,
          fmt::format("the result of {} cannot prove that {} is dead", self->name(),
                      one_of(words_of(kills))),
          proof_hint(*self));
    return probe;
  }
  const std::optional<ActionRef> action = actions_.find(*name, "probe");
  if (!action) return std::nullopt;
  probe.connection = action->connection;
  probe.action = action->action;
  if (!action->spec->is_probe) {
    findings_.error(*name, "not-a-probe", fmt::format("{} is no probe", action->name()),
                    self == nullptr ? "quell actions lists the probes" : proof_hint(*self));
    return std::nullopt;
  }
  for (const std::string_view key : {"expect", "refute"}) {
    if (const YamlNode* const misplaced = node.find_key(key)) {
      findings_.error(*misplaced, "misplaced-key",
                      fmt::format("{} brings its own judgement", action->name()),
                      fmt::format("{} is for probe: self", key));
    }
  }
  probe.with = actions_.inputs(*action, fields.get("with"), *name, locals);
  if (probe.until) warn_short_until(findings_, *node.find("until"), *probe.until, *action->spec);
  const std::vector<Kill>& proves = action->spec->proves;
  judge(*action,
        fmt::format("{} cannot prove that {} is dead", action->name(), one_of(words_of(kills))),
        fmt::format("it proves {}", proves.empty() ? "no kill" : one_of(words_of(proves))));
  return probe;
}

void StepReader::read_judgement(Fields& fields, ProbeSpec& probe, const ActionRef& judged,
                                const Locals& outer) {
  const Locals locals = outer.with("result", judged.spec->outputs);
  if (const YamlNode* const expect = fields.get("expect")) {
    probe.expect = values_.condition(*expect, "expect", locals);
  }
  if (const YamlNode* const refute = fields.get("refute")) {
    probe.refute = values_.condition(*refute, "refute", locals);
  }
}

std::optional<Until> StepReader::read_until(const YamlNode& node) {
  Fields fields(findings_, node, "until", {"every", "for", "consecutive"});
  if (node.kind != YamlNode::Kind::map) return std::nullopt;
  Until until;
  fields.need("for");
  until.every = fields.duration("every", {.min = kPollMin}).value_or(until.every);
  until.span = fields.duration("for").value_or(until.span);
  until.consecutive =
      static_cast<int>(fields.whole("consecutive", {.min = 1, .max = kConsecutiveMax}).value_or(1));
  if (until.every * (until.consecutive - 1) > until.span) {
    findings_.error(node, "bad-duration",
                    fmt::format("{} looks, one every {}, do not fit into {}", until.consecutive,
                                format_duration(until.every), format_duration(until.span)),
                    "lengthen for, or look more often");
  }
  return until;
}

std::vector<ProbeSpec> StepReader::read_postconditions(const YamlNode& list) {
  std::vector<ProbeSpec> probes;
  if (list.kind != YamlNode::Kind::list || list.items.empty()) {
    findings_.error(list, "wrong-type", "\"verify\" is a list of probes",
                    "verify: [{probe: connection.action, with: {...}}]");
    return probes;
  }
  for (const YamlNode& node : list.items) {
    if (auto probe = read_probe(node, nullptr, Locals{}, {}, nullptr)) {
      probes.push_back(std::move(*probe));
    }
  }
  return probes;
}

}  // namespace quell
