#include "connectors/managed_agents/config.h"

#include <algorithm>

#include <fmt/format.h>

#include "connectors/url.h"

namespace quell {
namespace {

/// RFC 9110 section 5.6.2: letters, digits and some marks; ours need letters, digits and hyphens.
bool is_header_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
}

/// Fit for a header value or a query: printable ASCII without space.
bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

bool is_query(std::string_view text) {
  return is_plain(text) && text.find('#') == std::string_view::npos;
}

Error mistake(std::string what, std::string hint) {
  return make_error(ErrorCode::invalid, "config", std::move(what), std::move(hint));
}

}  // namespace

ManagedAgentsConfig managed_agents_wire(std::string_view api_version) {
  ManagedAgentsConfig config;
  config.api_version = std::string(api_version);
  if (api_version == "2023-06-01") {
    config.key_header = KeyHeader::x_api_key;
    config.extra_query = "beta=true";
  }
  return config;
}

Status check_config(const ManagedAgentsConfig& config) {
  const Result<Url> base = parse_url(config.base_url);
  if (!base || !base->query.empty() || config.base_url.find_first_of("?#") != std::string::npos) {
    return mistake("base_url of the platform is not an http or https URL without query.",
                   "for instance base_url: https://api.anthropic.com");
  }
  const std::string& path = config.base_path;
  if (!path.empty() && (!path.starts_with('/') || path.ends_with('/') || !is_plain(path) ||
                        path.find_first_of("?#%") != std::string::npos)) {
    return mistake("base_path of the platform is no path.", "for instance base_path: /v1, or none");
  }
  for (const std::string& name :
       {config.version_header, config.beta_header, config.workspace_header}) {
    if (!is_header_name(name)) {
      return mistake("a header name of the platform has characters that no header name may have.",
                     "letters, digits and hyphens");
    }
  }
  bool plain = is_plain(config.api_version) && is_plain(config.workspace_id) &&
               is_query(config.extra_query) && std::ranges::all_of(config.betas, is_plain);
  for (const auto& [resource, form] : config.resources) {
    plain = plain && is_plain(form.api_version.value_or("")) &&
            is_query(form.extra_query.value_or("")) &&
            (!form.betas || std::ranges::all_of(*form.betas, is_plain));
  }
  if (!plain) {
    return mistake("a header or query value of the platform holds spaces or control characters.",
                   "printable ASCII without spaces");
  }
  if (config.needs_workspace && config.workspace_id.empty()) {
    return mistake("this platform wants a workspace with every request, and none is named.",
                   "workspace_id: wrkspc_... beside its preset");
  }
  constexpr int kPageLimitMax = 1000;
  for (const int limit : {config.page_limit, config.sessions_page_limit}) {
    if (limit < 2 || limit > kPageLimitMax) {
      return mistake("a page limit of the platform is out of range.",
                     fmt::format("from 2 to {}", kPageLimitMax));
    }
  }
  return ok();
}

}  // namespace quell
