#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/access/access_store.h"
#include "orchestrator/access/authenticator.h"
#include "orchestrator/access/password_queue.h"
#include "orchestrator/api/api_route.h"
#include "orchestrator/api/engine_door.h"
#include "orchestrator/cli/own_state.h"
#include "orchestrator/http_server.h"
#include "orchestrator/metrics.h"
#include "orchestrator/panel_server.h"

namespace quell::cli {

/// Who may come in. Outlives the owner of the state, whose API changes it.
class PeopleDesk {
 public:
  static Result<std::unique_ptr<PeopleDesk>> open(Session& session);

  /// `/api/v1/access`. What is changed through it is in force when it is answered.
  std::vector<ApiRoute> routes(EngineDoor& engine);
  /// From now on `policy`, which only the engine's thread touches, follows the people.
  void rule(Policy& policy) { policy_ = &policy; }
  /// Reads them anew, on the engine's thread: another process may have changed them.
  Status refresh();
  /// Likewise, from any other thread.
  void changed(EngineDoor& engine);

  AccessStore& store() noexcept { return *store_; }
  PasswordQueue& passwords() noexcept { return passwords_; }

 private:
  PeopleDesk(const Config& config, std::unique_ptr<AccessStore> store, Random& random);

  const Config& config_;
  std::unique_ptr<AccessStore> store_;
  PasswordQueue passwords_;
  Policy* policy_ = nullptr;
};

/// The panel's listener and what stands behind it. Goes before the owner of the state.
class PanelFront {
 public:
  struct Parts {
    Session& session;
    Owner& owner;
    PeopleDesk& people;
    Metrics& metrics;
    const AlertJudge& judge;
    std::span<const AlertSource> sources{};
    std::optional<int> listen_fd{};
    std::function<std::string()> obstacle{};
    /// Something at the door that the log should show.
    std::function<void(const AccessEvent&)> tell{};
  };

  /// Refuses an address that others can reach without TLS, or before there is somebody who may sign
  /// in (topic "panel").
  static Result<std::unique_ptr<PanelFront>> open(Parts parts);

  /// `http://127.0.0.1:8440`
  const std::string& url() const noexcept { return url_; }
  Status reload_tls() { return server_->reload_tls(); }

 private:
  PanelFront() = default;
  /// Strangers cannot fill the journal: of refusals only so many a minute are noted.
  bool is_worth_a_note(const AccessEvent& event, Timestamp now);

  std::string url_{};
  std::mutex mutex_{};
  Timestamp minute_{};
  std::int64_t refusals_ = 0;  // in that minute
  std::unique_ptr<Authenticator> door_{};
  std::unique_ptr<PanelServer> pages_{};
  std::unique_ptr<HttpServer> server_{};  // first to go
};

/// Where nobody may sign in yet, makes a link with which the first admin does: shown on a terminal,
/// else in a file of mode 0600 beside the database, whose path is given; empty otherwise. Never in
/// the log (threat T34).
Result<std::string> offer_set_up(Session& session, AccessStore& store, const std::string& url);

}  // namespace quell::cli
