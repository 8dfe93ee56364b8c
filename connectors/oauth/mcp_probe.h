#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "connectors/action.h"
#include "connectors/http_transport.h"
#include "connectors/io.h"
#include "connectors/oauth/config.h"
#include "connectors/oauth/reading.h"
#include "connectors/secret_text.h"
#include "connectors/task.h"
#include "state/base/random.h"
#include "state/base/result.h"

namespace quell {

/// Which call probes an MCP server: `initialize` up to revision 2025-11-25, `server/discover` from
/// 2026-07-28 on.
enum class McpEra : std::uint8_t { legacy, modern };

std::string_view to_string(McpEra era) noexcept;

/// The probe request of `era` with `authorization` as its credential; an empty one sends no
/// `Authorization` (control A).
HttpRequest mcp_probe_request(const std::string& mcp_server_url, McpEra era,
                              SecretText authorization);

/// The action `probe_token`: the token, beside it a control without any, after a refusal one with
/// garbage. Both eras, the baseline's first. A session that the probe opened is closed again.
/// Errors: `transient` when the server could not be reached, `invalid` from the egress policy.
Task<Result<Outcome>> probe_token(Io& io, const OauthConfig& config, Inputs inputs, Random& random);

/// The probe `token_is_dead`: the same look with a judgement (API sheet 7.3); a refusal is held
/// against the word of a pinned issuer. A server that cannot be reached leaves the claim unproved;
/// that two refusals in a row are wanted is the playbook's `consecutive: 2`.
Task<Result<Outcome>> token_is_dead(Io& io, const OauthConfig& config, Inputs inputs,
                                    Random& random);

}  // namespace quell
