#pragma once

#include "connectors/action.h"
#include "connectors/io.h"
#include "connectors/oauth/profile.h"
#include "connectors/oauth/vendor_call.h"
#include "connectors/task.h"
#include "state/base/random.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell {

/// True when the tokens of `scene` are revoked by its profile's own calls, or not at all because
/// the vendor has none; false: RFC 7009. A profile that was only recognised, and lacks something, is
/// left for RFC 7009.
bool goes_by_profile(const CallScene& scene);

/// `revoke_grant` by the profile's calls that show a token, the refresh token's first. Errors:
/// `unavailable_here` with what a person does, where the vendor has no such call; `invalid` with
/// what is missing; else as make_call().
Task<Result<Outcome>> revoke_by_profile(Io& io, CallScene scene, Random& random);

/// The actions `vendor_revoke`, `revoke_user` and `disable_client`: the profile's first call of
/// `reach` of which nothing is missing, or the one that the input `call` names. Each attempt makes
/// one call. Errors as revoke_by_profile().
Task<Result<Outcome>> make_vendor_call(Io& io, const OauthConfig& config, Value params,
                                       CallReach reach, Random& random);

}  // namespace quell
