#include "state/model/entry.h"

#include <array>

namespace quell {
namespace {

constexpr std::array<std::string_view, 38> kKindNames{
    "run_started",     "secret_sealed",   "step_started",       "step_skipped",
    "attempt_started", "request_sent",    "attempt_finished",   "attempt_unknown",
    "retry_scheduled", "probe_finished",  "step_finished",      "approval_requested",
    "approval_given",  "approval_denied", "approval_timed_out", "manual_requested",
    "manual_done",     "run_held",        "run_paused",         "run_resumed",
    "run_aborted",     "attempt_settled", "note_added",         "run_finished",
    "watch_started",   "watch_observed",  "watch_finished",     "undo_requested",
    "undo_started",    "undo_finished",   "disarmed",           "armed",
    "key_rotated",     "alert_received",  "alert_dismissed",    "alerts_refused",
    "command_refused", "access_noted",
};

}  // namespace

std::string_view to_string(EntryKind kind) noexcept {
  return kKindNames[static_cast<std::size_t>(kind)];
}

std::optional<EntryKind> entry_kind_from_string(std::string_view text) noexcept {
  for (std::size_t at = 0; at < kKindNames.size(); ++at) {
    if (kKindNames[at] == text) return static_cast<EntryKind>(at);
  }
  return std::nullopt;
}

bool is_security_entry(EntryKind kind) noexcept {
  switch (kind) {
    case EntryKind::run_started:
    case EntryKind::step_skipped:
    case EntryKind::approval_given:
    case EntryKind::approval_denied:
    case EntryKind::manual_done:
    case EntryKind::run_resumed:
    case EntryKind::run_paused:
    case EntryKind::run_aborted:
    case EntryKind::attempt_settled:
    case EntryKind::undo_requested:
    case EntryKind::disarmed:
    case EntryKind::armed:
    case EntryKind::key_rotated:
    case EntryKind::alert_dismissed:
    case EntryKind::access_noted:
      return true;
    case EntryKind::secret_sealed:
    case EntryKind::step_started:
    case EntryKind::attempt_started:
    case EntryKind::request_sent:
    case EntryKind::attempt_finished:
    case EntryKind::attempt_unknown:
    case EntryKind::retry_scheduled:
    case EntryKind::probe_finished:
    case EntryKind::step_finished:
    case EntryKind::approval_requested:
    case EntryKind::approval_timed_out:
    case EntryKind::manual_requested:
    case EntryKind::run_held:
    case EntryKind::note_added:
    case EntryKind::run_finished:
    case EntryKind::watch_started:
    case EntryKind::watch_observed:
    case EntryKind::watch_finished:
    case EntryKind::undo_started:
    case EntryKind::undo_finished:
    case EntryKind::alert_received:
    case EntryKind::alerts_refused:
    case EntryKind::command_refused:
      return false;
  }
  return true;
}

std::string_view intervention_of(const Entry& entry) {
  const Value& who = entry.body["who"];
  const EntryKind kind = entry.kind;
  if (kind == EntryKind::disarmed) return "switched changes off";
  if (kind == EntryKind::armed) return "switched changes on again";
  if (kind == EntryKind::alert_dismissed) return "put an alert aside";
  if (kind == EntryKind::undo_requested) return "asked to lift what it did";
  if (kind == EntryKind::run_aborted && who.string_or("") != "the clock") return "aborted it";
  if (kind == EntryKind::step_skipped && !who.is_null()) return "left something out of it";
  return {};
}

}  // namespace quell
