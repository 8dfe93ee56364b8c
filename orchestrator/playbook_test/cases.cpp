#include "orchestrator/playbook_test/cases.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/playbook/fields.h"
#include "orchestrator/playbook/inputs.h"
#include "orchestrator/playbook_test/typed_value.h"
#include "state/model/entry.h"

namespace quell {
namespace {

const std::vector<std::string> kResults{"contained", "incomplete", "exposed", "failed",
                                        "aborted",   "rehearsed",  "held"};
const std::vector<std::string> kOutcomes{"done",    "already",   "failed",     "unknown",
                                         "skipped", "predicted", "not_started"};
const std::vector<std::string> kVerdicts{"proved", "refuted", "unproved"};
const std::vector<std::string> kGrades{"none", "weak", "strong"};
const std::vector<std::string> kPlanes{"holder", "issuer", "runtime", "resource"};
const std::vector<std::string> kKills{"refresh_token", "access_token", "refresh", "session",
                                      "schedule",      "key",          "entry"};
const std::vector<std::string> kPeople{"approve", "done", "deny", "nobody"};
// `unknown` is an outcome of its own here.
const std::vector<std::string> kClasses{"invalid",          "denied",  "throttled",
                                        "transient",        "gone",    "conflict",
                                        "unavailable_here", "corrupt", "internal"};

PersonActs person_of(std::string_view word) {
  if (word == "deny") return PersonActs::denies;
  return word == "nobody" ? PersonActs::absent : PersonActs::helps;
}

/// Ids of every step of the file. Depth: that of the playbook, which its loader bounds.
void gather_ids(const std::vector<Step>& steps,  // NOLINT(misc-no-recursion)
                std::vector<std::string>& ids) {
  for (const Step& step : steps) {
    ids.push_back(step.id);
    for_each_inner_list(step, [&](const std::vector<Step>& inner) { gather_ids(inner, ids); });
  }
}

class CasesReader {
 public:
  CasesReader(Findings& findings, const Playbook& playbook, const ActionCatalog& catalog,
              const Fingerprints& fingerprint)
      : findings_(findings), playbook_(playbook), catalog_(catalog), fingerprint_(fingerprint) {
    gather_ids(playbook.steps, steps_);
    gather_ids(playbook.finally_steps, steps_);
  }

  std::vector<TestCase> read(const YamlNode& root) {
    Fields fields(findings_, root, "a tests file",
                  {"quell_test", "playbook", "inputs", "answers", "cases"});
    static_cast<void>(fields.need("quell_test"));
    static_cast<void>(fields.whole("quell_test", {.min = 1, .max = 1}));
    static_cast<void>(fields.need("playbook"));
    static_cast<void>(fields.word("playbook", {playbook_.id}));
    common_inputs_ = fields.get("inputs");
    if (const YamlNode* const answers = fields.get("answers")) common_ = read_answers(*answers);
    std::vector<TestCase> cases;
    const YamlNode* const list = fields.need("cases");
    if (list == nullptr) return cases;
    if (list->kind != YamlNode::Kind::list || list->items.empty()) {
      findings_.error(*list, "wrong-type", "\"cases\" is a list of at least one case",
                      "begin it with - name: ...");
      return cases;
    }
    if (list->items.size() > kTestCasesMax) {
      findings_.error(*list, "bad-value", fmt::format("at most {} cases", kTestCasesMax),
                      "tests may stand in several files, each named with --tests");
      return cases;
    }
    std::set<std::string> names;
    for (const YamlNode& item : list->items) {
      TestCase one = read_case(item);
      if (!one.name.empty() && !names.insert(one.name).second) {
        findings_.error(*item.find("name"), "bad-value",
                        fmt::format("two cases are called \"{}\"", shown(one.name)),
                        "--case names one of them");
      }
      cases.push_back(std::move(one));
    }
    return cases;
  }

