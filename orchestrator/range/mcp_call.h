#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "orchestrator/range/world.h"

namespace quell::range {

inline constexpr std::string_view kModernRevision = "2026-07-28";
/// The JSON-RPC error of a server that does not speak the revision that was asked for.
inline constexpr std::int64_t kUnsupportedRevision = -32022;

/// Sends a request of the platform or the intruder to whatever host of the world answers `url`;
/// none when no host does or its line fails, which is what a broken connection looks like from
/// inside.
using Fetch =
    std::function<std::optional<Response>(std::string_view url, Request request, Timestamp now)>;

/// A JSON-RPC POST as a client of the Model Context Protocol sends it: revision 2026-07-28 when
/// `modern`, else 2025-11-25. An empty token sends no Authorization; `session_id` is the one that a
/// server of the older era gave, if any.
Request mcp_request(std::string_view method, std::string_view token, bool modern,
                    std::string_view session_id = {});

/// Calls `initialize` or `tools/list` in the era that `modern` names. A server that answers that it
/// speaks only the other one (400, -32022) is asked once more in it, and `modern` remembers; the
/// modern era has `server/discover` in the place of `initialize`.
std::optional<Response> call_mcp(const Fetch& fetch, std::string_view url, std::string_view method,
                                 std::string_view token, bool& modern, Timestamp now,
                                 std::string_view session_id = {});

/// Begins a conversation: `initialize` by call_mcp() and, where the server keeps sessions, the
/// notification that it waits for. `session_id` is what later calls carry; empty without sessions.
std::optional<Response> open_mcp(const Fetch& fetch, std::string_view url, std::string_view token,
                                 bool& modern, std::string& session_id, Timestamp now);
/// Ends a session that open_mcp() began, as a client that needs it no longer should.
void close_mcp(const Fetch& fetch, std::string_view url, std::string_view token,
               std::string_view session_id, Timestamp now);

/// What one `refresh_token` grant asks for (RFC 6749 sections 2.3.1 and 6).
struct RefreshRequest {
  std::string_view client_id{};
  std::string_view client_secret{};
  std::string_view auth_type{};  // none | client_secret_basic | client_secret_post
  std::string_view refresh_token{};
  std::string_view resource{};  // RFC 8707; empty: left out
  std::string_view scope{};     // empty: left out
};

Request refresh_request(const RefreshRequest& grant);

}  // namespace quell::range
