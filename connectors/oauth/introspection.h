#pragma once

#include "connectors/action.h"
#include "connectors/io.h"
#include "connectors/oauth/config.h"
#include "connectors/task.h"
#include "state/base/random.h"
#include "state/base/result.h"

namespace quell {

/// The action `introspect` (RFC 7662 section 2). `active: false` is corroboration only: it also
/// means "you may not ask". Errors: as resolve_grant(), `denied` for a refused client,
/// `unavailable_here` where there is no such endpoint.
Task<Result<Outcome>> introspect_token(Io& io, const OauthConfig& config, Value params,
                                       Random& random);

}  // namespace quell