 private:
  TestCase read_case(const YamlNode& node) {
    TestCase one;
    one.at = findings_.position(node);
    Fields fields(findings_, node, "a case",
                  {"name", "inputs", "mode", "answers", "people", "expect"});
    if (node.kind != YamlNode::Kind::map) return one;
    static_cast<void>(fields.need("name"));
    one.name = fields.line("name").value_or("");
    if (fields.word("mode", {"live", "dry_run"}) == "dry_run") one.mode = RunMode::dry_run;
    one.inputs = read_inputs(node, fields.get("inputs"));
    one.answers = common_;
    if (const YamlNode* const answers = fields.get("answers")) {
      for (auto& [action, list] : read_answers(*answers)) one.answers[action] = std::move(list);
    }
    if (const YamlNode* const people = fields.get("people")) read_people(*people, one);
    if (const YamlNode* const expect = fields.need("expect")) one.expect = read_expect(*expect);
    return one;
  }

  // --- Inputs

  void add_inputs(const YamlNode& node, ValueMap& given) {
    std::vector<std::string> names;
    for (const InputSpec& spec : playbook_.inputs) names.push_back(spec.name);
    const Fields fields(findings_, node, "inputs", names);
    for (const YamlMember& member : node.members) {
      const auto spec =
          std::find_if(playbook_.inputs.begin(), playbook_.inputs.end(),
                       [&](const InputSpec& input) { return input.name == member.key.text; });
      if (spec == playbook_.inputs.end()) continue;
      const Type type = spec->required ? spec->type : spec->type.or_null();
      std::optional<Value> value = read_typed(findings_, member.value, type,
                                              fmt::format("\"{}\"", spec->name), fingerprint_);
      if (!value) continue;
      const Status fits = value->is_secret() ? ok() : check_input(*spec, *value);
      if (!fits) findings_.error(member.value, "bad-input", fits.error().message);
      given[spec->name] = std::move(*value);
    }
  }

  Value read_inputs(const YamlNode& of_case, const YamlNode* node) {
    ValueMap given;
    for (const InputSpec& spec : playbook_.inputs)
      given.emplace(spec.name, spec.fallback.value_or(Value()));
    if (common_inputs_ != nullptr) add_inputs(*common_inputs_, given);
    if (node != nullptr) add_inputs(*node, given);
    for (const InputSpec& spec : playbook_.inputs) {
      const bool named = (node != nullptr && node->find(spec.name) != nullptr) ||
                         (common_inputs_ != nullptr && common_inputs_->find(spec.name) != nullptr);
      if (!spec.required || named || !given.at(spec.name).is_null()) continue;
      findings_.error(SourceSpan{.offset = node == nullptr ? of_case.offset : node->offset},
                      "missing-input",
                      fmt::format("the case has no value for input \"{}\"", spec.name),
                      fmt::format("add inputs: {{{}: ...}}", spec.name));
    }
    return Value(std::move(given));
  }

  // --- Answers

  const ActionSpec* find_action_named(const YamlNode& key) {
    const std::size_t dot = std::min(key.text.find('.'), key.text.size());
    const std::string connection = key.text.substr(0, dot);
    std::vector<std::string> names;
    for (const std::string& known : catalog_.connections) {
      for (const ActionSpec& spec : catalog_.actions_of(known)) {
        if (known == connection && key.text.substr(std::min(dot + 1, key.text.size())) == spec.name)
          return &spec;
        names.push_back(known + "." + spec.name);
      }
    }
    findings_.error(key, "unknown-action", fmt::format("no action \"{}\"", shown(key.text)),
                    suggestion(key.text, names));
    return nullptr;
  }

