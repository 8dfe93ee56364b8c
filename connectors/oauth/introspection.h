#pragma once

#include "connectors/action.h"
#include "connectors/io.h"
#include "connectors/oauth/config.h"
#include "connectors/oauth/grant.h"
#include "connectors/oauth/reading.h"
#include "connectors/task.h"
#include "state/base/random.h"
#include "state/base/result.h"

namespace quell {

/// The action `introspect` (RFC 7662 section 2). `active: false` is corroboration only: it also
/// means "you may not ask". Errors: as resolve_grant(), `denied` for a refused client,
/// `unavailable_here` where there is no such endpoint.
Task<Result<Outcome>> introspect_token(Io& io, const OauthConfig& config, Value params,
                                       Random& random);

/// The word of `grant`'s issuer about `token`, beside another action; `not_told` where the token
/// may not be sent to it.
Task<IssuerWord> ask_issuer(Io& io, const Grant& grant, SecretPtr token, TokenKind kind,
                            AuthForm& form, Random& random);

}  // namespace quell
