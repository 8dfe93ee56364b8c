#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/cli/drill_play.h"
#include "orchestrator/cli/drill_text.h"
#include "orchestrator/cli/plan_here.h"
#include "orchestrator/cli/run_loop.h"
#include "orchestrator/cli/run_text.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/drill/drill.h"
#include "orchestrator/drill/drill_desk.h"
#include "orchestrator/drill/drill_site.h"
#include "orchestrator/panel/drill_pages.h"
#include "orchestrator/report/drill_report.h"
#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/private_file.h"

namespace quell::cli {
namespace {

constexpr std::string_view kDrillHelp =
    R"(quell drill - practise a leak on the embedded range; nothing leaves this machine
usage: quell drill SCENARIO... [--auto] [--expect] [--seed N] [--speed X] [--team NAME] [--json]
       quell drill SCENARIO --play [--expect] [--seed N] [--team NAME] [--json]
       quell drill SCENARIO --against CONNECTION -i NAME=VALUE ...
       quell drill list
       quell drill history [SCENARIO...]
       quell drill report DRILL [--format md|html|json] [-o FILE]
SCENARIO    id of a shipped one, or the path of a file; several are compared at the end
DRILL       d21d, its number, or last
--auto      the playbook plays alone, and simulated people approve; it does so anyway
--play      people play it in real time, in a panel and on the command line of a quell of its own;
            this terminal is the facilitator's: next, hint, pause, resume, where, end
--expect    exit 0 if result, truth and score are as the scenario demands, else 1
--seed N    world and people are the same for the same seed (7)
--speed X   drill seconds per second (20); max: as fast as it goes
--team NAME who practises: history and the panel show how each team does over time
--against C a tabletop on the real platform behind that connection: reads alone, what the playbook
            would send there, and what the scenario tells and asks; the inputs are real ones
--server U  that quell plays it, as fast as it goes; its score comes at the end
--format F  of the after-action report: md (the default), html or json
-o FILE     writes the report there, which must not exist
Exit codes  the run's: 0 contained  3 incomplete  4 exposed  5 failed; of several, the last one's
            list, history and report: 0, or 2; --against: 0, 2, or 5 where a read failed
Examples    quell drill leaked-mcp-oauth
            quell drill rotate-only leaked-mcp-oauth --expect
            quell drill rotate-only --play
            quell drill report last --format html -o review.html
            quell drill lying-200 --against platform -i vault_id=vlt_01HQ -i credential_id=vcrd_01QX
)";

constexpr Duration kBarMin{360'000};
constexpr std::chrono::milliseconds kLookEvery{200};

struct DrillVerbOptions {
  std::vector<std::string> words{};  // scenarios, or list, history, report and what follows
  bool automatic = false;            // --auto: what it does anyway
  bool expect = false;
  bool people = false;  // --play
  std::uint64_t seed = 7;
  std::string speed = "20";
  std::string team{};
  std::string format = "md";
  std::string output{};
  std::string against{};
  std::vector<std::string> inputs{};
};

bool is_far(Session& session) { return !session.options().server.empty(); }

std::string scores_folder(const Config& config) {
  return drill_scores_folder(drills_database(config.database.value));
}

/// Of this machine, or of the quell that --server names.
Result<std::vector<DrillRecord>> kept_drills(Session& session) {
  if (!is_far(session)) return read_drill_records(scores_folder(*session.config()));
  const Result<ApiClient> server = session.remote();
  if (!server) return server.error();
  const Result<Value> found = server->get("/api/v1/drills");
  if (!found) return found.error();
  std::vector<DrillRecord> records;
  for (const Value& document : (*found)["drills"].list_or_empty()) {
    Result<DrillRecord> record = drill_record_from(document);
    if (!record) return record.error();
    records.push_back(*std::move(record));
  }
  return records;
}

/// Likewise; `name` is a drill's id, its number, or last.
Result<DrillRecord> kept_drill(Session& session, const std::string& name) {
  if (!is_far(session)) return find_drill_record(scores_folder(*session.config()), name);
  const Result<ApiClient> server = session.remote();
  if (!server) return server.error();
  const Result<Value> found = server->get("/api/v1/drills/" + percent_encode(name));
  if (!found) return found.error();
  return drill_record_from(*found);
}

int list(Session& session) {
  std::vector<Scenario> scenarios;
  for (const auto& [file, source] : shipped_scenarios()) {
    Result<Scenario> scenario = load_scenario(source, file);
    if (!scenario) return session.fail(scenario.error());
    scenarios.push_back(*std::move(scenario));
  }
  const Result<std::vector<DrillRecord>> records = kept_drills(session);
  if (!records) return session.fail(records.error());
  if (!session.options().json) {
    session.out().write(drill_list_text(scenarios, *records, session.clock().now()));
    return kExitOk;
  }
  ValueList all;
  for (const Scenario& scenario : scenarios) {
    Value passed;
    for (const DrillRecord& record : *records) {
      if (record.scenario == scenario.id && record.agrees()) passed = Value(record.played_at);
    }
    all.push_back(Value::map({{"scenario", scenario.id},
                              {"teaches", scenario.teaches},
                              {"ends", to_string(scenario.ends)},
                              {"playbook", scenario.playbook},
                              {"passed_at", passed}}));
  }
  session.print_json(Value::map({{"scenarios", Value(std::move(all))}}));
  return kExitOk;
}

int history(Session& session, const std::vector<std::string>& wanted) {
  Result<std::vector<DrillRecord>> records = kept_drills(session);
  if (!records) return session.fail(records.error());
  std::erase_if(*records, [&](const DrillRecord& record) {
    return !wanted.empty() &&
           std::find(wanted.begin(), wanted.end(), record.scenario) == wanted.end();
  });
  if (session.options().json) {
    ValueList all;
    for (const DrillRecord& record : *records) all.push_back(to_value(record));
    session.print_json(Value::map({{"drills", Value(std::move(all))}}));
  } else if (records->empty()) {
    session.out().line("No drill was played yet.");
    session.next("quell drill list");
  } else {
    session.out().write(drill_history_text(session.out(), *records, session.clock().now()));
  }
  return kExitOk;
}

int report(Session& session, const DrillVerbOptions& options) {
  if (options.words.size() != 2) {
    return session.fail(make_error(ErrorCode::invalid, "usage", "say which drill: its id, or last.",
                                   "quell drill history"));
  }
  const Result<DrillRecord> record = kept_drill(session, options.words[1]);
  if (!record) return session.fail(record.error());
  const std::string format = session.options().json ? "json" : options.format;
  std::string text;
  if (format == "json") {
    text = to_json(to_value(*record)) + "\n";
  } else if (format == "md") {
    text = drill_report_markdown(*record);
  } else if (format == "html") {
    text = panel::drill_report_html(*record);
  } else {
    return session.fail(make_error(ErrorCode::invalid, "usage", "--format is md, html or json.",
                                   "quell help drill"));
  }
  if (options.output.empty()) {
    session.out().write(text);
    return kExitOk;
  }
  if (Status written = create_private_file(options.output, text, session.random()); !written)
    return session.fail(written.error());
  session.out().line(options.output);
  return kExitOk;
}

std::optional<double> speed_of(const std::string& text) {
  if (text == "max") return 0;
  double speed = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, speed);
  const bool is_known = error == std::errc{} && stop == end && speed >= 0.1 && speed <= 10'000;
  return is_known ? std::optional(speed) : std::nullopt;
}

Value outcome_value(const DrillOutcome& outcome) {
  ValueMap document = to_value(outcome.record).as_map();
  document["run"] = outcome.document;
  return Value(std::move(document));
}

Error error_of_play(const Value& error) {
  return make_error(
      error_code_from_string(error["class"].string_or("")).value_or(ErrorCode::conflict),
      error["type"].string_or("drill"), error["detail"].string_or("the drill was not played."),
      error["hint"].string_or(""));
}

/// Has the quell that --server names play it, as fast as it goes, and waits for the outcome; what
/// happened in between is in its record. A signal ends the waiting alone.
Result<DrillOutcome> play_far(Session& session, const Scenario& scenario,
                              const DrillVerbOptions& options) {
  const Result<ApiClient> server = session.remote();
  if (!server) return server.error();
  const Result<Value> asked = server->post(
      "/api/v1/drills",
      Value::map({{"scenario", scenario.id}, {"seed", options.seed}, {"team", options.team}}));
  if (!asked) return asked.error();
  while (StopSignals::received() == 0) {
    const Result<Value> found = server->get((*asked)["location"].string_or(""));
    if (!found) return found.error();
    const std::string state = (*found)["state"].string_or("");
    if (state == "failed") return error_of_play((*found)["error"]);
    if (state == "ready") {
      Result<DrillRecord> record = drill_record_from((*found)["drill"]);
      if (!record) return record.error();
      DrillOutcome outcome;
      outcome.result = record->result;
      outcome.document = (*found)["drill"]["run"];
      outcome.as_expected = record->agrees();
      outcome.record = *std::move(record);
      return outcome;
    }
    std::this_thread::sleep_for(kLookEvery);
  }
  return DrillOutcome{.stopped = true};
}

/// The line that ends one drill of several; a single one ends with its score card.
std::string ending(Stream& out, const DrillRecord& record) {
  return "  " + result_text(out, record.result, AnswerOrigin::range) +
         fmt::format("  exit {}", exit_code(record.result)) + "    last success " +
         drill_clock(record.last_success) +
         ", first failure: " + drill_clock(record.first_failure) +
         (record.agrees() ? "" : "    " + record.headline());
}

int play(Session& session, const Config& config, const DrillVerbOptions& options) {
  const StopSignals signals;
  DrillOptions how{.seed = options.seed,
                   .team = options.team,
                   .database = drills_database(config.database.value),
                   .incidents_database = config.database.value,
                   .keys = session.key_paths()};
  const std::optional<double> speed = speed_of(options.speed);
  if (!speed) {
    return session.fail(make_error(ErrorCode::invalid, "usage",
                                   "--speed is a number from 0.1 to 10000, or max.",
                                   "quell help drill"));
  }
  how.speed = is_far(session) ? 0 : *speed;
  std::vector<Scenario> scenarios;
  for (const std::string& id : options.words) {
    Result<Scenario> scenario = find_scenario(id);
    if (!scenario) return session.fail(scenario.error());
    scenarios.push_back(std::move(*scenario));
  }
  Stream& out = session.out();
  const bool text = !session.options().json;
  const bool single = scenarios.size() == 1;
  const std::string pace = how.speed > 0 ? fmt::format("{:g}:1", how.speed) : "as fast as it goes";
  std::vector<DrillRecord> records;
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
        .inject = [&](const Inject& inject, Timestamp at,
                      Timestamp begun) { teller.inject(inject, at, begun); },
        .note = [&](const std::string& words, Timestamp at,
                    Timestamp begun) { teller.note(words, at, begun); },
        .stopped = [] { return StopSignals::received() != 0; }};
    Result<DrillOutcome> outcome = is_far(session)
                                       ? play_far(session, scenario, options)
                                       : run_drill(scenario, how, session.random(), events);
    if (!outcome) {
      const bool is_mistake = outcome.error().topic == "check";  // of the file: nothing was begun
      return session.fail(outcome.error(), is_mistake ? kExitNotStarted : kExitFailed);
    }
    if (StopSignals::received() != 0)
      return StopSignals::received() == SIGTERM ? kExitTerminated : kExitInterrupted;
    agrees &= outcome->as_expected;
    documents.push_back(outcome_value(*outcome));
    if (text && single) out.write("\n" + score_text(out, outcome->record, AnswerOrigin::range));
    if (text && !single) out.line(ending(out, outcome->record));
    records.push_back(std::move(outcome->record));
  }
  if (text && !single) {
    Duration span = kBarMin;
    for (const DrillRecord& record : records) span = std::max(span, record.lasted);
    out.line("");
    out.line("inside, minutes 0 to " + std::to_string(span.count() / 60'000));
    for (const DrillRecord& record : records)
      out.line("  " + padded(record.scenario, 18) + inside_bar(out, record, span));
    out.line("Rotation changes your copy. Revocation kills the grant.");
  }
  if (text) {
    session.next(single ? "quell drill report " + records.front().drill + "      quell drill list"
                        : "quell drill list      quell plan leaked-mcp-oauth --help");
  } else if (single) {
    session.print_json(documents.front());
  } else {
    session.print_json(Value::map({{"drills", Value(std::move(documents))}}));
  }
  if (options.expect) return agrees ? kExitOk : kExitNo;
  return exit_code(records.back().result);
}

/// What the players of a tabletop are told and asked, beside the plan.
Value tabletop_value(const Scenario& scenario, const Plan& plan) {
  ValueList injects;
  for (const Inject& one : scenario.injects) {
    injects.push_back(Value::map(
        {{"kind", to_string(one.kind)}, {"from", one.from}, {"text", one.text}}));
  }
  ValueList questions(scenario.questions.begin(), scenario.questions.end());
  return Value::map({{"scenario", scenario.id},
                     {"plan", plan_document(plan)},
                     {"injects", Value(std::move(injects))},
                     {"questions", Value(std::move(questions))}});
}

/// The same playbook over the real inventory, rehearsed: the engine's guard lets reads out alone
/// (threat T42).
int tabletop(Session& session, const Config& config, const DrillVerbOptions& options) {
  if (options.words.size() != 1) {
    return session.fail(make_error(ErrorCode::invalid, "usage", "a tabletop has one scenario.",
                                   "quell help drill"));
  }
  const Result<Scenario> scenario = find_scenario(options.words.front());
  if (!scenario) return session.fail(scenario.error());
  if (!config.connections.contains(options.against)) {
    return session.fail(
        make_error(ErrorCode::invalid, "config",
                   "no connection \"" + shown(options.against) + "\" is configured.",
                   "add it under connections: in quell.yaml"));
  }
  if (config.connections.at(options.against).kind.value != "managed_agents") {
    return session.fail(
        make_error(ErrorCode::invalid, "usage",
                   "\"" + shown(options.against) + "\" is no agent platform.",
                   "name a connection of kind managed_agents"));
  }
  const Result<PlaybookFile> file = playbook_of(*scenario);
  if (!file) return session.fail(file.error());
  const StopSignals signals;
  int exit = kExitOk;
  const std::optional<PlanHere> here = plan_here(session, *file, options.inputs, exit);
  if (!here) return exit;
  const Rehearsal& rehearsal = here->rehearsal;
  if (session.options().json) {
    session.print_json(tabletop_value(*scenario, rehearsal.plan));
    return kExitOk;
  }
  Stream& out = session.out();
  out.line("TABLETOP  " + scenario->id + ": " + scenario->title);
  out.line("Reads alone; nothing was changed. This is what " + rehearsal.plan.playbook +
           " would send:");
  out.line("");
  out.write(plan_text(out, rehearsal.plan, false));
  if (!scenario->injects.empty()) out.line("\nThen somebody says:");
  for (const Inject& one : scenario->injects)
    out.line("  " + padded(to_string(one.kind), 9) + one.from + ": " + one.text);
  out.line("\nAsk yourselves:");
  for (const std::string& question : scenario->questions) out.line("  " + question);
  return kExitOk;
}

int drill(Session& session, const DrillVerbOptions& options) {
  const Config* const config = session.config();
  if (config == nullptr) return kExitNotStarted;
  const std::string& first = options.words.front();
  if (first == "list" && options.words.size() == 1) return list(session);
  if (first == "history")
    return history(session, {options.words.begin() + 1, options.words.end()});
  if (first == "report") return report(session, options);
  if (Status named = check_team(options.team); !named) return session.fail(named.error());
  if (!options.against.empty()) {
    if (!is_far(session)) return tabletop(session, *config, options);
    return session.fail(make_error(ErrorCode::invalid, "server",
                                   "a tabletop is held on this machine alone.",
                                   "leave --server out"));
  }
  if (options.people) {
    if (is_far(session))
      return session.fail(make_error(ErrorCode::invalid, "server",
                                     "people play on this machine alone.", "leave --server out"));
    if (options.words.size() != 1)
      return session.fail(make_error(ErrorCode::invalid, "usage", "people play one scenario.",
                                     "quell help drill"));
    const Result<Scenario> scenario = find_scenario(first);
    if (!scenario) return session.fail(scenario.error());
    return play_with_people(session, *config, *scenario, options.seed, options.team,
                            options.expect);
  }
  return play(session, *config, options);
}

}  // namespace

Verb drill_verb() {
  auto options = std::make_shared<DrillVerbOptions>();
  return {.name = "drill",
          .help = kDrillHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("scenarios", options->words)->required();
                app.add_flag("--auto", options->automatic);
                app.add_flag("--expect", options->expect);
                app.add_flag("--play", options->people)->excludes("--auto");
                app.add_option("--seed", options->seed)->check(CLI::NonNegativeNumber);
                app.add_option("--speed", options->speed)->excludes("--play");
                app.add_option("--team", options->team);
                app.add_option("--against", options->against)->excludes("--play");
                app.add_option("-i,--input", options->inputs)->allow_extra_args(false);
                app.add_option("--format", options->format);
                app.add_option("-o", options->output);
              },
          .run = [options](Session& session) { return drill(session, *options); }};
}

}  // namespace quell::cli