  AnswerScript read_answers(const YamlNode& node) {
    AnswerScript script;
    if (node.kind != YamlNode::Kind::map) {
      findings_.error(node, "wrong-type",
                      fmt::format("\"answers\" is a map, not {}", to_string(node.kind)),
                      "write answers: {connection.action: [...]}");
      return script;
    }
    for (const YamlMember& member : node.members) {
      const ActionSpec* const action = find_action_named(member.key);
      if (action == nullptr) continue;
      if (member.key.text.starts_with("report.")) {
        findings_.error(member.key, "bad-value", "quell carries out the report actions itself",
                        "leave it out");
        continue;
      }
      const YamlNode& list = member.value;
      if (list.kind != YamlNode::Kind::list || list.items.empty() ||
          list.items.size() > kAnswersMax) {
        findings_.error(
            list.empty ? member.key : list, "wrong-type",
            fmt::format("the answers of {} are a list of 1 to {}", member.key.text, kAnswersMax),
            "for instance [{outcome: done}]");
        continue;
      }
      std::vector<ScriptedAnswer>& answers = script[member.key.text];
      for (const YamlNode& item : list.items) answers.push_back(read_answer(item, *action));
    }
    return script;
  }

  ScriptedAnswer read_answer(const YamlNode& node, const ActionSpec& action) {
    ScriptedAnswer answer;
    Fields fields(findings_, node, "an answer",
                  {"with", "outcome", "class", "error", "outputs", "verdict", "grade", "proof",
                   "look", "takes"});
    if (node.kind != YamlNode::Kind::map) return answer;
    if (const YamlNode* const with = fields.get("with")) answer.with = read_with(*with, action);
    answer.takes = fields.duration("takes", {.min = Duration{1}, .max = kAnswerTakesMax})
                       .value_or(Duration{0});
    const std::string message = fields.line("error").value_or("the tests file says so");
    answer.outcome.outputs = filler(action.outputs, fingerprint_);
    if (const YamlNode* const outputs = fields.get("outputs")) {
      if (std::optional<Value> value =
              read_typed(findings_, *outputs, action.outputs, "\"outputs\"", fingerprint_))
        answer.outcome.outputs = std::move(*value);
    }
    if (node.find("look") != nullptr) {
      read_look(fields, action, message, answer);
      return answer;
    }
    const std::string outcome =
        fields.word("outcome", {"done", "already", "failed", "unknown"}).value_or("done");
    if (outcome == "already") answer.outcome.kind = OutcomeKind::already;
    const std::optional<std::string> error_class = fields.word("class", kClasses);
    if (outcome == "failed") {
      if (node.find("class") == nullptr) static_cast<void>(fields.need("class"));
      answer.error = make_error(
          error_code_from_string(error_class.value_or("")).value_or(ErrorCode::internal), message);
    } else if (node.find("class") != nullptr) {
      misplaced(node, "class", "only a failed outcome has a class", "write outcome: failed");
    }
    if (outcome == "unknown") answer.error = make_error(ErrorCode::unknown, message);
    read_judgement(fields, action, answer);
    return answer;
  }

  void misplaced(const YamlNode& node, std::string_view key, std::string message,
                 std::string hint) {
    findings_.error(*node.find_key(key), "misplaced-key", std::move(message), std::move(hint));
  }

  Value read_with(const YamlNode& node, const ActionSpec& action) {
    ValueMap with;
    std::vector<std::string> names;
    for (const ParamSpec& input : action.inputs) names.push_back(input.name);
    const Fields fields(findings_, node, "with", names);
    for (const YamlMember& member : node.members) {
      const ParamSpec* const input = action.find_input(member.key.text);
      if (input == nullptr) continue;
      if (input->type.kind == Type::Kind::secret && member.value.kind != YamlNode::Kind::null) {
        findings_.error(member.value, "bad-value", "calls cannot be told apart by a secret",
                        "null matches where it is left out");
        continue;
      }
      if (std::optional<Value> value = read_typed(findings_, member.value, input->type.or_null(),
                                                  "\"" + input->name + "\"", fingerprint_))
        with.emplace(input->name, std::move(*value));
    }
    return Value(std::move(with));
  }

