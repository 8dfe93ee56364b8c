#include "orchestrator/api/alert_routes.h"

#include <memory>
#include <utility>

#include "connectors/redaction.h"
#include "orchestrator/api/problem.h"

namespace quell {
namespace {

constexpr std::uint64_t kAlertsMax = 200;

Result<std::vector<AlertRecord>> records_of(RunBoard& board) {
  std::vector<AlertRecord> records;
  const Status read = board.with_journal([&records](Journal& journal) -> Status {
    Result<std::vector<AlertRecord>> found = read_alert_records(journal);
    if (!found) return found.error();
    records = *std::move(found);
    return ok();
  });
  if (!read) return read.error();
  return records;
}

HttpReply list_alerts(RunBoard& board, const ApiCall& call) {
  const Result<std::uint64_t> limit = call.number("limit", 50, kAlertsMax);
  const Result<std::uint64_t> before = call.number("before", UINT64_MAX / 2, UINT64_MAX / 2);
  if (!limit) return problem_reply(limit.error());
  if (!before) return problem_reply(before.error());
  const auto asked = call.query.find("all");
  const bool all = asked != call.query.end() && asked->second == "true";
  const Result<std::vector<AlertRecord>> records = records_of(board);
  if (!records) return problem_reply(records.error());
  ValueList rows;
  Value next;
  for (auto at = records->rbegin(); at != records->rend(); ++at) {
    if (at->seq >= *before || (!all && !at->is_open())) continue;
    if (rows.size() == *limit) {
      next = static_cast<std::int64_t>(at->seq + 1);
      break;
    }
    rows.push_back(alert_document(*at));
  }
  return json_reply(200, Value::map({{"alerts", Value(std::move(rows))}, {"next", next}}));
}

Result<AlertRecord> find_alert(RunBoard& board, const ApiCall& call) {
  Result<std::vector<AlertRecord>> records = records_of(board);
  if (!records) return records.error();
  for (AlertRecord& record : *records) {
    if (record.id == call.path_or("alert")) return std::move(record);
  }
  return make_error(ErrorCode::gone, "alert", "there is no such alert.",
                    "quell alerts --all lists them");
}

HttpReply obey(EngineDoor& engine, RunBoard& board, const AlertOfficeDoor& door,
               AlertCommand::Kind kind, const ApiCall& call) {
  const Result<AlertRecord> record = find_alert(board, call);
  if (!record) return problem_reply(record.error());
  AlertCommand command{.kind = kind,
                       .id = record->id,
                       .seq = record->seq,
                       .who = call.actor.who,
                       .from = call.actor.from,
                       .reason = call.body["reason"].string_or("")};
  if (looks_like_token(command.reason)) {
    return problem_reply(make_error(
        ErrorCode::invalid, "bad-input",
        "the reason looks as if it held a token, and it would be written into the record.",
        "say it without the token"));
  }
  const AlertOffice office = door.office();
  if (!office) {
    return problem_reply(make_error(ErrorCode::conflict, "alert",
                                    "the process that owns the state takes no alerts.",
                                    "start quell serve once it has ended"));
  }
  auto filed = std::make_shared<FiledAlert>();
  const Status done = engine.run([office, filed, command = std::move(command)]() -> Status {
    Result<FiledAlert> outcome = office(command);
    if (!outcome) return outcome.error();
    *filed = *std::move(outcome);
    return ok();
  });
  if (!done) return problem_reply(done.error());
  return json_reply(200, Value::map({{"id", filed->id},
                                     {"run", filed->run ? Value(to_string(*filed->run)) : Value()},
                                     {"joined", filed->joined},
                                     {"why", filed->why}}));
}

}  // namespace

void AlertOfficeDoor::open(AlertOffice office) {
  const std::lock_guard lock(mutex_);
  office_ = std::move(office);
}

AlertOffice AlertOfficeDoor::office() const {
  const std::lock_guard lock(mutex_);
  return office_;
}

std::vector<ApiRoute> alert_routes(EngineDoor& engine, RunBoard& board,
                                   const AlertOfficeDoor& office) {
  std::vector<ApiRoute> routes;
  routes.push_back(
      {.method = "GET",
       .path = "/api/v1/alerts",
       .operation = "listAlerts",
       .summary = "Alerts that began nothing, newest first",
       .query = {{.name = "all",
                  .about = "true: those too that began or joined a run, or were dismissed"},
                 {.name = "before", .about = "What `next` said", .kind = ApiField::Kind::integer},
                 {.name = "limit",
                  .about = "At most this many, up to 200",
                  .kind = ApiField::Kind::integer}},
       .answer = "The rows of quell alerts --json, and in `next` what to send as `before` for more",
       .handle = [&board](const ApiCall& call) { return list_alerts(board, call); }});
  routes.push_back({.method = "GET",
                    .path = "/api/v1/alerts/{alert}",
                    .operation = "getAlert",
                    .summary = "One alert with its text",
                    .answer = "The document of quell alerts show --json",
                    .handle = [&board](const ApiCall& call) {
                      const Result<AlertRecord> record = find_alert(board, call);
                      return record ? json_reply(200, alert_details(*record))
                                    : problem_reply(record.error());
                    }});
  routes.push_back({.method = "POST",
                    .path = "/api/v1/alerts/{alert}/replay",
                    .operation = "replayAlert",
                    .summary = "File it again by the routes of today, as a proposal at most",
                    .right = Right::act,
                    .answer = "The run that it began or joined, or why it lies in the inbox",
                    .handle = [&engine, &board, &office](const ApiCall& call) {
                      return obey(engine, board, office, AlertCommand::Kind::replay, call);
                    }});
  routes.push_back(
      {.method = "POST",
       .path = "/api/v1/alerts/{alert}/dismiss",
       .operation = "dismissAlert",
       .summary = "Put it aside; it stays in the record",
       .right = Right::act,
       .body = {{.name = "reason", .about = "Why, in words for the record", .required = true}},
       .answer = "It is in the journal",
       .handle = [&engine, &board, &office](const ApiCall& call) {
         return obey(engine, board, office, AlertCommand::Kind::dismiss, call);
       }});
  return routes;
}

}  // namespace quell
