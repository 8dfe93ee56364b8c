#include "orchestrator/cli/verb.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "orchestrator/cli/run_text.h"
#include "orchestrator/playbook/yaml_tree.h"
#include "orchestrator/playbook_library.h"
#include "orchestrator/playbook_test/case_run.h"

namespace quell::cli {
namespace {

constexpr std::string_view kTestHelp =
    R"(quell test - play a playbook against scripted answers, without a network
usage: quell test [PLAYBOOK...] [--case NAME] [--tests FILE] [--json]
PLAYBOOK     a path, or an id; without one every playbook that comes with quell
--case NAME  this case only
--tests FILE the cases; else tests/ID.yaml beside the playbook
--server URL of this machine's files, against the connections of that quell
Sends nothing, reads no secret of yours and keeps nothing; waits take no time.
Exit codes  0 all passed  1 a case failed  2 nothing could be played
Examples    quell test leaked-mcp-oauth
            quell test playbooks/mine.yaml --case "the issuer lies" --json
)";

struct TestOptions {
  std::vector<std::string> playbooks{};
  std::string only{};
  std::string tests{};
};

/// A playbook with its cases, ready to be played.
struct Suite {
  std::shared_ptr<const Playbook> playbook{};
  std::vector<TestCase> cases{};
};

struct Totals {
  std::int64_t passed = 0;
  std::int64_t failed = 0;
  ValueList cases{};  // of --json
};

bool came_with_quell(const PlaybookFile& file) {
  const auto& all = shipped_playbooks();
  return std::any_of(all.begin(), all.end(), [&](const auto& shipped) {
    return shipped.first == file.file && shipped.second == file.source;
  });
}

/// The tests of `file`: those that were asked for, its shipped ones, or those beside it.
Result<PlaybookFile> find_tests(const PlaybookFile& file, const std::string& asked) {
  const std::filesystem::path playbook(file.file);
  if (asked.empty() && came_with_quell(file)) {
    for (const auto& [name, source] : shipped_playbook_tests()) {
      if (name == file.file) return PlaybookFile{.file = "tests/" + name, .source = source};
    }
  }
  const std::string path =
      asked.empty() ? (playbook.parent_path() / "tests" / playbook.stem()).string() + ".yaml"
                    : asked;
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return make_error(ErrorCode::invalid, "playbook", "there is no tests file " + path + ".",
                      "write one, or name another with --tests; docs/playbooks.md shows the form");
  }
  // One byte more than is allowed, so that the reader sees that it is too long.
  std::string source(kYamlBytesMax + 1, '\0');
  in.read(source.data(), static_cast<std::streamsize>(source.size()));
  source.resize(static_cast<std::size_t>(in.gcount()));
  return PlaybookFile{.file = path, .source = std::move(source)};
}

Result<Suite> load_suite(const PlaybookFile& file, const TestOptions& options,
                         const ConnectorSet& connectors, const Config& config,
                         const TestFingerprints& fingerprints) {
  Result<std::shared_ptr<const Playbook>> playbook =
      load_checked(file, connectors, others_beside(file, config));
  if (!playbook) return playbook.error();
  const Result<PlaybookFile> found = find_tests(file, options.tests);
  if (!found) return found.error();
  PlaybookTests tests =
      read_playbook_tests(found->source, **playbook, catalog_of(connectors),
                          [&](const Secret& secret) { return fingerprints(secret); });
  if (!tests.cases) {
    std::string findings;
    for (const Diagnostic& diagnostic : tests.diagnostics)
      findings += render(diagnostic, found->file, found->source, false);
    while (!findings.empty() && findings.back() == '\n') findings.pop_back();
    return make_error(ErrorCode::invalid, "check", findings, "correct " + found->file);
  }
  Suite suite{.playbook = std::move(*playbook)};
  std::vector<std::string> names;
  for (TestCase& one : *tests.cases) {
    names.push_back(one.name);
    if (options.only.empty() || one.name == options.only) suite.cases.push_back(std::move(one));
  }
  if (suite.cases.empty()) {
    const std::string near = nearest_word(options.only, names);
    return make_error(ErrorCode::invalid, "playbook",
                      found->file + " has no case \"" + shown(options.only) + "\".",
                      near.empty() ? "quell test " + suite.playbook->id + " lists them"
                                   : "did you mean \"" + near + "\"?");
  }
  return suite;
}

Value case_value(const Suite& suite, const TestCase& one, const CaseOutcome& outcome,
                 const ConnectorSet& connectors) {
  ValueList differences;
  for (const Difference& difference : outcome.differences) {
    differences.push_back(Value::map(
        {{"what", difference.what}, {"expected", difference.expected}, {"seen", difference.seen}}));
  }
  ValueList claims;
  for (const Claim& claim : claims_of(outcome.run, connectors)) claims.push_back(to_value(claim));
  ValueList journal;
  for (const std::string& line : outcome.journal) journal.emplace_back(line);
  const std::optional<RunResult>& result = outcome.run.result;
  return Value::map({{"playbook", suite.playbook->id},
                     {"case", one.name},
                     {"passed", outcome.differences.empty()},
                     {"result", result ? Value(to_string(*result)) : Value()},
                     {"lasted", Value(outcome.lasted)},
                     {"differences", Value(std::move(differences))},
                     {"claims", Value(std::move(claims))},
                     {"journal", Value(std::move(journal))}});
}

