#include "orchestrator/cli/serve_log.h"

#include <algorithm>
#include <utility>

#include "orchestrator/cli/run_text.h"

namespace quell::cli {
namespace {

/// Where the words of a line begin, so that they stand below each other.
constexpr std::size_t kWordsAt = 17;

}  // namespace

void ServeLog::event(std::string_view word, const std::string& words, ValueMap fields,
                     std::string_view level) {
  const Timestamp now = session_.clock().now();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (session_.options().json || !session_.out().is_terminal()) {
    fields.insert_or_assign("t", Value(now));
    fields.insert_or_assign("level", std::string(level));
    fields.insert_or_assign("event", std::string(word));
    session_.print_json(Value(std::move(fields)));
  } else {
    std::string line = format_clock_time(now, now) + " " + std::string(word);
    line.resize(std::max(line.size(), kWordsAt), ' ');
    session_.out().line(line + " " + words);
  }
  session_.out().flush();
}

void ServeLog::operator()(const IntakeEvent& event) {
  ValueMap fields{{"source", event.source}, {"peer", event.peer}, {"status", event.status}};
  if (!event.why.empty()) fields["why"] = event.why;
  if (event.kind != IntakeEvent::Kind::filed) {
    this->event(event.kind == IntakeEvent::Kind::shed ? "hook_shed" : "hook_refused",
                event.peer + " /hooks/" + (event.source.empty() ? "?" : event.source) + ": " +
                    event.why + ", " + std::to_string(event.status),
                std::move(fields), "warn");
    return;
  }
  const FiledAlert& alert = event.alert;
  fields["alert"] = alert.id;
  fields["run"] = alert.run ? Value(to_string(*alert.run)) : Value();
  if (!alert.event.empty()) fields["about"] = alert.event;
  std::string words = event.source + " " + (alert.event.empty() ? alert.id : shown(alert.event));
  words += " -> ";
  if (alert.repeated) {
    fields["repeated"] = true;
    words += "seen before";
  } else if (!alert.run) {
    words += "inbox";
  } else {
    words += to_string(*alert.run);
    if (alert.joined) {
      fields["joined"] = true;
      words += " (joined)";
    } else {
      const std::string mode(to_string(alert.mode));
      fields["mode"] = mode;
      if (alert.mode != RouteMode::automatic) words += " (" + mode + " only)";
    }
  }
  if (!alert.why.empty()) words += ": " + alert.why;
  this->event("alert", words, std::move(fields));
}

void ServeLog::operator()(const AccessEvent& event) {
  const bool is_usual =
      event.what == "signed_in" || event.what == "signed_out" || event.what == "confirmed";
  this->event(event.what, shown(event.who) + ", " + event.from,
              {{"who", event.who}, {"from", event.from}}, is_usual ? "info" : "warn");
}

}  // namespace quell::cli
