// Scenario files: docs/drills.md. The file rules are those of playbooks.
#include "orchestrator/drill/scenario_reader.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <set>
#include <utility>
#include <variant>

#include "orchestrator/engine/step_walk.h"
#include "orchestrator/range/faults.h"
#include "orchestrator/range/profile.h"
#include "state/base/bytes.h"

namespace quell {
namespace {

constexpr std::size_t kScriptMax = 500;  // entries of one list
constexpr std::size_t kTextBytesMax = 500;
constexpr std::size_t kIdBytesMax = 64;
constexpr Duration kLastsMax{std::chrono::hours(12)};
constexpr std::int64_t kPerMinuteMax = 1'000'000;
constexpr std::int64_t kCopiesMax = 1'000;

const std::set<std::string, std::less<>>& moments() {
  static const std::set<std::string, std::less<>> kMoments{
      "started", "asked", "approval_timed_out", "finished", "reopened"};
  return kMoments;
}

/// One key of a map: what reads its value, and whether it has to be there.
struct Key {
  std::string_view name;
  std::function<void(const YamlNode&)> read;
  bool required = false;
};

class ScenarioReader {
 public:
  ScenarioReader(Findings& findings, const Playbook* playbook)
      : findings_(findings), playbook_(playbook) {
    if (playbook_ == nullptr) return;
    const auto add = [&](const Step& step) { steps_.insert(step.id); };
    for_each_step(playbook_->steps, add);
    for_each_step(playbook_->finally_steps, add);
  }

  Scenario read(const YamlNode& root) {
    scenario_.approve_after = Duration{0};
    read_map(root, "a scenario",
             {{"scenario", [&](const YamlNode& node) { scenario_.id = id(node); }, true},
              {"title", text_into(scenario_.title), true},
              {"teaches", text_into(scenario_.teaches), true},
              {"playbook", [&](const YamlNode& node) { scenario_.playbook = id(node); }, true},
              {"world", [&](const YamlNode& node) { read_world(node); }},
              {"intruder", [&](const YamlNode& node) { read_acts(node); }},
              {"injects", [&](const YamlNode& node) { read_injects(node); }},
              {"alerts", [&](const YamlNode& node) { read_alerts(node); }},
              {"respond_after", duration_into(scenario_.respond_after)},
              {"plan_first", flag_into(scenario_.plan_first)},
              {"approve_after", [&](const YamlNode& node) { read_approval(node); }},
              {"break_glass_after",
               [&](const YamlNode& node) { scenario_.break_glass_after = duration(node); }},
              {"exclude", [&](const YamlNode& node) { read_exclusion(node); }},
              {"crash", [&](const YamlNode& node) { read_crash(node); }},
              {"watch", flag_into(scenario_.watch)},
              {"lasts", duration_into(scenario_.lasts), true},
              {"goals", [&](const YamlNode& node) { read_goals(node); }},
              {"ends", [&](const YamlNode& node) { scenario_.ends = word<RunResult>(node); }, true},
              {"truth", [&](const YamlNode& node) { read_truth(node); }},
              {"questions", [&](const YamlNode& node) { read_questions(node); }},
              {"inputs", [&](const YamlNode& node) { read_inputs(node); }, true}});
    return std::move(scenario_);
  }

 private:
  using Reader = std::function<void(const YamlNode&)>;

  void read_map(const YamlNode& node, std::string_view what, const std::vector<Key>& keys) {
    if (node.kind != YamlNode::Kind::map) {
      findings_.error(node, "wrong-type", std::string(what) + " is a map of keys");
      return;
    }
    std::vector<std::string> names;
    for (const Key& key : keys) {
      names.emplace_back(key.name);
      if (key.required && node.find(key.name) == nullptr)
        findings_.error(node, "missing-key", "\"" + std::string(key.name) + "\" is missing");
    }
    for (const YamlMember& member : node.members) {
      const auto known = std::ranges::find(keys, member.key.text, &Key::name);
      if (known != keys.end()) {
        known->read(member.value);
        continue;
      }
      const std::string near = nearest_word(member.key.text, names);
      findings_.error(member.key, "unknown-key", "unknown key \"" + shown(member.key.text) + "\"",
                      near.empty() ? "" : "did you mean \"" + near + "\"?");
    }
  }

