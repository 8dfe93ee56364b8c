#include "orchestrator/playbook_test/case_run.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/engine/engine.h"
#include "orchestrator/engine/forgetful.h"
#include "orchestrator/playbook/inputs.h"
#include "orchestrator/playbook_test/scripted_connector.h"
#include "state/base/random.h"
#include "state/keys.h"

namespace quell {
namespace {

// Any time would do; a fixed one makes every case the same each time.
constexpr Timestamp kBegin{std::chrono::sys_days{std::chrono::year{2031} / 3 / 4}};
constexpr Duration kTurn{3600'000};
constexpr int kTurnsMax = 100'000;
constexpr Duration kCaseMax{31LL * 24 * 3600'000};
constexpr std::string_view kPerson = "a person of the case";
constexpr std::string_view kReport = "report";

/// No network; waiting moves the clock to what the engine waits for, unless a person spoke.
class NoTransport final : public HttpTransport {
 public:
  explicit NoTransport(ManualClock& clock) : clock_(clock) {}
  void start(Ticket ticket, HttpRequest) override {
    Result<HttpResponse> answer = make_error(ErrorCode::internal, "a test sends nothing");
    refused_.push_back({.ticket = ticket, .answer = std::move(answer)});
  }
  std::vector<Completion> poll(Timestamp until) override {
    if (refused_.empty() && !std::exchange(woken_, false)) clock_.advance_to(until);
    return std::exchange(refused_, {});
  }
  void wake() override { woken_ = true; }

 private:
  ManualClock& clock_;
  std::vector<Completion> refused_{};
  bool woken_ = false;
};

/// The people of a case: they answer at once, or never.
class People {
 public:
  explicit People(const TestCase& one) : case_(one) {}

  void see(Engine& engine, const RunState& run, const Entry& entry) const {
    const bool approval = entry.kind == EntryKind::approval_requested;
    if (!approval && entry.kind != EntryKind::manual_requested) return;
    const std::string step = entry.body["step"].string_or("");
    const auto own = case_.people_of.find(step);
    const PersonActs acts = own == case_.people_of.end() ? case_.people : own->second;
    if (acts == PersonActs::absent) return;
    Command command{.kind = Command::Kind::deny, .run = run.id, .who = std::string(kPerson)};
    command.reason = "the case says so";
    if (acts == PersonActs::helps && approval) {
      command.kind = Command::Kind::approve;
      command.digest = run.digest;
    } else if (!approval) {
      // Nobody can refuse a manual step: who does not do it lets its time pass.
      if (acts == PersonActs::denies) return;
      command.kind = Command::Kind::done;
      command.target = step;
      if (const Step* const asked = find_step(run, step)) command.fields = fields_of(*asked);
    }
    engine.submit(std::move(command));
  }

 private:
  static std::map<std::string, std::string> fields_of(const Step& step) {
    std::map<std::string, std::string> fields;
    const auto* const manual = std::get_if<ManualStep>(&step.kind);
    if (manual == nullptr) return fields;
    for (const InputSpec& field : manual->fields) {
      if (field.required && !field.fallback) fields[field.name] = example_text(field);
    }
    return fields;
  }

  const TestCase& case_;
};

std::string line_of(const Entry& entry) {
  std::string line(to_string(entry.kind));
  const std::string step = entry.body["step"].string_or("");
  return step.empty() ? line : line + " " + step;
}

/// `wanted` is KIND or KIND STEP.
bool is_line(std::string_view line, std::string_view wanted) {
  if (wanted.find(' ') != std::string_view::npos) return line == wanted;
  return line.substr(0, line.find(' ')) == wanted;
}

/// Compares what was seen with what a case expects.
class Comparison {
 public:
  Comparison(const Expectation& expect, CaseOutcome& outcome) : expect_(expect), out_(outcome) {}

  void result() {
    const RunState& run = out_.run;
    const std::string seen = run.result ? std::string(to_string(*run.result))
                             : run.held ? "held"
                                        : "no end";
    check("result", expect_.result, seen);
    constexpr int kNotFinished = 7;
    const int exit = run.result ? exit_code(*run.result) : kNotFinished;
    if (expect_.exit) check("exit", std::to_string(*expect_.exit), std::to_string(exit));
  }

  void outcomes() {
    for (const auto& [step, wanted] : expect_.outcomes) {
      const auto found = out_.run.steps.find(step);
      const bool known = found != out_.run.steps.end() && found->second.outcome.has_value();
      check("outcome of " + step, wanted,
            known ? std::string(to_string(*found->second.outcome)) : "not_started");
    }
  }

  void claims(const std::vector<Claim>& claims) {
    for (const ExpectedClaim& wanted : expect_.claims) {
      bool any = false;
      for (const Claim& claim : claims) {
        if (!is_meant(claim, wanted)) continue;
        any = true;
        const bool holds = (!wanted.verdict || *wanted.verdict == claim.verdict) &&
                           (!wanted.grade || *wanted.grade == claim.grade);
        if (!holds)
          differ("claim " + claim.subject, judged(wanted), judged(claim.verdict, claim.grade));
      }
      if (!any) differ("claim " + words(wanted), judged(wanted), "no such claim");
    }
  }

  void journal() {
    auto at = out_.journal.begin();
    std::string before = "the beginning";
    for (const std::string& wanted : expect_.journal) {
      const auto found = std::find_if(
          at, out_.journal.end(), [&](const std::string& line) { return is_line(line, wanted); });
      if (found == out_.journal.end()) {
        differ("journal", wanted + " after " + before,
               at == out_.journal.end() ? "its end" : "next is " + *at);
        return;
      }
      at = found + 1;
      before = wanted;
    }
    for (const std::string& unwanted : expect_.journal_lacks) {
      const bool there =
          std::any_of(out_.journal.begin(), out_.journal.end(),
                      [&](const std::string& line) { return is_line(line, unwanted); });
      if (there) differ("journal", "no " + unwanted, "it is there");
    }
  }

  void calls(const CallTally& tally) {
    for (const auto& [action, wanted] : expect_.calls) {
      const auto found = tally.calls.find(action);
      const std::int64_t seen = found == tally.calls.end() ? 0 : found->second;
      check("calls of " + action, std::to_string(wanted), std::to_string(seen));
    }
    for (const std::string& what : tally.unanswered)
      differ("answers", "one for " + what, "the case has none");
  }

 private:
  void differ(std::string what, std::string expected, std::string seen) {
    out_.differences.push_back(
        {.what = std::move(what), .expected = std::move(expected), .seen = std::move(seen)});
  }
  void check(std::string what, const std::string& expected, const std::string& seen) {
    if (expected != seen) differ(std::move(what), expected, seen);
  }

  static bool is_meant(const Claim& claim, const ExpectedClaim& wanted) {
    return (!wanted.step || *wanted.step == claim.step) &&
           (!wanted.item || *wanted.item == claim.item) &&
           (!wanted.subject || *wanted.subject == claim.subject) &&
           (!wanted.plane || *wanted.plane == claim.plane) &&
           (!wanted.kill ||
            std::find(claim.kills.begin(), claim.kills.end(), *wanted.kill) != claim.kills.end());
  }

  static std::string words(const ExpectedClaim& wanted) {
    std::string text;
    const auto add = [&](std::string_view word) {
      text += (text.empty() ? "" : " ") + std::string(word);
    };
    for (const auto& word : {wanted.step, wanted.item, wanted.subject}) {
      if (word) add(*word);
    }
    if (wanted.plane) add(to_string(*wanted.plane));
    if (wanted.kill) add(to_string(*wanted.kill));
    return text;
  }

  static std::string judged(Verdict verdict, Grade grade) {
    return std::string(to_string(verdict)) +
           (grade == Grade::none ? "" : " " + std::string(to_string(grade)));
  }
  static std::string judged(const ExpectedClaim& wanted) {
    std::string text = wanted.verdict ? std::string(to_string(*wanted.verdict)) : "any verdict";
    if (wanted.grade) text += " " + std::string(to_string(*wanted.grade));
    return text;
  }

  const Expectation& expect_;
  CaseOutcome& out_;
};

}  // namespace

struct TestFingerprints::Keys {
  SeededRandom random{1};
  std::unique_ptr<KeyRing> ring = KeyRing::in_memory(random);
};

TestFingerprints::TestFingerprints() : keys_(std::make_unique<const Keys>()) {}
TestFingerprints::~TestFingerprints() = default;

std::string TestFingerprints::operator()(const Secret& secret) const {
  return keys_->ring->fingerprint(secret);
}

Result<CaseOutcome> run_case(const TestCase& one, std::shared_ptr<const Playbook> playbook,
                             const ConnectorSet& connectors, const TestFingerprints& fingerprints) {
  CallTally tally;
  ConnectorSet scripted;
  for (const auto& [name, real] : connectors) {
    // The engine carries out the report actions by itself.
    if (name == kReport)
      scripted[name] = real;
    else
      scripted[name] = std::make_shared<const ScriptedConnector>(name, real, one.answers, tally);
  }
  ManualClock clock(kBegin);
  NoTransport transport(clock);
  ForgetfulJournal journal;
  ForgetfulStore secrets([&](const Secret& secret) { return fingerprints(secret); });
  const People people(one);
  CaseOutcome outcome;
  Engine* playing = nullptr;
  Engine engine({.clock = clock,
                 .transport = transport,
                 .journal = journal,
                 .secrets = secrets,
                 .connectors = scripted,
                 .load_playbook = {},
                 .write_bundle = [](const RunState&, const std::string&) -> Result<std::string> {
                   return std::string("a test writes no bundle");
                 },
                 .on_entry =
                     [&](const RunState& run, const Entry& entry) {
                       outcome.journal.push_back(line_of(entry));
                       people.see(*playing, run, entry);
                     }});
  playing = &engine;
  const Result<RunId> run = engine.start({.playbook = std::move(playbook),
                                          .inputs = one.inputs,
                                          .mode = one.mode,
                                          .send_probes = one.mode != RunMode::dry_run,
                                          .who = "quell test",
                                          .confirmed = true});
  if (!run) return run.error();
  const auto over = [&] { return engine.find(*run)->finished() || engine.find(*run)->held; };
  for (int turns = 0; turns < kTurnsMax && !over() && clock.now() < kBegin + kCaseMax; ++turns) {
    if (Status turned = engine.turn(clock.now() + kTurn); !turned) return turned.error();
  }
  outcome.run = *engine.find(*run);
  outcome.lasted = (over() ? outcome.run.now : clock.now()) - kBegin;
  Comparison comparison(one.expect, outcome);
  comparison.result();
  comparison.outcomes();
  comparison.claims(claims_of(outcome.run, scripted));
  comparison.journal();
  comparison.calls(tally);
  return outcome;
}

}  // namespace quell
