#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/alerts/judge.h"
#include "orchestrator/alerts/source.h"
#include "orchestrator/engine/engine.h"
#include "state/alert_index.h"
#include "state/base/clock.h"

namespace quell {

/// The alert of an `alert_received` entry. Its leaked tokens were never written down.
ReceivedAlert alert_of(const Entry& entry);

/// What became of one alert.
struct FiledAlert {
  std::string id{};            // `a` and 12 hex digits of its replay key
  std::string event{};         // in the sender's words
  std::optional<RunId> run{};  // that it began or joined; none: it lies in the inbox
  bool joined = false;
  bool repeated = false;             // it has been here before; nothing was done
  RouteMode mode = RouteMode::plan;  // of a run that it began
  std::string why{};                 // it lies in the inbox, or does less than its route says
};

/// The id of an alert: the same one whenever and wherever it comes in again.
std::string alert_id(std::string_view replay_key);

/// A person's word on an alert that the journal keeps.
struct AlertCommand {
  enum class Kind : std::uint8_t { replay, dismiss } kind = Kind::replay;
  std::string id{};
  std::uint64_t seq = 0;  // of its entry
  std::string who{};
  std::string from{};    // as Command::from
  std::string reason{};  // of a dismissal
};

/// Decides what becomes of verified alerts, on the engine's thread: known ones are let pass, those
/// that trip a watch make it look, those that a route takes begin a run or join one, the rest lies
/// in the inbox with the reason. All of it is in the journal when the turn is durable, and nothing
/// before.
class AlertDesk {
 public:
  struct Parts {
    Engine& engine;
    Journal& journal;
    AlertIndex& index;
    SecretStore& secrets;
    const Clock& clock;
    const AlertJudge& judge;
    /// True while a person has switched automation off.
    std::function<bool()> is_disarmed{};
    bool drill = false;  // its runs are a drill's
  };

  explicit AlertDesk(Parts parts) : parts_(std::move(parts)) {}

  /// Files the alerts of one delivery. An Error means that the index could not be read, and that
  /// nothing was filed.
  Result<std::vector<FiledAlert>> file(const AlertSource& source, const VerifiedDelivery& delivery);
  /// Files an alert of the journal once more, as a proposal at most, or puts it aside. `sources`
  /// are those of today.
  Result<FiledAlert> obey(const AlertCommand& command, std::span<const AlertSource> sources);
  /// What was filed is durable, and the index shows it.
  void turn_is_durable();

 private:
  FiledAlert decide(const AlertSource& source, const ReceivedAlert& alert, FiledAlert filed,
                    std::vector<SecretPtr>& sealed);
  FiledAlert begin(const AlertSource& source, const Ruling& ruling, FiledAlert filed);
  std::optional<RunId> trip(const ReceivedAlert& alert, const std::string& id);
  void write_down(const AlertSource& source, const ReceivedAlert& alert, const FiledAlert& filed,
                  const std::vector<SecretPtr>& sealed, ValueMap more);

  Parts parts_;
  std::set<std::string, std::less<>> of_this_turn_{};  // keys that the index does not show yet
};

}  // namespace quell
