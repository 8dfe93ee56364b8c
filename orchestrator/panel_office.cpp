// The pages of alerts and playbooks: what today's configuration makes of them.
#include <algorithm>
#include <utility>

#include "orchestrator/alerts/desk.h"
#include "orchestrator/api/problem.h"
#include "orchestrator/engine/run_inputs.h"
#include "orchestrator/panel/door_pages.h"
#include "orchestrator/panel/office_pages.h"
#include "orchestrator/panel_forms.h"
#include "orchestrator/panel_server.h"
#include "orchestrator/playbook/warnings.h"
#include "orchestrator/playbook_check.h"
#include "orchestrator/playbook_library.h"
#include "state/base/json.h"

namespace quell {
namespace {

/// How many runs back the last one of a playbook is looked for.
constexpr std::size_t kRunsLookedAt = 1'000;

panel::AlertReading reading_of(const Ruling& ruling) {
  panel::AlertReading reading{.why = ruling.why};
  if (ruling.route == nullptr) return reading;
  reading.route = ruling.route->named_at;
  reading.playbook = ruling.playbook->id;
  reading.mode = to_string(ruling.mode);
  const Value inputs = journalled_inputs(ruling.inputs);
  for (const auto& [name, text] : ruling.route->inputs) {
    const Value& value = inputs[name];
    reading.inputs.push_back({.name = name,
                              .from = text_of(text),
                              .value = value.is_string() ? value.as_string() : to_json(value)});
  }
  return reading;
}

}  // namespace

using panel::Page;

Result<std::vector<AlertRecord>> PanelServer::alert_records() {
  std::vector<AlertRecord> records;
  const Status looked = parts_.owner.board().with_journal([&](Journal& journal) -> Status {
    Result<std::vector<AlertRecord>> found = read_alert_records(journal);
    if (!found) return found.error();
    records = *std::move(found);
    return ok();
  });
  if (!looked) return looked.error();
  return records;
}

std::optional<Ruling> PanelServer::ruling_on(const AlertRecord& record) const {
  const auto source = std::ranges::find(parts_.sources, record.source, &AlertSource::name);
  if (source == parts_.sources.end() || record.is_long) return std::nullopt;
  const ReceivedAlert alert{
      .correlation = record.about, .event = record.event, .body = record.body};
  return parts_.judge.judge(*source, alert, record.id, record.received);
}

HttpReply PanelServer::show_alerts(const Caller& caller, std::string_view path) {
  const Result<std::vector<AlertRecord>> records = alert_records();
  if (!records) return problem_reply(records.error());
  const panel::Frame frame = frame_of(caller);
  const std::vector<std::string> parts = parts_behind(path, "/alerts/");
  if (parts.empty()) return page(panel::alerts_page(*records, frame), caller);
  for (const AlertRecord& record : *records) {
    if (record.id != parts.front()) continue;
    const std::optional<Ruling> ruling = ruling_on(record);
    return page(
        panel::alert_page(record,
                          ruling ? std::optional(reading_of(*ruling)) : std::nullopt, frame),
        caller);
  }
  return page(panel::refusal_page(404, "There is no such alert.", "Alerts lists them."), caller,
              404);
}

HttpReply PanelServer::plan_alert(const Caller& caller, const std::string& id) {
  if (!caller.actor.may(Right::act))
    return refuse(caller, "makePlan", "Responders may do this. You are not one.");
  const Result<std::vector<AlertRecord>> records = alert_records();
  if (!records) return problem_reply(records.error());
  const auto record = std::ranges::find(*records, id, &AlertRecord::id);
  std::optional<Ruling> ruling;
  if (record != records->end()) ruling = ruling_on(*record);
  if (!ruling || ruling->route == nullptr) {
    return page(panel::refusal_page(409, "No route of today takes that alert.",
                                    ruling ? ruling->why : "Alerts lists them."),
                caller, 409);
  }
  const Playbook& playbook = *ruling->playbook;
  const Result<std::string> plan = parts_.owner.plans().ask({.playbook_source = playbook.source,
                                                             .playbook_id = playbook.id,
                                                             .called = playbook.called,
                                                             .texts = ruling->given.texts,
                                                             .secrets = ruling->given.secrets,
                                                             .who = caller.actor.who,
                                                             .from = caller.actor.from});
  if (plan) return see("/plans/" + *plan);
  return page(
      panel::refusal_page(status_of(plan.error()), describe(plan.error()), plan.error().hint),
      caller, status_of(plan.error()));
}

HttpReply PanelServer::show_playbook(const Caller& caller, const std::string& id) {
  const std::vector<std::string> ids = playbook_ids(parts_.config);
  const bool is_known = std::find(ids.begin(), ids.end(), id) != ids.end();
  const Result<PlaybookFile> file =
      is_known ? find_playbook(id, parts_.config)
               : Result<PlaybookFile>(make_error(ErrorCode::gone, "there is no such playbook"));
  if (!file)
    return page(panel::refusal_page(404, "There is no such playbook.", "Playbooks lists them."),
                caller, 404);
  LoadResult loaded = load_playbook(file->source, file->file, catalog_of(parts_.connectors),
                                    others_beside(*file, parts_.config));
  if (loaded.playbook) {
    for (Diagnostic& warning : unreachable_approvals(*loaded.playbook))
      loaded.diagnostics.push_back(std::move(warning));
  }
  panel::PlaybookView view{.id = id,
                           .source = file->source,
                           .findings = std::move(loaded.diagnostics),
                           .playbook = loaded.playbook ? &*loaded.playbook : nullptr};
  const Result<std::vector<RunRow>> rows =
      parts_.owner.board().rows(std::nullopt, kRunsLookedAt);
  if (!rows) return problem_reply(rows.error());
  const auto last = std::ranges::find(*rows, id, &RunRow::playbook);
  if (last != rows->end()) {
    // One that cannot be read any more is as good as none.
    const Status looked = parts_.owner.board().with_run(last->id, [&view](const RunState& run) {
      view.last_text = run.playbook->source;
    });
    if (looked) view.last_run = to_string(last->id);
  }
  return page(panel::playbook_page(view, parts_.connectors, frame_of(caller)), caller);
}

HttpReply PanelServer::check_text(const Caller& caller, const Form& form) {
  panel::CheckedText checked{.source = in(form, "source")};
  std::erase(checked.source, '\r');  // as forms send their lines
  const HttpReply done = through_api(caller, "/api/v1/playbooks/check",
                                     Value::map({{"source", checked.source}}));
  const Result<Value> answer =
      parse_json(done.body, {.bytes_max = 16U << 20U, .depth_max = 8, .nodes_max = 200'000});
  if (done.status != 200 || !answer) {
    const Error error = error_of_problem(done.status, answer ? *answer : Value());
    return page(panel::refusal_page(done.status, describe(error), error.hint), caller, done.status);
  }
  checked.summary = (*answer)["summary"].string_or("");
  for (const Value& finding : (*answer)["diagnostics"].list_or_empty())
    checked.findings.push_back(diagnostic_of_document(finding));
  return page(panel::check_page(&checked, frame_of(caller)), caller);
}

}  // namespace quell
