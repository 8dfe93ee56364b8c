#pragma once

#include <span>
#include <string>
#include <vector>

#include "connectors/action.h"
#include "connectors/io.h"
#include "connectors/task.h"

namespace quell {

/// One outside system. Its actions are sans-I/O: they hand out requests and are given responses.
/// The driver guards, limits, journals and sends them, so none of that is written twice.
class Connector {
 public:
  virtual ~Connector() = default;

  /// What this system can do: the one table that the checker, the planner, `quell actions` and the
  /// docs read.
  virtual std::span<const ActionSpec> actions() const = 0;

  /// Performs one action over `io`. Reads, acts, reads back; run again after a crash it finds what
  /// happened. With Intent::look it only reads: `already` when the effect is there, Error
  /// `conflict` when it is surely not, Error `unknown` when the look settles nothing. Returns what
  /// the system said, which is not yet proof: RFC 7009 section 2.2 answers 200 for a token it never
  /// knew. Never retries. `action` and `this` outlive the task.
  virtual Task<Result<Outcome>> perform(const ActionSpec& action, Inputs inputs, Io& io) const = 0;

  /// The outputs that `perform` would give if it succeeded; for plans and dry runs.
  virtual Value predict(const ActionSpec& action, const Inputs& inputs) const = 0;

  /// Base URL and account of this connection as a run pins them; no secret.
  virtual Value pins() const = 0;

  /// The `{base}` of its request templates.
  virtual std::string base_url() const = 0;
};

/// The action `name` in `actions`, or null.
const ActionSpec* find_action(std::span<const ActionSpec> actions, std::string_view name) noexcept;

}  // namespace quell
