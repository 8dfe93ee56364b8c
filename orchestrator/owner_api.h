#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "orchestrator/alerts/desk.h"
#include "orchestrator/engine/engine.h"
#include "state/base/result.h"

namespace quell {

class HttpServer;

/// Carries out a person's word on an alert; called on the engine's thread.
using AlertOffice = std::function<Result<FiledAlert>(const AlertCommand&)>;

/// `/api/v1` on the owner's Unix socket (mode 0600): how every other process of the same user
/// reaches the engine. The listener's threads only enqueue typed commands and wait for their
/// answer.
class OwnerApi {
 public:
  static Result<std::unique_ptr<OwnerApi>> serve(const std::string& socket_path, Engine& engine);
  ~OwnerApi();

  /// From now on words on alerts go to `office`; an empty one refuses them.
  void open_alerts(AlertOffice office);

 private:
  explicit OwnerApi(Engine& engine);

  Engine& engine_;
  std::mutex mutex_{};
  AlertOffice office_{};
  std::unique_ptr<HttpServer> server_{};  // last: its threads use what stands above
};

/// Sends `command` to the owner of the state behind `socket_path` and gives its answer. Error topic
/// "state" when nobody listens there.
Status send_command(const std::string& socket_path, const Command& command);

/// Asks the owner behind `socket_path` to begin a run; gives its id. Errors as send_command().
Result<RunId> send_start(const std::string& socket_path, const StartCommand& command);

/// Sends a person's word on an alert. Errors as send_command().
Result<FiledAlert> send_alert_command(const std::string& socket_path, const AlertCommand& command);

/// The words of a command in URLs: `/api/v1/runs/r17x/approve`.
std::string_view to_string(Command::Kind kind) noexcept;

}  // namespace quell
