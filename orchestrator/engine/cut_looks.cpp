#include "orchestrator/engine/cut_looks.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "orchestrator/engine/step_walk.h"

namespace quell {
namespace {

constexpr std::string_view kUnderWay = " waits for its answer: what it gets may be alive";
constexpr std::string_view kCutOff =
    " was cut off: tokens may have been issued that nobody holds";

const ProbeSpec* probe_spec_of(const RunState& run, const Value& body) {
  const Step* const step = find_step(run, body["step"].string_or(""));
  const auto index = static_cast<std::size_t>(body["probe"].int_or(0));
  return step == nullptr || index >= step->verify.size() ? nullptr : &step->verify[index];
}

std::string doubt_under_way(const ProbeSpec& probe) {
  return probe.connection + "." + probe.action + std::string(kUnderWay);
}

}  // namespace

void doubt_look(const RunState& run, ItemState& item, const Value& body,
                const ConnectorSet& connectors) {
  const ProbeSpec* const probe = probe_spec_of(run, body);
  if (probe == nullptr || probe->self) return;
  const ActionSpec* const spec = find_action(connectors, probe->connection, probe->action);
  if (spec == nullptr) return;
  const std::string reason = doubt_under_way(*probe);
  for (const Kill kill : spec->proves) {
    const bool known = std::any_of(item.doubts.begin(), item.doubts.end(), [&](const Doubt& one) {
      return one.kill == kill && one.reason == reason;
    });
    if (!known)
      item.doubts.push_back({.kill = kill, .at_best = Grade::none, .reason = reason});
  }
}

void settle_look(const RunState& run, ItemState& item, const Value& body) {
  const ProbeSpec* const probe = probe_spec_of(run, body);
  if (probe == nullptr || probe->self) return;
  std::erase_if(item.doubts, [reason = doubt_under_way(*probe)](const Doubt& one) {
    return one.reason == reason;
  });
}

void cut_looks_off(RunState& run) {
  for (auto& [id, state] : run.steps) {
    for (ItemState& item : state.items) {
      for (Doubt& doubt : item.doubts) {
        if (!doubt.reason.ends_with(kUnderWay)) continue;
        doubt.reason.resize(doubt.reason.size() - kUnderWay.size());
        doubt.reason += kCutOff;
      }
    }
  }
}

}  // namespace quell
