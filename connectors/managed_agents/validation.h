#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "connectors/action.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell::managed_agents {

/// What a validation tells about the refresh token. An enumerator is its spelling in outputs.
enum class RefreshAnswer : std::uint8_t { dead, alive, inconclusive };

std::string_view to_string(RefreshAnswer answer) noexcept;

/// The reading of a `vault_credential_validation` (API sheet 1.2): `dead` only where the exchange
/// failed, was answered 400, and the body says `invalid_grant`; `alive` only where the exchange
/// succeeded; else `inconclusive` (an access token that still works is never refreshed, so `valid`
/// alone says nothing about the refresh token).
RefreshAnswer read_refresh_answer(const Value& validation);

/// Did the MCP server take the stored access token as it was?
bool passes_unrefreshed(const Value& validation);

/// The object as `validate_credential` gives it: every declared member, bodies of foreign servers
/// escaped, cut and without anything that has the shape of a token. Code `invalid` when it is not
/// the answer for this credential.
Result<Value> validation_outputs(const Value& validation, std::string_view vault_id,
                                 std::string_view credential_id);

/// dead: proved, strong. alive: refuted. Else unproved.
Judgement judge_validation(RefreshAnswer answer);

}  // namespace quell::managed_agents
