#pragma once

#include <functional>
#include <memory>

#include "orchestrator/cli/session.h"
#include "orchestrator/owner.h"

namespace quell::cli {

/// A state that this process owns, with what its owner needs to live.
struct OwnedState {
  std::unique_ptr<HttpTransport> transport{};
  std::unique_ptr<Policy> policy{};
  /// Fingerprints a secret and tells the session's filter of it.
  std::function<std::string(const Secret&)> fingerprint{};
  std::unique_ptr<Owner> owner{};  // first to go

  Engine& engine() const noexcept { return owner->engine(); }
};

/// The configuration's policy with the people who may sign in.
Result<Policy> policy_in_force(Session& session);

/// Becomes the owner of the configured state; `on_entry` sees every durable entry of a run,
/// `more_routes` are Owner::Parts'. Error topic "locked" when another process is.
Result<OwnedState> own_state(Session& session,
                             std::function<void(const RunState&, const Entry&)> on_entry,
                             MoreRoutes more_routes = {});

}  // namespace quell::cli