  void read_look(Fields& fields, const ActionSpec& action, const std::string& message,
                 ScriptedAnswer& answer) {
    for (const std::string_view key : {"outcome", "class", "verdict", "grade", "proof"}) {
      if (fields.node().find(key) != nullptr)
        misplaced(fields.node(), key, "an answer to a look has no other result",
                  "leave one of them out");
    }
    if (!action.can_look) {
      misplaced(fields.node(), "look", fmt::format("{} cannot look back", action.name),
                "its probes settle an unknown outcome");
    }
    answer.of_look = true;
    const std::string found =
        fields.word("look", {"applied", "not_applied", "unsettled"}).value_or("applied");
    if (found == "applied") answer.outcome.kind = OutcomeKind::already;
    if (found == "not_applied") answer.error = make_error(ErrorCode::conflict, message);
    if (found == "unsettled") answer.error = make_error(ErrorCode::unknown, message);
  }

  void read_judgement(Fields& fields, const ActionSpec& action, ScriptedAnswer& answer) {
    const std::optional<std::string> verdict = fields.word("verdict", kVerdicts);
    const std::optional<std::string> grade = fields.word("grade", kGrades);
    const std::string proof = fields.line("proof").value_or("as the tests file says");
    if (!action.is_probe) {
      for (const std::string_view key : {"verdict", "grade", "proof"}) {
        if (fields.node().find(key) != nullptr)
          misplaced(fields.node(), key, fmt::format("{} is no probe", action.name),
                    "a playbook judges it by its outputs, with probe: self");
      }
      return;
    }
    if (answer.error) return;
    if (fields.node().find("verdict") == nullptr) static_cast<void>(fields.need("verdict"));
    Judgement judgement;
    judgement.verdict = from_string<Verdict>(verdict.value_or("")).value_or(Verdict::unproved);
    const Grade usual = judgement.verdict == Verdict::unproved ? Grade::none : Grade::strong;
    judgement.grade = grade ? from_string<Grade>(*grade).value_or(usual) : usual;
    judgement.proof = proof;
    answer.outcome.judgement = std::move(judgement);
  }

  // --- People and expectations

  bool check_step(const YamlNode& node, const std::string& id) {
    // Steps that a call or a foreach makes are named by their frame, which only a run knows.
    if (id.find('/') != std::string::npos) return true;
    if (std::find(steps_.begin(), steps_.end(), id) != steps_.end()) return true;
    findings_.error(node, "unknown-step", fmt::format("no step \"{}\"", shown(id)),
                    suggestion(id, steps_));
    return false;
  }

  void read_people(const YamlNode& node, TestCase& one) {
    if (node.kind == YamlNode::Kind::string) {
      if (check_word(findings_, node, "people", node.text, kPeople))
        one.people = person_of(node.text);
      return;
    }
    if (node.kind != YamlNode::Kind::map) {
      findings_.error(node, "wrong-type", "\"people\" is a word, or a word for each step",
                      one_of(kPeople));
      return;
    }
    for (const YamlMember& member : node.members) {
      if (!check_step(member.key, member.key.text)) continue;
      const std::optional<std::string> word = read_text(findings_, member.value, member.key.text);
      if (word && check_word(findings_, member.value, member.key.text, *word, kPeople))
        one.people_of[member.key.text] = person_of(*word);
    }
  }

  Expectation read_expect(const YamlNode& node) {
    Expectation expect;
    Fields fields(findings_, node, "expect",
                  {"result", "exit", "claims", "journal", "journal_lacks", "outcomes", "calls"});
    if (node.kind != YamlNode::Kind::map) return expect;
    static_cast<void>(fields.need("result"));
    expect.result = fields.word("result", kResults).value_or("");
    expect.exit = fields.whole("exit", {.min = 0, .max = 255});
    for (const YamlNode& item : items_of(fields, "claims"))
      expect.claims.push_back(read_claim(item));
    expect.journal = read_journal(fields, "journal");
    expect.journal_lacks = read_journal(fields, "journal_lacks");
    for (const YamlMember& member : members_of(fields, "outcomes")) {
      const std::optional<std::string> word = read_text(findings_, member.value, member.key.text);
      if (check_step(member.key, member.key.text) && word &&
          check_word(findings_, member.value, member.key.text, *word, kOutcomes))
        expect.outcomes[member.key.text] = *word;
    }
    for (const YamlMember& member : members_of(fields, "calls")) {
      if (find_action_named(member.key) == nullptr) continue;
      const std::optional<Value> number =
          read_typed(findings_, member.value, Type::of(Type::Kind::integer),
                     "\"" + member.key.text + "\"", fingerprint_);
      if (number) expect.calls[member.key.text] = number->as_int();
    }
    return expect;
  }