  void read_list(const YamlNode& node, std::string_view what, const Reader& each) {
    if (node.kind != YamlNode::Kind::list) {
      findings_.error(node, "wrong-type", std::string(what) + " is a list");
    } else if (node.items.size() > kScriptMax) {
      findings_.error(node, "too-long", std::string(what) + " holds at most 500 entries");
    } else {
      for (const YamlNode& item : node.items) each(item);
    }
  }

  std::string text(const YamlNode& node) {
    if (!node.is_scalar() || node.text.empty()) {
      findings_.error(node, "wrong-type", "a text belongs here");
    } else if (node.text.size() > kTextBytesMax) {
      findings_.error(node, "too-long", "a text here holds at most 500 bytes");
    } else if (escape_untrusted(node.text) != node.text) {
      // It is shown in terminals, in the players' inbox and in reports.
      findings_.error(node, "bad-text", "a text here holds no control and no invisible characters");
    }
    return node.text;
  }

  /// Files and settings are named after it.
  std::string id(const YamlNode& node) {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789-";
    const std::string read = text(node);
    if (read.find_first_not_of(kLetters) != std::string::npos || read.size() > kIdBytesMax)
      findings_.error(node, "bad-id", "an id here is made of a-z, 0-9 and -, at most 64 of them");
    return read;
  }

  Duration duration(const YamlNode& node) {
    const std::optional<Duration> parsed =
        node.is_scalar() ? parse_duration(node.text) : std::nullopt;
    if (!parsed) {
      findings_.error(node, "wrong-type", "a duration belongs here", "for instance 15s or 2m30s");
    } else if (*parsed > kLastsMax) {
      findings_.error(node, "out-of-range", "no drill lasts longer than 12h");
    }
    return parsed.value_or(Duration{0});
  }

  std::int64_t number(const YamlNode& node, std::int64_t least, std::int64_t most) {
    std::int64_t value = 0;
    const char* const end = node.text.data() + node.text.size();
    const auto [stop, error] = std::from_chars(node.text.data(), end, value);
    if (node.kind != YamlNode::Kind::integer || error != std::errc{} || stop != end ||
        value < least || value > most) {
      findings_.error(node, "out-of-range",
                      "a whole number from " + std::to_string(least) + " to " +
                          std::to_string(most) + " belongs here");
      return least;
    }
    return value;
  }

  bool flag(const YamlNode& node) {
    if (node.kind != YamlNode::Kind::boolean)
      findings_.error(node, "wrong-type", "true or false belongs here");
    return node.text == "true";
  }

  /// One of `words`, by its place.
  std::size_t choice(const YamlNode& node, const std::vector<std::string>& words) {
    const auto found = std::ranges::find(words, node.text);
    if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
    std::string all;
    for (const std::string& one : words) all += (all.empty() ? "" : ", ") + one;
    const std::string near = nearest_word(node.text, words);
    findings_.error(node, "unknown-word", "unknown word \"" + shown(node.text) + "\"",
                    near.empty() ? "one of " + all : "did you mean \"" + near + "\"?");
    return 0;
  }

  template <typename Enum>
  Enum word(const YamlNode& node) {
    const std::optional<Enum> known = from_string<Enum>(node.text);
    if (!known) {
      findings_.error(node, "unknown-word", "unknown word \"" + shown(node.text) + "\"",
                      "docs/drills.md lists the words that belong here");
    }
    return known.value_or(Enum{});
  }

