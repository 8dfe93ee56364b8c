#pragma once

#include "connectors/action.h"
#include "connectors/io.h"
#include "connectors/oauth/config.h"
#include "connectors/task.h"
#include "state/base/random.h"
#include "state/base/result.h"

namespace quell {

/// The probe `refresh_is_dead` (API sheet 6.3). A 200 minted tokens: each is kept before anything
/// else happens, then revoked at once (T11). It is not made where what it may mint could not be
/// revoked. Errors as resolve_grant() and may_send(); a token endpoint that does not answer leaves
/// the claim unproved.
Task<Result<Outcome>> test_refresh(Io& io, const OauthConfig& config, Value params, Random& random);

}  // namespace quell
