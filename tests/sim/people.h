#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "orchestrator/engine/engine.h"
#include "tests/sim/dice.h"

namespace quell::sim {

/// Those who approve, do things by hand, decide what is held, and change their minds: late,
/// wrongly, or never. In the morning somebody comes who settles whatever still waits.
class People {
 public:
  People(Dice dice, Timestamp start);

  /// Looks at what waits for somebody, and says what is due.
  void turn(Engine& engine, Timestamp now);
  /// When somebody speaks next; `otherwise` when nobody will.
  Timestamp next(Timestamp otherwise) const;
  /// Settles everything that waits for a person; the third time the runs are aborted.
  void morning(Engine& engine, Timestamp now);
  int mornings() const noexcept { return mornings_; }

 private:
  void say(Timestamp at, Command command) { due_.emplace(at, std::move(command)); }
  void look(const RunState& run, Timestamp now);
  bool is_new(const RunState& run, const std::string& what) {
    return asked_.insert(to_string(run.id) + " " + what).second;
  }
  void approve(const RunState& run, Timestamp now, bool surely);
  void interfere(const RunState& run, Timestamp now);
  std::string some_target(const RunState& run);

  Dice dice_;
  Timestamp start_;
  std::multimap<Timestamp, Command> due_{};
  std::set<std::string> asked_{};
  int mornings_ = 0;
};

}  // namespace quell::sim