  Reader text_into(std::string& out) {
    return [this, &out](const YamlNode& node) { out = text(node); };
  }
  Reader duration_into(Duration& out) {
    return [this, &out](const YamlNode& node) { out = duration(node); };
  }
  Reader duration_into(std::optional<Duration>& out) {
    return [this, &out](const YamlNode& node) { out = duration(node); };
  }
  Reader flag_into(bool& out) {
    return [this, &out](const YamlNode& node) { out = flag(node); };
  }
  Reader number_into(std::int64_t& out, std::int64_t least, std::int64_t most) {
    return [this, &out, least, most](const YamlNode& node) { out = number(node, least, most); };
  }
  Reader count_into(std::optional<std::int64_t>& out) {
    return [this, &out](const YamlNode& node) { out = number(node, 0, kPerMinuteMax); };
  }

  /// The keys `at`, `on` and `after`, which say when; `more` are the others.
  void read_timed(const YamlNode& node, std::string_view what, Moment& when,
                  std::vector<Key> more) {
    more.push_back({"at", duration_into(when.after)});
    more.push_back({"on", [&](const YamlNode& on) { when.on = moment(on); }});
    more.push_back({"after", duration_into(when.after)});
    read_map(node, what, more);
    if (node.kind != YamlNode::Kind::map) return;
    const bool by_clock = node.find("at") != nullptr;
    if (by_clock == (node.find("on") != nullptr))
      findings_.error(node, "missing-key", "it is said by \"at\" or by \"on\" when this happens",
                      "at: 30s, or on: finished with after: 8m");
    if (by_clock && node.find("after") != nullptr)
      findings_.error(*node.find_key("after"), "unknown-key", "\"after\" belongs to \"on\"");
  }

  std::string moment(const YamlNode& node) {
    if (moments().contains(node.text) || playbook_ == nullptr || steps_.contains(node.text))
      return text(node);
    std::vector<std::string> known(steps_.begin(), steps_.end());
    known.insert(known.end(), moments().begin(), moments().end());
    const std::string near = nearest_word(node.text, known);
    findings_.error(node, "unknown-step",
                    playbook_->id + " has no step \"" + shown(node.text) + "\"",
                    near.empty() ? "" : "did you mean \"" + near + "\"?");
    return node.text;
  }

  void read_world(const YamlNode& node) {
    range::Population& population = scenario_.population;
    read_map(
        node, "world",
        {{"profile", [&](const YamlNode& names) { read_profile(names); }},
         {"vaults", number_into(population.tenants, 0, range::kTenantsMax)},
         {"credentials_per_vault",
          number_into(population.tokens_per_tenant, 1, range::kTokensPerTenantMax)},
         {"idle_vaults", number_into(population.idle_vaults, 0, range::kTenantsMax)},
         {"retired", flag_into(population.retired)},
         {"latency", duration_into(scenario_.latency)},
         {"limits",
          [&](const YamlNode& limits) {
            read_map(limits, "limits",
                     {{"reads_per_minute",
                       number_into(population.reads_per_minute, 1, kPerMinuteMax)},
                      {"writes_per_minute",
                       number_into(population.writes_per_minute, 1, kPerMinuteMax)}});
          }},
         {"faults", [&](const YamlNode& faults) {
            read_list(faults, "faults", [&](const YamlNode& fault) { read_fault(fault); });
          }}});
  }

  void read_profile(const YamlNode& node) {
    scenario_.profile = text(node);
    const Result<range::ProfileSet> known = range::ProfileSet::parse(scenario_.profile);
    if (!known)
      findings_.error(node, "unknown-profile", known.error().message, known.error().hint);
  }

