#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/secret_text.h"
#include "state/base/result.h"

namespace quell {

/// Which header carries the API key. An enumerator is its spelling in the configuration.
enum class KeyHeader : std::uint8_t { authorization_bearer, x_api_key };

/// How a list says that it goes on: `next_page`, sent back as `page`; or `has_more` and `last_id`,
/// sent back as `after_id` (API sheet 0.3 and 6). An enumerator is its spelling in the
/// configuration.
enum class Pagination : std::uint8_t { next_page, after_id };

/// What the calls of one resource say otherwise than the rest; what is not set is as there.
struct ResourceForm {
  std::optional<std::string> api_version{};
  std::optional<std::vector<std::string>> betas{};
  std::optional<std::string> extra_query{};
};

/// One managed agent platform and how to speak to it. The defaults are the wire form of the
/// official client 1.12 (API sheet 0.1); compatible servers differ in headers, query and base path
/// (API sheet 6), see presets.h.
struct ManagedAgentsConfig {
  std::string base_url = "https://api.anthropic.com";
  std::string
      base_url_named_at{};        // where a person changes it: "platform.base_url at quell.yaml:5"
  std::string base_path = "/v1";  // before every path: "/v1" + "/vaults"; may be empty
  BoundSecret api_key{};          // without origins: bound to the base URL's own
  std::string key_fingerprint{};  // of the key, for pins and messages; may be empty
  std::string key_named_at{};     // where a person changes it: "platform.api_key at quell.yaml:6"
  std::string key_variable = "ANTHROPIC_API_KEY";  // serves where nothing is written; may be empty

  std::string key_id{};  // of that key in the admin API, where a person wrote it down; may be empty
  /// The key of the admin API, asked for when one of its actions is performed: it is in no memory
  /// before that. Empty: none is configured.
  std::function<Result<BoundSecret>()> admin_key{};

  KeyHeader key_header = KeyHeader::authorization_bearer;
  std::string version_header = "anthropic-version";
  std::string api_version = "2026-10-21";
  std::string beta_header = "anthropic-beta";
  std::vector<std::string> betas{"managed-agents-2026-04-01"};  // sent joined by commas
  std::string workspace_header = "anthropic-workspace-id";
  std::string workspace_id{};  // empty: the header is not sent
  bool needs_workspace = false;
  std::string extra_query{};  // appended to each URL, for instance "beta=true"
  /// By the first segment behind the base path: vaults, sessions, deployments, agents,
  /// memory_stores. Memory has a beta of its own, and both together are refused (API sheet 0.1).
  std::map<std::string, ResourceForm, std::less<>> resources{
      {"memory_stores", {.betas = std::vector<std::string>{"agent-memory-2026-07-22"}}},
      {"organizations", {.betas = std::vector<std::string>{}}}};
  /// Segments of paths that this server is known to lack, or to close: 403 and 404 there say "not
  /// offered" as 405 does everywhere. "deployments", "mcp_oauth_validate".
  std::vector<std::string> may_lack{};

  /// Objects per page. 100 is the documented maximum of vaults, credentials and deployments; that
  /// of sessions is not documented (API sheet 0.3).
  int page_limit = 100;
  int sessions_page_limit = 100;
  Pagination pagination = Pagination::next_page;
  /// The documented last page says `next_page: null`. A server that leaves the member out instead
  /// must be declared so, or its lists count as cut off (threat T9).
  bool absent_next_page_ends = false;
};

/// The wire form that goes with `api_version`: 2023-06-01 wants X-Api-Key and `?beta=true`, later
/// versions a bearer key and no query (API sheet 0.1).
ManagedAgentsConfig managed_agents_wire(std::string_view api_version);

/// The first mistake in `config`; code `invalid`.
Status check_config(const ManagedAgentsConfig& config);

}  // namespace quell
