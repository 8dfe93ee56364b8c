#include <algorithm>
#include <charconv>
#include <csignal>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/cli/run_loop.h"
#include "orchestrator/cli/run_text.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/drill/drill.h"

namespace quell::cli {
namespace {

constexpr std::string_view kHelp =
    R"(quell drill - practise a leak on the embedded range; nothing leaves this machine
usage: quell drill SCENARIO... [--expect] [--seed N] [--speed X] [--json]
       quell drill list
SCENARIO    id of a shipped one, or the path of a file; several are compared at the end
--expect    exit 0 if result and truth are as the scenario demands, else 1
--seed N    the world is the same for the same seed (7)
--speed X   drill seconds per second (20); max: as fast as it goes
Exit codes  the run's: 0 contained  3 incomplete  4 exposed  5 failed; of several, the last one's
Examples    quell drill leaked-mcp-oauth
            quell drill rotate-only leaked-mcp-oauth --expect
)";

constexpr std::size_t kBarColumns = 48;
constexpr Duration kBarMin{360'000};

struct DrillVerbOptions {
  std::vector<std::string> scenarios{};
  bool automatic = false;  // --auto: what it does anyway
  bool expect = false;
  std::uint64_t seed = 7;
  std::string speed = "20";
};

int list(Session& session) {
  std::vector<std::vector<std::string>> rows{{"scenario", "teaches", "ends"}};
  ValueList all;
  for (const auto& [file, source] : shipped_scenarios()) {
    const Result<Scenario> scenario = load_scenario(source, file);
    if (!scenario) return session.fail(scenario.error());
    rows.push_back({scenario->id, scenario->teaches, std::string(to_string(scenario->ends))});
    all.push_back(Value::map({{"scenario", scenario->id},
                              {"teaches", scenario->teaches},
                              {"ends", to_string(scenario->ends)},
                              {"playbook", scenario->playbook}}));
  }
  if (session.options().json) {
    session.print_json(Value::map({{"scenarios", Value(std::move(all))}}));
  } else {
    session.out().write(table(rows, "  "));
  }
  return kExitOk;
}

std::string seconds_text(const std::optional<Duration>& time) {
  return time ? clock_since(Timestamp{}, Timestamp{} + *time) : "none";
}

Value seconds_value(const std::optional<Duration>& time) {
  return time ? Value(static_cast<double>(time->count()) / 1000.0) : Value();
}

/// Tells a drill line by line: what the intruder's uses come to whenever they change, and what
/// quell does.
class DrillTeller {
 public:
  explicit DrillTeller(Session& session) : session_(session) {}

  void intruder(const range::LogLine& line, Timestamp begun) {
    int& last_status = line.note == "refresh" ? last_refresh_ : last_use_;
    const bool news = line.status != last_status || (line.note == "refresh" && line.status == 200);
    last_status = line.status;
    if (!news || session_.options().json) return;
    const bool in = line.status >= 200 && line.status < 300;
    const std::string status = in ? session_.out().paint(std::to_string(line.status), Colour::red)
                                  : std::to_string(line.status);
    tell(line.at, begun, "intruder", padded(line.note, 12) + status, words(line, in));
  }

  void entry(const RunState& run, const Entry& entry, const ConnectorSet& connectors,
             Timestamp begun) {
    if (session_.options().json) return;
    const std::string text = line_for_person(session_.out(), run, entry, connectors);
    if (text.empty()) return;
    // The line's own clock counts from the start of the run; a drill counts from the intruder's
    // first use.
    const std::size_t first_blank = text.find("  ");
    const std::string rest =
        entry.kind == EntryKind::run_started || first_blank == std::string::npos
            ? text
            : text.substr(first_blank + 2);
    session_.out().line("  " + clock_since(begun, entry.at) + "  " + padded("quell", 10) + rest);
  }

 private:
  static std::string words(const range::LogLine& line, bool in) {
    if (line.note == "refresh") return in ? "new tokens, from the old grant" : "invalid_grant";
    return in ? "stolen token works" : "refused";
  }

  void tell(Timestamp at, Timestamp begun, std::string_view who, const std::string& what,
            const std::string& more) {
    session_.out().line("  " + clock_since(begun, at) + "  " + padded(who, 10) + padded(what, 18) +
                        more);
  }

  Session& session_;
  int last_use_ = 0;
  int last_refresh_ = 0;
};

/// How long the intruder was inside, drawn from the intruder's own log.
std::string bar(Stream& out, const DrillOutcome& outcome, Duration span) {
  std::string cells;
  for (std::size_t cell = 0; cell < kBarColumns; ++cell) {
    const Duration at =
        span * static_cast<std::int64_t>(cell) / static_cast<std::int64_t>(kBarColumns);
    if (outcome.first_failure && at >= *outcome.first_failure) {
      cells += out.sign("cross");
      break;
    }
    cells += out.sign("bar");
  }
  return padded(cells, kBarColumns + 2) +
         (outcome.thief_in || !outcome.first_failure
              ? out.paint("still inside", Colour::red)
              : "out after " + format_duration(*outcome.first_failure));
}

Value outcome_value(const Scenario& scenario, const DrillOutcome& outcome,
                    const DrillVerbOptions& options) {
  std::int64_t passed = 0;
  for (const range::LogLine& line : outcome.intruder)
    passed += line.status >= 200 && line.status < 300 ? 1 : 0;
  return Value::map(
      {{"scenario", scenario.id},
       {"seed", static_cast<std::int64_t>(options.seed)},
       {"ends", to_string(scenario.ends)},
       {"agrees", outcome.as_expected},
       {"lasted_s", static_cast<double>(outcome.lasted.count()) / 1000.0},
       {"intruder",
        Value::map({{"passed", passed},
                    {"refused", static_cast<std::int64_t>(outcome.intruder.size()) - passed},
                    {"last_success_s", seconds_value(outcome.last_success)},
                    {"first_failure_s", seconds_value(outcome.first_failure)},
                    {"inside_at_the_end", outcome.thief_in}})},
       {"run", outcome.document}});
}

int drill(Session& session, const DrillVerbOptions& options) {
  if (options.scenarios.size() == 1 && options.scenarios.front() == "list") return list(session);
  const StopSignals signals;
  const Config* const config = session.config();
  if (config == nullptr) return kExitNotStarted;
  DrillOptions play{.seed = options.seed,
                    .database = drills_database(config->database.value),
                    .incidents_database = config->database.value,
                    .keys = session.key_paths()};
  if (options.speed == "max") {
    play.speed = 0;
  } else {
    const auto [end, error] = std::from_chars(
        options.speed.data(), options.speed.data() + options.speed.size(), play.speed);
    if (error != std::errc{} || end != options.speed.data() + options.speed.size() ||
        play.speed < 0.1 || play.speed > 10'000) {
      return session.fail(make_error(ErrorCode::invalid, "usage",
                                     "--speed is a number from 0.1 to 10000, or max.",
                                     "quell help drill"));
    }
  }
  std::vector<Scenario> scenarios;
  for (const std::string& id : options.scenarios) {
    Result<Scenario> scenario = find_scenario(id);
    if (!scenario) return session.fail(scenario.error());
    scenarios.push_back(std::move(*scenario));
  }
  Stream& out = session.out();
  const bool text = !session.options().json;
  const std::string pace =
      play.speed > 0 ? fmt::format("{:g}:1", play.speed) : "as fast as it goes";
  std::vector<DrillOutcome> outcomes;
  ValueList documents;
  bool agrees = true;
  for (const Scenario& scenario : scenarios) {
    if (text) {
      out.line("");
      out.line(std::string(out.sign("arrow")) + " " + padded(scenario.id, 19) +
               padded(scenario.title, 46) + fmt::format("seed {}, {}", options.seed, pace));
    }
    DrillTeller teller(session);
    const DrillEvents events{
        .intruder = [&](const range::LogLine& line,
                        Timestamp begun) { teller.intruder(line, begun); },
        .entry = [&](const RunState& run, const Entry& entry, const ConnectorSet& connectors,
                     Timestamp begun) { teller.entry(run, entry, connectors, begun); },
        .stopped = [] { return StopSignals::received() != 0; }};
    Result<DrillOutcome> outcome = run_drill(scenario, play, session.random(), events);
    if (!outcome) return session.fail(outcome.error(), kExitFailed);
    if (StopSignals::received() != 0)
      return StopSignals::received() == SIGTERM ? kExitTerminated : kExitInterrupted;
    agrees &= outcome->as_expected;
    documents.push_back(outcome_value(scenario, *outcome, options));
    if (text) {
      out.line("  " + result_text(out, outcome->result, AnswerOrigin::range) +
               fmt::format("  exit {}", exit_code(outcome->result)) + "    last success " +
               seconds_text(outcome->last_success) +
               ", first failure: " + seconds_text(outcome->first_failure) +
               (outcome->as_expected ? ""
                                     : "    not what the scenario demands: " +
                                           std::string(to_string(scenario.ends))));
    }
    outcomes.push_back(std::move(*outcome));
  }
  if (text && scenarios.size() > 1) {
    Duration span = kBarMin;
    for (const DrillOutcome& outcome : outcomes) span = std::max(span, outcome.lasted);
    out.line("");
    out.line("inside, minutes 0 to " + std::to_string(span.count() / 60'000));
    for (std::size_t i = 0; i < scenarios.size(); ++i)
      out.line("  " + padded(scenarios[i].id, 18) + bar(out, outcomes[i], span));
    out.line("Rotation changes your copy. Revocation kills the grant.");
  }
  if (text) {
    session.next("quell drill list      quell plan leaked-mcp-oauth --help");
  } else if (documents.size() == 1) {
    session.print_json(documents.front());
  } else {
    session.print_json(Value::map({{"drills", Value(std::move(documents))}}));
  }
  if (options.expect) return agrees ? kExitOk : kExitNo;
  return exit_code(outcomes.back().result);
}

}  // namespace

Verb drill_verb() {
  auto options = std::make_shared<DrillVerbOptions>();
  return {.name = "drill",
          .help = kHelp,
          .declare =
              [options](CLI::App& app) {
                app.add_option("scenarios", options->scenarios)->required();
                app.add_flag("--auto", options->automatic);
                app.add_flag("--expect", options->expect);
                app.add_option("--seed", options->seed);
                app.add_option("--speed", options->speed);
              },
          .run = [options](Session& session) { return drill(session, *options); }};
}

}  // namespace quell::cli