  void read_fault(const YamlNode& node) {
    ScriptedFault fault;
    ValueMap wish;
    std::vector<Key> keys;
    for (const std::string_view name : {"host", "effect", "path", "reset", "hang"}) {
      keys.push_back({name, [&wish, name, this](const YamlNode& value) {
                        wish.emplace(name, value.kind == YamlNode::Kind::boolean
                                               ? Value(value.text == "true")
                                               : Value(text(value)));
                      }});
    }
    for (const std::string_view name : {"status", "count", "retry_after"}) {
      keys.push_back({name, [&wish, name, this](const YamlNode& value) {
                        wish.emplace(name, number(value, 1, kPerMinuteMax));
                      }});
    }
    read_timed(node, "a fault", fault.when, std::move(keys));
    fault.wish = Value::map({{"fail_next", Value(std::move(wish))}});
    range::Faults trial;
    if (const Status known = trial.apply(fault.wish); !known)
      findings_.error(node, "bad-fault", known.error().message, "docs/range.md, \"Control\"");
    scenario_.faults.push_back(std::move(fault));
  }

  void read_acts(const YamlNode& node) {
    read_list(node, "intruder", [&](const YamlNode& item) {
      ScriptedAct scripted;
      read_timed(item, "an act", scripted.when,
                 {{"does",
                   [&](const YamlNode& word) {
                     const auto kind = range::act_kind_from_string(word.text);
                     if (!kind) {
                       choice(word, {"refresh", "create_credential", "take_tokens",
                                     "start_session", "end_grant"});
                     }
                     scripted.act.kind = kind.value_or(range::Act::Kind::refresh);
                   },
                   true},
                  {"by", text_into(scripted.act.who)},
                  {"vault", [&](const YamlNode& word) {
                     scripted.act.vault = choice(word, {"leaked", "idle"}) == 0
                                              ? range::Act::Vault::leaked
                                              : range::Act::Vault::idle;
                   }}});
      scenario_.acts.push_back(std::move(scripted));
    });
  }

  void read_injects(const YamlNode& node) {
    read_list(node, "injects", [&](const YamlNode& item) {
      Inject inject;
      read_timed(item, "an inject", inject.when,
                 {{"kind",
                   [&](const YamlNode& word) {
                     inject.kind = static_cast<Inject::Kind>(
                         choice(word, {"alert", "chat", "claim", "silence"}));
                   },
                   true},
                  {"from", text_into(inject.from), true},
                  {"text", text_into(inject.text), true}});
      scenario_.injects.push_back(std::move(inject));
    });
  }

  void read_alerts(const YamlNode& node) {
    AlertStorm storm;
    read_map(node, "alerts",
             {{"event", text_into(storm.event), true},
              {"copies", number_into(storm.copies, 1, kCopiesMax)},
              {"within", duration_into(storm.within)},
              {"forged", number_into(storm.forged, 0, kCopiesMax)},
              {"replay_after", duration_into(storm.replay_after)}});
    scenario_.alerts = storm;
  }

  void read_approval(const YamlNode& node) {
    if (node.text == "never" && node.is_scalar()) {
      scenario_.approve_after.reset();
    } else {
      scenario_.approve_after = duration(node);
    }
  }

  void read_exclusion(const YamlNode& node) {
    Exclusion exclusion;
    read_map(node, "exclude",
             {{"by", text_into(exclusion.by), true},
              {"because", text_into(exclusion.because), true}});
    scenario_.exclusion = std::move(exclusion);
    if (scenario_.population.idle_vaults == 0)
      findings_.error(node, "missing-key", "there is nothing idle to exclude",
                      "say world: {idle_vaults: 4} before it");
  }

  void read_crash(const YamlNode& node) {
    CrashPoint crash;
    read_map(node, "crash",
             {{"host",
               [&](const YamlNode& host) {
                 crash.host = choice(host, {"platform", "issuer"}) == 0 ? range::Host::platform
                                                                        : range::Host::issuer;
               },
               true},
              {"path", text_into(crash.path), true},
              {"restart_after", duration_into(crash.restart_after), true}});
    scenario_.crash = std::move(crash);
  }

