#include "orchestrator/drill_routes.h"

#include <utility>

#include "orchestrator/api/problem.h"
#include "orchestrator/panel/drill_pages.h"
#include "orchestrator/report/drill_record.h"
#include "orchestrator/report/drill_report.h"
#include "state/base/json.h"

namespace quell {
namespace {

HttpReply problem_of(const Error& error) {
  return error.code == ErrorCode::gone ? problem_reply(404, error) : problem_reply(error);
}

HttpReply list_drills(const std::string& folder) {
  const Result<std::vector<DrillRecord>> records = read_drill_records(folder);
  if (!records) return problem_of(records.error());
  ValueList all;
  for (const DrillRecord& record : *records) all.push_back(to_value(record));
  return {.headers = {{"content-type", "application/json"}},
          .body = to_json(Value::map({{"drills", Value(std::move(all))}}))};
}

HttpReply show_drill(const std::string& folder, const ApiCall& call) {
  const Result<DrillRecord> record = find_drill_record(folder, call.path_or("drill"));
  if (!record) return problem_of(record.error());
  return {.headers = {{"content-type", "application/json"}}, .body = to_json(to_value(*record))};
}

/// As a file to keep: its styles stand inside it, which the panel's own pages may not have.
HttpReply hand_out_report(const std::string& folder, const ApiCall& call) {
  const Result<DrillRecord> record = find_drill_record(folder, call.path_or("drill"));
  if (!record) return problem_of(record.error());
  return {.headers = {{"content-type", "text/html; charset=utf-8"},
                      {"content-disposition",
                       "attachment; filename=\"quell-drill-" + record->drill + ".html\""}},
          .body = panel::drill_report_html(*record)};
}

}  // namespace

std::vector<ApiRoute> drill_routes(const std::string& folder) {
  return {{.method = "GET",
           .path = "/api/v1/drills",
           .operation = "listDrills",
           .summary = "Drills that were played, oldest first",
           .answer = "The score of each, as quell drill history --json gives it",
           .handle = [folder](const ApiCall&) { return list_drills(folder); }},
          {.method = "GET",
           .path = "/api/v1/drills/{drill}",
           .operation = "getDrill",
           .summary = "The score of one drill",
           .answer = "Times, false greens, exclusions, what the intruder got, the timeline",
           .handle = [folder](const ApiCall& call) { return show_drill(folder, call); }},
          {.method = "GET",
           .path = "/api/v1/drills/{drill}/report",
           .operation = "getDrillReport",
           .summary = "The after-action report of one drill",
           .answer = "One document that needs nothing beside it",
           .media = "text/html",
           .handle = [folder](const ApiCall& call) { return hand_out_report(folder, call); }}};
}

}  // namespace quell
