#pragma once

#include <memory>
#include <string>

#include "orchestrator/api/alert_routes.h"
#include "orchestrator/api/api.h"
#include "orchestrator/api/change_feed.h"
#include "orchestrator/api/engine_door.h"
#include "orchestrator/api/record_routes.h"
#include "orchestrator/api/run_board.h"
#include "orchestrator/engine/engine.h"
#include "orchestrator/plan_desk.h"
#include "state/base/result.h"

namespace quell {

/// `/api/v1` of the process that owns a state, and its front on the owner's Unix socket (mode
/// 0600): how every other process of the same user reaches the engine. Whoever can open that socket
/// may do everything, as the person that they name. Other fronts answer from the same table.
class OwnerApi {
 public:
  struct Parts {
    Engine& engine;
    std::string database{};
    PlaybookLoader load_playbook{};
    const ConnectorSet& connectors;
    const Clock& clock;
    const ChangeFeed& feed;
    /// Looks at the whole journal; from any thread.
    std::function<Result<VerifyReport>(const VerifyOptions&)> verify{};
    /// The signed record of a run, out of that journal.
    EvidenceMaker evidence{};
    bool is_evidence_encrypted = false;
    /// What plans are made with; without transports there are none.
    Random& random;
    std::function<Result<std::unique_ptr<HttpTransport>>()> make_transport{};
    std::function<std::string(const Secret&)> fingerprint{};
    std::map<std::string, OriginLimits, std::less<>> limits{};
  };

  explicit OwnerApi(Parts parts);
  ~OwnerApi();

  /// Listens on the socket; once.
  Status serve(const std::string& socket_path);

  Api& api() noexcept { return api_; }
  RunBoard& board() noexcept { return board_; }
  EngineDoor& engine() noexcept { return engine_; }
  PlanDesk& plans() noexcept { return plans_; }
  const std::string& drill_scores() const noexcept { return drill_scores_; }
  /// From now on words on alerts go to `office`; an empty one refuses them.
  void open_alerts(AlertOffice office) { alerts_.open(std::move(office)); }

 private:
  EngineDoor engine_;
  std::string drill_scores_;  // where they lie
  RunBoard board_;
  AlertOfficeDoor alerts_{};
  PlanDesk plans_;
  Api api_;
  std::unique_ptr<HttpServer> server_{};  // last: its threads use what stands above
};

/// The header with which a caller on the socket says who they are.
inline constexpr std::string_view kWhoHeader = "quell-who";

}  // namespace quell