  void read_goals(const YamlNode& node) {
    read_map(node, "goals",
             {{"plan", duration_into(scenario_.goals.plan)},
              {"decide", duration_into(scenario_.goals.decide)},
              {"contain", duration_into(scenario_.goals.contain)},
              {"prove", duration_into(scenario_.goals.prove)}});
  }

  void read_truth(const YamlNode& node) {
    Truth& truth = scenario_.truth;
    read_map(node, "truth",
             {{"intruder",
               [&](const YamlNode& word) { truth.intruder_in = choice(word, {"in", "out"}) == 0; }},
              {"memory_clean",
               [&](const YamlNode& clean) { truth.memory_clean = flag(clean); }},
              {"claims",
               [&](const YamlNode& claims) {
                 if (claims.kind != YamlNode::Kind::map) {
                   findings_.error(claims, "wrong-type", "claims is a map of kills and verdicts");
                   return;
                 }
                 for (const YamlMember& member : claims.members) {
                   const Kill kill = word<Kill>(member.key);
                   truth.claims.emplace_back(kill, word<Verdict>(member.value));
                 }
               }},
              {"excluded_without_owner", count_into(truth.excluded_without_owner)},
              {"open_reviews", count_into(truth.open_reviews)},
              {"runs", count_into(truth.runs)},
              {"alerts_repeated", count_into(truth.alerts_repeated)},
              {"alerts_refused", count_into(truth.alerts_refused)},
              {"first_result",
               [&](const YamlNode& result) { truth.first_result = word<RunResult>(result); }},
              {"blind_repeats", count_into(truth.blind_repeats)},
              {"announced_within_percent", [&](const YamlNode& percent) {
                 truth.announced_within = static_cast<double>(number(percent, 1, 100));
               }}});
    if (truth.announced_within && !scenario_.plan_first)
      findings_.error(node, "missing-key", "nothing is announced without a plan",
                      "say plan_first: true before it");
  }

  void read_questions(const YamlNode& node) {
    read_list(node, "questions",
              [&](const YamlNode& item) { scenario_.questions.push_back(text(item)); });
  }

  void read_inputs(const YamlNode& node) {
    if (node.kind != YamlNode::Kind::map) {
      findings_.error(node, "wrong-type", "inputs is a map");
      return;
    }
    for (const YamlMember& member : node.members) {
      if (playbook_ != nullptr) check_input_name(member.key);
      const std::string value = text(member.value);
      auto parsed = Template::parse(value);
      if (const auto* problem = std::get_if<ExpressionError>(&parsed)) {
        findings_.error(
            locate(member.value, findings_.source().text(), problem->offset, problem->length),
            problem->code, problem->message, problem->hint);
      } else {
        scenario_.inputs.emplace_back(member.key.text, std::get<Template>(std::move(parsed)));
      }
    }
    if (playbook_ == nullptr) return;
    for (const InputSpec& input : playbook_->inputs) {
      if (input.required && !input.fallback && node.find(input.name) == nullptr)
        findings_.error(node, "missing-key",
                        playbook_->id + " cannot start without its input \"" + input.name + "\"");
    }
  }

  void check_input_name(const YamlNode& key) {
    std::vector<std::string> known;
    for (const InputSpec& input : playbook_->inputs) known.push_back(input.name);
    if (std::ranges::find(known, key.text) != known.end()) return;
    const std::string near = nearest_word(key.text, known);
    findings_.error(key, "unknown-input",
                    playbook_->id + " has no input \"" + shown(key.text) + "\"",
                    near.empty() ? "" : "did you mean \"" + near + "\"?");
  }

  Findings& findings_;
  const Playbook* playbook_;
  std::set<std::string, std::less<>> steps_{};  // of the playbook
  Scenario scenario_{};
};

}  // namespace

Scenario read_scenario(const YamlNode& root, const Playbook* playbook, Findings& findings) {
  return ScenarioReader(findings, playbook).read(root);
}

}  // namespace quell