  const std::vector<YamlNode>& items_of(Fields& fields, std::string_view key) {
    static const std::vector<YamlNode> kNone{};
    const YamlNode* const list = fields.get(key);
    if (list == nullptr) return kNone;
    if (list->kind != YamlNode::Kind::list)
      findings_.error(*list, "wrong-type", fmt::format("\"{}\" is a list", key),
                      fmt::format("write {}: [...]", key));
    return list->items;
  }

  const std::vector<YamlMember>& members_of(Fields& fields, std::string_view key) {
    static const std::vector<YamlMember> kNone{};
    const YamlNode* const map = fields.get(key);
    if (map == nullptr) return kNone;
    if (map->kind != YamlNode::Kind::map)
      findings_.error(*map, "wrong-type", fmt::format("\"{}\" is a map", key),
                      fmt::format("write {}: {{...}}", key));
    return map->members;
  }

  ExpectedClaim read_claim(const YamlNode& node) {
    ExpectedClaim claim;
    Fields fields(findings_, node, "a claim",
                  {"step", "item", "subject", "plane", "kill", "verdict", "grade"});
    if (node.kind != YamlNode::Kind::map) return claim;
    claim.step = fields.line("step");
    if (claim.step && *claim.step != "verify") check_step(*node.find("step"), *claim.step);
    claim.item = fields.line("item");
    claim.subject = fields.line("subject");
    if (const auto word = fields.word("plane", kPlanes)) claim.plane = from_string<Plane>(*word);
    if (const auto word = fields.word("kill", kKills)) claim.kill = from_string<Kill>(*word);
    if (const auto word = fields.word("verdict", kVerdicts))
      claim.verdict = from_string<Verdict>(*word);
    if (const auto word = fields.word("grade", kGrades)) claim.grade = from_string<Grade>(*word);
    if (node.find("verdict") == nullptr) static_cast<void>(fields.need("verdict"));
    return claim;
  }

  std::vector<std::string> read_journal(Fields& fields, std::string_view key) {
    std::vector<std::string> lines;
    for (const YamlNode& item : items_of(fields, key)) {
      const std::optional<std::string> text = read_text(findings_, item, key);
      if (!text) continue;
      const std::size_t blank = std::min(text->find(' '), text->size());
      if (!entry_kind_from_string(text->substr(0, blank))) {
        findings_.error(
            item, "bad-value",
            fmt::format("no journal entry is called \"{}\"", shown(text->substr(0, blank))),
            "a line is KIND or KIND STEP; docs/journal-format.md lists the kinds");
        continue;
      }
      if (blank < text->size() && !check_step(item, text->substr(blank + 1))) continue;
      lines.push_back(*text);
    }
    return lines;
  }

  Findings& findings_;
  const Playbook& playbook_;
  const ActionCatalog& catalog_;
  const Fingerprints& fingerprint_;
  std::vector<std::string> steps_{};
  const YamlNode* common_inputs_ = nullptr;
  AnswerScript common_{};
};

}  // namespace

PlaybookTests read_playbook_tests(std::string_view source, const Playbook& playbook,
                                  const ActionCatalog& catalog,
                                  const std::function<std::string(const Secret&)>& fingerprint) {
  const SourceText text(source);
  Findings findings(text);
  YamlNode root;
  PlaybookTests tests;
  std::vector<TestCase> cases;
  if (parse_yaml(findings, root))
    cases = CasesReader(findings, playbook, catalog, fingerprint).read(root);
  if (!findings.has_errors()) tests.cases = std::move(cases);
  tests.diagnostics = findings.take();
  return tests;
}

}  // namespace quell
