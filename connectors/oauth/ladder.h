#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/action.h"
#include "connectors/io.h"
#include "connectors/oauth/grant.h"
#include "connectors/oauth/profile.h"
#include "connectors/oauth/vendor_call.h"
#include "connectors/task.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell {

/// One rung of the containment ladder for one grant: which action takes it, what it ends and costs,
/// what it lacks.
struct Rung {
  std::string action{};  // revoke_grant, vendor_revoke, trip_reuse_detection, revoke_user,
                         // disable_client, or "a person"
  std::string call{};    // of the profile; empty: a standard request
  std::string what{};
  std::vector<Kill> kills{};  // what the issuer says it kills; never evidence
  std::string spares{};
  std::string breaks{};
  Certainty certainty = Certainty::vendor_text;
  std::vector<std::string> unsure{};   // not verified; a person confirms
  std::vector<std::string> missing{};  // empty: it can be taken
};

/// Every rung that exists for a grant, narrowest first.
struct Ladder {
  std::string profile{};
  std::string title{};
  std::string chosen_by{};
  Certainty certainty = Certainty::vendor_text;
  std::vector<Rung> rungs{};
  std::optional<Duration> cache{};
  std::optional<Duration> grace{};
  std::vector<std::string> traps{};
  std::string human{};

  /// Is there a rung of `action` of which nothing is missing?
  bool has(std::string_view action) const;
};

/// The ladder for the scene's grant. Pure: with endpoints by configuration alone where
/// `scene.server` holds no more. A missing token is named only where `tokens_known`; without an
/// incident no token is at hand yet, and that is no gap of the configuration.
Ladder ladder_of(const CallScene& scene, bool tokens_known);

/// What `config` would use against a grant for `mcp_server_url`, before there is an incident: the
/// profile, how it was found, and what each rung lacks. Nothing is sent. `record_client_id` and
/// `record_token_endpoint` are the vault record's; either may be empty.
Ladder readiness(const OauthConfig& config, std::string_view mcp_server_url,
                 std::string_view record_client_id, std::string_view record_token_endpoint);

/// The same where discovery has found `grant` for `inputs`; no token is at hand yet.
Ladder readiness_of(const OauthConfig& config, const GrantInputs& inputs, Grant grant);

/// `{profile, chosen_by, rests_on, rungs: [{action, call, what, kills, spares, breaks, rests_on,
/// unsure, missing}], human}`.
ValueMap ladder_value(const Ladder& ladder);

/// The action `ladder`: finds the issuer with reads alone, and gives the ladder. An issuer that
/// cannot be found is a gap of its rungs, not a failure.
Task<Result<Outcome>> look_at_ladder(Io& io, const OauthConfig& config, Value params);

}  // namespace quell
