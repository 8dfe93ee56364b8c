#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/alerts/route.h"
#include "orchestrator/alerts/source.h"
#include "orchestrator/playbook/model.h"
#include "state/base/clock.h"

namespace quell {

/// What the configuration makes of one alert.
struct Ruling {
  const Route* route = nullptr;  // that takes it; null: it lies in the inbox
  std::shared_ptr<const Playbook> playbook{};
  Value inputs{};                    // typed
  MappedInputs given{};              // the same as texts, secrets apart
  RouteMode mode = RouteMode::plan;  // never more than the route's own
  std::string why{};                 // it lies in the inbox, or may do less than the route says
  /// What the route hands to inputs of type secret: it has no business in the record.
  std::vector<SecretPtr> sealed{};
};

/// Finds the route of an alert and the inputs that it makes, and decides how far it may go. Begins
/// nothing and remembers nothing, so `quell hook replay` asks the same one.
class AlertJudge {
 public:
  struct Parts {
    std::vector<Route> routes{};
    /// The checked playbook of that id, read anew.
    std::function<Result<std::shared_ptr<const Playbook>>(std::string_view id)> find_playbook{};
    /// What `digest:` of an armed route has to begin: a hash over all that it would do.
    std::function<std::string(const Route&, const Playbook&)> digest_of{};
    std::function<std::string(const Secret&)> fingerprint{};
    /// URLs that an alert may hand to an input of type url: those that the configuration names
    /// itself (threat T5).
    std::set<std::string, std::less<>> known_urls{};
  };

  explicit AlertJudge(Parts parts) : parts_(std::move(parts)) {}
  AlertJudge(const AlertJudge&) = delete;
  AlertJudge& operator=(const AlertJudge&) = delete;

  Ruling judge(const AlertSource& source, const ReceivedAlert& alert, std::string_view id,
               Timestamp received) const;

 private:
  /// Why `route` may not run by itself on these inputs; empty when it may.
  std::string why_not_by_itself(const AlertSource& source, const Route& route,
                                const Playbook& playbook, const Value& inputs) const;

  Parts parts_;
};

}  // namespace quell
