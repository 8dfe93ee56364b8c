#include "tests/sim/people.h"

#include <algorithm>
#include <vector>

namespace quell::sim {
namespace {

constexpr Duration kMinute{60'000};
constexpr int kMorningsOfPatience = 3;
const std::vector<std::string>& approvers() {
  static const std::vector<std::string> kApprovers{"ann", "bo", "cy"};
  return kApprovers;
}

std::string name_of(const std::string& step, const ItemState& item) {
  return item.key.empty() ? step : step + "/" + item.key;
}

}  // namespace

People::People(Dice dice, Timestamp start) : dice_(std::move(dice)), start_(start) {}

Timestamp People::next(Timestamp otherwise) const {
  return due_.empty() ? otherwise : std::min(otherwise, due_.begin()->first);
}

void People::approve(const RunState& run, Timestamp now, bool surely) {
  const ApprovalState* const approval = pending_approval(run);
  if (approval == nullptr) return;
  const std::string what =
      "approval " + pending_approval_step(run) + approval->digest + format_rfc3339(approval->until);
  if (!surely && !is_new(run, what)) return;
  if (!surely && dice_.chance(12)) return;  // nobody answers
  const bool denies = !surely && dice_.chance(6);
  for (const std::string& who : approvers()) {
    Command command{.kind = denies ? Command::Kind::deny : Command::Kind::approve,
                    .run = run.id,
                    .who = who,
                    .digest = approval->digest,
                    .reason = "simulated"};
    say(surely ? now : now + dice_.span(Duration{0}, 8 * kMinute), std::move(command));
    if (denies) return;
  }
}

std::string People::some_target(const RunState& run) {
  std::vector<std::string> names;
  for (const auto& [step, state] : run.steps) {
    names.push_back(step);
    for (const ItemState& item : state.items) names.push_back(name_of(step, item));
  }
  return names.empty() ? "" : dice_.pick(names);
}

/// Now and then somebody pauses, aborts, skips or repeats something, whether that makes sense or
/// not.
void People::interfere(const RunState& run, Timestamp now) {
  if (!is_new(run, "interference") || !dice_.chance(30)) return;
  for (int i = dice_.between(1, 4); i > 0; --i) {
    const Timestamp at = now + dice_.span(Duration{0}, 3 * kMinute);
    Command command{.run = run.id, .who = dice_.pick(approvers()), .reason = "simulated"};
    switch (dice_.between(0, 6)) {
      case 0:
        command.kind = Command::Kind::abort;
        break;
      case 1:
      case 2: {
        command.kind = Command::Kind::pause;
        if (dice_.chance(40)) command.target = some_target(run);
        Command resume = command;
        resume.kind = Command::Kind::resume;
        say(at + dice_.span(Duration{0}, 5 * kMinute), std::move(resume));
        break;
      }
      case 3:
        command.kind = Command::Kind::skip;
        command.target = some_target(run);
        break;
      case 4:
        command.kind = Command::Kind::retry;
        command.target = some_target(run);
        break;
      default:
        command.kind = Command::Kind::note;
        break;
    }
    say(at, std::move(command));
  }
}

void People::look(const RunState& run, Timestamp now) {
  if (run.finished()) return;
  approve(run, now, false);
  if (now > start_ + kMinute / 60) interfere(run, now);
  for (const auto& [step, state] : run.steps) {
    if (state.manual.requested && state.phase == StepState::Phase::running &&
        is_new(run, "manual " + step) && dice_.chance(60)) {
      say(now + dice_.span(Duration{0}, 6 * kMinute), {.kind = Command::Kind::done,
                                                       .run = run.id,
                                                       .who = "bo",
                                                       .target = step,
                                                       .fields = {{"ticket", "OPS-1"}}});
    }
    for (const ItemState& item : state.items) {
      if (item.phase != ItemState::Phase::held) continue;
      const std::string name = name_of(step, item);
      if (!is_new(run, "held " + name + std::to_string(item.attempt)) || dice_.chance(20)) continue;
      say(now + dice_.span(Duration{0}, 10 * kMinute),
          {.kind = dice_.chance(60) ? Command::Kind::retry : Command::Kind::skip,
           .run = run.id,
           .who = "cy",
           .target = name,
           .reason = "looked by hand"});
    }
  }
}

void People::turn(Engine& engine, Timestamp now) {
  for (const auto& [id, run] : engine.runs()) look(run, now);
  while (!due_.empty() && due_.begin()->first <= now) {
    engine.submit(std::move(due_.extract(due_.begin()).mapped()));
  }
}

void People::morning(Engine& engine, Timestamp now) {
  ++mornings_;
  for (const auto& [id, run] : engine.runs()) {
    if (run.finished()) continue;
    if (mornings_ > kMorningsOfPatience) {
      say(now, {.kind = Command::Kind::abort, .run = id, .who = "ann", .reason = "morning"});
      continue;
    }
    if (run.paused) say(now, {.kind = Command::Kind::resume, .run = id, .who = "ann"});
    approve(run, now, true);
    for (const auto& [step, state] : run.steps) {
      if (state.paused)
        say(now, {.kind = Command::Kind::resume, .run = id, .who = "ann", .target = step});
      for (const ItemState& item : state.items) {
        const std::string name = name_of(step, item);
        if (item.paused)
          say(now, {.kind = Command::Kind::resume, .run = id, .who = "ann", .target = name});
        if (item.phase == ItemState::Phase::held) {
          say(now, {.kind = Command::Kind::skip,
                    .run = id,
                    .who = "ann",
                    .target = name,
                    .reason = "settled with the vendor"});
        }
      }
      if (state.manual.requested && state.phase == StepState::Phase::running)
        say(now, {.kind = Command::Kind::skip,
                  .run = id,
                  .who = "ann",
                  .target = step,
                  .reason = "nobody did it"});
    }
  }
}

}  // namespace quell::sim
