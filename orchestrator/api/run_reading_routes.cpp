#include <charconv>
#include <utility>

#include "orchestrator/api/problem.h"
#include "orchestrator/api/record_routes.h"
#include "orchestrator/api/run_routes.h"
#include "orchestrator/report/run_document.h"

namespace quell {
namespace {

constexpr std::size_t kRunsMax = 200;

Value document_of(const RunRow& row) {
  return Value::map({{"run", to_string(row.id)},
                     {"playbook", row.playbook},
                     {"incident", row.incident},
                     {"mode", to_string(row.mode)},
                     {"started_at", Value(row.started)},
                     {"started_by", row.who},
                     {"finished_at", row.finished ? Value(*row.finished) : Value()},
                     {"result", row.result ? Value(to_string(*row.result)) : Value()}});
}

HttpReply list_runs(RunBoard& board, const ApiCall& call) {
  const Result<std::uint64_t> limit = call.number("limit", 50, kRunsMax);
  if (!limit) return problem_reply(limit.error());
  std::optional<RunId> before;
  if (const auto cursor = call.query.find("before"); cursor != call.query.end()) {
    before = parse_run_id(cursor->second);
    if (!before) return problem_reply(no_such_run(cursor->second));
  }
  const Result<std::vector<RunRow>> rows = board.rows(before, *limit + 1);
  if (!rows) return problem_reply(rows.error());
  ValueList listed;
  for (const RunRow& row : *rows) {
    if (listed.size() < *limit) listed.push_back(document_of(row));
  }
  const Value next = rows->size() > *limit ? listed.back()["run"] : Value();
  return json_reply(200, Value::map({{"runs", Value(std::move(listed))}, {"next", next}}));
}

HttpReply show_run(RunBoard& board, const ConnectorSet& connectors, const ApiCall& call) {
  const std::optional<RunId> id = parse_run_id(call.path_or("run"));
  if (!id) return problem_reply(404, no_such_run(call.path_or("run")));
  Value document;
  const Status looked =
      board.with_run(*id, [&](const RunState& run) { document = run_document(run, connectors); });
  if (!looked)
    return problem_reply(looked.error().topic == "run" ? 404 : status_of(looked.error()),
                         looked.error());
  return json_reply(200, document);
}

}  // namespace

std::vector<ApiRoute> run_reading_routes(RunBoard& board, const ConnectorSet& connectors) {
  std::vector<ApiRoute> routes;
  routes.push_back({.method = "GET",
                    .path = "/api/v1/runs",
                    .operation = "listRuns",
                    .summary = "Runs, newest first",
                    .query = {{.name = "before", .about = "Id of a run: those before it"},
                              {.name = "limit",
                               .about = "At most this many, up to 200",
                               .kind = ApiField::Kind::integer}},
                    .answer = "The runs, and in `next` what to send as `before` for more",
                    .handle = [&board](const ApiCall& call) { return list_runs(board, call); }});
  routes.push_back({.method = "GET",
                    .path = "/api/v1/runs/{run}",
                    .operation = "getRun",
                    .summary = "One run as it stands",
                    .answer = "The document of quell show --json",
                    .handle = [&board, &connectors](const ApiCall& call) {
                      return show_run(board, connectors, call);
                    }});
  return routes;
}

}  // namespace quell