/// The journal in a few lines: entries of one step that follow each other share one.
std::string journal_text(const std::vector<std::string>& journal) {
  std::string text;
  std::string last;
  for (const std::string& line : journal) {
    const std::size_t blank = std::min(line.find(' '), line.size());
    const std::string step = line.substr(blank);
    const bool goes_on = !text.empty() && step == last;
    text += goes_on
                ? ", "
                : (text.empty() ? "  " : "\n  ") + padded(step.empty() ? "" : step.substr(1), 17);
    text += line.substr(0, blank);
    last = step;
  }
  return text + "\n";
}

void tell(Session& session, const Suite& suite, const TestCase& one, const CaseOutcome& outcome,
          const ConnectorSet& connectors) {
  Stream& out = session.out();
  const bool passed = outcome.differences.empty();
  const std::string sign =
      out.paint(out.sign(passed ? "check" : "cross"), passed ? Colour::green : Colour::red);
  out.line(sign + " " + suite.playbook->id + "  " + one.name + "  " +
           (outcome.run.result ? std::string(to_string(*outcome.run.result)) : "not finished") +
           " after " + format_duration(outcome.lasted));
  if (passed) return;
  std::vector<std::vector<std::string>> rows{{"", "expected", "seen"}};
  for (const Difference& difference : outcome.differences)
    rows.push_back({difference.what, difference.expected, difference.seen});
  out.write(table(rows, "  "));
  if (outcome.run.finished())
    out.write(closing_text(out, outcome.run, connectors, outcome.run.finished_at));
  out.line("journal");
  out.write(journal_text(outcome.journal));
}

/// Plays one playbook's cases; gives an Error where none could be played.
Status play(Session& session, const Suite& suite, const ConnectorSet& connectors,
            const TestFingerprints& fingerprints, Totals& totals) {
  for (const TestCase& one : suite.cases) {
    const Result<CaseOutcome> outcome = run_case(one, suite.playbook, connectors, fingerprints);
    if (!outcome) return wrap("case \"" + one.name + "\"", outcome.error());
    (outcome->differences.empty() ? totals.passed : totals.failed) += 1;
    if (session.options().json)
      totals.cases.push_back(case_value(suite, one, *outcome, connectors));
    else
      tell(session, suite, one, *outcome, connectors);
  }
  return ok();
}

int test(Session& session, const TestOptions& options) {
  const std::optional<ConnectorSet> connectors = session.bare_connectors();
  if (!connectors) return kExitNotStarted;
  const TestFingerprints fingerprints;
  std::vector<PlaybookFile> files;
  for (const std::string& name : options.playbooks) {
    Result<PlaybookFile> file = find_playbook(name, *session.config());
    if (!file) return session.fail(file.error());
    files.push_back(std::move(*file));
  }
  if (options.playbooks.empty()) {
    for (const auto& [name, source] : shipped_playbooks())
      files.push_back({.file = name, .source = source});
  }
  if (!options.tests.empty() && options.playbooks.size() != 1) {
    return session.fail(make_error(ErrorCode::invalid, "usage",
                                   "--tests needs the one playbook that it belongs to.",
                                   "quell test PLAYBOOK --tests FILE"));
  }
  // All are read before the first is played: a mistake in one file is then the only thing told.
  std::vector<Suite> suites;
  for (const PlaybookFile& file : files) {
    Result<Suite> suite = load_suite(file, options, *connectors, *session.config(), fingerprints);
    if (!suite) return session.fail(suite.error());
    suites.push_back(std::move(*suite));
  }
  Totals totals;
  for (const Suite& suite : suites) {
    if (Status played = play(session, suite, *connectors, fingerprints, totals); !played)
      return session.fail(played.error());
  }
  const int exit = totals.failed == 0 ? kExitOk : kExitNo;
  if (session.options().json) {
    session.print_json(Value::map({{"passed", totals.passed},
                                   {"failed", totals.failed},
                                   {"exit", exit},
                                   {"cases", Value(std::move(totals.cases))}}));
  } else {
    session.out().line(counted(totals.passed, "case") + " passed, " +
                       std::to_string(totals.failed) + " failed");
  }
  return exit;
}

}  // namespace

Verb test_verb() {
  auto options = std::make_shared<TestOptions>();
  return {.name = "test",
          .help = kTestHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("playbooks", options->playbooks);
                app.add_option("--case", options->only);
                app.add_option("--tests", options->tests);
              },
          .run = [options](Session& session) { return test(session, *options); }};
}

}  // namespace quell::cli
