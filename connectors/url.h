#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "state/base/result.h"

namespace quell {

/// A parsed absolute http or https URL. Host is lower case without a trailing dot; userinfo,
/// fragment-only and control characters are refused.
struct Url {
  std::string scheme{};
  std::string host{};  // IPv6 in brackets
  std::uint16_t port = 0;
  std::string path{};   // starts with '/', as given
  std::string query{};  // without '?'; empty if none

  /// `https://host` with the port only when it is not the scheme's default.
  std::string origin() const;
  std::string to_string() const;
};

Result<Url> parse_url(std::string_view text);
/// Origin of `text`, or empty when it is no URL.
std::string origin_of(std::string_view text);
/// True for localhost, 127.0.0.0/8 and ::1 by spelling; the transport checks the connected address
/// besides.
bool is_loopback_host(std::string_view host);
/// The same MCP server: scheme and host case, default port and one trailing slash do not count (API
/// sheet 2.2).
bool same_mcp_url(std::string_view a, std::string_view b);

}  // namespace quell
