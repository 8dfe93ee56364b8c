#include "orchestrator/serve_meters.h"

#include <chrono>

namespace quell {
namespace {

double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

std::string trigger_of(const RunState& run) {
  return run.automatic ? "automatic" : run.proposed ? "alert" : "person";
}

}  // namespace

void ServeMeters::operator()(const RunState& run, const Entry& entry) {
  const EntryKind kind = entry.kind;
  if (kind == EntryKind::run_finished) {
    const std::string result(to_string(*run.result));
    metrics_.add("quell_runs", {run.playbook->id, trigger_of(run), result});
    metrics_.observe("quell_run_duration_seconds", {run.playbook->id, result},
                     seconds(run.finished_at - run.started));
  } else if (kind == EntryKind::probe_finished) {
    metrics_.add("quell_verifications", {entry.body["verdict"].string_or("unproved")});
  } else if (kind == EntryKind::approval_given) {
    metrics_.add("quell_approvals", {"given"});
  } else if (kind == EntryKind::approval_denied) {
    metrics_.add("quell_approvals", {"denied"});
  } else if (kind == EntryKind::approval_timed_out) {
    metrics_.add("quell_approvals", {"timed_out"});
  } else if (kind == EntryKind::request_sent) {
    metrics_.add("quell_outbound_requests", {entry.body["effect"].string_or("mutate")});
  }
}

void ServeMeters::operator()(const IntakeEvent& event) {
  const std::string source = event.source.empty() ? "unknown" : event.source;
  if (event.kind != IntakeEvent::Kind::filed) {
    metrics_.add("quell_triggers_rejected", {source, event.why});
    return;
  }
  if (event.alert.repeated) {
    metrics_.add("quell_triggers_duplicate", {source});
    return;
  }
  metrics_.add("quell_triggers_received", {source, std::string(to_string(event.alert.mode))});
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  metrics_.set("quell_trigger_last_accepted_timestamp_seconds", {source},
               std::chrono::duration<double>(now).count());
}

}  // namespace quell
