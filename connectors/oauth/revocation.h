#pragma once

#include <optional>
#include <string>
#include <vector>

#include "connectors/action.h"
#include "connectors/io.h"
#include "connectors/oauth/grant.h"
#include "connectors/oauth/introspection.h"
#include "connectors/oauth/reading.h"
#include "connectors/task.h"
#include "state/base/clock.h"
#include "state/base/random.h"
#include "state/base/result.h"

namespace quell {

/// How often a busy issuer is asked about one token, and how long it is waited for.
inline constexpr int kAttemptsMax = 4;
inline constexpr Duration kBusyPause{2'000};
inline constexpr Duration kBusyWaitMax{30'000};

/// What the issuer said about one token; not evidence (RFC 7009 section 2.2).
struct TokenRevocation {
  TokenKind kind = TokenKind::refresh_token;
  int status = 0;
  RevocationAnswer answer = RevocationAnswer::refused;
  std::string call{};  // of a vendor's profile; empty: RFC 7009
};

/// What is known of a refresh token before it is revoked.
struct RefreshPast {
  IssuerWord word = IssuerWord::not_told;
  bool shown = false;   // it was in hand, so a thief may have had it too
  bool rotates = true;  // each use may have given a newer one
};

/// Where and by whom tokens are revoked, for outputs and errors.
struct RevocationSite {
  std::string issuer{};
  std::string endpoint{};
  std::string client_id{};
  std::string profile{};
  std::string note{};
  RefreshPast past{};
};

/// What the answers amount to. A refused refresh token is a failure whatever else went well; a
/// refused access token is not once the refresh token was taken: its issuer may have killed both
/// with the first, and some call that an error.
Result<Outcome> summarize(const RevocationSite& site, const std::vector<TokenRevocation>& done);

/// What the refresh token's past says against a later proof: afterwards every answer is the same.
/// One that is active is the head of its grant: nobody has rotated it away. One that is not was
/// spent, and whoever spent it holds a newer one that its revocation need not reach (API sheet
/// 6.1); so it may be where nobody can tell.
std::vector<Doubt> doubts_about(const RefreshPast& past);

/// What holds while the answer to a revocation is under way.
std::vector<Doubt> doubts_meanwhile(const RefreshPast& past);

/// Is the refresh token that was active still so after its revocation? The vault's own refresh need
/// not tell: the vault may hold another one. Some issuers take a moment (RFC 7009 section 2).
Task<bool> outlives_revocation(Io& io, const Grant& grant, SecretPtr token, AuthForm& form,
                               Random& random);

/// The doubt that a token which outlives its revocation leaves.
Doubt outlived();

/// One RFC 7009 request (section 2.1) with the hint of `kind`. may_send() has allowed the endpoint.
/// `form` carries what the issuer understood from one token to the next. Errors as
/// read_revocation().
Task<Result<TokenRevocation>> revoke_token(Io& io, const Grant& grant, SecretPtr token,
                                           TokenKind kind, AuthForm& form, Random& random);

/// The action `revoke_grant`: refresh token first, then access token, never relying on a cascade;
/// by the calls of the issuer's profile where it has some, else by RFC 7009. Without any token it
/// is `unavailable_here`. Otherwise errors as resolve_grant(), may_send() and read_revocation();
/// `invalid` when the refresh token was refused, `unavailable_here` when no token was of a kind
/// that the issuer revokes.
Task<Result<Outcome>> revoke_grant(Io& io, const OauthConfig& config, Value params, Random& random);

}  // namespace quell
