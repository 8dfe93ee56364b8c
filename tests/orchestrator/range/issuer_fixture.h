#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orchestrator/range/issuer.h"
#include "orchestrator/range/mcp_server.h"
#include "orchestrator/range/profile.h"
#include "state/base/value.h"

namespace quell::range::test {

inline constexpr Timestamp kStart{std::chrono::seconds(1'795'314'700)};

using Fields = std::vector<std::pair<std::string, std::string>>;

/// An issuer and its MCP server with one profile, and the requests that a client sends them.
struct Pair {
  explicit Pair(std::string_view profile = "", std::uint64_t seed = 7);

  /// POST of a form with HTTP Basic of the confidential client.
  Response post(std::string_view path, const Fields& fields, Timestamp now = kStart);
  /// The same without authentication, with `authorization` if there is one.
  Response post_as(std::string_view authorization, std::string_view path, const Fields& fields,
                   Timestamp now = kStart);
  Response get(std::string_view path);
  Response refresh(std::string_view refresh_token, Timestamp now = kStart);
  Response revoke(std::string_view token, std::string_view hint = "", Timestamp now = kStart);
  bool is_active(std::string_view token, Timestamp now = kStart);

  Issuer::Grant mint() { return issuer.mint(issuer.client_id(), server.endpoint(), kStart); }
  std::string basic() const;

  WorldOptions options{};
  ProfileSet profiles{};
  SeededRandom random;
  Issuer issuer;
  McpServer server;
};

std::string form_of(const Fields& fields);
Value json_of(const Response& response);
std::string header_of(const Response& response, std::string_view name);

}  // namespace quell::range::test
