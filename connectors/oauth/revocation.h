#pragma once

#include <optional>
#include <string>
#include <vector>

#include "connectors/action.h"
#include "connectors/io.h"
#include "connectors/oauth/grant.h"
#include "connectors/oauth/reading.h"
#include "connectors/task.h"
#include "state/base/random.h"
#include "state/base/result.h"

namespace quell {

/// What the issuer said about one token; not evidence (RFC 7009 section 2.2).
struct TokenRevocation {
  TokenKind kind = TokenKind::refresh_token;
  int status = 0;
  RevocationAnswer answer = RevocationAnswer::refused;
};

/// One RFC 7009 request (section 2.1) with the hint of `kind`. may_send() has allowed the endpoint.
/// `form` carries what the issuer understood from one token to the next. Errors as
/// read_revocation().
Task<Result<TokenRevocation>> revoke_token(Io& io, const Grant& grant, SecretPtr token,
                                           TokenKind kind, AuthForm& form, Random& random);

/// The action `revoke_grant`: refresh token first, then access token, never relying on a cascade.
/// Without any token it is `unavailable_here`. Otherwise errors as resolve_grant(), may_send() and
/// read_revocation(); `invalid` when the refresh token was refused, `unavailable_here` when no
/// token was of a kind that the issuer revokes.
Task<Result<Outcome>> revoke_grant(Io& io, const OauthConfig& config, Value params, Random& random);

}  // namespace quell
