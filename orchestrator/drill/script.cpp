#include "orchestrator/drill/script.h"

#include "state/base/json.h"

namespace quell {

std::vector<ScriptedDeed> deeds_after(const Scenario& scenario, std::string_view moment,
                                      Timestamp at) {
  std::vector<ScriptedDeed> deeds;
  const auto add = [&](const auto& all) {
    for (const auto& one : all) {
      if (one.when.on == moment) deeds.push_back({.due = at + one.when.after, .what = &one});
    }
  };
  add(scenario.acts);
  add(scenario.faults);
  add(scenario.injects);
  return deeds;
}

std::optional<std::string> moment_of(const Entry& entry) {
  const EntryKind kind = entry.kind;
  if (kind == EntryKind::run_started) return "started";
  if (kind == EntryKind::approval_requested) return "asked";
  if (kind == EntryKind::approval_timed_out) return "approval_timed_out";
  if (kind == EntryKind::run_finished) return "finished";
  if (kind == EntryKind::watch_observed && entry.body["result"].is_string()) return "reopened";
  const bool is_whole = entry.body["item"].is_null();  // not one of its items
  if (kind == EntryKind::step_finished && is_whole) return entry.body["step"].string_or("");
  return std::nullopt;
}

const Inject* carry_out(range::World& world, const ScriptedDeed& deed, Timestamp now) {
  if (const auto* const act = std::get_if<const ScriptedAct*>(&deed.what)) {
    world.act((*act)->act, now);
  } else if (const auto* const fault = std::get_if<const ScriptedFault*>(&deed.what)) {
    world.handle({.host = range::Host::control,
                  .method = "POST",
                  .target = "/faults",
                  .body = to_json((*fault)->wish)},
                 now);
  } else {
    return std::get<const Inject*>(deed.what);
  }
  return nullptr;
}

}  // namespace quell
