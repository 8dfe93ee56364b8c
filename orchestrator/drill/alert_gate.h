#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "orchestrator/alerts/desk.h"
#include "orchestrator/drill/score.h"
#include "orchestrator/owner.h"

namespace quell {

/// Where the webhooks of a drill's world come in: the real checks, the real desk, one route to the
/// scenario's playbook. Engine thread.
class AlertGate {
 public:
  struct Parts {
    Owner& owner;
    const Clock& clock;
    std::shared_ptr<const Playbook> playbook{};
    /// What the route hands over; they read `alert`.
    const std::vector<std::pair<std::string, Template>>& inputs;
    std::string secret{};  // that the platform signs with
  };

  explicit AlertGate(Parts parts);
  AlertGate(const AlertGate&) = delete;
  AlertGate& operator=(const AlertGate&) = delete;

  /// A delivery arrives.
  Status take(const range::Request& delivery);
  /// What was filed is durable.
  void turn_is_durable() { desk_.turn_is_durable(); }

  const AlertCounts& counts() const noexcept { return counts_; }
  /// The run that an alert began.
  std::optional<RunId> run() const noexcept { return run_; }

 private:
  Parts parts_;
  AlertSource source_;
  AlertJudge judge_;
  AlertDesk desk_;
  AlertCounts counts_{};
  std::optional<RunId> run_{};
};

/// The same delivery as somebody sends it who does not know the secret.
range::Request forged(range::Request delivery);

}  // namespace quell
