#include <algorithm>
#include <utility>

#include "connectors/redaction.h"
#include "orchestrator/alerts/alert_record.h"
#include "orchestrator/cli/run_text.h"
#include "orchestrator/cli/verb.h"
#include "state/base/json.h"
#include "state/owner_lock.h"

namespace quell::cli {
namespace {

constexpr std::string_view kAlertsHelp =
    R"(quell alerts - the inbox: alerts that began nothing, and why
usage: quell alerts [list] [--all] [--json]
       quell alerts show ALERT [--json]
       quell alerts replay ALERT
       quell alerts dismiss ALERT --reason TEXT
--all       those too that began or joined a run, or were dismissed
replay      files it again by the routes of today, as a proposal at most; leaked tokens were not kept
dismiss     puts it aside; it stays in the record with who and why
replay and dismiss need quell serve to be running.
Exit codes  0 done  2 refused, or there is no such alert
Examples    quell alerts
            quell alerts show a3f0c1d2e4b5
            quell alerts dismiss a3f0c1d2e4b5 --reason "the scanner's own test key"
)";

struct AlertOptions {
  std::string what = "list";
  std::string id{};
  std::string reason{};
  bool all = false;
};

std::string fate_of(const AlertRecord& record) {
  if (record.run)
    return (record.joined ? "joined " : "-> ") + to_string(*record.run) +
           (record.why.empty() ? "" : ": " + record.why);
  if (!record.dismissed_by.empty())
    return "dismissed by " + shown(record.dismissed_by) + ": " + shown(record.dismissed_why);
  return shown(record.why);
}

int list(Session& session, const std::vector<AlertRecord>& records, bool all) {
  const Timestamp now = session.clock().now();
  ValueList documents;
  std::vector<std::vector<std::string>> rows{{"alert", "received", "source", "about", ""}};
  for (auto at = records.rbegin(); at != records.rend(); ++at) {
    if (!all && !at->is_open()) continue;
    documents.push_back(alert_document(*at));
    rows.push_back({at->id, format_clock_time(at->received, now), at->source,
                    shown(at->event.empty() ? at->about : at->event + " " + at->about),
                    fate_of(*at)});
  }
  if (session.options().json) {
    session.print_json(Value::map({{"alerts", Value(std::move(documents))}}));
  } else if (documents.empty()) {
    session.out().line(all || records.empty() ? "no alerts yet"
                                              : "the inbox is empty; --all shows every alert");
  } else {
    session.out().write(table(rows, "  "));
  }
  return kExitOk;
}

int show(Session& session, const AlertRecord& record) {
  if (session.options().json) {
    session.print_json(alert_details(record));
    return kExitOk;
  }
  const Timestamp now = session.clock().now();
  session.out().line(record.id + "  " + record.source + " (" + record.kind + ")  " +
                     format_clock_time(record.received, now));
  if (!record.event.empty()) session.out().line("event   " + shown(record.event));
  if (!record.about.empty()) session.out().line("about   " + shown(record.about));
  session.out().line("became  " + fate_of(record));
  for (const std::string& path : record.secret_paths)
    session.out().line("secret  " + shown(path) + " held a token; it was taken out of the text");
  session.out().line(record.is_long ? "text    too long to be kept"
                                    : "text    " + shown(to_json(record.body)));
  return kExitOk;
}

int obey(Session& session, const AlertOptions& options, const AlertRecord& record) {
  AlertCommand command{.id = record.id, .seq = record.seq, .who = Session::who()};
  if (options.what == "dismiss") {
    command.kind = AlertCommand::Kind::dismiss;
    if (options.reason.empty())
      return session.fail(
          make_error(ErrorCode::invalid, "usage", "dismiss needs a reason.", "add --reason TEXT"));
    command.reason = options.reason;
  }
  const Result<ApiClient> owner = session.owner_of(RunId{});
  if (!owner) return session.fail(owner.error());
  const Result<FiledAlert> filed = owner->send(command);
  if (!filed) return session.fail(filed.error());
  const bool dismissed = command.kind == AlertCommand::Kind::dismiss;
  if (session.options().json) {
    session.print_json(Value::map({{"id", filed->id},
                                   {"done", dismissed ? "dismissed" : "replayed"},
                                   {"run", filed->run ? Value(to_string(*filed->run)) : Value()},
                                   {"why", filed->why},
                                   {"who", command.who}}));
  } else if (dismissed) {
    session.out().line(record.id + " dismissed by " + command.who + ".");
  } else if (filed->run) {
    session.out().line(record.id + (filed->joined ? " joined " : " -> ") + to_string(*filed->run) +
                       ", which waits for a person: quell show " + to_string(*filed->run));
  } else {
    session.out().line(record.id + " lies in the inbox: " + shown(filed->why));
  }
  return kExitOk;
}

int alerts(Session& session, const AlertOptions& options) {
  const std::unique_ptr<StateReader> reader = session.open_reader();
  if (!reader) return kExitNotStarted;
  const Result<std::vector<AlertRecord>> records = read_alert_records(reader->journal());
  if (!records) return session.fail(records.error());
  if (options.what == "list") return list(session, *records, options.all);
  if (options.id.empty())
    return session.fail(make_error(ErrorCode::invalid, "usage", "which alert?",
                                   "quell alerts " + options.what + " ALERT"));
  std::vector<const AlertRecord*> meant;
  for (const AlertRecord& record : *records) {
    if (record.id.starts_with(options.id)) meant.push_back(&record);
  }
  if (meant.size() != 1) {
    return session.fail(make_error(ErrorCode::invalid, "alert",
                                   meant.empty()
                                       ? "there is no alert " + shown(options.id) + "."
                                       : shown(options.id) + " begins more than one alert's id.",
                                   "quell alerts --all lists them"));
  }
  return options.what == "show" ? show(session, *meant.front())
                                : obey(session, options, *meant.front());
}

}  // namespace

Verb alerts_verb() {
  auto options = std::make_shared<AlertOptions>();
  return {.name = "alerts",
          .help = kAlertsHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("what", options->what)
                    ->check(CLI::IsMember({"list", "show", "replay", "dismiss"}));
                app.add_option("alert", options->id);
                app.add_option("--reason", options->reason);
                app.add_flag("--all", options->all);
              },
          .run = [options](Session& session) { return alerts(session, *options); }};
}

}  // namespace quell::cli
