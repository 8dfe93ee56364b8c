#include "orchestrator/cli/drill_record.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "orchestrator/drill/scenario.h"
#include "orchestrator/owner.h"

namespace quell::cli {
namespace {

std::map<std::string, RunResult, std::less<>> demanded_ends() {
  std::map<std::string, RunResult, std::less<>> ends;
  for (const auto& [file, source] : shipped_scenarios()) {
    const Result<Scenario> scenario = load_scenario(source, file);
    // Several scenarios may drill one playbook; the one of its own name is its drill.
    if (scenario && scenario->id == scenario->playbook) ends[scenario->playbook] = scenario->ends;
  }
  return ends;
}

Result<Folded> fold_drills(Session& session, const std::string& database) {
  Result<ConnectorSet> connectors = make_connectors(
      *session.config(), session.sources(), session.random(),
      [](const std::string&) { return false; }, [](const Secret&) { return std::string(); });
  if (!connectors) return connectors.error();
  Result<std::unique_ptr<StateReader>> reader =
      StateReader::open(database, session.key_paths(), session.random(), std::move(*connectors),
                        session.config()->evidence.recipients);
  if (!reader) return reader.error();
  return (*reader)->fold();
}

}  // namespace

std::map<std::string, Timestamp, std::less<>> passed_drills(Session& session,
                                                            std::vector<std::string>& doubts) {
  std::map<std::string, Timestamp, std::less<>> passed;
  const std::string database = drills_database(session.config()->database.value);
  std::error_code failed;
  if (!std::filesystem::exists(database, failed)) return passed;
  const Result<Folded> folded = fold_drills(session, database);
  if (!folded) {
    doubts.push_back("when a drill last passed: " + describe(folded.error()));
    return passed;
  }
  const auto ends = demanded_ends();
  for (const auto& [id, run] : folded->runs) {
    if (!run.result) continue;
    const auto demanded = ends.find(run.playbook->id);
    if (demanded == ends.end() || demanded->second != *run.result) continue;
    Timestamp& last = passed[run.playbook->id];
    last = std::max(last, run.now);
  }
  return passed;
}

}  // namespace quell::cli
