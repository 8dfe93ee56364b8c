// Declarations of people's own systems. Whoever writes one chooses what is sent, so nothing here is
// trusted further than the guard and the connection's own origin let it go (threat T25).
#include "orchestrator/declared_actions.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/call_reader.h"
#include "orchestrator/playbook/fields.h"

namespace quell {
namespace {

constexpr std::size_t kFileBytesMax = 64U << 10;
constexpr std::size_t kActionsMax = 64;
constexpr std::size_t kInputsMax = 16;
constexpr std::size_t kOutputsMax = 16;
constexpr std::size_t kPathDepthMax = 8;
constexpr DurationBounds kTimeouts{.min = Duration{100}, .max = Duration{120'000}};
constexpr DurationBounds kSettles{.min = Duration{1'000}, .max = Duration{30LL * 24 * 3600'000}};

const std::vector<std::string> kEffectWords{"read", "probe", "mutate"};
const std::vector<std::string> kMethods{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
const std::vector<std::string> kPlaneWords{"holder", "issuer", "runtime", "resource"};
const std::vector<std::string> kKillWords{"refresh_token", "access_token", "refresh", "session",
                                          "schedule",      "key",          "entry"};
const std::vector<std::string> kGradeWords{"weak", "strong"};
const std::vector<std::string> kRepeatWords{"safe", "look_first", "never"};
const std::vector<std::string> kInputTypes{"string", "int", "bool", "enum", "secret"};
const std::vector<std::string> kOutputTypes{"string", "int", "bool", "any"};
const std::vector<std::string> kChangeMeanings{"done",    "already", "unsupported",
                                               "refused", "denied",  "throttled"};
const std::vector<std::string> kReadMeanings{"done", "refused", "denied", "throttled"};
const std::vector<std::string> kProbeMeanings{"dead", "alive", "denied", "throttled"};
const std::vector<std::string> kOwnOutputs{"answer", "http_status", "settles_within"};

bool is_one_of(std::string_view word, const std::vector<std::string>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Type::Kind kind_of(std::string_view word) {
  if (word == "int") return Type::Kind::integer;
  if (word == "bool") return Type::Kind::boolean;
  if (word == "secret") return Type::Kind::secret;
  if (word == "any") return Type::Kind::dyn;
  return Type::Kind::string;
}

bool is_get(const DeclaredAction& action) {
  return action.method == "GET" || action.method == "HEAD";
}

bool names_secret(const DeclaredAction& action, const std::string& name) {
  const DeclaredInput* const input = action.find_input(name);
  return input != nullptr && input->kind == Type::Kind::secret;
}

/// Names in `parts`, added to `names`.
void collect(const CallTemplate& parts, std::vector<std::string>& names) {
  for (const TemplatePart& part : parts) {
    if (!part.name.empty()) names.push_back(part.name);
  }
}

class ActionReader {
 public:
  ActionReader(Findings& findings, bool asserts_safe)
      : findings_(findings), reader_(findings), asserts_safe_(asserts_safe) {}

  DeclaredActions read(const YamlNode& node) {
    if (!reader_.is_map(node, "actions")) return {};
    if (node.members.size() > kActionsMax) {
      findings_.error(node, "too-many",
                      fmt::format("a connection has at most {} actions", kActionsMax));
      return {};
    }
    for (const YamlMember& member : node.members) read_action(member);
    for (const YamlMember& member : node.members) check_look(member);
    return std::move(actions_);
  }

 private:
  void read_action(const YamlMember& member) {
    const YamlNode& node = member.value;
    Fields fields(findings_, node, "an action",
                  {"title",   "effect", "method", "path",     "query",   "headers", "form",
                   "json",    "shows",  "inputs", "answers",  "outputs", "plane",   "kills",
                   "proves",  "grade",  "repeat", "look",     "irreversible", "wide", "settles",
                   "timeout", "spares", "breaks", "needs",    "traps",   "unsure",  "rests_on",
                   "source"});
    if (!check_name(findings_, member.key, "the name of an action") ||
        node.kind != YamlNode::Kind::map)
      return;
    DeclaredAction action;
    action.name = member.key.text;
    action.title = reader_.text(fields, "title", true);
    fields.need("effect");
    action.effect = effect_of(fields);
    fields.need("method");
    action.method = fields.word("method", kMethods).value_or("POST");
    if (const YamlNode* const inputs = fields.get("inputs")) read_inputs(action, *inputs);
    use_names(action);
    if (const YamlNode* const path = fields.need("path")) read_path(action, *path);
    if (const YamlNode* const query = fields.get("query")) {
      reader_.add_form(action.query, *query, "query");
      refuse_secrets(action, action.query, *query);
    }
    if (const YamlNode* const headers = fields.get("headers"))
      action.headers = reader_.headers(*headers);
    action.body_kind = reader_.body(action.body, fields, node);
    action.shows = reader_.text(fields, "shows", false);
    read_reach(action, fields);
    read_answers(action, fields);
    if (const YamlNode* const outputs = fields.get("outputs")) read_outputs(action, *outputs);
    read_words(action, fields);
    check_effect(action, node);
    check_inputs_used(action, node);
    check_proof(action, node);
    actions_.push_back(std::move(action));
  }

  static Effect effect_of(Fields& fields) {
    const std::optional<std::string> word = fields.word("effect", kEffectWords);
    return word ? from_string<Effect>(*word).value_or(Effect::mutate) : Effect::mutate;
  }

  void use_names(const DeclaredAction& action) {
    const auto kind = [inputs = action.inputs](const std::string& name) {
      for (const DeclaredInput& input : inputs) {
        if (input.name == name) return std::optional(input.kind);
      }
      return std::optional<Type::Kind>{};
    };
    reader_.use(
        {.is_known = [kind](const std::string& name) { return kind(name).has_value(); },
         .is_secret = [kind](const std::string& name) { return kind(name) == Type::Kind::secret; },
         .is_plain =
             [kind](const std::string& name) {
               return kind(name) == Type::Kind::integer || kind(name) == Type::Kind::boolean;
             },
         .remedy = "declare it under inputs of this action"});
  }

  void read_inputs(DeclaredAction& action, const YamlNode& node) {
    if (!reader_.is_map(node, "inputs")) return;
    if (node.members.size() > kInputsMax) {
      findings_.error(node, "too-many", fmt::format("an action has at most {} inputs", kInputsMax));
      return;
    }
    for (const YamlMember& member : node.members) {
      Fields fields(findings_, member.value, "an input", {"type", "help", "default", "values"});
      if (!check_name(findings_, member.key, "the name of an input") ||
          member.value.kind != YamlNode::Kind::map)
        continue;
      DeclaredInput input{.name = member.key.text};
      fields.need("type");
      const std::string type = fields.word("type", kInputTypes).value_or("string");
      input.kind = kind_of(type);
      input.help = reader_.text(fields, "help", false);
      input.values = reader_.texts(fields, "values");
      if ((type == "enum") == input.values.empty())
        findings_.error(member.value, "bad-value", "\"values\" are those of an enum",
                        "type: enum with values: [...]");
      if (const YamlNode* const fallback = fields.get("default")) read_default(input, *fallback);
      action.inputs.push_back(std::move(input));
    }
  }

  void read_default(DeclaredInput& input, const YamlNode& node) {
    switch (input.kind) {
      case Type::Kind::integer: {
        std::int64_t number = 0;
        const auto [end, error] =
            std::from_chars(node.text.data(), node.text.data() + node.text.size(), number);
        if (node.kind == YamlNode::Kind::integer && error == std::errc{} &&
            end == node.text.data() + node.text.size()) {
          input.fallback = Value(number);
          return;
        }
        break;
      }
      case Type::Kind::boolean:
        if (node.kind != YamlNode::Kind::boolean) break;
        input.fallback = Value(node.text == "true");
        return;
      case Type::Kind::string: {
        const std::string text = reader_.checked_text(node, "default");
        if (text.empty() || (!input.values.empty() && !is_one_of(text, input.values))) break;
        input.fallback = Value(text);
        return;
      }
      case Type::Kind::secret:
        findings_.error(node, "secret-in-text", "a secret has no default",
                        "leave it out; a playbook hands it over");
        return;
      case Type::Kind::dyn:
      case Type::Kind::null:
      case Type::Kind::number:
      case Type::Kind::url:
      case Type::Kind::list:
      case Type::Kind::object:
      case Type::Kind::timestamp:
      case Type::Kind::duration:
        break;
    }
    findings_.error(node, "wrong-type", "\"default\" does not fit the input's type");
  }

  void refuse_secrets(const DeclaredAction& action, const CallTemplate& parts,
                      const YamlNode& node) {
    const bool secret = std::any_of(parts.begin(), parts.end(), [&](const TemplatePart& part) {
      return names_secret(action, part.name);
    });
    if (secret)
      findings_.error(node, "secret-in-url", "a secret never stands in a URL",
                      "put it into form or json, or show it as Bearer: shows: NAME");
  }

  void read_path(DeclaredAction& action, const YamlNode& node) {
    const std::string given = reader_.checked_text(node, "path");
    reader_.add_template(action.path, node, given, [](const std::string& text) { return text; });
    refuse_secrets(action, action.path, node);
    const auto fits = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             std::string_view("-._~/:@!$+,;=").find(c) != std::string_view::npos;
    };
    bool sound = given.starts_with('/') && given.find("//") == std::string::npos &&
                 (given + "/").find("/./") == std::string::npos &&
                 (given + "/").find("/../") == std::string::npos;
    for (std::size_t i = 0; i < action.path.size(); ++i) {
      const TemplatePart& part = action.path[i];
      sound = sound && std::all_of(part.literal.begin(), part.literal.end(), fits);
      if (part.name.empty()) continue;
      // A whole segment, so that the guard can tell what a URL is made of.
      const bool before = i > 0 && action.path[i - 1].literal.ends_with('/');
      const bool after =
          i + 1 == action.path.size() || action.path[i + 1].literal.starts_with('/');
      sound = sound && before && after;
    }
    if (sound) return;
    findings_.error(node, "bad-value",
                    "\"path\" begins with / and is made of plain segments, each text or one input",
                    "for instance /v1/keys/{key_id}/revoke; a query stands under query:");
  }

  void read_reach(DeclaredAction& action, Fields& fields) {
    if (const std::optional<std::string> plane = fields.word("plane", kPlaneWords)) {
      if (const auto known = from_string<Plane>(*plane)) action.planes.push_back(*known);
    }
    for (const std::string& kill : fields.word_list("kills", kKillWords)) {
      if (const auto known = from_string<Kill>(kill)) action.kills.push_back(*known);
    }
    for (const std::string& kill : fields.word_list("proves", kKillWords)) {
      if (const auto known = from_string<Kill>(kill)) action.proves.push_back(*known);
    }
    if (const std::optional<std::string> grade = fields.word("grade", kGradeWords))
      action.grade = from_string<Grade>(*grade).value_or(Grade::weak);
    if (const std::optional<std::string> repeat = fields.word("repeat", kRepeatWords))
      action.repeat = from_string<Repeat>(*repeat).value_or(Repeat::never);
    action.look = reader_.text(fields, "look", false);
    action.irreversible = fields.flag("irreversible").value_or(false);
    action.wide = fields.flag("wide").value_or(false);
    action.settles = fields.duration("settles", kSettles);
    action.timeout = fields.duration("timeout", kTimeouts).value_or(action.timeout);
  }

  void read_answers(DeclaredAction& action, Fields& fields) {
    const YamlNode* const node =
        action.effect == Effect::read && action.proves.empty() ? fields.get("answers")
                                                               : fields.need("answers");
    if (node == nullptr) {
      action.answers = {{.status = 200, .means = AnswerMeaning::done}};
      return;
    }
    const std::vector<std::string>& meanings = !action.proves.empty()             ? kProbeMeanings
                                               : action.effect == Effect::mutate ? kChangeMeanings
                                                                                  : kReadMeanings;
    action.answers = reader_.answers(*node, meanings);
    const AnswerMeaning wanted =
        action.proves.empty() ? AnswerMeaning::done : AnswerMeaning::dead;
    const bool found = std::any_of(action.answers.begin(), action.answers.end(),
                                   [&](const AnswerRule& rule) { return rule.means == wanted; });
    if (!found && !action.answers.empty())
      findings_.error(*node, "missing-key",
                      fmt::format("no answer means {}", to_string(wanted)));
  }

  void read_outputs(DeclaredAction& action, const YamlNode& node) {
    if (!reader_.is_map(node, "outputs")) return;
    if (node.members.size() > kOutputsMax) {
      findings_.error(node, "too-many",
                      fmt::format("an action has at most {} outputs", kOutputsMax));
      return;
    }
    for (const YamlMember& member : node.members) {
      Fields fields(findings_, member.value, "an output", {"type", "from", "optional"});
      if (!check_name(findings_, member.key, "the name of an output") ||
          member.value.kind != YamlNode::Kind::map)
        continue;
      if (is_one_of(member.key.text, kOwnOutputs))
        findings_.error(member.key, "reserved", "every action has this output already",
                        "give it another name");
      DeclaredOutput output{.name = member.key.text};
      fields.need("type");
      output.kind = kind_of(fields.word("type", kOutputTypes).value_or("string"));
      output.path = reader_.text(fields, "from", true);
      output.optional = fields.flag("optional").value_or(false);
      const auto dots = std::count(output.path.begin(), output.path.end(), '.');
      if (static_cast<std::size_t>(dots) >= kPathDepthMax)
        findings_.error(member.value, "too-deep",
                        fmt::format("\"from\" has at most {} members", kPathDepthMax));
      action.outputs.push_back(std::move(output));
    }
  }

  void read_words(DeclaredAction& action, Fields& fields) {
    action.spares = reader_.text(fields, "spares", false);
    action.breaks = reader_.text(fields, "breaks", false);
    action.needs = reader_.texts(fields, "needs");
    action.traps = reader_.texts(fields, "traps");
    action.unsure = reader_.texts(fields, "unsure");
    action.certainty = reader_.word<Certainty>(fields, "rests_on", certainty_words(), false);
    action.source = reader_.text(fields, "source", false);
  }

  void check_effect(const DeclaredAction& action, const YamlNode& node) {
    const auto error = [&](std::string_view key, std::string_view code, std::string message,
                           std::string hint) {
      const YamlNode* const at = node.find(key);
      findings_.error(at == nullptr ? node : *at, code, std::move(message), std::move(hint));
    };
    if (is_get(action) && action.body_kind != BodyKind::none)
      error("method", "bad-value", fmt::format("a {} has no body", action.method),
            "put the values into path or query");
    if (action.effect == Effect::read && !is_get(action) &&
        (action.method != "POST" || !asserts_safe_)) {
      error("effect", "unsafe-read",
            fmt::format("a {} is no read by its own word", action.method),
            "effect: probe or mutate; or, where this POST truly changes nothing, assert_safe: true "
            "beside base_url in quell.yaml");
    }
    const bool has_secret =
        std::any_of(action.inputs.begin(), action.inputs.end(),
                    [](const DeclaredInput& one) { return one.kind == Type::Kind::secret; });
    if (action.effect == Effect::read && has_secret)
      error("effect", "bad-value", "what shows a leaked secret is a probe", "effect: probe");
    if (!action.shows.empty() && !names_secret(action, action.shows))
      error("shows", "unknown-name", "\"shows\" names an input of type secret",
            "declare it under inputs of this action");
    const bool changes = action.effect == Effect::mutate;
    if (!changes && (!action.kills.empty() || action.irreversible || action.wide ||
                     action.settles || !action.look.empty()))
      error("effect", "bad-value",
            "kills, irreversible, wide, settles and look belong to a mutation", "effect: mutate");
    if (changes && !action.proves.empty())
      error("proves", "bad-value", "a mutation proves nothing", "declare a probe of its own");
    if (action.proves.empty() && node.find("grade") != nullptr)
      error("grade", "bad-value", "\"grade\" is that of a probe", "add proves: [...]");
    if ((changes || !action.proves.empty()) && action.planes.empty())
      error("effect", "missing-key", "a mutation or a probe has a plane",
            "add plane: holder, issuer, runtime or resource");
    if (changes && node.find("repeat") == nullptr)
      error("effect", "missing-key", "a mutation says what becomes of a lost answer",
            "repeat: safe where a second one changes nothing, look_first with look: PROBE, or "
            "never");
    if (!changes && node.find("repeat") != nullptr)
      error("repeat", "bad-value", "what changes nothing may be repeated", "leave repeat out");
    if ((action.repeat == Repeat::look_first) && action.look.empty() && changes)
      error("repeat", "missing-key", "look_first looks with a probe", "add look: PROBE");
    if (action.certainty == Certainty::unsure)
      error("rests_on", "unsure-call", "what nobody verified is not called",
            "make it a manual step of the playbook");
  }

  void check_inputs_used(const DeclaredAction& action, const YamlNode& node) {
    std::vector<std::string> used{action.shows};
    collect(action.path, used);
    collect(action.query, used);
    collect(action.body, used);
    for (const auto& header : action.headers) collect(header.second, used);
    for (const DeclaredInput& input : action.inputs) {
      if (is_one_of(input.name, used)) continue;
      findings_.error(*node.find("inputs"), "unused",
                      fmt::format("input {} stands nowhere in the call", shown(input.name)),
                      "use it as {" + input.name + "}, or leave it out");
    }
  }

  /// What can never be proof is not declared as proof (playbook language section 6).
  void check_proof(const DeclaredAction& action, const YamlNode& node) {
    const YamlNode* const answers = node.find("answers");
    if (action.proves.empty() || answers == nullptr) return;
    for (const AnswerRule& rule : action.answers) {
      if (rule.means != AnswerMeaning::dead) continue;
      const bool ours = (rule.status == 401 && action.shows.empty()) || rule.status == 403;
      if (ours || rule.status == 429 || rule.status >= 500 ||
          (rule.status >= 300 && rule.status < 400)) {
        findings_.error(*answers, "no-proof",
                        fmt::format("{} never proves that anything is dead", rule.status),
                        rule.status == 401 ? "show the leaked secret itself: shows: NAME"
                                           : "read the state back, or leave it unproved");
      }
      const bool read_back = rule.status >= 200 && rule.status < 300 && !rule.json.empty();
      if (action.grade == Grade::strong && !read_back)
        findings_.error(*answers, "no-proof",
                        fmt::format("a {} that is not read back is no strong proof", rule.status),
                        "say with json: what a dead one reads as, or grade: weak");
    }
  }

  /// The probe under `look` is there, and the mutation has all that it needs.
  void check_look(const YamlMember& member) {
    const DeclaredAction* const action = find_declared(actions_, member.key.text);
    const YamlNode* const node = member.value.find("look");
    if (action == nullptr || node == nullptr || action->look.empty()) return;
    const DeclaredAction* const probe = find_declared(actions_, action->look);
    if (probe == nullptr || probe->proves.empty()) {
      std::vector<std::string> probes;
      for (const DeclaredAction& one : actions_) {
        if (!one.proves.empty()) probes.push_back(one.name);
      }
      findings_.error(*node, "unknown-name", "\"look\" names a probe of this connection",
                      suggestion(action->look, probes));
      return;
    }
    for (const DeclaredInput& input : probe->inputs) {
      const DeclaredInput* const same = action->find_input(input.name);
      const bool served =
          same == nullptr ? input.fallback.has_value() : same->kind == input.kind;
      if (served) continue;
      findings_.error(*node, "missing-input",
                      fmt::format("{} needs {}, which this action has not", probe->name,
                                  shown(input.name)),
                      "give both the same input");
    }
  }

  Findings& findings_;
  CallReader reader_;
  bool asserts_safe_ = false;
  DeclaredActions actions_{};
};

}  // namespace

DeclaredActions read_declared_actions(Findings& findings, const YamlNode& node,
                                      bool asserts_safe) {
  return ActionReader(findings, asserts_safe).read(node);
}

DeclaredLoad load_declared_actions(std::string_view source, bool asserts_safe) {
  DeclaredLoad load;
  const SourceText text(source);
  Findings findings(text);
  YamlNode root;
  DeclaredActions actions;
  if (source.size() > kFileBytesMax) {
    findings.error(SourceSpan{}, "too-long", "a file of actions has at most 64 KiB");
  } else if (parse_yaml(findings, root)) {
    Fields fields(findings, root, "a file of actions", {"http_actions", "actions"});
    if (const YamlNode* const version = fields.need("http_actions");
        version != nullptr && version->text != "1") {
      findings.error(*version, "bad-value", "this version reads http_actions: 1");
    }
    if (const YamlNode* const node = fields.need("actions"))
      actions = read_declared_actions(findings, *node, asserts_safe);
  }
  const bool sound = !findings.has_errors();
  load.diagnostics = findings.take();
  if (sound) load.actions = std::move(actions);
  return load;
}

}  // namespace quell
