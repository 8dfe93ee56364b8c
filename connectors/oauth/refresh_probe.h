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

/// The action `trip_reuse_detection` (API sheet 6.1; RFC 9700 section 4.14): presents a refresh
/// token that somebody has spent, so that an issuer which watches for that kills its whole family. Says
/// nothing of whether it did. A token that was still good mints others: kept and revoked at once
/// (T11), and what is not revoked is a doubt. Errors: `unknown` when the answer was lost, with the
/// doubt that tokens may have been issued; else as test_refresh().
Task<Result<Outcome>> trip_reuse_detection(Io& io, const OauthConfig& config, Value params,
                                           Random& random);

}  // namespace quell
