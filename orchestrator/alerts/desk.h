#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/alerts/route.h"
#include "orchestrator/alerts/source.h"
#include "orchestrator/engine/engine.h"
#include "state/alert_index.h"
#include "state/base/clock.h"

namespace quell {

/// What became of one alert.
struct FiledAlert {
  std::string id{};            // `a` and 12 hex digits of its replay key
  std::optional<RunId> run{};  // that it began or joined; none: it lies in the inbox
  bool joined = false;
  bool repeated = false;  // it has been here before; nothing was done
  std::string why{};      // it lies in the inbox
};

/// The id of an alert: the same one whenever and wherever it comes in again.
std::string alert_id(std::string_view replay_key);

/// Decides what becomes of verified alerts, on the engine's thread: known ones are let pass, those
/// that a route takes begin a run or join one, the rest lies in the inbox with the reason. All of
/// it is in the journal when the turn is durable, and nothing before.
class AlertDesk {
 public:
  struct Parts {
    Engine& engine;
    AlertIndex& index;
    SecretStore& secrets;
    const Clock& clock;
    std::vector<Route> routes{};
    /// The checked playbook of that id.
    std::function<Result<std::shared_ptr<const Playbook>>(std::string_view id)> find_playbook{};
    /// URLs that an alert may hand to an input of type url: those that the configuration names
    /// itself (threat T5).
    std::set<std::string, std::less<>> known_urls{};
    /// True while a person has switched automation off.
    std::function<bool()> is_disarmed{};
  };

  explicit AlertDesk(Parts parts) : parts_(std::move(parts)) {}

  /// Files the alerts of one delivery. An Error means that the index could not be read, and that
  /// nothing was filed.
  Result<std::vector<FiledAlert>> file(const AlertSource& source, const VerifiedDelivery& delivery);
  /// What was filed is durable, and the index shows it.
  void turn_is_durable();

 private:
  FiledAlert decide(const AlertSource& source, const ReceivedAlert& alert, FiledAlert filed,
                    const std::vector<SecretValue>& secrets);
  FiledAlert begin(const AlertSource& source, const Route& route, const MappedInputs& inputs,
                   FiledAlert filed);
  /// Why `route` may not run by itself on these inputs; empty when it may.
  std::string why_not_by_itself(const AlertSource& source, const Route& route,
                                const Playbook& playbook, const Value& inputs) const;
  void write_down(const AlertSource& source, const ReceivedAlert& alert, const FiledAlert& filed,
                  const std::vector<SecretValue>& secrets);

  Parts parts_;
  std::set<std::string, std::less<>> of_this_turn_{};  // keys that the index does not show yet
};

}  // namespace quell
